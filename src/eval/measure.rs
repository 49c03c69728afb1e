//! The metrics of one query, by `trec_eval` 9's definitions.

use std::collections::HashMap;

use super::metric::{Kind, Metric};

/// A query's judgments, counted once for all of its metrics.
pub(super) struct Grades<'a> {
    by_document: &'a HashMap<&'a str, i32>,
    /// Lowest grade that counts as relevant.
    level: i32,
    relevant: usize,
    judged_not_relevant: usize,
    /// Grades above 0, best first: what an ideal ranking gains.
    ideal: Vec<i32>,
}

impl<'a> Grades<'a> {
    pub fn new(grades: &'a HashMap<&'a str, i32>, level: i32) -> Self {
        let mut ideal: Vec<i32> = grades.values().copied().filter(|&grade| grade > 0).collect();
        ideal.sort_unstable_by(|a, b| b.cmp(a));
        let relevant = grades.values().filter(|&&grade| grade >= level).count();
        let judged_not_relevant =
            grades.values().filter(|&&grade| (0..level).contains(&grade)).count();
        Self { by_document: grades, level, relevant, judged_not_relevant, ideal }
    }

    /// Whether there is anything to find.
    pub fn has_relevant(&self) -> bool {
        self.relevant > 0
    }

    /// The value of a metric for documents in this order.
    pub fn measure(&self, metric: Metric, documents: &[&str]) -> f64 {
        let cut = metric.cut.map_or(documents.len(), |cut| cut.get().min(documents.len()));
        let first = &documents[..cut];
        match metric.kind {
            Kind::Ndcg => self.ndcg(metric, first, f64::from),
            Kind::NdcgExp => self.ndcg(metric, first, |grade| f64::from(grade).exp2() - 1.0),
            Kind::Map => self.average_precision(first),
            Kind::Mrr => self.reciprocal_rank(first),
            Kind::Recall => share(self.found(first), self.relevant),
            Kind::Precision => share(self.found(first), cut_of(metric)),
            Kind::RPrecision => {
                let first = &documents[..self.relevant.min(documents.len())];
                share(self.found(first), self.relevant)
            }
            Kind::Bpref => self.bpref(documents),
            Kind::Success => f64::from(u8::from(self.found(first) > 0)),
            Kind::Judged => {
                let judged = first.iter().filter(|it| self.by_document.contains_key(**it)).count();
                share(judged, cut_of(metric))
            }
        }
    }

    fn grade(&self, document: &str) -> Option<i32> {
        self.by_document.get(document).copied()
    }

    fn is_relevant(&self, document: &str) -> bool {
        self.grade(document).is_some_and(|grade| grade >= self.level)
    }

    fn found(&self, documents: &[&str]) -> usize {
        documents.iter().filter(|document| self.is_relevant(document)).count()
    }

    /// Gains over the ideal ones, each divided by log2 of its rank plus one.
    fn ndcg(&self, metric: Metric, first: &[&str], gain: impl Fn(i32) -> f64) -> f64 {
        let discounted = |(at, grade): (usize, i32)| gain(grade) / ((at + 2) as f64).log2();
        let most = metric.cut.map_or(usize::MAX, std::num::NonZeroUsize::get);
        let ideal: f64 = self.ideal.iter().copied().take(most).enumerate().map(discounted).sum();
        if ideal <= 0.0 {
            return 0.0;
        }
        let gained = first.iter().map(|document| self.grade(document).unwrap_or(0).max(0));
        gained.enumerate().map(discounted).sum::<f64>() / ideal
    }

    fn average_precision(&self, first: &[&str]) -> f64 {
        let mut found = 0;
        let mut sum = 0.0;
        for (at, document) in first.iter().enumerate() {
            if self.is_relevant(document) {
                found += 1;
                sum += share(found, at + 1);
            }
        }
        if self.relevant == 0 { 0.0 } else { sum / self.relevant as f64 }
    }

