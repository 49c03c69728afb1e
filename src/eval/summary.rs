//! What a run comes to: the numbers of `summary.json`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::metric::Metric;
use super::repeats::{RepeatSummary, repeated};
use super::runner::Row;
use super::score::Scores;
use super::stats::{Comparison, Settings, adjust, compare};
use crate::domain::{Repairs, Usage};
use crate::explain::QuoteCounts;

/// A run of a suite.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Name of the variant that the others are compared with.
    pub baseline: String,
    /// Queries that were measured.
    pub queries: usize,
    /// By variant, in the suite's order.
    pub variants: Vec<VariantSummary>,
    /// What asking a judge came to; none where the suite has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeSummary>,
}

/// One variant.
#[derive(Clone, Debug, Serialize)]
pub struct VariantSummary {
    /// Its name.
    pub name: String,
    /// By metric, in the suite's order.
    pub metrics: Vec<MetricSummary>,
    /// Queries by status.
    pub statuses: BTreeMap<&'static str, usize>,
    /// Queries by reason, where there is one.
    pub reasons: BTreeMap<&'static str, usize>,
    /// Share of partial and fallback rankings.
    pub degraded_rate: f64,
    /// Share of fallback rankings.
    pub fallback_rate: f64,
    /// LLM calls, and those that gave nothing usable.
    pub calls: u64,
    /// Those that gave nothing usable.
    pub failed_calls: u64,
    /// What had to be mended in usable replies.
    pub repairs: Repairs,
    /// Tokens and money of all queries.
    pub usage: Usage,
    /// Latency of half of the queries at most, in milliseconds.
    pub latency_p50_ms: f64,
    /// Latency of 95 % of the queries at most.
    pub latency_p95_ms: f64,
    /// What became of explanations; none where none were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanations: Option<ExplanationSummary>,
    /// How far the answers to the same questions differ; none where each was
    /// asked once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<RepeatSummary>,
    /// What documents that nobody judged may hide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holes: Option<HolesSummary>,
}

/// The headline metric with documents that nobody judged taken in three ways.
/// Where the three agree, the holes in the judgments decide nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct HolesSummary {
    /// The headline metric.
    pub metric: Metric,
    /// Documents within the metric's cut, over all queries, each as often as it
    /// was asked.
    pub seen: usize,
    /// Those of them that nobody judged.
    pub unjudged: usize,
    /// The mean with unjudged documents as not relevant: what the headline
    /// says.
    pub as_not_relevant: f64,
    /// The mean with unjudged documents taken out of the rankings.
    pub condensed: f64,
    /// The mean with an LLM's grades where nobody judged; none where no judge
    /// was asked, or it graded nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge_filled: Option<f64>,
    /// Unjudged documents that the judge gave no grade for, or wasn't asked
    /// about: not relevant there.
    pub ungraded: usize,
}

/// What asking a judge about documents that nobody judged came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JudgeSummary {
    /// The upstream's name for the model.
    pub model: String,
    /// The prompt, `name@vN`.
    pub prompt: String,
    /// Pairs of query and document that it was asked about.
    pub documents: usize,
    /// Those that got no grade.
    pub ungraded: usize,
    /// Calls.
    pub calls: usize,
    /// Calls that gave nothing usable, or couldn't be made, by reason.
    pub failures: BTreeMap<&'static str, usize>,
    /// Tokens and money of judging; in no variant's.
    pub usage: Usage,
}

/// One metric of one variant.
#[derive(Clone, Debug, Serialize)]
pub struct MetricSummary {
    /// Its name.
    pub metric: Metric,
    /// The mean over queries.
    pub mean: f64,
    /// Queries.
    pub n: usize,
    /// Against the baseline; none for the baseline itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against_baseline: Option<Comparison>,
}

/// How far explanations could be trusted before they were checked, and what
/// users saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ExplanationSummary {
    /// Results explained by the LLM.
    pub llm: usize,
    /// Results explained by the first stage.
    pub classical: usize,
    /// Replies of which nothing could be shown.
    pub unverified: usize,
    /// Share of the results that the first stage explains.
    pub classical_rate: f64,
    /// What became of the model's quotes.
    pub quotes: QuoteCounts,
    /// Share of the model's quotes that stand in the document; none where it
    /// gave none.
    pub quote_precision_before: Option<f64>,
    /// The same of the quotes that are shown: those are the document's own
    /// words by construction.
    pub quote_precision_after: Option<f64>,
}

/// One variant's rows and scores.
pub struct Measured<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its answers, those of each round after those of the one before.
    pub rows: &'a [Row],
    /// Its values by query, the means of all rounds.
    pub scores: &'a Scores,
    /// Its values in each round.
    pub rounds: &'a [Scores],
}

