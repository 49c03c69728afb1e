//! `pointwise`: one call a document, ordered by the probability of Yes.

use super::strategy::by_grade;
use super::{Evidence, Standing, Strategy, Window};

/// As many calls as documents, all independent: the best of all with small
/// models that return log probabilities.
pub(super) struct Pointwise;

impl Strategy for Pointwise {
    fn next(&self, known: &Evidence) -> Vec<Window> {
        if known.rounds() > 0 {
            return Vec::new();
        }
        (0..known.candidates())
            .map(|position| Window { members: vec![position], wanted: 1 })
            .collect()
    }

    fn to_rank(&self, candidates: usize) -> usize {
        candidates
    }

    fn standing(&self, known: &Evidence) -> Standing {
        by_grade(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_about_each_document_alone() {
        let windows = Pointwise.next(&Evidence::none(3));
        assert_eq!(windows.len(), 3);
        assert!(windows.iter().enumerate().all(|(at, window)| window.members == [at]));
    }
}
