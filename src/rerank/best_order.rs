//! The standing of strategies that order documents by comparing them.

use super::plackett_luce::Strengths;
use super::{Evidence, Standing};
use crate::domain::Ranking;

/// The part of the classical order that users see most of.
const HEAD: usize = 20;

/// The most likely order, once the replies cover enough of the classical
/// order's head; the classical order until then. Replies on documents from
/// below alone would only move them past documents that nobody compared them
/// with.
/// `to_rank`: documents that the strategy means to rank, from the first on.
pub(super) fn best_order(known: &Evidence, to_rank: usize) -> Standing {
    if !covers_the_head(known, to_rank) {
        return Standing::classical(known.candidates());
    }
    let order = Strengths::of(known).order();
    Standing {
        ranking: Ranking::with_preferred(known.candidates(), order),
        grades: vec![None; known.candidates()],
        follows_replies: true,
    }
}

fn covers_the_head(known: &Evidence, to_rank: usize) -> bool {
    let covered = known.covered();
    let head = &covered[..HEAD.min(to_rank).min(covered.len())];
    let seen = head.iter().filter(|&&covered| covered).count();
    seen > 0 && seen * 2 >= head.len()
}

#[cfg(test)]
mod tests {
    use super::super::{Answered, PartialOrder};
    use super::*;

    fn evidence(candidates: usize, ranked: &[usize]) -> Evidence {
        let mut known = Evidence::none(candidates);
        let order = PartialOrder { ranked: ranked.to_vec(), ..PartialOrder::default() };
        known.note((0, 0), Answered::Usable(order));
        known
    }

    #[test]
    fn replies_on_the_tail_alone_move_nothing() {
        let tail: Vec<usize> = (30..50).rev().collect();
        let standing = best_order(&evidence(100, &tail), 100);
        assert!(standing.ranking.is_classical() && !standing.follows_replies);
    }

    #[test]
    fn replies_on_half_of_the_head_count() {
        let half: Vec<usize> = (0..10).rev().collect();
        let standing = best_order(&evidence(100, &half), 100);
        assert!(standing.follows_replies);
        assert_eq!(standing.ranking.order()[0], 9);
        assert!(best_order(&evidence(3, &[2, 1, 0]), 3).follows_replies);
        assert!(!best_order(&Evidence::none(0), 0).follows_replies);
    }
}
