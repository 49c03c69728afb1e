//! The headline metric, query by query: who gained and who lost.

use serde::Serialize;

use super::HtmlReport;
use super::scale::{Scale, Tick, tenth, with_sign};
use super::shown::{cut, mean, signed};
use crate::eval::stats::TIE;
use crate::eval::summary::Measured;

/// Pixels from the first bar to behind the last.
const ACROSS: (f64, f64) = (48.0, 712.0);
/// Pixels of the highest value and of the lowest.
const UPWARDS: (f64, f64) = (8.0, 172.0);
/// Most bars that tell their query: beyond that they are thinner than a
/// pointer is exact, and would make the page long.
const MOST_LABELLED: usize = 1000;
/// Longest query in a label, in characters.
const LONGEST: usize = 100;

/// One query's values of the headline metric.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delta<'a> {
    pub query: &'a str,
    pub baseline: f64,
    pub variant: f64,
    /// Exactly 0 for a tie.
    pub difference: f64,
}

/// Every query, from the largest gain to the largest loss.
pub(super) fn deltas<'a>(variant: &Measured<'a>, baseline: &Measured<'a>) -> Vec<Delta<'a>> {
    let headline = |values: &Vec<f64>| values.first().copied().unwrap_or_default();
    let delta = |(query, values): (&'a String, &'a Vec<f64>)| {
        let baseline = headline(values);
        let variant = variant.scores.by_query.get(query).map_or(0.0, headline);
        let difference = variant - baseline;
        let difference = if difference.abs() <= TIE { 0.0 } else { difference };
        Delta { query, baseline, variant, difference }
    };
    let mut deltas: Vec<Delta<'_>> = baseline.scores.by_query.iter().map(delta).collect();
    deltas.sort_by(|a, b| b.difference.total_cmp(&a.difference));
    deltas
}

/// One variant's bars.
#[derive(Serialize)]
pub(super) struct Bars<'a> {
    variant: &'a str,
    wins: usize,
    ties: usize,
    losses: usize,
    queries: Vec<Bar>,
    /// Pixels of a bar's width.
    width: f64,
    ticks: Vec<Tick>,
    zero: f64,
}

/// One query; ties have none.
#[derive(Serialize)]
struct Bar {
    x: f64,
    y: f64,
    height: f64,
    gain: bool,
    label: Option<String>,
}

/// The bars of each variant that is compared.
pub(super) fn bars<'a>(report: &HtmlReport<'a>) -> Vec<Bars<'a>> {
    let texts = report.queries();
    let of = |(variant, baseline): (&'a Measured<'a>, &Measured<'a>)| {
        let deltas = deltas(variant, baseline);
        let labelled = deltas.len() <= MOST_LABELLED;
        let label = |it: &Delta<'_>| {
            let text = texts.get(it.query).copied().unwrap_or(it.query);
            let (from, to) = (mean(it.baseline), mean(it.variant));
            format!("{}: {from} to {to} ({})", cut(text, LONGEST), signed(it.difference))
        };
        drawn(variant.name, &deltas, &|it| labelled.then(|| label(it)))
    };
    report.comparisons().map(of).collect()
}

fn drawn<'a>(
    variant: &'a str,
    deltas: &[Delta<'_>],
    label: &dyn Fn(&Delta<'_>) -> Option<String>,
) -> Bars<'a> {
    let differences = deltas.iter().map(|it| it.difference);
    let scale = Scale::of(differences.chain([0.0]), 4, UPWARDS.1, UPWARDS.0);
    let (zero, step) = (scale.at(0.0), (ACROSS.1 - ACROSS.0) / deltas.len().max(1) as f64);
    let bar = |(at, it): (usize, &Delta<'_>)| {
        let end = scale.at(it.difference);
        Bar {
            x: tenth(ACROSS.0 + at as f64 * step),
            y: end.min(zero),
            // A difference, however small, is seen.
            height: tenth((end - zero).abs()).max(0.7),
            gain: it.difference > 0.0,
            label: label(it),
        }
    };
    let count = |wanted: fn(f64) -> bool| deltas.iter().filter(|it| wanted(it.difference)).count();
    Bars {
        variant,
        wins: count(|difference| difference > 0.0),
        ties: count(|difference| difference == 0.0),
        losses: count(|difference| difference < 0.0),
        queries: deltas
            .iter()
            .enumerate()
            .filter(|(_, it)| it.difference != 0.0)
            .map(bar)
            .collect(),
        // Thin bars stand side by side, wide ones apart.
        width: tenth(if step > 5.0 { (step * 0.85).min(40.0) } else { step }).max(0.3),
        ticks: scale.ticks(with_sign),
        zero,
    }
}