impl Summary {
    /// Puts a run together. `baseline` is one of the variants.
    #[must_use]
    pub fn of(variants: &[Measured<'_>], baseline: &str) -> Self {
        let base = variants.iter().find(|variant| variant.name == baseline);
        let mut summaries: Vec<VariantSummary> =
            variants.iter().map(|variant| summary(variant, base)).collect();
        // Variants that are compared by one metric are one family of tests.
        for at in 0..base.map_or(0, |base| base.scores.metrics.len()) {
            let of_metric = summaries.iter_mut().filter_map(|it| it.metrics.get_mut(at));
            adjust(of_metric.filter_map(|metric| metric.against_baseline.as_mut()));
        }
        Self {
            baseline: baseline.to_owned(),
            queries: variants.first().map_or(0, |first| first.scores.by_query.len()),
            variants: summaries,
            judge: None,
        }
    }

    /// With what documents that nobody judged may hide, by variant in this
    /// order.
    #[must_use]
    pub fn with_holes(mut self, holes: Vec<HolesSummary>, judge: Option<JudgeSummary>) -> Self {
        for (variant, holes) in self.variants.iter_mut().zip(holes) {
            variant.holes = Some(holes);
        }
        self.judge = judge;
        self
    }

    /// The variant of this name.
    #[must_use]
    pub fn variant(&self, name: &str) -> Option<&VariantSummary> {
        self.variants.iter().find(|variant| variant.name == name)
    }
}

/// Differences of two variants in one metric, query by query; none where no
/// query was measured.
#[must_use]
pub fn difference(variant: &Scores, baseline: &Scores, at: usize) -> Option<Comparison> {
    let values = |scores: &Scores| -> Vec<f64> {
        baseline
            .by_query
            .keys()
            .map(|query| scores.by_query.get(query).map_or(0.0, |values| values[at]))
            .collect()
    };
    compare(&values(baseline), &values(variant), Settings::default()).ok()
}

fn summary(variant: &Measured<'_>, base: Option<&Measured<'_>>) -> VariantSummary {
    let Measured { name, rows, scores, rounds } = variant;
    let base = base.filter(|base| base.name != *name);
    let metrics = scores.metrics.iter().zip(scores.means()).enumerate();
    let metrics = metrics.map(|(at, (&metric, mean))| MetricSummary {
        metric,
        mean,
        n: scores.by_query.len(),
        against_baseline: base.and_then(|base| difference(scores, base.scores, at)),
    });
    let count = |status: &str| rows.iter().filter(|row| row.status == status).count();
    let all = rows.len().max(1) as f64;
    let mut usage = Usage::default();
    let mut repairs = Repairs::default();
    for row in *rows {
        usage += row.usage;
        repairs += row.repairs;
    }
    VariantSummary {
        name: (*name).to_owned(),
        metrics: metrics.collect(),
        statuses: counts(rows.iter().map(|row| row.status)),
        reasons: counts(rows.iter().filter_map(|row| row.reason)),
        degraded_rate: (count("partial") + count("fallback")) as f64 / all,
        fallback_rate: count("fallback") as f64 / all,
        calls: rows.iter().map(|row| u64::from(row.calls)).sum(),
        failed_calls: rows.iter().map(|row| u64::from(row.failed_calls)).sum(),
        repairs,
        usage,
        latency_p50_ms: percentile(rows, 50),
        latency_p95_ms: percentile(rows, 95),
        explanations: explanations(rows),
        repeats: repeated(rounds, rows),
        holes: None,
    }
}

fn counts(words: impl Iterator<Item = &'static str>) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    counts
}

/// The latency that `share` percent of the rows don't exceed (nearest rank).
fn percentile(rows: &[Row], share: usize) -> f64 {
    let mut latencies: Vec<f64> = rows.iter().map(|row| row.latency_ms).collect();
    latencies.sort_unstable_by(f64::total_cmp);
    let rank = (latencies.len() * share).div_ceil(100);
    rank.checked_sub(1).and_then(|at| latencies.get(at)).copied().unwrap_or(0.0)
}

fn explanations(rows: &[Row]) -> Option<ExplanationSummary> {
    let infos: Vec<_> = rows.iter().filter_map(|row| row.explain.as_ref()).collect();
    if infos.is_empty() {
        return None;
    }
    let mut found = ExplanationSummary::default();
    for info in infos {
        found.llm += info.llm;
        found.classical += info.classical;
        found.unverified += info.unverified;
        found.quotes += info.quotes;
    }
    let all = found.llm + found.classical;
    found.classical_rate = found.classical as f64 / all.max(1) as f64;
    let QuoteCounts { located, dropped } = found.quotes;
    let given = f64::from(located) + f64::from(dropped);
    found.quote_precision_before = (given > 0.0).then(|| f64::from(located) / given);
    found.quote_precision_after = (located > 0).then_some(1.0);
    Some(found)
}
