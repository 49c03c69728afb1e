//! `POST /rerank`: Text Embeddings Inference where the body has `texts`, and
//! what `/v1/rerank` speaks where it doesn't.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::rerank_v1::{self, RerankV1};
use super::wanted::{self, MAX_DOCUMENTS, VISIBLE, Wanted};
use super::{About, Dialect, RerankDialect, documents};
use crate::http::body;
use crate::http::deadline::MAX_MS;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::openapi::Schemas;
use crate::http::whole;
use crate::pipeline::{Answer, RankedResult};

/// Both dialects of the path.
pub(in crate::http) struct Unprefixed;

/// A request of Text Embeddings Inference. `truncate`, `truncation_direction`
/// and `raw_scores` are let through: passages are cut to what the prompt
/// shows, and scores are what they are.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "TeiRequest")]
struct TeiBody {
    /// What is searched for.
    #[schemars(required, regex(pattern = VISIBLE))]
    query: Option<String>,
    /// What is ranked. All of them come back.
    #[schemars(required, length(min = 1, max = MAX_DOCUMENTS))]
    texts: Option<Vec<String>>,
    /// Whether results hold their texts.
    return_text: Option<bool>,
    /// Milliseconds from arrival to the complete answer; absent: the pipeline's.
    #[schemars(range(min = 1, max = MAX_MS))]
    #[serde(default, deserialize_with = "whole::optional")]
    deadline_ms: Option<u64>,
}

/// What the answer repeats.
pub(in crate::http) enum Echo {
    Texts { return_text: bool },
    Documents(rerank_v1::Echo),
}

impl RerankDialect for Unprefixed {
    const DIALECT: Dialect = Dialect::Tei;
    const ABOUT: About = About {
        id: "rerank",
        summary: "Rank documents: Text Embeddings Inference, or as /v1/rerank",
        description: "A body with `texts` is Text Embeddings Inference's, which names no model: the default pipeline \
                      ranks. One with `documents` is answered as at `/v1/rerank`.",
        names: ["texts", ""],
    };
    type Body = Map<String, Value>;
    type Echo = Echo;
    type Reply<'a> = Reply<'a>;

    fn dialects() -> Vec<Dialect> {
        vec![Dialect::Tei, RerankV1::DIALECT]
    }

    fn body_schema(schemas: &mut Schemas) -> Value {
        let documents = RerankV1::body_schema(schemas);
        let without_texts = json!({ "allOf": [documents, { "not": { "required": ["texts"] } }] });
        json!({ "anyOf": [schemas.read::<TeiBody>(), without_texts] })
    }

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

    fn write<'a>(answer: &'a Answer, documents: usize, echo: &'a Echo) -> Reply<'a> {
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

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(in crate::http) enum Reply<'a> {
    /// To `texts`: best first.
    Texts(Vec<Entry<'a>>),
    /// To `documents`.
    Documents(rerank_v1::Reply<'a>),
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TeiResult")]
pub(in crate::http) struct Entry<'a> {
    /// Its place in `texts`, from 0.
    index: usize,
    /// The text, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    /// Never rises down the list.
    #[schemars(range(min = 0, max = 1))]
    score: f64,
}
