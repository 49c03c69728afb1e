//! `POST /v1/search`: retrieve, rank, answer.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::natively;
use crate::domain::{DocId, Document, Explanation, FirstStageScores, Query, StrategyName, Usage};
use crate::http::admission::Place;
use crate::http::arrival::Arrival;
use crate::http::deadline::MAX_MS;
use crate::http::dialects::{Dialect, VISIBLE};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::openapi::{JSON, Operation, Schemas, Tag, WITH_JSON};
use crate::http::state::HttpState;
use crate::http::whole;
use crate::http::{body, deadline, ranked, stream};
use crate::pipeline::{Answer, Asked, ExplainInfo, RankingInfo, SearchRequest, Timing, Trace};
use crate::retrieve::Filter;

/// Results where a request doesn't say how many.
const DEFAULT_TOP_N: u64 = 10;

/// A prompt's name and version, as a regular expression.
pub(super) const PROMPT: &str = "^[a-z0-9-]+@(v[1-9][0-9]{0,8}|latest)$";

/// Most results and candidates that a request may ask for.
const MAX_COUNT: u64 = 10_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SearchRequest")]
struct SearchBody {
    /// What is searched for.
    #[schemars(regex(pattern = VISIBLE))]
    query: String,
    /// A pipeline or one of its aliases; absent: the default pipeline.
    pipeline: Option<String>,
    /// How many results are wanted; absent: 10.
    #[schemars(range(min = 1, max = MAX_COUNT))]
    #[serde(default, deserialize_with = "whole::optional")]
    top_n: Option<u64>,
    /// How many candidates the first stage gives; absent: the pipeline's
    /// `retrieve.limit`.
    #[schemars(range(min = 1, max = MAX_COUNT))]
    #[serde(default, deserialize_with = "whole::optional")]
    candidates: Option<u64>,
    /// Conditions on metadata that every result meets.
    #[serde(default)]
    #[schemars(with = "Option<Filter>")]
    filter: Option<Map<String, Value>>,
    /// Fields for the prompt, such as a profile.
    #[serde(default)]
    context: Option<Map<String, Value>>,
    /// How LLM calls are arranged; absent: the pipeline's.
    #[schemars(with = "Option<StrategyName>")]
    strategy: Option<String>,
    /// The prompt, `name@vN` or `name@latest`; absent: the pipeline's.
    #[schemars(regex(pattern = PROMPT))]
    prompt: Option<String>,
    /// Whether results are explained; absent: as the pipeline has it.
    explain: Option<bool>,
    /// Whether the answer is a stream of events.
    stream: Option<bool>,
    /// Whether the answer is to tell each LLM call.
    trace: Option<bool>,
    /// The only one of the pipeline's collections to search; absent: all.
    collection: Option<String>,
    /// A unit for experiments, which this release doesn't have. Never logged.
    #[expect(dead_code, reason = "read so that clients may send it")]
    user: Option<String>,
    /// Milliseconds from arrival to the complete answer; absent: the pipeline's.
    #[schemars(range(min = 1, max = MAX_MS))]
    #[serde(default, deserialize_with = "whole::optional")]
    deadline_ms: Option<u64>,
}

/// What the answer is, and what the events of a stream are.
const DESCRIPTION: &str = "\
With `stream`, server-sent events: `classical` (`{results, ranking}`, the first stage's order at once), `ranking` (each \
better order), `explanation` (`{id, explanation}`), and `done` (the whole answer), or `error` (a problem) where the search \
fails after it has begun. A client that leaves cancels the calls that nobody else waits for.";

/// Describes the route.
pub(in crate::http) fn describe_search(schemas: &mut Schemas) -> Operation {
    let codes: Vec<ErrorCode> = WITH_JSON
        .into_iter()
        .chain([
            ErrorCode::UnknownPipeline,
            ErrorCode::UnknownCollection,
            ErrorCode::TooManyRequests,
            ErrorCode::FirstStage,
        ])
        .collect();
    let body = schemas.read::<SearchBody>();
    let answer = schemas.written::<SearchAnswer>();
    let events = stream::schema(schemas);
    let operation = Operation::new("search", Tag::Search, "Retrieve, rank, explain", DESCRIPTION)
        .reads(JSON, body, json!({ "query": "light tent for two", "top_n": 5 }))
        .answers(
            StatusCode::OK,
            "The results, best first.",
            &[(JSON, answer), ("text/event-stream", events)],
        )
        .fails(&[Dialect::Native], &codes, schemas);
    ranked::describe(operation)
}

