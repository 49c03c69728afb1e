//! Asks a gateway every query of a data set, as clients would.

use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use serde::Serialize;
use tokio::time::Instant;

use super::dataset::Topic;
use crate::domain::{Repairs, Usage};
use crate::pipeline::{Answer, Asked, ExplainInfo, Gateway, RequestError, SearchRequest};
use crate::retrieve::Filter;

/// Queries asked at the same time. Calls of an LLM have their own limit.
const SIDE_BY_SIDE: usize = 4;

/// Longest time for one answer: evals measure quality, and latency beside it.
pub const PATIENCE: Duration = Duration::from_mins(10);

/// One query's answer by one variant: a line of `per_query.jsonl`.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The query's id.
    pub query: String,
    /// The variant.
    pub variant: String,
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
    /// Those that gave nothing usable.
    pub failed_calls: u32,
    /// What had to be mended in usable replies.
    pub repairs: Repairs,
    /// Tokens and money, explanations included.
    pub usage: Usage,
    /// From the question to the answer, in milliseconds.
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

/// Asks all queries of one variant, which is a pipeline of the gateway. The
/// rows are in the order of the queries. `done` is told after each answer.
///
/// # Errors
/// At the first query that gets no answer: the first stage failed.
pub async fn ask_all(
    gateway: &Gateway,
    variant: &str,
    topics: &[Topic],
    top_n: usize,
    done: &(dyn Fn(&Row) + Sync),
) -> Result<Vec<Row>, Unanswered> {
    let asking = topics.iter().map(|topic| async move {
        let row = ask(gateway, variant, topic, top_n).await?;
        done(&row);
        Ok(row)
    });
    let rows: Vec<Result<Row, Unanswered>> =
        stream::iter(asking).buffered(SIDE_BY_SIDE).collect().await;
    rows.into_iter().collect()
}

async fn ask(
    gateway: &Gateway,
    variant: &str,
    topic: &Topic,
    top_n: usize,
) -> Result<Row, Unanswered> {
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
    };
    let request = SearchRequest { asked, candidates: None, filter: Filter::default() };
    let answer = gateway.search(request).await.map_err(|error| Unanswered {
        variant: variant.to_owned(),
        query: topic.id.clone(),
        error,
    })?;
    Ok(row(variant, &topic.id, answer))
}

fn row(variant: &str, query: &str, answer: Answer) -> Row {
    let Answer { results, rest, ranking, explain, usage, timing, .. } = answer;
    let first = results.iter().map(|it| (it.document.id.to_string(), it.first_stage_rank));
    let all = first.chain(rest.into_iter().map(|(id, rank)| (id.to_string(), rank)));
    let (order, first_stage_ranks) = all.unzip();
    Row {
        query: query.to_owned(),
        variant: variant.to_owned(),
        status: ranking.outcome.status().as_str(),
        reason: ranking.outcome.reason(),
        order,
        first_stage_ranks,
        calls: ranking.calls,
        failed_calls: ranking.failed_calls,
        repairs: ranking.repairs,
        usage,
        latency_ms: timing.total,
        explain,
    }
}
