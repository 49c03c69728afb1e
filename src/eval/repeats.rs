//! The same questions asked several times: models don't always say the same.

use std::collections::BTreeMap;

use serde::Serialize;

use super::runner::Row;
use super::score::Scores;

/// How far answers to the same questions differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RepeatSummary {
    /// The mean of the headline metric in each round.
    pub means: Vec<f64>,
    /// Their standard deviation (of a sample: over n − 1).
    pub standard_deviation: f64,
    /// Share of the queries whose best result is the same in every round.
    pub same_first: f64,
    /// Share of the queries whose whole order is the same in every round.
    pub same_order: f64,
}

/// Each query's mean over the rounds: queries are what is compared, and several
/// answers to one are no independent witnesses.
#[must_use]
pub fn mean_scores(rounds: &[Scores]) -> Scores {
    let Some(first) = rounds.first() else { return Scores::default() };
    let mut mean = first.clone();
    for (query, values) in &mut mean.by_query {
        for (at, value) in values.iter_mut().enumerate() {
            let of_round = |round: &Scores| round.by_query.get(query).map_or(0.0, |it| it[at]);
            *value = rounds.iter().map(of_round).sum::<f64>() / rounds.len() as f64;
        }
    }
    mean
}

/// How far the rounds differ; none where there is only one.
#[must_use]
pub(super) fn repeated(rounds: &[Scores], rows: &[Row]) -> Option<RepeatSummary> {
    if rounds.len() < 2 {
        return None;
    }
    let headline = |round: &Scores| round.means().first().copied().unwrap_or_default();
    let means: Vec<f64> = rounds.iter().map(headline).collect();
    let mean = means.iter().sum::<f64>() / means.len() as f64;
    let squares: f64 = means.iter().map(|it| (it - mean).powi(2)).sum();
    let mut orders = BTreeMap::<&str, Vec<&[String]>>::new();
    for row in rows {
        orders.entry(&row.query).or_default().push(&row.order);
    }
    let share = |same: &dyn Fn(&[String], &[String]) -> bool| {
        let all_same = |it: &&Vec<&[String]>| it.windows(2).all(|pair| same(pair[0], pair[1]));
        orders.values().filter(all_same).count() as f64 / orders.len().max(1) as f64
    };
    Some(RepeatSummary {
        standard_deviation: (squares / (means.len() - 1) as f64).sqrt(),
        means,
        same_first: share(&|a, b| a.first() == b.first()),
        same_order: share(&|a, b| a == b),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Repairs, Usage};

    fn scores(values: [f64; 2]) -> Scores {
        let by_query = ["q1", "q2"].iter().zip(values);
        Scores {
            metrics: vec!["mrr".parse().unwrap()],
            by_query: by_query.map(|(query, value)| ((*query).to_owned(), vec![value])).collect(),
        }
    }

    fn row(query: &str, repeat: u32, order: &[&str]) -> Row {
        Row {
            query: query.into(),
            variant: "v".into(),
            repeat,
            status: "llm",
            reason: None,
            order: order.iter().map(ToString::to_string).collect(),
            first_stage_ranks: Vec::new(),
            calls: 1,
            rounds: 1,
            failed_calls: 0,
            repairs: Repairs::default(),
            usage: Usage::default(),
            latency_ms: 1.0,
            explain: None,
        }
    }

    #[test]
    fn queries_have_their_mean_and_rounds_their_spread() {
        let rounds = [scores([1.0, 0.0]), scores([0.5, 0.0]), scores([0.0, 0.0])];
        assert_eq!(mean_scores(&rounds), scores([0.5, 0.0]));
        let rows = [
            row("q1", 1, &["a", "b", "c"]),
            row("q1", 2, &["a", "c", "b"]),
            row("q2", 1, &["d"]),
            row("q2", 2, &["d"]),
        ];
        let found = repeated(&rounds, &rows).unwrap();
        assert_eq!((found.same_first, found.same_order), (1.0, 0.5));
        assert_eq!((found.means, found.standard_deviation), (vec![0.5, 0.25, 0.0], 0.25));
        assert_eq!(repeated(&rounds[..1], &rows[..1]), None);
    }
}
