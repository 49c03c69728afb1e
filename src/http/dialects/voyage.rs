//! Voyage: `POST /voyage/v1/rerank`, for clients whose base URL ends in
//! `/voyage/v1`.

use serde::{Deserialize, Serialize};

use super::wanted::{self, Wanted};
use super::{Dialect, RerankDialect, documents};
use crate::http::error::ApiError;
use crate::pipeline::{Answer, RankedResult, RankingInfo};

/// Voyage. `truncation` and other members are let through: passages are always
/// cut to what the prompt shows.
pub(in crate::http) struct Voyage;

#[derive(Deserialize)]
pub(in crate::http) struct Body {
    model: Option<String>,
    query: Option<String>,
    documents: Option<Vec<String>>,
    top_k: Option<i64>,
    return_documents: Option<bool>,
    deadline_ms: Option<u64>,
}

/// What the answer repeats.
pub(in crate::http) struct Echo {
    model: Option<String>,
    return_documents: bool,
}

impl RerankDialect for Voyage {
    const DIALECT: Dialect = Dialect::Voyage;
    type Body = Body;
    type Echo = Echo;

    fn read(body: Body) -> Result<(Wanted, Echo), ApiError> {
        let wanted = Wanted {
            pipeline: wanted::pipeline(body.model.as_deref())?,
            query: wanted::query(body.query.as_deref())?,
            documents: documents::from_texts(wanted::documents(body.documents)?),
            top_n: wanted::not_negative("top_k", body.top_k)?,
            max_tokens_per_document: None,
            deadline_ms: body.deadline_ms,
            explain: false,
        };
        let return_documents = body.return_documents.unwrap_or(false);
        Ok((wanted, Echo { model: body.model, return_documents }))
    }

    fn write<'a>(answer: &'a Answer, _documents: usize, echo: &'a Echo) -> impl Serialize + 'a {
        let entry = |result: &'a RankedResult| Entry {
            index: result.index,
            relevance_score: result.relevance_score,
            document: echo.return_documents.then_some(result.document.text.as_str()),
        };
        Reply {
            object: "list",
            data: answer.results.iter().map(entry).collect(),
            model: echo.model.as_deref().unwrap_or(&answer.ranking.pipeline),
            usage: Usage { total_tokens: answer.usage.input_tokens + answer.usage.output_tokens },
            x_rankgate: &answer.ranking,
        }
    }
}

#[derive(Serialize)]
struct Reply<'a> {
    object: &'static str,
    data: Vec<Entry<'a>>,
    model: &'a str,
    usage: Usage,
    x_rankgate: &'a RankingInfo,
}

#[derive(Serialize)]
struct Usage {
    total_tokens: u64,
}

#[derive(Serialize)]
struct Entry<'a> {
    index: usize,
    relevance_score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<&'a str>,
}
