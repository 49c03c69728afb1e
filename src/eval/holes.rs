//! What documents that nobody judged may hide: the headline metric with them
//! taken in different ways.
//!
//! `trec_eval` takes them as not relevant, which is hard on a system that finds
//! what no earlier system found. Taken out of the rankings (condensed lists; T.
//! Sakai, Alternatives to Bpref, SIGIR 2007) they neither help nor hurt. With a
//! judge's grades in their place they count as what they are, as far as the judge
//! is right.

use std::collections::{BTreeMap, BTreeSet};

use super::judgments::Judgments;
use super::measure::Grades;
use super::metric::Metric;
use super::run::Run;
use super::summary::HolesSummary;

/// What is measured, and over what.
#[derive(Clone, Copy, Debug)]
pub struct Headline<'a> {
    /// The metric.
    pub metric: Metric,
    /// Lowest grade that counts as relevant.
    pub level: i32,
    /// The queries that were asked.
    pub queries: &'a BTreeSet<&'a str>,
}

/// Documents among the first `depth` of any of the runs that nobody judged, by
/// query: each once, whoever found it, in the order of their ids.
#[must_use]
pub fn unjudged<'a, 'r: 'a>(
    judgments: &Judgments<'_>,
    runs: impl IntoIterator<Item = &'a Run<'r>>,
    queries: &BTreeSet<&str>,
    depth: usize,
) -> BTreeMap<&'r str, BTreeSet<&'r str>> {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (query, documents) in runs.into_iter().flat_map(Run::iter) {
        if !queries.contains(query) {
            continue;
        }
        let judged = judgments.of(query);
        let is_open = |document: &&str| !judged.is_some_and(|it| it.contains_key(*document));
        let open = documents.iter().copied().take(depth).filter(is_open);
        found.entry(query).or_default().extend(open);
    }
    found.retain(|_, documents| !documents.is_empty());
    found
}

