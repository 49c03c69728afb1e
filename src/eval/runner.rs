//! Asks a gateway every query of a data set, as clients would.

use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use serde::Serialize;
use tokio::time::Instant;

use super::dataset::Topic;
use super::recording::Recording;
use crate::domain::{Repairs, Usage};
use crate::pipeline::{Answer, Asked, ExplainInfo, Gateway, RequestError, SearchRequest};
use crate::retrieve::Filter;

/// Queries asked at the same time where nobody says how many. Calls of an LLM
/// have their own limit.
pub const SIDE_BY_SIDE: usize = 4;

/// Longest time for one answer: evals measure quality, and latency beside it.
pub const PATIENCE: Duration = Duration::from_mins(10);

/// One query's answer by one variant: a line of `per_query.jsonl`.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The query's id.
    pub query: String,
    /// The variant.
    pub variant: String,
    /// Which of several answers to the same query this is, from 1.
    pub repeat: u32,
    /// How the ranking came about.
    pub status: &'static str,
    /// Why, where no LLM decided all of it.
    pub reason: Option<&'static str>,
    /// All candidates, best first.
    pub order: Vec<String>,
    /// Their places in the first stage, from 1.
    pub first_stage_ranks: Vec<usize>,
    /// LLM calls for the ranking.
    pub calls: u32,
    /// Rounds in which they were made, one after the other.
    pub rounds: u32,
    /// Those that gave nothing usable.
    pub failed_calls: u32,
    /// What had to be mended in usable replies.
    pub repairs: Repairs,
    /// Tokens and money, explanations included.
    pub usage: Usage,
    /// From the question to the answer, in milliseconds; in a replay, when it
    /// was recorded.
    pub latency_ms: f64,
    /// How explanations came about, where the variant explains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<ExplainInfo>,
}

/// A query that got no answer at all, which an LLM's failure never causes.
#[derive(Debug, thiserror::Error)]
#[error("variant {variant}, query {query}: {error}")]
pub struct Unanswered {
    variant: String,
    query: String,
    error: RequestError,
}

/// One round of questions to one variant.
#[derive(Clone, Copy)]
pub struct Round<'a> {
    /// Has the variant among its pipelines.
    pub gateway: &'a Gateway,
    /// The variant.
    pub variant: &'a str,
    /// Which round of the same questions it is, from 1.
    pub repeat: u32,
    /// How many results each request asks for.
    pub top_n: usize,
    /// Queries asked at the same time; at least one is.
    pub side_by_side: usize,
    /// Where latencies are kept or come from; none where they say nothing.
    pub recording: Option<&'a Recording>,
}

/// Asks all queries of one variant. The rows are in the order of the queries.
/// `done` is told after each answer.
///
/// # Errors
/// At the first query that gets no answer: the first stage failed.
pub async fn ask_all(
    round: Round<'_>,
    topics: &[Topic],
    done: &(dyn Fn(&Row) + Sync),
) -> Result<Vec<Row>, Unanswered> {
    let asking = topics.iter().map(|topic| async move {
        let mut row = ask(round, topic).await?;
        if let Some(recording) = round.recording {
            recording.time(&mut row);
        }
        done(&row);
        Ok(row)
    });
    let rows: Vec<Result<Row, Unanswered>> =
        stream::iter(asking).buffered(round.side_by_side.max(1)).collect().await;
    rows.into_iter().collect()
}

/// The request that asks a query of one variant.
pub(super) fn request(variant: &str, topic: &Topic, top_n: usize) -> SearchRequest {
    let asked = Asked {
        id: format!("{variant}/{}", topic.id),
        received: Instant::now(),
        pipeline: Some(variant.to_owned()),
        query: topic.query.clone(),
        top_n: Some(top_n),
        deadline: None,
        strategy: None,
        prompt: None,
        explain: None,
        context: serde_json::Map::new(),
        trace: false,
    };
    SearchRequest { asked, candidates: None, filter: Filter::default(), collection: None }
}

async fn ask(round: Round<'_>, topic: &Topic) -> Result<Row, Unanswered> {
    let Round { gateway, variant, repeat, top_n, .. } = round;
    let answer = gateway.search(request(variant, topic, top_n)).await;
    let answer = answer.map_err(|error| Unanswered {
        variant: variant.to_owned(),
        query: topic.id.clone(),
        error,
    })?;
    Ok(row(variant, &topic.id, repeat, answer))
}

fn row(variant: &str, query: &str, repeat: u32, answer: Answer) -> Row {
    let Answer { results, rest, ranking, explain, usage, timing, .. } = answer;
    let first = results.iter().map(|it| (it.document.id.to_string(), it.first_stage_rank));
    let all = first.chain(rest.into_iter().map(|(id, rank)| (id.to_string(), rank)));
    let (order, first_stage_ranks) = all.unzip();
    Row {
        query: query.to_owned(),
        variant: variant.to_owned(),
        repeat,
        status: ranking.outcome.status().as_str(),
        reason: ranking.outcome.reason(),
        order,
        first_stage_ranks,
        calls: ranking.calls,
        rounds: ranking.rounds,
        failed_calls: ranking.failed_calls,
        repairs: ranking.repairs,
        usage,
        latency_ms: timing.total,
        explain,
    }
}