/// Retrieves, ranks and answers.
pub(in crate::http) async fn search(
    State(state): State<HttpState>,
    arrival: Arrival,
    request: Request,
) -> Response {
    let id = Arc::clone(&arrival.id);
    natively(answer(&state, arrival, request).await, &id)
}

async fn answer(
    state: &HttpState,
    arrival: Arrival,
    request: Request,
) -> Result<Response, ApiError> {
    let headers = request.headers().clone();
    let place = request.extensions().get::<Arc<Place>>().cloned();
    let body: SearchBody = body::object(request, state.max_body()).await?;
    let deadline = deadline::read(&headers, body.deadline_ms)?;
    let is_streamed = body.stream == Some(true);
    let request = read(body, &arrival, deadline)?;
    if is_streamed {
        return stream::respond(Arc::clone(state.gateway()), request, arrival.id, place).await;
    }
    let answer = state.gateway().search(request).await?;
    ranked::respond(&answer, &SearchAnswer::of(&answer))
}

fn read(
    body: SearchBody,
    arrival: &Arrival,
    deadline: Option<std::time::Duration>,
) -> Result<SearchRequest, ApiError> {
    let query =
        Query::new(&body.query).map_err(|error| ApiError::invalid("query", error.to_string()))?;
    let strategy = body
        .strategy
        .map(|name| name.parse::<StrategyName>())
        .transpose()
        .map_err(|error| ApiError::invalid("strategy", error.to_string()))?;
    let filter = Filter::parse(&body.filter.unwrap_or_default())
        .map_err(|invalid| ApiError::invalid(format!("filter{}", invalid.path), invalid.problem))?;
    let top_n = count("top_n", body.top_n.unwrap_or(DEFAULT_TOP_N))?;
    let candidates = body.candidates.map(|n| count("candidates", n)).transpose()?;
    let asked = Asked {
        id: arrival.id.to_string(),
        received: arrival.at,
        pipeline: body.pipeline,
        query,
        top_n: Some(top_n),
        deadline,
        strategy,
        prompt: body.prompt,
        explain: body.explain,
        context: body.context.unwrap_or_default(),
        trace: body.trace == Some(true),
    };
    Ok(SearchRequest { asked, candidates, filter, collection: body.collection })
}

fn count(field: &str, n: u64) -> Result<usize, ApiError> {
    match usize::try_from(n) {
        Ok(count) if (1..=MAX_COUNT).contains(&n) => Ok(count),
        _ => Err(ApiError::invalid(field, format!("write a number of 1 to {MAX_COUNT}"))),
    }
}

/// The answer in the contract's shape.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SearchResponse")]
pub struct SearchAnswer<'a> {
    /// The request's id.
    id: &'a str,
    /// The documents, best first.
    results: Vec<SearchResult<'a>>,
    /// How the ranking came about.
    ranking: &'a RankingInfo,
    /// How the explanations came about, where they were wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<&'a ExplainInfo>,
    /// What this request spent on LLM calls.
    usage: &'a Usage,
    /// Milliseconds by step.
    timing_ms: &'a Timing,
    /// Each LLM call of the request, where `trace` asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a Trace>,
}

#[derive(Serialize, JsonSchema)]
struct SearchResult<'a> {
    /// The document's id.
    id: &'a DocId,
    /// The collection that it was found in.
    #[serde(skip_serializing_if = "Option::is_none")]
    collection: Option<&'a str>,
    /// Its place, from 1.
    rank: usize,
    /// Its place in the first stage's order, from 1.
    first_stage_rank: usize,
    /// Never rises down the list.
    #[schemars(range(min = 0, max = 1))]
    relevance_score: f64,
    /// The first stage's scores.
    scores: FirstStageScores,
    /// The document as it is stored.
    document: DocumentView<'a>,
    /// Why it stands there, where that was wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<&'a Explanation>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Document")]
struct DocumentView<'a> {
    /// Headline; empty where it has none.
    title: &'a str,
    /// Body.
    text: &'a str,
    /// Everything else.
    metadata: &'a Map<String, Value>,
}

impl<'a> SearchAnswer<'a> {
    /// The view of an answer.
    #[must_use]
    pub fn of(answer: &'a Answer) -> Self {
        let result = |result: &'a crate::pipeline::RankedResult| {
            let Document { id, title, text, metadata } = &*result.document;
            SearchResult {
                id,
                collection: result.collection.as_deref(),
                rank: result.rank,
                first_stage_rank: result.first_stage_rank,
                relevance_score: result.relevance_score,
                scores: result.scores,
                document: DocumentView { title, text, metadata },
                explanation: result.explanation.as_ref(),
            }
        };
        Self {
            id: &answer.id,
            results: answer.results.iter().map(result).collect(),
            ranking: &answer.ranking,
            explain: answer.explain.as_ref(),
            usage: &answer.usage,
            timing_ms: &answer.timing,
            trace: answer.trace.as_ref(),
        }
    }
}