    fn reciprocal_rank(&self, first: &[&str]) -> f64 {
        let place = first.iter().position(|document| self.is_relevant(document));
        place.map_or(0.0, |at| 1.0 / (at + 1) as f64)
    }

    fn bpref(&self, documents: &[&str]) -> f64 {
        let mut above = 0;
        let mut sum = 0.0;
        let most = self.relevant.min(self.judged_not_relevant);
        for grade in documents.iter().filter_map(|document| self.grade(document)) {
            if grade >= self.level {
                sum += 1.0 - share(above.min(self.relevant), most);
            } else if grade >= 0 {
                above += 1;
            }
        }
        if self.relevant == 0 { 0.0 } else { sum / self.relevant as f64 }
    }
}

fn cut_of(metric: Metric) -> usize {
    metric.cut.map_or(0, std::num::NonZeroUsize::get)
}

/// A part of a whole; 0 of nothing.
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    /// Grades 2, 1, 0 and −1 for a, b, c and d; e isn't judged.
    fn value(metric: &str, level: i32, order: &[&str]) -> f64 {
        let grades = HashMap::from([("a", 2), ("b", 1), ("c", 0), ("d", -1)]);
        Grades::new(&grades, level).measure(metric.parse().unwrap(), order)
    }

    #[test_case("ndcg@2", 1, &["b", "a"], 0.859_719 ; "linear gain")]
    #[test_case("ndcg_exp@2", 1, &["b", "a"], 0.796_708 ; "exponential gain")]
    #[test_case("ndcg@1", 1, &["b", "a"], 0.5 ; "the ideal is cut too")]
    #[test_case("ndcg@5", 2, &["a", "b"], 1.0 ; "gain knows no level")]
    #[test_case("ndcg", 1, &["d", "a", "b"], 0.669_672 ; "a negative grade gains nothing")]
    #[test_case("map", 1, &["e", "a", "c", "b"], 0.5 ; "average precision")]
    #[test_case("map", 2, &["e", "a", "c", "b"], 0.5 ; "a higher level")]
    #[test_case("map@2", 1, &["e", "a", "c", "b"], 0.25 ; "cut, over all relevant")]
    #[test_case("mrr", 1, &["e", "d", "b"], 0.333_333 ; "reciprocal rank")]
    #[test_case("mrr@2", 1, &["e", "d", "b"], 0.0 ; "too late")]
    #[test_case("recall@3", 1, &["e", "d", "b"], 0.5 ; "recall")]
    #[test_case("p@5", 1, &["a", "b"], 0.4 ; "precision over the cut, not over what there is")]
    #[test_case("rprec", 1, &["a", "c", "b"], 0.5 ; "R precision")]
    #[test_case("bpref", 1, &["c", "a", "b"], 0.0 ; "nothing preferred")]
    #[test_case("bpref", 1, &["a", "e", "d", "c", "b"], 0.5 ; "unjudged don't count")]
    #[test_case("success@2", 1, &["e", "b"], 1.0 ; "success")]
    #[test_case("success@1", 1, &["e", "b"], 0.0 ; "no success")]
    #[test_case("judged@4", 1, &["e", "d", "c"], 0.5 ; "judged")]
    #[test_case("ndcg@10", 1, &[], 0.0 ; "nothing found")]
    fn values(metric: &str, level: i32, order: &[&str], expected: f64) {
        let value = value(metric, level, order);
        assert!((value - expected).abs() < 1e-6, "{value}");
    }

    #[test]
    fn without_anything_relevant_all_is_zero() {
        let grades = HashMap::from([("a", 0)]);
        let topic = Grades::new(&grades, 1);
        assert!(!topic.has_relevant());
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Judged) {
            let cut = std::num::NonZeroUsize::new(5);
            assert!(topic.measure(Metric { kind, cut }, &["a", "b"]).abs() < 1e-12, "{kind:?}");
        }
    }
}
