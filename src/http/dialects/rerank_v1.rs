//! Cohere v1 and Jina share a path: `POST /v1/rerank` answers with the fields
//! of both.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cohere_v2::Meta;
use super::documents::{ReturnedDocument, SentDocument};
use super::wanted::{self, MAX_DOCUMENTS, VISIBLE, Wanted};
use super::{About, Dialect, RerankDialect};
use crate::http::deadline::MAX_MS;
use crate::http::error::ApiError;
use crate::http::whole;
use crate::pipeline::{Answer, RankedResult, RankingInfo};

/// Cohere v1 and Jina.
pub(in crate::http) struct RerankV1;

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "RerankRequest")]
pub(in crate::http) struct Body {
    /// A pipeline or one of its aliases; absent: the default pipeline.
    #[schemars(regex(pattern = VISIBLE))]
    model: Option<String>,
    /// What is searched for.
    #[schemars(required, regex(pattern = VISIBLE))]
    query: Option<String>,
    /// What is ranked.
    #[schemars(required, length(min = 1, max = MAX_DOCUMENTS))]
    documents: Option<Vec<SentDocument>>,
    /// How many results are wanted; absent or 0: all.
    #[schemars(range(min = 0, max = i64::MAX))]
    #[serde(default, deserialize_with = "whole::optional")]
    top_n: Option<i64>,
    /// The fields of objects that are ranked by; absent: `title` and `text`.
    rank_fields: Option<Vec<String>>,
    /// Whether results hold their documents.
    return_documents: Option<bool>,
    /// Most tokens of a document that the LLM is shown; absent or 0: what the
    /// prompt shows.
    #[schemars(range(min = 0, max = i64::MAX))]
    #[serde(default, deserialize_with = "whole::optional")]
    max_tokens_per_doc: Option<i64>,
    /// Jina's name for the same.
    #[schemars(range(min = 0, max = i64::MAX))]
    #[serde(default, deserialize_with = "whole::optional")]
    max_doc_length: Option<i64>,
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

impl RerankDialect for RerankV1 {
    const DIALECT: Dialect = Dialect::RerankV1;
    const ABOUT: About = About {
        id: "rerank_v1",
        summary: "Rank documents: Cohere v1, Jina, vLLM, LiteLLM",
        description: "Documents are strings or objects; answers and errors have the members of all of these APIs.",
        names: ["documents", "top_n"],
    };
    type Body = Body;
    type Echo = Echo;
    type Reply<'a> = Reply<'a>;

    fn read(body: Body) -> Result<(Wanted, Echo), ApiError> {
        let rank_fields = body.rank_fields.as_deref();
        let documents = wanted::documents(body.documents)?
            .into_iter()
            .enumerate()
            .map(|(index, document)| document.into_document(index, rank_fields))
            .collect::<Result<_, _>>()?;
        let max_tokens = [
            wanted::not_negative("max_tokens_per_doc", body.max_tokens_per_doc)?,
            wanted::not_negative("max_doc_length", body.max_doc_length)?,
        ];
        let wanted = Wanted {
            pipeline: wanted::pipeline(body.model.as_deref())?,
            query: wanted::query(body.query.as_deref())?,
            documents,
            top_n: wanted::top_n(body.top_n)?,
            max_tokens_per_document: max_tokens.into_iter().flatten().min(),
            deadline_ms: body.deadline_ms,
            explain: false,
        };
        let return_documents = body.return_documents.unwrap_or(false);
        Ok((wanted, Echo { model: body.model, return_documents }))
    }

    fn write<'a>(answer: &'a Answer, documents: usize, echo: &'a Echo) -> Reply<'a> {
        let entry = |result: &'a RankedResult| Entry {
            index: result.index,
            relevance_score: result.relevance_score,
            document: echo
                .return_documents
                .then(|| ReturnedDocument::of(&result.document, answer.returned_documents)),
        };
        Reply {
            id: &answer.id,
            model: echo.model.as_deref().unwrap_or(&answer.ranking.pipeline),
            object: "list",
            usage: TotalUsage::of(answer),
            results: answer.results.iter().map(entry).collect(),
            meta: Meta::of("1", answer, documents),
            x_rankgate: &answer.ranking,
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RerankResponse")]
pub(in crate::http) struct Reply<'a> {
    /// The request's id.
    id: &'a str,
    /// The model as the request named it, or the pipeline that ranked.
    model: &'a str,
    /// Always `list`.
    object: &'static str,
    /// What the LLM consumed, as Jina counts it.
    usage: TotalUsage,
    /// The documents, best first.
    results: Vec<Entry<'a>>,
    /// Cohere's account of the request.
    meta: Meta,
    /// How the ranking came about.
    x_rankgate: &'a RankingInfo,
}

/// What the LLM consumed, in one number.
#[derive(Serialize, JsonSchema)]
pub(super) struct TotalUsage {
    /// Tokens read and written.
    total_tokens: u64,
}

impl TotalUsage {
    pub(super) const fn of(answer: &Answer) -> Self {
        Self { total_tokens: answer.usage.input_tokens + answer.usage.output_tokens }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RerankResult")]
struct Entry<'a> {
    /// Its place in `documents`, from 0.
    index: usize,
    /// Never rises down the list.
    #[schemars(range(min = 0, max = 1))]
    relevance_score: f64,
    /// The document, where that was asked for, in the form of the pipeline's
    /// `returned_documents`.
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<ReturnedDocument<'a>>,
}
