//! `POST /rerank`: Text Embeddings Inference where the body has `texts`, and
//! what `/v1/rerank` speaks where it doesn't.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::rerank_v1::{self, RerankV1};
use super::wanted::{self, Wanted};
use super::{Dialect, RerankDialect, documents};
use crate::http::body;
use crate::http::error::{ApiError, ErrorCode};
use crate::pipeline::{Answer, RankedResult};

/// Both dialects of the path.
pub(in crate::http) struct Unprefixed;

/// A request of Text Embeddings Inference. `truncate`, `truncation_direction`
/// and `raw_scores` are let through: passages are cut to what the prompt
/// shows, and scores are what they are.
#[derive(Deserialize)]
struct TeiBody {
    query: Option<String>,
    texts: Option<Vec<String>>,
    return_text: Option<bool>,
    deadline_ms: Option<u64>,
}

/// What the answer repeats.
pub(in crate::http) enum Echo {
    Texts { return_text: bool },
    Documents(rerank_v1::Echo),
}

impl RerankDialect for Unprefixed {
    const DIALECT: Dialect = Dialect::Tei;
    type Body = Map<String, Value>;
    type Echo = Echo;

    fn dialect(body: &Map<String, Value>) -> Dialect {
        if body.contains_key("texts") || !body.contains_key("documents") {
            Dialect::Tei
        } else {
            RerankV1::DIALECT
        }
    }

    fn read(body: Map<String, Value>) -> Result<(Wanted, Echo), ApiError> {
        if Self::dialect(&body) == RerankV1::DIALECT {
            let (wanted, echo) = RerankV1::read(body::typed(body)?)?;
            return Ok((wanted, Echo::Documents(echo)));
        }
        let body: TeiBody = body::typed(body)?;
        let texts = body.texts.unwrap_or_default();
        if texts.is_empty() {
            let detail = "texts must not be empty; other dialects send documents";
            return Err(ApiError::new(ErrorCode::Empty, detail));
        }
        let wanted = Wanted {
            // Its requests name no model.
            pipeline: None,
            query: wanted::query(body.query.as_deref())?,
            documents: documents::from_texts(wanted::documents(Some(texts))?),
            // Clients count on a score for each text.
            top_n: None,
            max_tokens_per_document: None,
            deadline_ms: body.deadline_ms,
            explain: false,
        };
        Ok((wanted, Echo::Texts { return_text: body.return_text.unwrap_or(false) }))
    }

    fn write<'a>(answer: &'a Answer, documents: usize, echo: &'a Echo) -> impl Serialize + 'a {
        match echo {
            Echo::Documents(echo) => Reply::Documents(RerankV1::write(answer, documents, echo)),
            Echo::Texts { return_text } => {
                let entry = |result: &'a RankedResult| Entry {
                    index: result.index,
                    text: return_text.then_some(result.document.text.as_str()),
                    score: result.relevance_score,
                };
                Reply::Texts(answer.results.iter().map(entry).collect())
            }
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Reply<'a, D> {
    Texts(Vec<Entry<'a>>),
    Documents(D),
}

#[derive(Serialize)]
struct Entry<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    score: f64,
}
