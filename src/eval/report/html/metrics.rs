//! The metrics: a table each, with the differences and their intervals drawn on
//! one axis.

use serde::Serialize;

use super::scale::{Scale, Tick, with_sign};
use super::shown::{mean, p_value, signed};
use crate::eval::metric::{Kind, Metric};
use crate::eval::stats::{Comparison, Verdict};
use crate::eval::summary::{MetricSummary, Summary};

/// Pixels of the axis, with room for half a number on either side.
const AXIS: (f64, f64) = (24.0, 216.0);

/// One metric.
#[derive(Serialize)]
pub(super) struct Table<'a> {
    metric: String,
    meaning: String,
    rows: Vec<Row<'a>>,
    /// None where nothing was compared.
    axis: Option<Axis>,
}

/// The axis of differences.
#[derive(Serialize)]
struct Axis {
    ticks: Vec<Tick>,
    zero: f64,
}

/// One variant.
#[derive(Serialize)]
struct Row<'a> {
    variant: &'a str,
    mean: String,
    /// None for the baseline.
    against: Option<Against>,
}

/// A difference and how sure it is.
#[derive(Serialize)]
struct Against {
    difference: String,
    interval: Option<[String; 2]>,
    /// Pixels of the interval's ends.
    ends: Option<[f64; 2]>,
    at: f64,
    p: String,
    wins: usize,
    ties: usize,
    losses: usize,
    shown: bool,
    word: &'static str,
}

/// A table for each metric, in the suite's order.
pub(super) fn tables(summary: &Summary) -> Vec<Table<'_>> {
    let Some(first) = summary.variants.first() else { return Vec::new() };
    (0..first.metrics.len()).filter_map(|at| table(summary, at)).collect()
}

fn table(summary: &Summary, at: usize) -> Option<Table<'_>> {
    let rows: Vec<(&str, &MetricSummary)> = summary
        .variants
        .iter()
        .filter_map(|variant| Some((variant.name.as_str(), variant.metrics.get(at)?)))
        .collect();
    let metric = rows.first()?.1.metric;
    let compared = || rows.iter().filter_map(|(_, row)| row.against_baseline.as_ref());
    let scale = Scale::of(compared().flat_map(extent).chain([0.0]), 3, AXIS.0, AXIS.1);
    let axis =
        compared().next().map(|_| Axis { ticks: scale.ticks(with_sign), zero: scale.at(0.0) });
    let rows = rows.into_iter().map(|(variant, row)| Row {
        variant,
        mean: mean(row.mean),
        against: row.against_baseline.as_ref().map(|it| against(it, &scale)),
    });
    Some(Table { metric: metric.to_string(), meaning: meaning(metric), rows: rows.collect(), axis })
}

/// What has to fit on the axis.
fn extent(comparison: &Comparison) -> impl Iterator<Item = f64> {
    let ends = comparison.ci95.map(|it| [it.lower, it.upper]);
    ends.into_iter().flatten().chain([comparison.mean_difference])
}

fn against(comparison: &Comparison, scale: &Scale) -> Against {
    let word = match comparison.verdict {
        Verdict::Better(_) => "higher",
        Verdict::Worse(_) => "lower",
        Verdict::NoDifferenceShown { .. } => "no difference shown",
        Verdict::Same { .. } => "the same for each query",
        Verdict::TooSmall { .. } => "too few queries",
    };
    Against {
        difference: signed(comparison.mean_difference),
        interval: comparison.ci95.map(|it| [signed(it.lower), signed(it.upper)]),
        ends: comparison.ci95.map(|it| [scale.at(it.lower), scale.at(it.upper)]),
        at: scale.at(comparison.mean_difference),
        p: p_value(comparison.p_holm.unwrap_or(comparison.randomisation_test.p)),
        wins: comparison.wins,
        ties: comparison.ties,
        losses: comparison.losses,
        shown: matches!(comparison.verdict, Verdict::Better(_) | Verdict::Worse(_)),
        word,
    }
}

/// A metric in a sentence for readers who don't measure rankings every day.
pub(super) fn meaning(metric: Metric) -> String {
    let cut = metric.cut;
    let first = cut.map_or_else(|| "results".to_owned(), |k| format!("first {k} results"));
    match metric.kind {
        Kind::Ndcg => format!(
            "How near the {first} come to the best possible order, by grade and place: 1 is ideal."
        ),
        Kind::NdcgExp => format!(
            "How near the {first} come to the best possible order, where each further grade counts \
             about twice as much: 1 is ideal."
        ),
        Kind::Map => format!(
            "Whether relevant documents stand at the head of the {first}, all of them counted: 1 is \
             ideal."
        ),
        Kind::Mrr => format!(
            "One divided by the place of the first relevant document among the {first}: 1 is first, \
             0.5 second, 0 not there."
        ),
        Kind::Recall => format!("Share of the relevant documents among the {first}."),
        Kind::Precision => format!("Share of the {first} that are relevant."),
        Kind::RPrecision => {
            "Share of relevant documents among as many results as there are relevant ones."
                .to_owned()
        }
        Kind::Bpref => "Share of relevant documents above those judged not relevant; unjudged \
                        ones don't count."
            .to_owned(),
        Kind::Success => {
            format!("Share of the queries with a relevant document among the {first}.")
        }
        Kind::Judged => format!(
            "Share of the {first} that somebody has judged; where it is low, the other metrics \
             know little."
        ),
    }
}
