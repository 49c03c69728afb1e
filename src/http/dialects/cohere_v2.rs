//! Cohere v2: `POST /v2/rerank`.

use serde::{Deserialize, Serialize};

use super::wanted::{self, Wanted};
use super::{Dialect, RerankDialect, documents};
use crate::domain::{ExplanationKind, Field, Quote};
use crate::http::error::ApiError;
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

#[derive(Deserialize)]
pub(in crate::http) struct Body {
    model: Option<String>,
    query: Option<String>,
    documents: Option<Vec<String>>,
    top_n: Option<i64>,
    max_tokens_per_doc: Option<i64>,
    deadline_ms: Option<u64>,
    relevant_spans: Option<SpansWanted>,
}

/// Cohere's `relevant_spans`: the quotes of explanations.
#[derive(Deserialize)]
struct SpansWanted {
    #[serde(default)]
    mode: SpansMode,
    threshold: Option<f64>,
    max_spans: Option<i64>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
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
    type Body = Body;
    type Echo = Option<Spans>;

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

    fn write<'a>(
        answer: &'a Answer,
        documents: usize,
        spans: &'a Option<Spans>,
    ) -> impl Serialize + 'a {
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
    #[serde(skip_serializing_if = "Option::is_none")]
    relevant_spans: Option<Vec<Span>>,
}

/// Code points of a document, half-open.
#[derive(Serialize)]
struct Span {
    start: usize,
    end: usize,
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
