//! Voyage: `POST /voyage/v1/rerank`, for clients whose base URL ends in
//! `/voyage/v1`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rerank_v1::TotalUsage;
use super::wanted::{self, MAX_DOCUMENTS, VISIBLE, Wanted};
use super::{About, Dialect, RerankDialect, documents};
use crate::http::deadline::MAX_MS;
use crate::http::error::ApiError;
use crate::http::whole;
use crate::pipeline::{Answer, RankedResult, RankingInfo};

/// Voyage. `truncation` and other members are let through: passages are always
/// cut to what the prompt shows.
pub(in crate::http) struct Voyage;

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "VoyageRequest")]
pub(in crate::http) struct Body {
    /// A pipeline or one of its aliases; absent: the default pipeline.
    #[schemars(regex(pattern = VISIBLE))]
    model: Option<String>,
    /// What is searched for.
    #[schemars(required, regex(pattern = VISIBLE))]
    query: Option<String>,
    /// What is ranked.
    #[schemars(required, length(min = 1, max = MAX_DOCUMENTS))]
    documents: Option<Vec<String>>,
    /// How many results are wanted; absent or 0: all.
    #[schemars(range(min = 0, max = i64::MAX))]
    #[serde(default, deserialize_with = "whole::optional")]
    top_k: Option<i64>,
    /// Whether results hold their documents.
    return_documents: Option<bool>,
    /// Milliseconds from arrival to the complete answer; absent: the pipeline's.
    #[schemars(range(min = 1, max = MAX_MS))]
    #[serde(default, deserialize_with = "whole::optional")]
    deadline_ms: Option<u64>,
}

/// What the answer repeats.
pub(in crate::http) struct Echo {
    model: Option<String>,
    return_documents: bool,
}

impl RerankDialect for Voyage {
    const DIALECT: Dialect = Dialect::Voyage;
    const ABOUT: About = About {
        id: "rerank_voyage",
        summary: "Rank documents: Voyage",
        description: "For Voyage's clients whose base URL ends in `/voyage/v1`.",
        names: ["documents", "top_k"],
    };
    type Body = Body;
    type Echo = Echo;
    type Reply<'a> = Reply<'a>;

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

    fn write<'a>(answer: &'a Answer, _documents: usize, echo: &'a Echo) -> Reply<'a> {
        let entry = |result: &'a RankedResult| Entry {
            index: result.index,
            relevance_score: result.relevance_score,
            document: echo.return_documents.then_some(result.document.text.as_str()),
        };
        Reply {
            object: "list",
            data: answer.results.iter().map(entry).collect(),
            model: echo.model.as_deref().unwrap_or(&answer.ranking.pipeline),
            usage: TotalUsage::of(answer),
            x_rankgate: &answer.ranking,
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "VoyageResponse")]
pub(in crate::http) struct Reply<'a> {
    /// Always `list`.
    object: &'static str,
    /// The documents, best first.
    data: Vec<Entry<'a>>,
    /// The model as the request named it, or the pipeline that ranked.
    model: &'a str,
    /// What the LLM consumed.
    usage: TotalUsage,
    /// How the ranking came about.
    x_rankgate: &'a RankingInfo,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "VoyageResult")]
struct Entry<'a> {
    /// Its place in `documents`, from 0.
    index: usize,
    /// Never rises down the list.
    #[schemars(range(min = 0, max = 1))]
    relevance_score: f64,
    /// The document, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<&'a str>,
}
