//! What each variant comes to, in words, and whether the gates hold.

use serde::Serialize;

use super::shown::{dollars, mean, milliseconds, share};
use crate::eval::gates;
use crate::eval::stats::{Comparison, Verdict};
use crate::eval::summary::{Summary, VariantSummary};

/// One variant at a glance.
#[derive(Serialize)]
pub(super) struct Card<'a> {
    variant: &'a str,
    mean: String,
    /// None for the baseline.
    against: Option<Against>,
    /// US dollars for a thousand queries; none where nothing was spent.
    cost: Option<String>,
    p50: String,
    p95: String,
    degraded: Option<String>,
}

/// The headline's comparison.
#[derive(Serialize)]
struct Against {
    /// For the style sheet.
    class: &'static str,
    word: &'static str,
    sentence: String,
    wins: usize,
    ties: usize,
    losses: usize,
}

/// The suite's conditions.
#[derive(Serialize)]
pub(super) struct Gates<'a> {
    passed: usize,
    failed: usize,
    all: &'a [gates::Verdict],
}

impl<'a> Gates<'a> {
    pub fn of(all: &'a [gates::Verdict]) -> Self {
        let passed = all.iter().filter(|gate| gate.passed).count();
        Self { passed, failed: all.len() - passed, all }
    }
}

/// A card for each variant, in the suite's order.
pub(super) fn cards(summary: &Summary) -> Vec<Card<'_>> {
    summary.variants.iter().map(card).collect()
}

fn card(variant: &VariantSummary) -> Card<'_> {
    let headline = variant.metrics.first();
    let asked: usize = variant.statuses.values().sum();
    let degraded = ["partial", "fallback"].map(|word| variant.statuses.get(word).copied());
    let degraded: usize = degraded.into_iter().flatten().sum();
    Card {
        variant: &variant.name,
        mean: mean(headline.map_or(0.0, |it| it.mean)),
        against: headline.and_then(|it| it.against_baseline.as_ref()).map(against),
        cost: (variant.usage.cost_usd > 0.0)
            .then(|| dollars(variant.usage.cost_usd / asked.max(1) as f64 * 1000.0)),
        p50: milliseconds(variant.latency_p50_ms),
        p95: milliseconds(variant.latency_p95_ms),
        degraded: (degraded > 0).then(|| share(degraded, asked)),
    }
}

fn against(comparison: &Comparison) -> Against {
    let (class, word) = match comparison.verdict {
        Verdict::Better(_) => ("better", "Better"),
        Verdict::Worse(_) => ("worse", "Worse"),
        Verdict::NoDifferenceShown { .. } => ("open", "No difference shown"),
        Verdict::Same { .. } => ("open", "The same"),
        Verdict::TooSmall { .. } => ("open", "Too few queries"),
    };
    let Comparison { wins, ties, losses, ref verdict, .. } = *comparison;
    Against { class, word, sentence: verdict.to_string(), wins, ties, losses }
}
