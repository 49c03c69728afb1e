//! Whether what a suite demands holds.

use super::suite::{Gate, Suite};
use super::summary::{Measured, Summary, VariantSummary, difference};

/// A condition that was looked at.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Verdict {
    /// Whether it holds.
    pub passed: bool,
    /// What was demanded and what was found, in one sentence.
    pub text: String,
}

/// Looks at every condition of a suite. `measured` are the variants of
/// `summary`; conditions on variants that weren't run are left out.
#[must_use]
pub fn judge(suite: &Suite, summary: &Summary, measured: &[Measured<'_>]) -> Vec<Verdict> {
    let degraded = suite.max_degraded.map(|most| {
        summary.variants.iter().map(move |variant| degraded(variant, most)).collect::<Vec<_>>()
    });
    let gates = suite.gates.iter().filter_map(|gate| {
        let variant = summary.variant(&gate.variant)?;
        match gate.max {
            Some(most) => limit(gate, variant, most),
            None => gain(gate, suite.baseline(), measured),
        }
    });
    degraded.into_iter().flatten().chain(gates).collect()
}

fn degraded(variant: &VariantSummary, most: f64) -> Verdict {
    let VariantSummary { name, degraded_rate, .. } = variant;
    Verdict {
        passed: *degraded_rate <= most,
        text: format!(
            "{name}: {:.1} % of the rankings are partial or fallback, at most {:.1} % may be",
            degraded_rate * 100.0,
            most * 100.0
        ),
    }
}

fn limit(gate: &Gate, variant: &VariantSummary, most: f64) -> Option<Verdict> {
    let found = match gate.metric.as_str() {
        "cost_usd" => variant.usage.cost_usd,
        "latency_p95_ms" => variant.latency_p95_ms,
        "fallback_rate" => variant.fallback_rate,
        _ => return None,
    };
    let text =
        format!("{}: {} is {found:.4}, at most {most} is allowed", gate.variant, gate.metric);
    Some(Verdict { passed: found <= most, text })
}

fn gain(gate: &Gate, baseline: &str, measured: &[Measured<'_>]) -> Option<Verdict> {
    let baseline = gate.baseline.as_deref().unwrap_or(baseline);
    let of = |name: &str| measured.iter().find(|it| it.name == name);
    let (variant, base) = (of(&gate.variant)?, of(baseline)?);
    let is_it = |metric: &super::Metric| metric.to_string() == gate.metric;
    let at = variant.scores.metrics.iter().position(is_it)?;
    let found = difference(variant.scores, base.scores, at)?;
    let least = gate.min_delta?;
    let interval = found.ci95.as_ref().map_or_else(
        || "no interval with one query".to_owned(),
        |it| format!("95 % interval {:+.4} to {:+.4}", it.lower, it.upper),
    );
    let text = format!(
        "{}: {} differs from {baseline}'s by {:+.4} ({interval}); the interval's lower end has to \
         be above {least:+}",
        gate.variant, gate.metric, found.mean_difference
    );
    Some(Verdict { passed: found.ci95.is_some_and(|it| it.lower > least), text })
}
