//! `rankgate eval score`: a run file against judgments.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::output::{print, print_json, table};
use crate::cli::{Failure, Outcome, Verdict};
use crate::eval::{Judgments, Metric, Run, Scores, score};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Judgments: BEIR's TSV or TREC's qrels
    #[arg(long, value_name = "FILE")]
    qrels: PathBuf,
    /// Results in TREC's six columns
    #[arg(long, value_name = "FILE")]
    run: PathBuf,
    /// What to measure, with commas in between
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "ndcg@10,mrr@10,map@100,recall@100,p@10,judged@10"
    )]
    metrics: Vec<Metric>,
    /// Lowest grade that counts as relevant where a metric knows only relevant
    /// or not
    #[arg(long, value_name = "N", default_value = "1", allow_negative_numbers = true)]
    relevance_level: i32,
    /// Show each query's values too
    #[arg(long)]
    per_query: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    mean: BTreeMap<String, f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_query: Option<BTreeMap<String, BTreeMap<String, f64>>>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let (qrels, run) = (read(&args.qrels)?, read(&args.run)?);
    let judgments = Judgments::parse(&qrels, &args.qrels.to_string_lossy())?;
    let run = Run::parse(&run, &args.run.to_string_lossy())?;
    let scores = score(&judgments, &run, &args.metrics, args.relevance_level);
    if scores.by_query.is_empty() {
        return Err(Failure(format!(
            "{}: no query has a document of grade {} or more, so that there is nothing to \
             measure: look at --relevance-level",
            args.qrels.display(),
            args.relevance_level
        )));
    }
    if args.json {
        print_json(&report(&scores, args.per_query))?;
    } else {
        print(&shown(&scores, args.per_query))?;
    }
    Ok(Verdict::Good)
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| Failure(format!("{}: {error}", file.display())))
}

fn report(scores: &Scores, per_query: bool) -> Report {
    let named = |values: &[f64]| {
        let names = scores.metrics.iter().map(ToString::to_string);
        names.zip(values.iter().copied()).collect::<BTreeMap<_, _>>()
    };
    let by_query = || scores.by_query.iter().map(|(query, values)| (query.clone(), named(values)));
    Report { mean: named(&scores.means()), per_query: per_query.then(|| by_query().collect()) }
}

fn shown(scores: &Scores, per_query: bool) -> String {
    let names: Vec<String> = scores.metrics.iter().map(ToString::to_string).collect();
    let header: Vec<&str> =
        std::iter::once("query").chain(names.iter().map(String::as_str)).collect();
    let mut table = table(&header);
    let row = |name: &str, values: &[f64]| {
        let values = values.iter().map(|value| format!("{value:.4}"));
        std::iter::once(name.to_owned()).chain(values).collect::<Vec<_>>()
    };
    if per_query {
        for (query, values) in &scores.by_query {
            table.add_row(row(query, values));
        }
    }
    table.add_row(row(&format!("mean of {}", scores.by_query.len()), &scores.means()));
    table.to_string()
}