/// The part of an answer that changes while replies come in.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OrderEvent")]
pub(in crate::http) struct Order<'a> {
    /// The documents, best first.
    results: Vec<SearchResult<'a>>,
    /// How the ranking would have come about if the time were up.
    ranking: &'a RankingInfo,
}

impl<'a> SearchAnswer<'a> {
    /// Its results and how they came about.
    pub(in crate::http) fn order(self) -> Order<'a> {
        Order { results: self.results, ranking: self.ranking }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{CacheOutcome, Outcome, ScoreKind};
    use crate::pipeline::RankedResult;

    fn nothing<T: Default>() -> T {
        T::default()
    }

    fn answer() -> Answer {
        let metadata = json!({"price": 90}).as_object().cloned().unwrap();
        let document = Document {
            id: DocId::new("doc-17").unwrap(),
            title: "Tarp".into(),
            text: "For one person".into(),
            metadata,
        };
        Answer {
            id: "req-1".into(),
            results: vec![RankedResult {
                index: 7,
                rank: 1,
                first_stage_rank: 8,
                relevance_score: 0.97,
                collection: Some("shop".into()),
                scores: FirstStageScores {
                    bm25: Some(11.5),
                    fusion: Some(0.5),
                    ..FirstStageScores::default()
                },
                document: Arc::new(document),
                explanation: None,
            }],
            rest: Vec::new(),
            ranking: RankingInfo {
                outcome: Outcome::Llm,
                cache: CacheOutcome::Miss,
                pipeline: "default".into(),
                strategy: StrategyName::Single,
                prompt: Some("rerank-listwise@v1".into()),
                prompt_sha256: Some("0f".into()),
                model: Some("gpt-5-mini".into()),
                score_kind: ScoreKind::Ordinal,
                calls: 1,
                failed_calls: 0,
                recalled: 0,
                rounds: 1,
                coverage: 1.0,
                repairs: nothing(),
                held_back: 0,
                degraded: None,
            },
            explain: None,
            usage: Usage { input_tokens: 10, output_tokens: 2, cost_usd: 0.5 },
            timing: Timing { total: 3.5, retrieve: 1.0, rerank: 2.0, ..Timing::default() },
            returned_documents: nothing(),
            trace: None,
        }
    }

    #[test]
    fn an_answer_has_the_shape_of_the_contract() {
        let answer = answer();
        let shown = serde_json::to_value(SearchAnswer::of(&answer)).unwrap();
        let expected = json!({
            "id": "req-1",
            "results": [{
                "id": "doc-17", "collection": "shop", "rank": 1, "first_stage_rank": 8, "relevance_score": 0.97,
                "scores": {"bm25": 11.5, "fusion": 0.5},
                "document": {
                    "title": "Tarp", "text": "For one person", "metadata": {"price": 90},
                },
            }],
            "ranking": {
                "status": "llm", "reason": null, "cache": "miss", "pipeline": "default",
                "strategy": "single", "prompt": "rerank-listwise@v1", "prompt_sha256": "0f",
                "model": "gpt-5-mini", "score_kind": "ordinal", "calls": 1, "failed_calls": 0,
                "recalled": 0, "rounds": 1, "coverage": 1.0,
                "repairs": {"missing": 0, "duplicate": 0, "unknown": 0},
                "held_back": 0,
            },
            "usage": {"input_tokens": 10, "output_tokens": 2, "cost_usd": 0.5},
            "timing_ms": {"total": 3.5, "retrieve": 1.0, "rerank": 2.0, "explain": 0.0},
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn an_answer_carries_its_headers() {
        let answer = answer();
        let response = ranked::respond(&answer, &SearchAnswer::of(&answer)).unwrap();
        let header = |name: &str| response.headers().get(name).map(|v| v.to_str().unwrap());
        assert_eq!(header("x-rankgate-status"), Some("llm"));
        assert_eq!(header("x-rankgate-reason"), None);
        assert_eq!(header("x-rankgate-prompt"), Some("rerank-listwise@v1"));
        assert_eq!(
            header("server-timing"),
            Some("retrieve;dur=1.0, rerank;dur=2.0, total;dur=3.5")
        );
    }
}
