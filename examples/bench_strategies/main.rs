//! Measures strategies against the simulated model: quality against calls,
//! rounds and tokens, and against the deadline. `docs/strategies.md` holds a
//! run of it.
//!
//! Time is simulated: the gateway's own strategies, evidence and rules run in
//! a clockwork that jumps from event to event, so that twenty seconds cost
//! nothing and a run gives the same figures anywhere.
//!
//! ```sh
//! make bench-strategies SET=evals/data/outdoor
//! ```

#[path = "../bench_classical/data.rs"]
#[allow(dead_code, reason = "the other benchmark uses the rest")]
mod data;
#[path = "../bench_classical/inverted.rs"]
mod inverted;
#[path = "../bench_classical/measure.rs"]
#[allow(dead_code, reason = "the other benchmark uses the rest")]
mod measure;

mod clockwork;
mod measured;
mod plots;
mod tables;
mod world;

use std::error::Error;
use std::path::PathBuf;

use clap::Parser;

use self::data::Set;
use self::measured::{Bench, PROFILES};

/// Measures strategies against a simulated model, in simulated time
#[derive(Parser)]
struct Args {
    /// Folder with corpus.jsonl, queries.jsonl and qrels/test.tsv
    set: PathBuf,
    /// Candidates a query, the best by BM25
    #[arg(long, default_value = "100")]
    candidates: usize,
    /// Most tokens of a candidate
    #[arg(long, default_value = "80")]
    passage_tokens: usize,
    /// What grades are multiplied by; 4 for sets with one grade
    #[arg(long, default_value = "1")]
    relevance_scale: f64,
    /// Simulated models that figures are the mean of
    #[arg(long, default_value = "8")]
    seeds: u64,
    /// Folder for the plots; without it none are drawn
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let set = Set::read(&args.set)?;
    let name = set.name.clone();
    let questions = world::questions(set, args.candidates, args.passage_tokens)?;
    let bench = Bench { questions, scale: args.relevance_scale, seeds: args.seeds };
    tables::print_set(&name, &bench);
    for (profile, errors) in PROFILES {
        let rows = bench.to_the_end(errors);
        let curves = bench.by_deadline(errors);
        tables::print_profile(profile, &bench, &rows, &curves, &bench.gated(errors));
        if let Some(folder) = &args.plots {
            std::fs::create_dir_all(folder)?;
            plots::draw(folder, &name, profile, bench.classical(), &rows, &curves)?;
        }
    }
    Ok(())
}
