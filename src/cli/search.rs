//! `rankgate search`: what the route does, without a server or by one.

use std::num::NonZeroUsize;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::output::{print, print_json, table, tell};
use super::remote::Remote;
use super::{Failure, Outcome, Verdict, load, runtime};
use crate::app;
use crate::config::ConfigSource;
use crate::domain::Query;
use crate::http::SearchAnswer;
use crate::pipeline::{Asked, SearchRequest};
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
    /// Say why each result is there
    #[arg(long)]
    explain: bool,
    /// Print the answer as one JSON document
    #[arg(long)]
    json: bool,
    /// Ask the gateway that runs at this address; no configuration is read
    /// then
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

pub(super) fn run(source: &ConfigSource, args: Args) -> Outcome {
    let json = args.json;
    let answer = match &args.url {
        Some(url) => runtime()?.block_on(remote(&Remote::new(url)?, &args))?,
        None => local(source, args)?,
    };
    if json {
        print_json(&answer)?;
    } else {
        let shown = Shown::deserialize(&answer)
            .map_err(|error| Failure(format!("the answer can't be read: {error}")))?;
        print(&as_table(&shown))?;
        if let Some(explanations) = explanations(&shown) {
            print(&explanations)?;
        }
        print(&summary(&shown))?;
    }
    Ok(Verdict::Good)
}

async fn remote(gateway: &Remote, args: &Args) -> Result<Value, Failure> {
    let mut body = json!({ "query": args.query, "top_n": args.top_n });
    if let Some(pipeline) = &args.pipeline {
        body["pipeline"] = json!(pipeline);
    }
    if args.explain {
        body["explain"] = json!(true);
    }
    let request = gateway.http().post(gateway.at(&["v1", "search"])).json(&body);
    Ok(gateway.ask_once(request).await?)
}

fn local(source: &ConfigSource, args: Args) -> Result<Value, Failure> {
    let loaded = load(source, "warn")?;
    let query = Query::new(&args.query)?;
    for missing in app::missing_secrets(&loaded)? {
        tell(&format!("warning: {missing}"));
    }
    let answer = runtime()?.block_on(async {
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
            explain: args.explain.then_some(true),
            context: serde_json::Map::new(),
            trace: false,
        };
        let filter = Filter::default();
        let request = SearchRequest { asked, candidates: None, filter, collection: None };
        Ok::<_, Failure>(gateway.search(request).await?)
    })?;
    // By way of the text: scores of the first stage have fewer digits than a
    // JSON value would give them.
    Ok(serde_json::from_str(&serde_json::to_string(&SearchAnswer::of(&answer))?)?)
}

/// What is shown of an answer.
#[derive(Deserialize)]
struct Shown {
    results: Vec<ShownResult>,
    ranking: Ranking,
    usage: Usage,
    timing_ms: Timing,
}

#[derive(Deserialize)]
struct ShownResult {
    id: String,
    rank: usize,
    first_stage_rank: usize,
    relevance_score: f64,
    document: ShownDocument,
    explanation: Option<ShownExplanation>,
}

#[derive(Deserialize)]
struct ShownExplanation {
    kind: String,
    text: String,
    quotes: Vec<ShownQuote>,
}

#[derive(Deserialize)]
struct ShownQuote {
    text: String,
}

#[derive(Deserialize)]
struct ShownDocument {
    title: String,
    text: String,
}

#[derive(Deserialize)]
struct Ranking {
    status: String,
    reason: Option<String>,
    strategy: String,
    cache: String,
    calls: u32,
}

#[derive(Deserialize)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    cost_usd: f64,
}

#[derive(Deserialize)]
struct Timing {
    total: f64,
}

fn as_table(answer: &Shown) -> String {
    let mut table = table(&["rank", "moved", "score", "id", "title"]);
    for result in &answer.results {
        table.add_row([
            result.rank.to_string(),
            moved(result),
            format!("{:.3}", result.relevance_score),
            plain(&result.id).collect(),
            headline(&result.document),
        ]);
    }
    table.to_string()
}

/// Why each result is there, with what the document says itself; none where
/// that wasn't asked for.
fn explanations(answer: &Shown) -> Option<String> {
    let line = |result: &ShownResult| {
        let ShownExplanation { kind, text, quotes } = result.explanation.as_ref()?;
        let said: String = plain(text).collect();
        let quoted = quotes.iter().filter(|_| kind == "llm");
        let quoted = quoted.map(|quote| format!(" “{}”", plain(&quote.text).collect::<String>()));
        Some(format!("{:>4}  {said}{}", result.rank, quoted.collect::<String>()))
    };
    let lines: Vec<String> = answer.results.iter().filter_map(line).collect();
    (!lines.is_empty()).then(|| format!("\nwhy\n{}", lines.join("\n")))
}

/// How far the ranking moved a document from its first-stage place.
fn moved(result: &ShownResult) -> String {
    let (from, to) = (result.first_stage_rank, result.rank);
    match from.cmp(&to) {
        std::cmp::Ordering::Greater => format!("▲{} (from {from})", from - to),
        std::cmp::Ordering::Less => format!("▼{} (from {from})", to - from),
        std::cmp::Ordering::Equal => "·".into(),
    }
}

fn headline(document: &ShownDocument) -> String {
    let text = if document.title.is_empty() { &document.text } else { &document.title };
    plain(text).take(80).collect()
}

/// Control characters of a document don't reach the terminal.
fn plain(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| if c.is_control() { ' ' } else { c })
}

fn summary(answer: &Shown) -> String {
    let (ranking, usage) = (&answer.ranking, &answer.usage);
    let reason = ranking.reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    format!(
        "\nstatus {}{reason}, strategy {}, cache {}, {} calls, {} tokens in, {} out, ${:.5}, \
         {:.0} ms",
        ranking.status,
        ranking.strategy,
        ranking.cache,
        ranking.calls,
        usage.input_tokens,
        usage.output_tokens,
        usage.cost_usd,
        answer.timing_ms.total,
    )
}
