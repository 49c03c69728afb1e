//! `rankgate search`: what the route does, without a server.

use std::num::NonZeroUsize;

use tokio::time::Instant;

use super::output::{print, print_json, table, tell};
use super::{Failure, Outcome, Verdict, load, runtime};
use crate::app;
use crate::config::ConfigSource;
use crate::domain::Query;
use crate::http::SearchAnswer;
use crate::pipeline::{Answer, Asked, RankedResult, SearchRequest};
use crate::retrieve::Filter;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to search for
    query: String,
    /// Pipeline or alias [default: the configured one]
    #[arg(long, value_name = "P")]
    pipeline: Option<String>,
    /// How many results to show
    #[arg(long, value_name = "N", default_value = "10")]
    top_n: NonZeroUsize,
    /// Print the answer as one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(source: &ConfigSource, args: Args) -> Outcome {
    let loaded = load(source, "warn")?;
    let query = Query::new(&args.query)?;
    for missing in app::missing_secrets(&loaded)? {
        tell(&format!("warning: {missing}"));
    }
    let runtime = runtime()?;
    let answer = runtime.block_on(async {
        let gateway = app::build(&loaded)?.gateway;
        let asked = Asked {
            id: uuid::Uuid::now_v7().to_string(),
            received: Instant::now(),
            pipeline: args.pipeline,
            query,
            top_n: Some(args.top_n.get()),
            deadline: None,
            strategy: None,
            prompt: None,
            context: serde_json::Map::new(),
        };
        let request = SearchRequest { asked, candidates: None, filter: Filter::default() };
        Ok::<_, Failure>(gateway.search(request).await?)
    })?;
    if args.json {
        print_json(&SearchAnswer::of(&answer))?;
    } else {
        print(&as_table(&answer))?;
        print(&summary(&answer))?;
    }
    Ok(Verdict::Good)
}

fn as_table(answer: &Answer) -> String {
    let mut table = table(&["rank", "moved", "score", "id", "title"]);
    for result in &answer.results {
        table.add_row([
            result.rank.to_string(),
            moved(result),
            format!("{:.3}", result.relevance_score),
            result.document.id.to_string(),
            headline(result),
        ]);
    }
    table.to_string()
}

/// How far the ranking moved a document from its first-stage place.
fn moved(result: &RankedResult) -> String {
    let (from, to) = (result.first_stage_rank, result.rank);
    match from.cmp(&to) {
        std::cmp::Ordering::Greater => format!("▲{} (from {from})", from - to),
        std::cmp::Ordering::Less => format!("▼{} (from {from})", to - from),
        std::cmp::Ordering::Equal => "·".into(),
    }
}

fn headline(result: &RankedResult) -> String {
    let document = &result.document;
    let text = if document.title.is_empty() { &document.text } else { &document.title };
    // Control characters of a document don't reach the terminal.
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(80).collect()
}

fn summary(answer: &Answer) -> String {
    let (ranking, usage) = (&answer.ranking, &answer.usage);
    let status = ranking.outcome.status().as_str();
    let reason = ranking.outcome.reason().map(|why| format!(" ({why})")).unwrap_or_default();
    format!(
        "\nstatus {status}{reason}, strategy {}, cache {}, {} calls, {} tokens in, {} out, \
         ${:.5}, {:.0} ms",
        ranking.strategy,
        ranking.cache.as_str(),
        ranking.calls,
        usage.input_tokens,
        usage.output_tokens,
        usage.cost_usd,
        answer.timing.total,
    )
}
