//! The order that the evidence makes most likely.
//!
//! Each reply is taken for draws without replacement from the documents it was
//! shown, each with probability proportional to `exp(θ)` (Plackett, "The
//! analysis of permutations", 1975; Luce, "Individual choice behavior", 1959).
//! Documents that a reply left unranked stay in every denominator and in no
//! numerator. The classical order is a Gaussian prior on the strengths:
//!
//! ```text
//! Σ_replies Σ_t [θ(o_t) − log Σ_(j≥t) exp θ(j)] − λ/2 Σ (θ_i − m_i)²
//! m_i = −a · ln rank_i
//! ```
//!
//! So before any reply the strengths `exp θ` fall like `rank^−a`: the first
//! few places of the classical order mean much, those far down hardly
//! anything, and the length of the list changes nothing.
//! `docs/strategies.md` has what other priors gave.
//!
//! The maximum is found by damped Newton steps on the diagonal; the objective
//! is concave, so that it is the only one.

use super::{Evidence, PartialOrder};

/// How steeply strengths fall with the classical rank (`a`).
const PRIOR_SLOPE: f64 = 0.43;
/// How strongly the prior holds (`λ`).
const PRIOR_WEIGHT: f64 = 1.0;
/// Share of a Newton step that is taken.
const DAMPING: f64 = 0.7;
/// Longest step.
const LONGEST_STEP: f64 = 1.5;
/// Most steps.
const STEPS: usize = 60;
/// Steps shorter than this change no order.
const SETTLED: f64 = 1e-3;

/// What is known of the strength of each document, by classical position.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Strengths {
    /// The most likely strength.
    mean: Vec<f64>,
    /// Curvature of the objective at it: the inverse of the variance.
    precision: Vec<f64>,
}

impl Strengths {
    /// The most likely strengths after all usable replies.
    pub fn of(known: &Evidence) -> Self {
        let prior = prior(known.candidates());
        let mut fit = Self { precision: vec![PRIOR_WEIGHT; prior.len()], mean: prior.clone() };
        let orders: Vec<&PartialOrder> = known.usable().collect();
        let mut slope = vec![0.0; prior.len()];
        for _ in 0..STEPS {
            for (at, mean) in fit.mean.iter().enumerate() {
                slope[at] = -PRIOR_WEIGHT * (mean - prior[at]);
                fit.precision[at] = PRIOR_WEIGHT;
            }
            let weights = exponentials(&fit.mean);
            for order in &orders {
                add(order, &weights, &mut slope, &mut fit.precision);
            }
            let mut longest: f64 = 0.0;
            for (at, mean) in fit.mean.iter_mut().enumerate() {
                let step = DAMPING * slope[at] / fit.precision[at];
                let step = step.clamp(-LONGEST_STEP, LONGEST_STEP);
                *mean += step;
                longest = longest.max(step.abs());
            }
            if longest < SETTLED {
                break;
            }
        }
        fit
    }

    /// Positions from the strongest to the weakest; equal ones in classical
    /// order.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.mean.len()).collect();
        order.sort_by(|&a, &b| self.mean[b].total_cmp(&self.mean[a]).then(a.cmp(&b)));
        order
    }

    /// How many documents may or may not be among the best `k`: those for
    /// which neither has a probability of `sure` or more. (The rule by which
    /// `AcuRank` goes on, Yoon et al., 2025.)
    pub fn undecided(&self, k: usize, sure: f64) -> usize {
        let order = self.order();
        let (Some(&last_in), Some(&first_out)) = (order.get(k.wrapping_sub(1)), order.get(k))
        else {
            return 0;
        };
        let border = f64::midpoint(self.mean[last_in], self.mean[first_out]);
        let distances = self.mean.iter().zip(&self.precision);
        distances
            .filter(|(mean, precision)| {
                normal_cdf((**mean - border).abs() * precision.sqrt()) < sure
            })
            .count()
    }
}

fn prior(candidates: usize) -> Vec<f64> {
    (1..=candidates).map(|rank| -PRIOR_SLOPE * (rank as f64).ln()).collect()
}

/// `exp θ`, scaled so that none overflows: only ratios count.
fn exponentials(means: &[f64]) -> Vec<f64> {
    let top = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    means.iter().map(|mean| (mean - top).exp()).collect()
}

/// Adds one reply's slope and curvature.
fn add(order: &PartialOrder, weights: &[f64], slope: &mut [f64], precision: &mut [f64]) {
    let mut left: f64 = order.ranked.iter().chain(&order.unranked).map(|&at| weights[at]).sum();
    // Sums of 1/left and 1/left² over the draws so far.
    let (mut inverse, mut inverse_square) = (0.0, 0.0);
    let draws = order.ranked.len() - usize::from(order.unranked.is_empty()).min(order.ranked.len());
    let mut expect = |at: usize, inverse: f64, inverse_square: f64| {
        let expected = weights[at] * inverse;
        slope[at] -= expected;
        precision[at] += (expected - weights[at] * weights[at] * inverse_square).max(0.0);
    };
    for (draw, &at) in order.ranked.iter().enumerate() {
        // The last of a complete order is no draw: nothing else was left.
        if draw < draws {
            let rest = left.max(f64::MIN_POSITIVE);
            inverse += 1.0 / rest;
            inverse_square += 1.0 / (rest * rest);
        }
        expect(at, inverse, inverse_square);
        left -= weights[at];
    }
    for &at in &order.unranked {
        expect(at, inverse, inverse_square);
    }
    for &at in &order.ranked[..draws] {
        slope[at] += 1.0;
    }
}

