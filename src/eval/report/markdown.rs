//! `report.md`: a run on one page, short enough for a pull request's comment.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::eval::gates::Verdict;
use crate::eval::stats::ALPHA;
use crate::eval::summary::{
    ExplanationSummary, HolesSummary, JudgeSummary, MetricSummary, Summary, VariantSummary,
};

/// The page.
#[must_use]
pub fn markdown(title: &str, summary: &Summary, verdicts: &[Verdict]) -> String {
    let mut page = format!("# {title}\n\n{} queries.\n\n", summary.queries);
    for verdict in verdicts {
        let mark = if verdict.passed { "passed" } else { "**failed**" };
        line(&mut page, &format!("- {mark}: {}", verdict.text));
    }
    if !verdicts.is_empty() {
        page.push('\n');
    }
    headlines(&mut page, summary);
    quality(&mut page, summary);
    holes(&mut page, summary);
    costs(&mut page, summary);
    explanations(&mut page, summary);
    page
}

/// The verdicts and the table of quality alone, for any two runs.
#[must_use]
pub fn comparison(summary: &Summary) -> String {
    let mut page = format!("{} queries.\n\n", summary.queries);
    headlines(&mut page, summary);
    quality(&mut page, summary);
    page
}

fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push('\n');
}

/// What each variant comes to by the first metric.
fn headlines(page: &mut String, summary: &Summary) {
    for variant in &summary.variants {
        let Some(first) = variant.metrics.first() else { continue };
        if let Some(comparison) = &first.against_baseline {
            let (name, baseline) = (&variant.name, &summary.baseline);
            let verdict = &comparison.verdict;
            line(page, &format!("- `{name}` against `{baseline}`, {}: {verdict}.", first.metric));
        }
    }
    page.push('\n');
}

fn quality(page: &mut String, summary: &Summary) {
    let Some(first) = summary.variants.first() else { return };
    let names: Vec<String> = first.metrics.iter().map(|it| it.metric.to_string()).collect();
    line(page, &format!("| variant | {} |", names.join(" | ")));
    line(page, &format!("|---|{}", "---|".repeat(names.len())));
    for variant in &summary.variants {
        let cells: Vec<String> = variant.metrics.iter().map(cell).collect();
        line(page, &format!("| {} | {} |", variant.name, cells.join(" | ")));
    }
    line(
        page,
        "\nMeans, with the difference to the baseline, its 95 % interval, and wins, ties and losses by query. Star: p < .05 by the paired \
         randomisation test, adjusted for all variants (Holm).\n",
    );
}

fn cell(metric: &MetricSummary) -> String {
    let mut cell = format!("{:.4}", metric.mean);
    if let Some(it) = &metric.against_baseline {
        let star = if it.p_holm.is_some_and(|p| p < ALPHA) { "*" } else { "" };
        let _ = write!(cell, " ({:+.4}{star}", it.mean_difference);
        if let Some(interval) = &it.ci95 {
            let _ = write!(cell, ", {:+.4} to {:+.4}", interval.lower, interval.upper);
        }
        let _ = write!(cell, "; {}/{}/{})", it.wins, it.ties, it.losses);
    }
    cell
}

/// The headline with documents that nobody judged taken in three ways.
fn holes(page: &mut String, summary: &Summary) {
    let found: Vec<(&str, &HolesSummary)> = summary
        .variants
        .iter()
        .filter_map(|variant| Some((variant.name.as_str(), variant.holes.as_ref()?)))
        .collect();
    let Some(metric) = found.first().map(|(_, it)| it.metric) else { return };
    if found.iter().all(|(_, it)| it.unjudged == 0) {
        line(page, &format!("Every document that {metric} looks at is judged.\n"));
    } else {
        let judged = summary.judge.is_some();
        let more = if judged { " graded by a judge |" } else { "" };
        line(
            page,
            &format!("| variant | not judged in {metric} | as not relevant | taken out |{more}"),
        );
        line(page, &format!("|---|---|---|---|{}", if judged { "---|" } else { "" }));
        for (name, it) in found {
            let HolesSummary { seen, unjudged, as_not_relevant, condensed, ungraded, .. } = it;
            let graded = match it.judge_filled {
                _ if !judged => String::new(),
                None => " – |".to_owned(),
                Some(value) if *ungraded == 0 => format!(" {value:.4} |"),
                Some(value) => format!(" {value:.4} ({ungraded} without a grade) |"),
            };
            line(
                page,
                &format!(
                    "| {name} | {unjudged} of {seen} | {as_not_relevant:.4} | {condensed:.4} |{graded}"
                ),
            );
        }
        page.push('\n');
    }
    if let Some(judge) = &summary.judge {
        line(page, &format!("{}\n", sentence(judge)));
    }
}

fn sentence(judge: &JudgeSummary) -> String {
    let JudgeSummary { model, prompt, documents, ungraded, calls, failures, usage } = judge;
    let graded = documents.saturating_sub(*ungraded);
    let failed = if failures.is_empty() {
        String::new()
    } else {
        format!(" (without a usable reply: {})", listed(failures))
    };
    format!(
        "Judge: {model} with `{prompt}` graded {graded} of {documents} documents that nobody had \
         judged, in {calls} calls{failed}, {} / {} tokens, ${:.4}.",
        usage.input_tokens, usage.output_tokens, usage.cost_usd
    )
}

