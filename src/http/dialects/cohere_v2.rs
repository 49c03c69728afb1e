//! Cohere v2: `POST /v2/rerank`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::wanted::{self, MAX_DOCUMENTS, VISIBLE, Wanted};
use super::{About, Dialect, RerankDialect, documents};
use crate::domain::{ExplanationKind, Field, Quote};
use crate::http::deadline::MAX_MS;
use crate::http::error::ApiError;
use crate::http::whole;
use crate::pipeline::{Answer, RankedResult, RankingInfo};

/// Which spans are shown where a request doesn't say.
const SPAN_THRESHOLD: f64 = 0.1;
/// Score of a quote that the model gave and that stands in the document.
const QUOTED: f64 = 1.0;
/// Score of a word that the query has too.
const MATCHED: f64 = 0.5;

/// Documents that Cohere bills as one search.
const DOCUMENTS_PER_UNIT: usize = 100;

/// Cohere v2. Members that it doesn't know are let through: clients send some
/// of other APIs.
pub(in crate::http) struct CohereV2;

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "CohereV2Request")]
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
    top_n: Option<i64>,
    /// Most tokens of a document that the LLM is shown; absent or 0: what the
    /// prompt shows.
    #[schemars(range(min = 0, max = i64::MAX))]
    #[serde(default, deserialize_with = "whole::optional")]
    max_tokens_per_doc: Option<i64>,
    /// Milliseconds from arrival to the complete answer; absent: the pipeline's.
    #[schemars(range(min = 1, max = MAX_MS))]
    #[serde(default, deserialize_with = "whole::optional")]
    deadline_ms: Option<u64>,
    /// Asks for explanations: their quotes as spans of each document.
    relevant_spans: Option<SpansWanted>,
}

/// Cohere's `relevant_spans`: the quotes of explanations.
#[derive(Deserialize, JsonSchema)]
struct SpansWanted {
    /// Whether spans are wanted.
    #[serde(default)]
    mode: SpansMode,
    /// Least score of a span; absent: 0.1. Quotes that the LLM gave have 1,
    /// words that the query has too .5.
    #[schemars(range(min = 0, max = 1))]
    threshold: Option<f64>,
    /// Most spans of a document; absent or 0: all.
    #[schemars(range(min = 0, max = i64::MAX))]
    #[serde(default, deserialize_with = "whole::optional")]
    max_spans: Option<i64>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum SpansMode {
    #[default]
    Enabled,
    Disabled,
}

/// Which spans are shown.
pub(in crate::http) struct Spans {
    threshold: f64,
    most: usize,
}

impl SpansWanted {
    fn read(&self) -> Result<Option<Spans>, ApiError> {
        if self.mode == SpansMode::Disabled {
            return Ok(None);
        }
        let threshold = self.threshold.unwrap_or(SPAN_THRESHOLD);
        if !(0.0..=1.0).contains(&threshold) {
            let detail = "use a number from 0 to 1";
            return Err(ApiError::invalid("relevant_spans.threshold", detail));
        }
        let most = wanted::not_negative("relevant_spans.max_spans", self.max_spans)?;
        Ok(Some(Spans { threshold, most: most.unwrap_or(usize::MAX) }))
    }
}

impl RerankDialect for CohereV2 {
    const DIALECT: Dialect = Dialect::CohereV2;
    const ABOUT: About = About {
        id: "rerank_v2",
        summary: "Rank documents: Cohere v2",
        description: "For Cohere's clients of v2 and those built on them. Members of other APIs are let through.",
        names: ["documents", "top_n"],
    };
    type Body = Body;
    type Echo = Option<Spans>;
    type Reply<'a> = Reply<'a>;

    fn read(body: Body) -> Result<(Wanted, Option<Spans>), ApiError> {
        let spans = body.relevant_spans.map(|wanted| wanted.read()).transpose()?.flatten();
        let documents = documents::from_texts(wanted::documents(body.documents)?);
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
            explain: spans.is_some(),
        };
        Ok((wanted, spans))
    }

    fn write<'a>(answer: &'a Answer, documents: usize, spans: &'a Option<Spans>) -> Reply<'a> {
        Reply {
            id: &answer.id,
            results: answer
                .results
                .iter()
                .map(|result| Entry::of(result, spans.as_ref()))
                .collect(),
            meta: Meta::of("2", answer, documents),
            x_rankgate: &answer.ranking,
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CohereV2Response")]
pub(in crate::http) struct Reply<'a> {
    /// The request's id.
    id: &'a str,
    /// The documents, best first.
    results: Vec<Entry>,
    /// Cohere's account of the request.
    meta: Meta,
    /// How the ranking came about.
    x_rankgate: &'a RankingInfo,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CohereV2Result")]
struct Entry {
    /// Its place in `documents`, from 0.
    index: usize,
    /// Never rises down the list.
    #[schemars(range(min = 0, max = 1))]
    relevance_score: f64,
    /// What the explanation quotes, where spans were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    relevant_spans: Option<Vec<Span>>,
}

/// Code points of a document, half-open.
#[derive(Serialize, JsonSchema)]
struct Span {
    /// The first.
    start: usize,
    /// The one after the last.
    end: usize,
    /// 1 for a quote that the LLM gave, .5 for a word that the query has too.
    #[schemars(range(min = 0, max = 1))]
    score: f64,
}

impl Entry {
    fn of(result: &RankedResult, spans: Option<&Spans>) -> Self {
        Self {
            index: result.index,
            relevance_score: result.relevance_score,
            relevant_spans: spans.map(|spans| spans.of(result)),
        }
    }
}

impl Spans {
    /// The quotes of the text, in its order: a string has no title.
    fn of(&self, result: &RankedResult) -> Vec<Span> {
        let Some(explanation) = &result.explanation else { return Vec::new() };
        let score = match explanation.kind {
            ExplanationKind::Llm => QUOTED,
            ExplanationKind::Classical => MATCHED,
        };
        if score < self.threshold {
            return Vec::new();
        }
        let of_text = explanation.quotes.iter().filter(|quote| quote.field == Field::Text);
        let span = |quote: &Quote| Span { start: quote.start, end: quote.end, score };
        let mut spans: Vec<Span> = of_text.take(self.most).map(span).collect();
        spans.sort_by_key(|span| span.start);
        spans
    }
}

/// Cohere's account of a request, in v1 and v2.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CohereMeta")]
pub(super) struct Meta {
    /// The version that was spoken.
    api_version: ApiVersion,
    /// What Cohere would have billed.
    billed_units: BilledUnits,
    /// Tokens that the LLM read and wrote.
    tokens: Tokens,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ApiVersion {
    /// `1` or `2`.
    version: &'static str,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct BilledUnits {
    /// One for each hundred documents.
    search_units: usize,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Tokens {
    /// Tokens read.
    input_tokens: u64,
    /// Tokens written.
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
