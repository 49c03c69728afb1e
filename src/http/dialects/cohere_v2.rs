//! Cohere v2: `POST /v2/rerank`.

use serde::{Deserialize, Serialize};

use super::wanted::{self, Wanted};
use super::{Dialect, RerankDialect, documents};
use crate::http::error::ApiError;
use crate::pipeline::{Answer, RankedResult, RankingInfo};

/// Documents that Cohere bills as one search.
const DOCUMENTS_PER_UNIT: usize = 100;

/// Cohere v2. Members that it doesn't know are let through: clients send some
/// of other APIs.
pub(in crate::http) struct CohereV2;

#[derive(Deserialize)]
pub(in crate::http) struct Body {
    model: Option<String>,
    query: Option<String>,
    documents: Option<Vec<String>>,
    top_n: Option<i64>,
    max_tokens_per_doc: Option<i64>,
    deadline_ms: Option<u64>,
}

impl RerankDialect for CohereV2 {
    const DIALECT: Dialect = Dialect::CohereV2;
    type Body = Body;
    type Echo = ();

    fn read(body: Body) -> Result<(Wanted, ()), ApiError> {
        let documents = wanted::documents(body.documents)?
            .into_iter()
            .enumerate()
            .map(|(index, text)| documents::from_text(index, text))
            .collect();
        let wanted = Wanted {
            pipeline: wanted::pipeline(body.model.as_deref())?,
            query: wanted::query(body.query.as_deref())?,
            documents,
            top_n: wanted::top_n(body.top_n)?,
            max_tokens_per_document: wanted::not_negative(
                "max_tokens_per_doc",
                body.max_tokens_per_doc,
            )?,
            deadline_ms: body.deadline_ms,
        };
        Ok((wanted, ()))
    }

    fn write<'a>(answer: &'a Answer, documents: usize, (): &'a ()) -> impl Serialize + 'a {
        Reply {
            id: &answer.id,
            results: answer.results.iter().map(Entry::of).collect(),
            meta: Meta::of("2", answer, documents),
            x_rankgate: &answer.ranking,
        }
    }
}

#[derive(Serialize)]
struct Reply<'a> {
    id: &'a str,
    results: Vec<Entry>,
    meta: Meta,
    x_rankgate: &'a RankingInfo,
}

#[derive(Serialize)]
struct Entry {
    index: usize,
    relevance_score: f64,
}

impl Entry {
    fn of(result: &RankedResult) -> Self {
        Self { index: result.index, relevance_score: result.relevance_score }
    }
}

/// Cohere's account of a request, in v1 and v2.
#[derive(Serialize)]
pub(super) struct Meta {
    api_version: ApiVersion,
    billed_units: BilledUnits,
    tokens: Tokens,
}

#[derive(Serialize)]
struct ApiVersion {
    version: &'static str,
}

#[derive(Serialize)]
struct BilledUnits {
    search_units: usize,
}

#[derive(Serialize)]
struct Tokens {
    input_tokens: u64,
    output_tokens: u64,
}

impl Meta {
    pub(super) fn of(version: &'static str, answer: &Answer, documents: usize) -> Self {
        let usage = &answer.usage;
        Self {
            api_version: ApiVersion { version },
            billed_units: BilledUnits { search_units: documents.div_ceil(DOCUMENTS_PER_UNIT) },
            tokens: Tokens { input_tokens: usage.input_tokens, output_tokens: usage.output_tokens },
        }
    }
}
