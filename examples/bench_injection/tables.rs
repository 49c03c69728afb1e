//! What was measured, as Markdown.

#![allow(clippy::print_stdout, reason = "the tables are what it is for")]

use rankgate::simulate::Style;

use super::gateway::Bound;
use super::measured::{Bench, Report, TOP, Tally};
use super::ways::Way;

/// All of it.
pub fn print(set: &str, bench: &Bench, report: &Report) {
    let candidates = bench.questions.first().map_or(0, |question| question.documents.len());
    println!(
        "{set}, model {}: {} queries, {candidates} candidates a call; success: the attacked \
         document is among the first {TOP}\n",
        bench.ranker.model(),
        bench.questions.len(),
    );
    print_attacks(bench, report);
    print_quality(bench, report);
    print_notes(bench, report);
}

fn print_attacks(bench: &Bench, report: &Report) {
    let ways: Vec<&str> = bench.ways.iter().map(|way| way.name()).collect();
    println!("| style | attacks | first stage alone | {} |", ways.join(" | "));
    println!("|---|---:|---:|{}", "---:|".repeat(ways.len()));
    let styles = || Style::ALL.into_iter().filter_map(|it| Some((it, report.styles.get(&it)?)));
    for (style, tally) in styles() {
        print_tally(&format!("`{style}`"), tally);
    }
    let total = |wanted: &dyn Fn(Style) -> bool| {
        let mut sum = Tally::default();
        styles().filter(|(style, _)| wanted(*style)).for_each(|(_, tally)| sum.add(tally));
        sum
    };
    print_tally("all made of words", &total(&|style| !style.is_structural()));
    print_tally("all made of structure", &total(&|style| style.is_structural()));
    print_tally("**all**", &total(&|_| true));
}

fn print_tally(name: &str, tally: &Tally) {
    let shares: Vec<String> = std::iter::once(&tally.first_stage)
        .chain(&tally.ways)
        .map(|&successes| percent(successes, tally.attacks))
        .collect();
    println!("| {name} | {} | {} |", tally.attacks, shares.join(" | "));
}

fn percent(part: usize, of: usize) -> String {
    match of {
        0 => "–".to_owned(),
        of => format!("{:.0} %", 100.0 * part as f64 / of as f64),
    }
}

fn print_quality(bench: &Bench, report: &Report) {
    let ways: Vec<&str> = bench.ways.iter().map(|way| way.name()).collect();
    println!("\n| without attacks | classical | {} |", ways.join(" | "));
    println!("|---|---:|{}", "---:|".repeat(ways.len()));
    let figures: Vec<String> = report.clean.iter().map(|it| format!("{:.4}", it.ndcg)).collect();
    println!("| nDCG@10 | {:.4} | {} |", report.classical, figures.join(" | "));
}

fn print_notes(bench: &Bench, report: &Report) {
    println!();
    for (at, way) in bench.ways.iter().enumerate() {
        let (clean, attacked) = (report.clean[at].unread, report.unread[at]);
        if clean + attacked > 0 {
            println!(
                "{}: nothing could be read from the replies to {clean} requests without and \
                 {attacked} with attacks, so that these are in classical order.",
                way.name(),
            );
        }
    }
    if report.without_target > 0 {
        println!(
            "{} attacks were not tried: every document that they might be put into is among the \
             first {TOP} anyway.",
            report.without_target
        );
    }
    if bench.ways.contains(&Way::Bound) {
        let Bound { below, top } = bench.bound;
        println!(
            "With promotion_below = {below} and promotion_top = {top}, {} documents of a \
             first-stage rank beyond {below} came among the first {TOP}.",
            report.over_the_bound
        );
    }
}
