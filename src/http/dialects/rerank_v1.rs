//! Cohere v1 and Jina share a path: `POST /v1/rerank` answers with the fields
//! of both.

use serde::{Deserialize, Serialize};

use super::cohere_v2::Meta;
use super::documents::{ReturnedDocument, SentDocument};
use super::wanted::{self, Wanted};
use super::{Dialect, RerankDialect};
use crate::http::error::ApiError;
use crate::pipeline::{Answer, RankedResult, RankingInfo};

/// Cohere v1 and Jina.
pub(in crate::http) struct RerankV1;

#[derive(Deserialize)]
pub(in crate::http) struct Body {
    model: Option<String>,
    query: Option<String>,
    documents: Option<Vec<SentDocument>>,
    top_n: Option<i64>,
    rank_fields: Option<Vec<String>>,
    return_documents: Option<bool>,
    max_tokens_per_doc: Option<i64>,
    /// Jina's name for the same.
    max_doc_length: Option<i64>,
    deadline_ms: Option<u64>,
}

/// What the answer repeats.
pub(in crate::http) struct Echo {
    model: Option<String>,
    return_documents: bool,
}

impl RerankDialect for RerankV1 {
    const DIALECT: Dialect = Dialect::RerankV1;
    type Body = Body;
    type Echo = Echo;

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

    fn write<'a>(answer: &'a Answer, documents: usize, echo: &'a Echo) -> impl Serialize + 'a {
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
            usage: Usage { total_tokens: answer.usage.input_tokens + answer.usage.output_tokens },
            results: answer.results.iter().map(entry).collect(),
            meta: Meta::of("1", answer, documents),
            x_rankgate: &answer.ranking,
        }
    }
}

#[derive(Serialize)]
struct Reply<'a> {
    id: &'a str,
    model: &'a str,
    object: &'static str,
    usage: Usage,
    results: Vec<Entry<'a>>,
    meta: Meta,
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
    document: Option<ReturnedDocument<'a>>,
}
