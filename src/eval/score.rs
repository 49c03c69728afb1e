//! A run against judgments.

use std::collections::BTreeMap;

use super::judgments::Judgments;
use super::measure::Grades;
use super::metric::Metric;
use super::run::Run;

/// Values by query, and their means.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// The metrics, in the order in which they were asked for.
    pub metrics: Vec<Metric>,
    /// Each query that has a relevant document, with a value for each metric.
    /// One that is missing from the run has zeros.
    pub by_query: BTreeMap<String, Vec<f64>>,
}

impl Scores {
    /// Means over [`Scores::by_query`]; zeros where there is none.
    #[must_use]
    pub fn means(&self) -> Vec<f64> {
        let n = self.by_query.len().max(1) as f64;
        let mean = |at: usize| self.by_query.values().map(|values| values[at]).sum::<f64>() / n;
        (0..self.metrics.len()).map(mean).collect()
    }
}

/// Measures a run. `level` is the lowest grade that counts as relevant, where a
/// metric knows only relevant or not; it doesn't change what nDCG gains.
#[must_use]
pub fn score(judgments: &Judgments<'_>, run: &Run<'_>, metrics: &[Metric], level: i32) -> Scores {
    let mut by_query = BTreeMap::new();
    for (query, grades) in judgments.iter() {
        let topic = Grades::new(grades, level);
        if topic.has_relevant() {
            let documents = run.of(query).unwrap_or_default();
            let values = metrics.iter().map(|&metric| topic.measure(metric, documents));
            by_query.insert(query.to_owned(), values.collect());
        }
    }
    Scores { metrics: metrics.to_vec(), by_query }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(run: &str, level: i32) -> Scores {
        let judgments = Judgments::parse("q1 0 a 1\nq2 0 b 2\nq3 0 c 0\n", "qrels").unwrap();
        let run = Run::parse(run, "run").unwrap();
        let metrics = ["mrr", "p@1"].map(|name| name.parse().unwrap());
        score(&judgments, &run, &metrics, level)
    }

    #[test]
    fn queries_without_an_answer_count_as_zero_and_without_a_question_not_at_all() {
        let found = scores("q1 Q0 x 1 2 t\nq1 Q0 a 2 1 t\nq9 Q0 a 1 1 t\n", 1);
        let expected =
            BTreeMap::from([("q1".to_owned(), vec![0.5, 0.0]), ("q2".to_owned(), vec![0.0, 0.0])]);
        assert_eq!(found.by_query, expected);
        assert_eq!(found.means(), [0.25, 0.0]);
    }

    #[test]
    fn a_level_changes_which_queries_count() {
        let found = scores("q2 Q0 b 1 1 t\n", 2);
        assert_eq!(found.by_query.keys().collect::<Vec<_>>(), ["q2"]);
        assert_eq!(found.means(), [1.0, 1.0]);
        assert_eq!(scores("", 3).means(), [0.0, 0.0]);
    }
}