/// Measures the runs of one variant in every way: one for each time that the
/// queries were asked. `filled` are the judgments with a judge's grades, where
/// there are any.
#[must_use]
pub fn holes(
    headline: &Headline<'_>,
    judgments: &Judgments<'_>,
    filled: Option<&Judgments<'_>>,
    runs: &[Run<'_>],
) -> HolesSummary {
    let Headline { metric, level, queries } = *headline;
    let (mut seen, mut unjudged, mut ungraded) = (0, 0, 0);
    let (mut as_not_relevant, mut condensed, mut judge_filled) = (0.0, 0.0, 0.0);
    for (run, query) in runs.iter().flat_map(|run| queries.iter().map(move |query| (run, query))) {
        let Some(grades) = judgments.of(query) else { continue };
        let documents = run.of(query).unwrap_or_default();
        let cut = metric.cut.map_or(documents.len(), |cut| cut.get().min(documents.len()));
        let first = &documents[..cut];
        seen += cut;
        unjudged += first.iter().filter(|it| !grades.contains_key(**it)).count();
        let judged: Vec<&str> =
            documents.iter().copied().filter(|it| grades.contains_key(*it)).collect();
        let topic = Grades::new(grades, level);
        as_not_relevant += topic.measure(metric, documents);
        condensed += topic.measure(metric, &judged);
        if let Some(grades) = filled.and_then(|filled| filled.of(query)) {
            ungraded += first.iter().filter(|it| !grades.contains_key(**it)).count();
            judge_filled += Grades::new(grades, level).measure(metric, documents);
        }
    }
    let n = (queries.len() * runs.len()).max(1) as f64;
    HolesSummary {
        metric,
        seen,
        unjudged,
        as_not_relevant: as_not_relevant / n,
        condensed: condensed / n,
        judge_filled: filled.map(|_| judge_filled / n),
        ungraded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QRELS: &str = "q 0 a 2\nq 0 b 1\nq 0 c 0\nr 0 a 1\n";

    fn run<'t>(orders: &[(&'t str, &[&'t str])]) -> Run<'t> {
        Run::of_orders(orders.iter().map(|(query, order)| (*query, order.to_vec())).collect())
    }

    fn close(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-6, "{value}, not {expected}");
    }

    #[test]
    fn condensed_lists_are_what_is_left_without_the_unjudged() {
        let judgments = Judgments::parse(QRELS, "f").unwrap();
        let queries = BTreeSet::from(["q", "r"]);
        let headline = Headline { metric: "ndcg@3".parse().unwrap(), level: 1, queries: &queries };
        let run = run(&[("q", &["x", "b", "y", "a", "c"]), ("r", &["a", "x"]), ("s", &["z"])]);
        let found = holes(&headline, &judgments, None, &[run]);
        assert_eq!((found.seen, found.unjudged, found.ungraded), (5, 3, 0));
        // q: 1/log2(3) of 2 + 1/log2(3); r: 1.
        close(found.as_not_relevant, f64::midpoint(0.239_812, 1.0));
        // q: b, a, c, so 1 + 2/log2(3) of the same; r: 1.
        close(found.condensed, f64::midpoint(0.859_719, 1.0));
        assert_eq!(found.judge_filled, None);
    }

    #[test]
    fn a_judge_s_grades_count_for_what_is_gained_and_for_what_there_is_to_gain() {
        let judgments = Judgments::parse(QRELS, "f").unwrap();
        let queries = BTreeSet::from(["q", "r"]);
        let headline = Headline { metric: "ndcg@3".parse().unwrap(), level: 1, queries: &queries };
        let run = run(&[("q", &["x", "b", "y", "a", "c"]), ("r", &["a", "x"])]);
        // The judge's word on what is judged is not heard.
        let filled = judgments.filled([("q", "x", 2), ("q", "b", 0), ("r", "x", 0)]);
        let found = holes(&headline, &judgments, Some(&filled), &[run]);
        // q: 2 + 1/log2(3) of 2 + 2/log2(3) + 1/2; y has no grade. r: 1.
        close(found.judge_filled.unwrap(), f64::midpoint(0.699_369, 1.0));
        assert_eq!((found.unjudged, found.ungraded), (3, 1));
        close(found.condensed, f64::midpoint(0.859_719, 1.0));
    }

    #[test]
    fn what_is_measured_as_not_relevant_is_the_headline() {
        let judgments = Judgments::parse(QRELS, "f").unwrap();
        let run = run(&[("q", &["x", "b", "y", "a", "c"])]);
        let metric = "map".parse().unwrap();
        let queries = BTreeSet::from(["q", "r"]);
        let headline = Headline { metric, level: 1, queries: &queries };
        let scores = crate::eval::score(&judgments, &run, &[metric], 1);
        let found = holes(&headline, &judgments, None, &[run]);
        close(found.as_not_relevant, scores.means()[0]);
        assert_eq!((found.seen, found.unjudged), (5, 2), "all of it where nothing is cut");
        // Precision 1 of b and of a, of two that are relevant; nothing was found for r.
        close(found.condensed, 0.5);
    }

    #[test]
    fn queries_that_were_asked_twice_count_as_the_mean_of_both() {
        let judgments = Judgments::parse(QRELS, "f").unwrap();
        let queries = BTreeSet::from(["r"]);
        let headline = Headline { metric: "mrr@2".parse().unwrap(), level: 1, queries: &queries };
        let rounds = [run(&[("r", &["a", "x"])]), run(&[("r", &["x", "a"])])];
        let found = holes(&headline, &judgments, None, &rounds);
        assert_eq!((found.seen, found.unjudged), (4, 2));
        close(found.as_not_relevant, 0.75);
        close(found.condensed, 1.0);
    }

    #[test]
    fn each_pair_is_looked_for_once_and_no_deeper_than_wanted() {
        let judgments = Judgments::parse(QRELS, "f").unwrap();
        let runs = [
            run(&[("q", &["x", "a", "y", "z"]), ("r", &["b"]), ("other", &["x"])]),
            run(&[("q", &["y", "x", "b"]), ("r", &["a"])]),
        ];
        let found = unjudged(&judgments, &runs, &BTreeSet::from(["q", "r"]), 3);
        let expected = BTreeMap::from([("q", BTreeSet::from(["x", "y"])), ("r", ["b"].into())]);
        assert_eq!(found, expected);
        assert!(unjudged(&judgments, &runs[1..], &BTreeSet::from(["r"]), 3).is_empty());
    }
}
