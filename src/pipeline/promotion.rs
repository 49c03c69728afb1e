//! Bounded promotion: how far an LLM may lift what the first stage put low.
//!
//! An instruction that hides in a document makes a model put that document
//! first. No wording of a prompt prevents this for good; a bound that doesn't
//! depend on the model does.

use crate::domain::Ranking;

/// What an LLM may not lift into the best `top`: everything below first-stage
/// rank `below`. Never `top` above `below`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Promotion {
    pub below: usize,
    pub top: usize,
}

impl Promotion {
    /// The ranking with nothing from below the bound among its best, and how
    /// many documents were held back. What is held back keeps its order and
    /// follows right behind the best; everything else keeps its own.
    pub fn bound(self, ranking: Ranking) -> (Ranking, u32) {
        let may_lead = |&position: &usize| position < self.below;
        let lifted = ranking.order().iter().take(self.top).filter(|it| !may_lead(it)).count();
        if lifted == 0 {
            return (ranking, 0);
        }
        let best = ranking.order().iter().filter(|it| may_lead(it)).take(self.top);
        let order = best.chain(ranking.order()).copied();
        let bound = Ranking::with_preferred(ranking.len(), order);
        (bound, u32::try_from(lifted).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bound(below: usize, top: usize, order: &[usize]) -> (Vec<usize>, u32) {
        let ranking = Ranking::new(order.to_vec()).unwrap();
        let (bound, held_back) = Promotion { below, top }.bound(ranking);
        (bound.order().to_vec(), held_back)
    }

    #[test]
    fn what_is_held_back_follows_the_best() {
        assert_eq!(bound(3, 2, &[4, 2, 3, 0, 1]), (vec![2, 0, 4, 3, 1], 1));
        assert_eq!(bound(2, 2, &[4, 3, 2, 1, 0]), (vec![1, 0, 4, 3, 2], 2));
        assert_eq!(bound(3, 2, &[2, 1, 4, 3, 0]), (vec![2, 1, 4, 3, 0], 0));
    }

    #[test]
    fn a_short_list_has_nothing_below_the_bound() {
        assert_eq!(bound(50, 10, &[2, 0, 1]), (vec![2, 0, 1], 0));
        assert_eq!(bound(1, 1, &[]), (vec![], 0));
    }

    proptest! {
        #[test]
        fn nothing_from_below_gets_into_the_best(
            order in Just((0..40usize).collect::<Vec<_>>()).prop_shuffle(),
            top in 1usize..20,
            more in 0usize..30,
        ) {
            let below = top + more;
            let (bound, held_back) = bound(below, top, &order);
            prop_assert!(bound[..top].iter().all(|&position| position < below));
            prop_assert_eq!(held_back == 0, bound == order);
            let kept = |order: &[usize], above: bool| -> Vec<usize> {
                order.iter().copied().filter(|&position| (position < below) == above).collect()
            };
            // On either side of the bound the model's order stays.
            prop_assert_eq!(kept(&bound, true), kept(&order, true));
            prop_assert_eq!(kept(&bound, false), kept(&order, false));
        }
    }
}
