//! Measures the settings of the classical ranking on labelled sets: k1 and b,
//! weights of title and text, stemming, and how BM25 and the embeddings are
//! fused. `docs/classical.md` holds a run of it.
//!
//! Everything runs in memory: BM25 with the terms and weights of the gateway's
//! own analyzer, the embeddings compared with every document. A test holds the
//! BM25 scores against those of the engine.
//!
//! ```sh
//! cargo run --example bench_classical -- --cache .rankgate/bench evals/data/outdoor
//! ```

mod data;
mod dense;
mod inverted;
mod kept;
mod measure;
mod settings;
mod table;

use std::error::Error;
use std::path::PathBuf;

use clap::Parser;
use rankgate::retrieve::BuiltinEncoderConfig;

use self::data::Set;
use self::dense::Dense;
use self::inverted::Hit;

/// Measures nDCG@10 of the classical ranking's settings on labelled sets
#[derive(Parser)]
struct Args {
    /// Folder that keeps embeddings between runs; without it no embeddings are
    /// made and no fusion is measured
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Most parts of a long document that are embedded; the gateway's default
    /// where it is not given
    #[arg(long, value_name = "N")]
    parts: Option<usize>,
    /// Folders with corpus.jsonl, queries.jsonl and qrels/test.tsv
    #[arg(required = true, value_name = "FOLDER")]
    sets: Vec<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let sets = args.sets.iter().map(|it| Set::read(it)).collect::<Result<Vec<_>, _>>()?;
    let mut rows = settings::lexical(&sets)?;
    if let Some(cache) = &args.cache {
        let usual = BuiltinEncoderConfig::default();
        let encoder = BuiltinEncoderConfig { parts: args.parts.unwrap_or(usual.parts), ..usual };
        let dense = sets.iter().map(|set| {
            let embedded = Dense::of(set, &encoder, cache)?;
            let search = |query| embedded.search(query, settings::DEEPEST);
            Ok((0..set.queries.len()).map(search).collect())
        });
        let dense: Vec<Vec<Vec<Hit>>> = dense.collect::<Result<_, String>>()?;
        rows.extend(settings::fused(&sets, &dense)?);
    }
    let names: Vec<&str> = sets.iter().map(|set| set.name.as_str()).collect();
    table::print(&names, &rows);
    println!();
    table::print_choices(&rows);
    Ok(())
}
