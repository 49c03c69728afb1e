//! nDCG@10 as `trec_eval` defines it: linear gain, and an ideal order that is
//! made of all judgments, also of documents that the corpus lacks.

use super::data::{DocIndex, Judged};

const CUT: usize = 10;

/// Means over the queries of a set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Over all of them.
    pub all: f64,
    /// Over every other one, from the first on: the half to choose by.
    pub choosing: f64,
    /// Over the other half, which confirms the choice or doesn't.
    pub confirming: f64,
}

/// Of one query's answer, best first.
pub fn ndcg(order: &[DocIndex], query: &Judged) -> f64 {
    let gains = order.iter().map(|place| query.grades.get(place).copied().unwrap_or(0.0));
    discounted(gains) / discounted(query.ideal.iter().copied())
}

fn discounted(gains: impl Iterator<Item = f64>) -> f64 {
    gains.take(CUT).zip(2_u32..).map(|(gain, rank)| gain.max(0.0) / f64::from(rank).log2()).sum()
}

impl Figures {
    /// From what was measured query by query.
    pub fn of(measured: &[f64]) -> Self {
        Self {
            all: mean(measured.iter()),
            choosing: mean(measured.iter().step_by(2)),
            confirming: mean(measured.iter().skip(1).step_by(2)),
        }
    }
}

fn mean<'a>(values: impl Iterator<Item = &'a f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    if n > 0.0 { sum / n } else { 0.0 }
}