/// Words with how often they came.
fn listed(counts: &BTreeMap<&str, usize>) -> String {
    let each = counts.iter().map(|(word, n)| format!("{n} {word}"));
    each.collect::<Vec<_>>().join(", ")
}

fn costs(page: &mut String, summary: &Summary) {
    line(page, "| variant | answers | calls (failed) | tokens in / out | cost | p50 | p95 |");
    line(page, "|---|---|---|---|---|---|---|");
    for variant in &summary.variants {
        let VariantSummary { name, statuses, reasons, calls, failed_calls, usage, .. } = variant;
        let mut answers = listed(statuses);
        if !reasons.is_empty() {
            let _ = write!(answers, " ({})", listed(reasons));
        }
        let (input, output, cost) = (usage.input_tokens, usage.output_tokens, usage.cost_usd);
        let (p50, p95) = (variant.latency_p50_ms, variant.latency_p95_ms);
        line(
            page,
            &format!(
                "| {name} | {answers} | {calls} ({failed_calls}) | {input} / {output} | \
                 ${cost:.4} | {p50:.0} ms | {p95:.0} ms |"
            ),
        );
    }
    page.push('\n');
}

fn explanations(page: &mut String, summary: &Summary) {
    let explained: Vec<_> = summary
        .variants
        .iter()
        .filter_map(|variant| Some((&variant.name, variant.explanations.as_ref()?)))
        .collect();
    if explained.is_empty() {
        return;
    }
    line(
        page,
        "| variant | explained by the LLM | by the first stage | nothing could be shown | quote precision before checking | after |",
    );
    line(page, "|---|---|---|---|---|---|");
    for (name, it) in explained {
        let ExplanationSummary { llm, classical, unverified, classical_rate, quotes, .. } = it;
        let share = |precision: Option<f64>| {
            precision.map_or_else(|| "–".to_owned(), |it| format!("{it:.3}"))
        };
        let given = quotes.located + quotes.dropped;
        let before = share(it.quote_precision_before);
        let after = share(it.quote_precision_after);
        let percent = classical_rate * 100.0;
        line(
            page,
            &format!(
                "| {name} | {llm} | {classical} ({percent:.1} %) | {unverified} | {before} \
                 ({} of {given}) | {after} |",
                quotes.located
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Usage;

    fn summary(holes: &[HolesSummary], judge: Option<JudgeSummary>) -> Summary {
        let scores = crate::eval::Scores::default();
        let names = ["one", "two"];
        let variants: Vec<_> = names[..holes.len()]
            .iter()
            .map(|&name| crate::eval::Measured { name, rows: &[], scores: &scores, rounds: &[] })
            .collect();
        Summary::of(&variants, "one").with_holes(holes.to_vec(), judge)
    }

    const FILLED: HolesSummary = HolesSummary {
        metric: crate::eval::Metric {
            kind: crate::eval::Kind::Ndcg,
            cut: std::num::NonZeroUsize::new(10),
        },
        seen: 400,
        unjudged: 12,
        as_not_relevant: 0.75,
        condensed: 0.77,
        judge_filled: Some(0.76),
        ungraded: 0,
    };

    #[test]
    fn holes_stand_in_a_table_with_what_the_judge_cost() {
        let other = HolesSummary { ungraded: 2, ..FILLED };
        let judge = JudgeSummary {
            model: "large-1".into(),
            prompt: "judge@v1".into(),
            documents: 14,
            ungraded: 2,
            calls: 4,
            failures: BTreeMap::from([("upstream_error", 1)]),
            usage: Usage { input_tokens: 900, output_tokens: 80, cost_usd: 0.0125 },
        };
        let page = markdown("s", &summary(&[FILLED, other], Some(judge)), &[]);
        for line in [
            "| variant | not judged in ndcg@10 | as not relevant | taken out | graded by a judge |",
            "| one | 12 of 400 | 0.7500 | 0.7700 | 0.7600 |",
            "| two | 12 of 400 | 0.7500 | 0.7700 | 0.7600 (2 without a grade) |",
            "Judge: large-1 with `judge@v1` graded 12 of 14 documents that nobody had judged, in 4 \
             calls (without a usable reply: 1 upstream_error), 900 / 80 tokens, $0.0125.",
        ] {
            assert!(page.lines().any(|it| it == line), "{line}\n{page}");
        }
    }

    #[test]
    fn without_a_judge_there_is_no_column_for_one() {
        let page = markdown("s", &summary(&[FILLED], None), &[]);
        assert!(page.contains("in ndcg@10 | as not relevant | taken out |\n|---|---|---|---|\n"));
        assert!(page.contains("| one | 12 of 400 | 0.7500 | 0.7700 |\n"), "{page}");
    }

    #[test]
    fn without_holes_one_sentence_is_enough() {
        let page = markdown("s", &summary(&[HolesSummary { unjudged: 0, ..FILLED }], None), &[]);
        assert!(page.contains("Every document that ndcg@10 looks at is judged.\n"), "{page}");
        assert!(!page.contains("as not relevant") && !page.contains("Judge:"), "{page}");
    }
}
