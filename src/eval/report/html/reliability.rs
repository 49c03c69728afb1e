//! Whether the answers came about as they should.

use std::collections::BTreeMap;

use serde::Serialize;

use super::scale::tenth;
use super::shown::{share, thousands};
use crate::domain::Repairs;
use crate::eval::runner::Row;
use crate::eval::summary::{Measured, Summary, VariantSummary};

/// Statuses, best first.
const STATUSES: [&str; 4] = ["llm", "partial", "fallback", "classical"];

/// Pixels of the bar of all answers.
const ACROSS: f64 = 160.0;

/// One variant.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    variant: &'a str,
    answers: Vec<Part>,
    reasons: &'a BTreeMap<&'static str, usize>,
    calls: String,
    failed_calls: String,
    repairs: Repairs,
    identity: Option<Identity>,
}

/// The answers of one status.
#[derive(Serialize)]
struct Part {
    word: &'static str,
    count: usize,
    share: String,
    x: f64,
    width: f64,
}

/// Rankings in which an LLM took part and nothing moved.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Identity {
    same: usize,
    of: usize,
    share: String,
}

/// A line for each variant.
pub(super) fn lines<'a>(summary: &'a Summary, measured: &[Measured<'_>]) -> Vec<Line<'a>> {
    let rows = |name: &str| measured.iter().find(|it| it.name == name).map(|it| it.rows);
    summary.variants.iter().map(|it| line(it, rows(&it.name).unwrap_or_default())).collect()
}

fn line<'a>(variant: &'a VariantSummary, rows: &[Row]) -> Line<'a> {
    Line {
        variant: &variant.name,
        answers: parts(&variant.statuses),
        reasons: &variant.reasons,
        calls: thousands(variant.calls),
        failed_calls: thousands(variant.failed_calls),
        repairs: variant.repairs,
        identity: identity(rows),
    }
}

fn parts(statuses: &BTreeMap<&'static str, usize>) -> Vec<Part> {
    let all: usize = statuses.values().sum();
    let known = STATUSES.iter().filter_map(|word| Some((*word, *statuses.get(word)?)));
    let mut before = 0;
    let pixel = |count: usize| tenth(count as f64 / all.max(1) as f64 * ACROSS);
    known
        .map(|(word, count)| {
            let x = pixel(before);
            before += count;
            Part { word, count, share: share(count, all), x, width: tenth(pixel(before) - x) }
        })
        .collect()
}

fn identity(rows: &[Row]) -> Option<Identity> {
    let by_llm = || rows.iter().filter(|row| matches!(row.status, "llm" | "partial"));
    let unmoved = |row: &&Row| row.first_stage_ranks.iter().copied().eq(1..=row.order.len());
    let (same, of) = (by_llm().filter(unmoved).count(), by_llm().count());
    (of > 0).then(|| Identity { same, of, share: share(same, of) })
}

#[cfg(test)]
mod tests {
    use super::super::tests::row;
    use super::*;

    #[test]
    fn only_rankings_that_an_llm_had_a_part_in_can_repeat_the_first_stage() {
        let same = row("q1", "llm", &["a", "b"], &[1, 2]);
        let moved = row("q2", "partial", &["b", "a"], &[2, 1]);
        let classical = row("q3", "fallback", &["a", "b"], &[1, 2]);
        let found = identity(&[same, moved, classical.clone()]);
        assert_eq!(found, Some(Identity { same: 1, of: 2, share: "50.0 %".into() }));
        assert_eq!(identity(&[classical]), None);
    }

    #[test]
    fn the_parts_of_the_answers_make_a_whole() {
        let statuses = BTreeMap::from([("classical", 1), ("fallback", 1), ("llm", 5)]);
        let parts = parts(&statuses);
        let words: Vec<_> = parts.iter().map(|it| (it.word, it.count)).collect();
        assert_eq!(words, [("llm", 5), ("fallback", 1), ("classical", 1)]);
        for pair in parts.windows(2) {
            assert!((pair[0].x + pair[0].width - pair[1].x).abs() < 0.01);
        }
        let last = parts.last().unwrap();
        assert!((last.x + last.width - ACROSS).abs() < 0.01);
    }
}
