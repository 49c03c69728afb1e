//! `report.md`: a run on one page, short enough for a pull request's comment.

use std::fmt::Write as _;

use super::gates::Verdict;
use super::summary::{ExplanationSummary, MetricSummary, Summary, VariantSummary};

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
    costs(&mut page, summary);
    explanations(&mut page, summary);
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
        let star = if it.p_holm.is_some_and(|p| p < super::stats::ALPHA) { "*" } else { "" };
        let _ = write!(cell, " ({:+.4}{star}", it.mean_difference);
        if let Some(interval) = &it.ci95 {
            let _ = write!(cell, ", {:+.4} to {:+.4}", interval.lower, interval.upper);
        }
        let _ = write!(cell, "; {}/{}/{})", it.wins, it.ties, it.losses);
    }
    cell
}

fn costs(page: &mut String, summary: &Summary) {
    line(page, "| variant | answers | calls (failed) | tokens in / out | cost | p50 | p95 |");
    line(page, "|---|---|---|---|---|---|---|");
    for variant in &summary.variants {
        let VariantSummary { name, statuses, reasons, calls, failed_calls, usage, .. } = variant;
        let listed = |counts: &std::collections::BTreeMap<&str, usize>| {
            let each = counts.iter().map(|(word, n)| format!("{n} {word}"));
            each.collect::<Vec<_>>().join(", ")
        };
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
