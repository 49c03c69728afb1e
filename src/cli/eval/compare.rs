//! `rankgate eval compare`: two variants of one run or of two.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cli::output::{print, print_json, tell};
use crate::cli::{Failure, Outcome, Verdict};
use crate::eval::Metric;
use crate::eval::stats::{Settings, compare};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to compare with: a folder that `eval run --out` wrote, and a variant
    /// where it holds several
    #[arg(value_name = "DIR[:VARIANT]")]
    baseline: String,
    /// What is compared
    #[arg(value_name = "DIR[:VARIANT]")]
    variant: String,
    /// The metric, one that both runs measured
    #[arg(long, value_name = "METRIC", default_value = "ndcg@10")]
    metric: Metric,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What is read of a line of `per_query.jsonl`.
#[derive(Deserialize)]
struct Line {
    query: String,
    variant: String,
    metrics: BTreeMap<String, f64>,
}

/// One variant's values by query.
struct Side {
    name: String,
    values: BTreeMap<String, f64>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let metric = args.metric.to_string();
    let (baseline, variant) =
        (Side::read(&args.baseline, &metric)?, Side::read(&args.variant, &metric)?);
    let shared: BTreeSet<&String> =
        baseline.values.keys().filter(|query| variant.values.contains_key(*query)).collect();
    let left_out = baseline.values.len() + variant.values.len() - 2 * shared.len();
    if left_out > 0 {
        tell(&format!("warning: {left_out} queries are in only one of the two and left out"));
    }
    let of = |side: &Side| shared.iter().map(|query| side.values[*query]).collect::<Vec<_>>();
    let comparison = compare(&of(&baseline), &of(&variant), Settings::default())
        .map_err(|error| Failure(format!("{} and {}: {error}", args.baseline, args.variant)))?;
    if args.json {
        print_json(&comparison)?;
        return Ok(Verdict::Good);
    }
    let (b, v) = (&baseline.name, &variant.name);
    print(&format!(
        "{metric}: {v} {:.4}, {b} {:.4}, {} wins, {} ties, {} losses\n{v} against {b}: {}",
        comparison.variant_mean,
        comparison.baseline_mean,
        comparison.wins,
        comparison.ties,
        comparison.losses,
        comparison.verdict
    ))?;
    Ok(Verdict::Good)
}

impl Side {
    fn read(named: &str, metric: &str) -> Result<Self, Failure> {
        let (folder, wanted) = split(named);
        let file = folder.join("per_query.jsonl");
        let at = |problem: String| Failure(format!("{}: {problem}", file.display()));
        let text = fs::read_to_string(&file).map_err(|error| at(error.to_string()))?;
        let mut variants: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let place = |problem: &dyn std::fmt::Display| {
                Failure(format!("{}:{}: {problem}", file.display(), number + 1))
            };
            let Line { query, variant, metrics } =
                serde_json::from_str(line).map_err(|error| place(&error))?;
            let Some(&value) = metrics.get(metric) else {
                let known = metrics.keys().cloned().collect::<Vec<_>>().join(", ");
                return Err(place(&format!("{metric} was not measured; there are: {known}")));
            };
            variants.entry(variant).or_default().insert(query, value);
        }
        let known = variants.keys().cloned().collect::<Vec<_>>().join(", ");
        let name = match wanted {
            Some(name) => name.to_owned(),
            None if variants.len() == 1 => known.clone(),
            None => {
                return Err(at(format!("name one of its variants as DIR:VARIANT: {known}")));
            }
        };
        match variants.remove(&name) {
            Some(values) => Ok(Self { name, values }),
            None => Err(at(format!("there is no variant \"{name}\"; there are: {known}"))),
        }
    }
}

/// A folder and a variant. A folder that exists is never cut at its colons.
fn split(named: &str) -> (PathBuf, Option<&str>) {
    match named.rsplit_once(':') {
        Some((folder, variant)) if !Path::new(named).is_dir() => (folder.into(), Some(variant)),
        _ => (named.into(), None),
    }
}