/// Φ by the logistic approximation of Bowling et al. (2009), off by 1.4e-4 at
/// most.
fn normal_cdf(z: f64) -> f64 {
    1.0 / (1.0 + (-0.07056 * z.powi(3) - 1.5976 * z).exp())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::Answered;
    use super::*;

    fn evidence(candidates: usize, orders: &[(Vec<usize>, Vec<usize>)]) -> Evidence {
        let mut known = Evidence::none(candidates);
        for (at, (ranked, unranked)) in orders.iter().enumerate() {
            let order = PartialOrder {
                ranked: ranked.clone(),
                unranked: unranked.clone(),
                grades: Vec::new(),
            };
            known.note((0, at), Answered::Usable(order));
        }
        known
    }

    fn order(candidates: usize, orders: &[(Vec<usize>, Vec<usize>)]) -> Vec<usize> {
        Strengths::of(&evidence(candidates, orders)).order()
    }

    #[test]
    fn without_replies_it_is_the_classical_order() {
        assert_eq!(order(5, &[]), [0, 1, 2, 3, 4]);
        assert_eq!(order(1, &[]), [0]);
        assert!(order(0, &[]).is_empty());
    }

    #[test]
    fn a_complete_reply_decides() {
        assert_eq!(order(4, &[(vec![3, 2, 1, 0], vec![])]), [3, 2, 1, 0]);
    }

    #[test]
    fn what_was_left_unranked_is_behind_what_was_ranked() {
        let order = order(6, &[(vec![5, 4], vec![0, 1])]);
        let place = |at| order.iter().position(|&it| it == at).unwrap();
        assert!(place(5) < place(4) && place(4) < place(0) && place(0) < place(1));
    }

    #[test]
    fn replies_join_documents_that_were_never_shown_together() {
        // 4 beats 2, and 2 beats 0.
        let order = order(5, &[(vec![4, 2], vec![]), (vec![2, 0], vec![])]);
        let place = |at| order.iter().position(|&it| it == at).unwrap();
        assert!(place(4) < place(2) && place(2) < place(0));
    }

    /// The slope of the objective at the maximum is zero.
    #[test]
    fn it_is_the_maximum() {
        let orders = [(vec![4, 0, 3], vec![1, 2]), (vec![2, 1], vec![]), (vec![3, 4], vec![0])];
        let known = evidence(5, &orders);
        let mut fit = Strengths::of(&known);
        let objective = |means: &[f64]| {
            let mut sum = 0.0;
            for order in known.usable() {
                for (draw, at) in order.ranked.iter().enumerate() {
                    let left = order.ranked[draw..].iter().chain(&order.unranked);
                    sum += means[*at] - left.map(|&it| means[it].exp()).sum::<f64>().ln();
                }
            }
            let prior = prior(5);
            let far = means.iter().zip(&prior).map(|(mean, prior)| (mean - prior).powi(2));
            sum - PRIOR_WEIGHT / 2.0 * far.sum::<f64>()
        };
        let best = objective(&fit.mean);
        for at in 0..5 {
            for step in [-0.05, 0.05] {
                fit.mean[at] += step;
                assert!(objective(&fit.mean) < best, "{at} {step}");
                fit.mean[at] -= step;
            }
        }
    }

    #[test]
    fn the_more_is_known_the_less_is_undecided() {
        let few = evidence(20, &[((0..20).collect(), vec![])]);
        let many = evidence(20, &vec![((0..20).collect(), vec![]); 30]);
        let undecided = |known| Strengths::of(known).undecided(10, 0.95);
        assert!(undecided(&many) < undecided(&few), "{} {}", undecided(&many), undecided(&few));
        assert_eq!(Strengths::of(&few).undecided(20, 0.95), 0, "all are in");
        assert_eq!(Strengths::of(&few).undecided(0, 0.95), 0);
    }

    #[test]
    fn phi_is_close_enough() {
        for (z, phi) in [(0.0_f64, 0.5), (1.0, 0.841_345), (1.644_854, 0.95), (2.5, 0.993_79)] {
            assert!((normal_cdf(z) - phi).abs() < 2e-4, "{z}");
        }
    }

    proptest! {
        #[test]
        fn any_replies_give_a_permutation(
            candidates in 1_usize..60,
            shuffles in prop::collection::vec((any::<u64>(), 1_usize..30, 0_usize..30), 0..25),
        ) {
            let all: Vec<usize> = (0..candidates).collect();
            let orders: Vec<_> = shuffles
                .iter()
                .map(|&(seed, shown, ranked)| {
                    let mut shown: Vec<usize> =
                        super::super::arrange::shuffled(&all, seed, 0).into_iter().take(shown).collect();
                    let unranked = shown.split_off(ranked.min(shown.len()));
                    (shown, unranked)
                })
                .collect();
            let order = order(candidates, &orders);
            prop_assert_eq!(order.iter().copied().collect::<BTreeSet<_>>().len(), candidates);
            prop_assert_eq!(order.len(), candidates);
        }
    }
}
