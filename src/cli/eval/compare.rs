//! `rankgate eval compare`: two variants of one run or of two.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::output::{print, print_json, tell};
use crate::cli::{Failure, Outcome, Verdict};
use crate::eval::{Measured, Metric, MetricSummary, Scores, Summary, comparison, mean_scores};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to compare with: a folder that `eval run --out` wrote, and a variant
    /// where it holds several
    #[arg(value_name = "DIR[:VARIANT]")]
    baseline: String,
    /// What is compared
    #[arg(value_name = "DIR[:VARIANT]")]
    variant: String,
    /// One metric that both runs measured [default: all of them]
    #[arg(long, value_name = "METRIC")]
    metric: Option<Metric>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What is read of a line of `per_query.jsonl`.
#[derive(Deserialize)]
struct Line {
    query: String,
    variant: String,
    #[serde(default = "first")]
    repeat: u32,
    metrics: BTreeMap<Metric, f64>,
}

const fn first() -> u32 {
    1
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    baseline: &'a str,
    variant: &'a str,
    metrics: &'a [MetricSummary],
}

pub(super) fn run(args: &Args) -> Outcome {
    let names = [&args.baseline, &args.variant];
    let (baseline, variant) = (read(&args.baseline)?, read(&args.variant)?);
    if names[0] == names[1] {
        return Err(Failure(format!("both are {}: there is nothing to compare", names[0])));
    }
    let metrics = metrics(args, &baseline, &variant)?;
    let shared: BTreeSet<String> =
        baseline.queries().filter(|query| variant.has(query)).cloned().collect();
    let left_out = baseline.queries().count() + variant.queries().count() - 2 * shared.len();
    if left_out > 0 {
        tell(&format!("warning: {left_out} queries are in only one of the two and left out"));
    }
    if shared.is_empty() {
        return Err(Failure(format!(
            "{} and {} have no query in common",
            args.baseline, args.variant
        )));
    }
    let scores = [&baseline, &variant].map(|side| side.scores(&metrics, &shared));
    let measured: Vec<Measured<'_>> = names
        .iter()
        .zip(&scores)
        .map(|(name, scores)| Measured { name, rows: &[], scores, rounds: &[] })
        .collect();
    let summary = Summary::of(&measured, &args.baseline);
    if args.json {
        let compared = summary.variant(&args.variant).map_or(&[][..], |it| &it.metrics);
        print_json(&Report {
            baseline: &args.baseline,
            variant: &args.variant,
            metrics: compared,
        })?;
    } else {
        print(&comparison(&summary))?;
    }
    Ok(Verdict::Good)
}

/// The metrics to compare: the one that was named, or all that both have.
fn metrics(args: &Args, baseline: &Side, variant: &Side) -> Result<Vec<Metric>, Failure> {
    let both = baseline.metrics.iter().filter(|metric| variant.metrics.contains(metric));
    let both: Vec<Metric> = both.copied().collect();
    let Some(wanted) = args.metric else {
        return if both.is_empty() {
            Err(Failure(format!("{} and {} share no metric", args.baseline, args.variant)))
        } else {
            Ok(both)
        };
    };
    for (name, side) in [(&args.baseline, baseline), (&args.variant, variant)] {
        if !side.metrics.contains(&wanted) {
            let known = side.metrics.iter().map(ToString::to_string).collect::<Vec<_>>();
            return Err(Failure(format!(
                "{name}: {wanted} was not measured; there are: {}",
                known.join(", ")
            )));
        }
    }
    Ok(vec![wanted])
}

/// One variant's values.
struct Side {
    metrics: BTreeSet<Metric>,
    /// Values by query, for each round.
    rounds: BTreeMap<u32, BTreeMap<String, BTreeMap<Metric, f64>>>,
}

impl Side {
    fn queries(&self) -> impl Iterator<Item = &String> {
        self.rounds.values().next().into_iter().flat_map(BTreeMap::keys)
    }

    fn has(&self, query: &str) -> bool {
        self.rounds.values().next().is_some_and(|round| round.contains_key(query))
    }

    /// The values of these metrics for these queries, the means of all rounds.
    fn scores(&self, metrics: &[Metric], queries: &BTreeSet<String>) -> Scores {
        let of_round = |round: &BTreeMap<String, BTreeMap<Metric, f64>>| {
            let values = |query: &String| {
                let measured = round.get(query);
                let value = |metric| measured.and_then(|it| it.get(metric)).copied();
                (query.clone(), metrics.iter().map(|it| value(it).unwrap_or(0.0)).collect())
            };
            Scores { metrics: metrics.to_vec(), by_query: queries.iter().map(values).collect() }
        };
        let rounds: Vec<Scores> = self.rounds.values().map(of_round).collect();
        mean_scores(&rounds)
    }
}

/// Reads the side that is named so.
fn read(named: &str) -> Result<Side, Failure> {
    let (folder, wanted) = split(named);
    let file = folder.join("per_query.jsonl");
    let at = |problem: String| Failure(format!("{}: {problem}", file.display()));
    let text = fs::read_to_string(&file).map_err(|error| at(error.to_string()))?;
    let mut variants: BTreeMap<String, Side> = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let Line { query, variant, repeat, metrics } = serde_json::from_str(line)
            .map_err(|error| Failure(format!("{}:{}: {error}", file.display(), number + 1)))?;
        let side = variants.entry(variant).or_insert_with(|| Side {
            metrics: metrics.keys().copied().collect(),
            rounds: BTreeMap::new(),
        });
        side.rounds.entry(repeat).or_default().insert(query, metrics);
    }
    let known = variants.keys().cloned().collect::<Vec<_>>().join(", ");
    let name = match wanted {
        Some(name) => name.to_owned(),
        None if variants.len() == 1 => known.clone(),
        None => return Err(at(format!("name one of its variants as DIR:VARIANT: {known}"))),
    };
    variants
        .remove(&name)
        .ok_or_else(|| at(format!("there is no variant \"{name}\"; there are: {known}")))
}

/// A folder and a variant. A folder that exists is never cut at its colons.
fn split(named: &str) -> (PathBuf, Option<&str>) {
    match named.rsplit_once(':') {
        Some((folder, variant)) if !Path::new(named).is_dir() => (folder.into(), Some(variant)),
        _ => (named.into(), None),
    }
}
