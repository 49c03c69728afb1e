//! What was measured, as Markdown.

#![allow(clippy::print_stdout, reason = "the tables are what it is for")]

use super::measured::{Bench, Curve, DEADLINES, Gated, Row};

/// What the figures are of.
pub fn print_set(name: &str, bench: &Bench) {
    let candidates: usize = bench.questions.iter().map(|it| it.candidates.len()).sum();
    let tokens: u64 =
        bench.questions.iter().flat_map(|it| &it.candidates).map(|it| it.tokens).sum();
    let n = bench.questions.len();
    println!(
        "{name}: {n} queries, {:.1} candidates a query on average, {:.1} tokens a candidate; nDCG@10 of the \
         classical order {:.4}, of the best order of the candidates {:.4}; {} simulated models, grades times {}",
        candidates as f64 / n.max(1) as f64,
        tokens as f64 / candidates.max(1) as f64,
        bench.classical(),
        bench.ideal(),
        bench.seeds,
        bench.scale,
    );
}

/// The tables of one profile.
pub fn print_profile(
    profile: &str,
    bench: &Bench,
    rows: &[Row],
    curves: &[Curve],
    gated: &[Gated],
) {
    let classical = bench.classical();
    let line = rows.first().map_or(0.0, |row| row.ndcg - classical);
    println!("\n### {profile}\n");
    println!(
        "| strategy | nDCG@10 | gain, share of sliding's | with 10 % failing | calls | rounds | input tokens | output tokens | seconds |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for row in rows {
        println!(
            "| {} | {:.4} | {:.2} | {:.4} | {:.1} | {:.1} | {:.0} | {:.0} | {:.2} |",
            row.name,
            row.ndcg,
            (row.ndcg - classical) / line,
            row.ndcg_failing,
            row.calls,
            row.rounds,
            row.input_tokens,
            row.output_tokens,
            row.seconds,
        );
    }
    println!(
        "\n| nDCG@10 at a deadline of | {} |",
        curves.iter().map(|it| it.name).collect::<Vec<_>>().join(" | ")
    );
    println!("|---|{}", "---|".repeat(curves.len()));
    for (at, millis) in DEADLINES.into_iter().enumerate() {
        let figures: Vec<String> = curves.iter().map(|it| format!("{:.4}", it.ndcg[at])).collect();
        println!("| {:.2} s | {} |", millis as f64 / 1e3, figures.join(" | "));
    }
    println!("\n| `min_margin` | queries without a call | nDCG@10 of `refine` |");
    println!("|---|---|---|");
    for Gated { min_margin, spared, ndcg } in gated {
        println!("| {min_margin} | {:.0} % | {ndcg:.4} |", spared * 100.0);
    }
}
