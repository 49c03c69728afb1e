//! The spend gate: no LLM where the classical order is sure of itself.

use crate::domain::{Candidate, CandidateList};

/// Whether the classical order's margin is `min_margin` or more. Never without
/// one, nor where there are no scores to tell.
pub(super) fn is_confident(candidates: &CandidateList, min_margin: Option<f64>) -> bool {
    match (min_margin, margin(candidates)) {
        (Some(least), Some(margin)) => margin >= least,
        _ => false,
    }
}

/// How far the first score is above the second, as a share of the first: in
/// [0, 1]. None where scores don't tell: fewer than two, or a first one that
/// isn't above 0.
fn margin(candidates: &CandidateList) -> Option<f64> {
    let [first, second, ..] = &candidates[..] else { return None };
    let score = |candidate: &Candidate| candidate.scores.deciding().map(f64::from);
    let (first, second) = (score(first)?, score(second)?.max(0.0));
    (first > 0.0).then(|| ((first - second) / first).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use test_case::test_case;

    use super::*;
    use crate::domain::{DocId, Document, FirstStageScores};

    fn list(scores: &[f32]) -> CandidateList {
        let candidate = |(at, &score): (usize, &f32)| Candidate {
            document: Arc::new(Document {
                id: DocId::from_index(at),
                title: String::new(),
                text: String::new(),
                metadata: serde_json::Map::new(),
            }),
            collection: None,
            scores: FirstStageScores { bm25: Some(score), ..FirstStageScores::default() },
        };
        CandidateList::new(scores.iter().enumerate().map(candidate).collect()).unwrap()
    }

    #[test_case(&[8.0, 6.0, 1.0], Some(0.25) ; "a quarter")]
    #[test_case(&[8.0, 8.0], Some(0.0) ; "a tie")]
    #[test_case(&[8.0, -1.0], Some(1.0) ; "alone")]
    #[test_case(&[0.0, -1.0], None ; "nothing found")]
    #[test_case(&[8.0], None ; "one")]
    fn margins_are_shares_of_the_first_score(scores: &[f32], expected: Option<f64>) {
        assert_eq!(margin(&list(scores)), expected);
    }

    #[test]
    fn it_is_off_unless_a_margin_is_given() {
        let clear = list(&[8.0, 1.0]);
        assert!(!is_confident(&clear, None));
        assert!(is_confident(&clear, Some(0.8)));
        assert!(!is_confident(&clear, Some(0.9)));
    }
}
