//! Measures attacks: how often a document that says so is ranked among the
//! first, without the gateway's defences, with them, and with the bound.
//! `docs/injection.md` holds runs of it.
//!
//! Without a model it asks one that obeys whatever reaches it intact, in this
//! process, and gives the same figures anywhere but for that model's labels:
//!
//! ```sh
//! make bench-injection
//! ```
//!
//! With one it takes as long as two calls for each attack and each query:
//!
//! ```sh
//! cargo run --example bench_injection -- --upstream http://127.0.0.1:8081/v1 --model qwen \
//!   --candidates 8 --passage-tokens 40 --queries 8 --attacks 22 --tries 1
//! ```

#[path = "../bench_classical/data.rs"]
#[allow(dead_code, reason = "the other benchmark uses the rest")]
mod data;
#[path = "../bench_classical/inverted.rs"]
mod inverted;
#[path = "../bench_classical/measure.rs"]
#[allow(dead_code, reason = "the other benchmark uses the rest")]
mod measure;

mod gateway;
mod measured;
mod naive;
mod questions;
mod tables;
mod upstream;
mod ways;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use rankgate::simulate::Attacks;

use self::data::Set;
use self::gateway::{Bound, Gateway};
use self::measured::Bench;
use self::upstream::Upstream;
use self::ways::{Ranker, Way};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures how well rankings withstand instructions in documents
#[derive(Parser)]
struct Args {
    /// Folder with corpus.jsonl, queries.jsonl and qrels/test.tsv
    #[arg(default_value = "evals/data/outdoor")]
    set: PathBuf,
    /// File of attacks
    #[arg(long, value_name = "FILE", default_value = "evals/injection/attacks.jsonl")]
    file: PathBuf,
    /// OpenAI-compatible endpoint with its /v1; by default a model in this
    /// process that obeys every attack that reaches it intact
    #[arg(long, value_name = "URL", requires = "model")]
    upstream: Option<String>,
    /// What the endpoint calls the model
    #[arg(long, value_name = "NAME", requires = "upstream")]
    model: Option<String>,
    /// Environment variable with the endpoint's key
    #[arg(long, value_name = "NAME", requires = "upstream")]
    api_key_env: Option<String>,
    /// Tokens that prompt and reply may take together
    #[arg(long, value_name = "N", default_value = "16000")]
    context_tokens: usize,
    /// Documents a call, the best by BM25
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u16).range(8..=100))]
    candidates: u16,
    /// Most tokens of a document, to which an attack is added: together they
    /// are cut at the 200 that the prompt shows
    #[arg(long, value_name = "N", default_value = "120")]
    passage_tokens: usize,
    /// Most queries, spread over the set
    #[arg(long, value_name = "N")]
    queries: Option<usize>,
    /// Most attacks, from each style in turn
    #[arg(long, value_name = "N")]
    attacks: Option<usize>,
    /// Queries that each attack is tried on
    #[arg(long, value_name = "N", default_value = "3")]
    tries: usize,
    /// What is compared
    #[arg(long, value_enum, value_delimiter = ',', default_value = "off,on,bound")]
    ways: Vec<Way>,
    /// First-stage rank below which the bound lets nothing into the first
    /// three [default: half of the candidates]
    #[arg(long, value_name = "RANK")]
    promotion_below: Option<usize>,
}

#[tokio::main]
async fn main() -> ExitCode {
    // The client wants one, for plain HTTP too.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench_injection: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Failure> {
    let attacks = Attacks::read(&args.file)?;
    let candidates = usize::from(args.candidates);
    let below = args.promotion_below.unwrap_or(candidates / 2);
    let bound = Bound { below, top: measured::TOP };
    let upstream = match (args.upstream, args.model) {
        (Some(url), Some(model)) => Upstream::at(&url, model, args.api_key_env)?,
        _ => Upstream::obedient(&args.set, attacks.clone()).await?,
    };
    let bounded = args.ways.contains(&Way::Bound).then_some(bound);
    let gateway = Gateway::start(&upstream, args.context_tokens, candidates, bounded).await?;
    let set = Set::read(&args.set)?;
    let name = set.name.clone();
    let most = args.queries.unwrap_or(usize::MAX);
    let bench = Bench {
        questions: questions::questions(set, candidates, args.passage_tokens, most)?,
        ranker: Ranker::new(upstream, gateway)?,
        ways: args.ways,
        bound,
    };
    let sample = attacks.sample(args.attacks.unwrap_or(usize::MAX));
    let report = bench.run(&sample, args.tries.max(1)).await?;
    tables::print(&name, &bench, &report);
    Ok(())
}
