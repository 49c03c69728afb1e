//! Fusion of components, the same for every engine.
//!
//! Two kinds. *Relative*: each component's scores are brought to [0, 1] by its
//! own best and worst hit and then summed by the component's share (relative
//! score fusion, a convex combination after min-max scaling; see Bruch, Gai and
//! Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", 2022). *RRF*:
//! sums of `weight / (k + rank)` (Cormack, Clarke and Büttcher, "Reciprocal Rank
//! Fusion Outperforms Condorcet and Individual Rank Learning Methods", 2009). A
//! document that a component did not find gets 0 from it.
//!
//! Ranks throw away how sure a component is, and that is what the weaker one
//! lacks: `docs/classical.md` has the figures of both on three labelled sets.
//!
//! Engines don't promise an order of ties, so each component is brought into
//! one order here (score, then document id) before it counts.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::Hash;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lexical::{InvalidSetting, weights};

/// Orders hits by score, best first, and equal scores by id. A score that is
/// not a number comes last.
pub fn order<Id: Ord>(hits: &mut [(Id, f32)]) {
    hits.sort_unstable_by(|a, b| descending(a.1, b.1).then_with(|| a.0.cmp(&b.0)));
}

/// How two components become one order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fusion {
    kind: FusionKind,
    weights: ComponentWeights,
}

/// What is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FusionKind {
    /// Scores between the best and the worst of their component. Weights are
    /// shares: only their proportion counts.
    Relative,
    /// Reciprocal ranks. Weights are factors, which changes no order either.
    ReciprocalRanks(RrfK),
}

/// How soon ranks stop to differ in reciprocal rank fusion; 60 by custom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u32")]
pub struct RrfK(u32);

/// How much the components count: `{ bm25 = 2.0, dense = 1.0 }`. At least one
/// of the two is above 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "WeightTable")]
pub struct ComponentWeights {
    bm25: f64,
    dense: f64,
}

/// A constant of reciprocal rank fusion that can't be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rrf_k is {0}: use a whole number from 0 to {most}; 60 is the usual one", most = RrfK::MOST)]
pub struct InvalidRrfK(u32);

impl Fusion {
    /// A fusion of this kind with these weights.
    #[must_use]
    pub const fn new(kind: FusionKind, weights: ComponentWeights) -> Self {
        Self { kind, weights }
    }

    /// What is summed.
    #[must_use]
    pub const fn kind(&self) -> FusionKind {
        self.kind
    }

    /// How much the components count.
    #[must_use]
    pub const fn weights(&self) -> ComponentWeights {
        self.weights
    }

    /// Whether scores are in [0, 1].
    #[must_use]
    pub fn is_relative(&self) -> bool {
        self.kind == FusionKind::Relative
    }

    /// Fuses two components that each name an id at most once. Best first;
    /// equal scores by id. Scores of relative fusion are in [0, 1].
    #[must_use]
    pub fn fuse<Id: Ord + Hash + Clone>(
        &self,
        bm25: &[(Id, f32)],
        dense: &[(Id, f32)],
    ) -> Vec<(Id, f32)> {
        let ComponentWeights { bm25: first, dense: second } = self.weights;
        let whole = match self.kind {
            FusionKind::Relative => first + second,
            FusionKind::ReciprocalRanks(_) => 1.0,
        };
        let mut sums: HashMap<&Id, f64> = HashMap::new();
        // Components are added in a fixed order, so that equal scores are
        // equal to the last bit.
        for (component, weight) in [(bm25, first / whole), (dense, second / whole)] {
            for (id, part) in self.kind.parts(component) {
                *sums.entry(id).or_default() += weight * part;
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "scores are shown as f32")]
        let mut fused: Vec<_> =
            sums.into_iter().map(|(id, sum)| (id.clone(), sum as f32)).collect();
        order(&mut fused);
        fused
    }
}

impl Default for Fusion {
    fn default() -> Self {
        Self::new(FusionKind::Relative, FusionKind::Relative.usual_weights())
    }
}

impl FusionKind {
    /// The weights where none are configured: the best share of relative
    /// fusion on every set measured, and the plain form of RRF.
    #[must_use]
    pub const fn usual_weights(self) -> ComponentWeights {
        match self {
            Self::Relative => ComponentWeights { bm25: 2.0, dense: 1.0 },
            Self::ReciprocalRanks(_) => ComponentWeights { bm25: 1.0, dense: 1.0 },
        }
    }

    /// What each hit of a component brings to the sum.
    fn parts<Id: Ord>(self, hits: &[(Id, f32)]) -> Vec<(&Id, f64)> {
        match self {
            Self::Relative => {
                let scale = Scale::of(hits);
                hits.iter().map(|(id, score)| (id, f64::from(scale.relative(*score)))).collect()
            }
            Self::ReciprocalRanks(RrfK(k)) => {
                let mut ranked: Vec<_> = hits.iter().map(|(id, score)| (id, *score)).collect();
                order(&mut ranked);
                let part = |(rank, (id, _))| (id, 1.0 / f64::from(k + rank));
                (1_u32..).zip(ranked).map(part).collect()
            }
        }
    }
}

impl RrfK {
    /// Beyond it, neighbouring ranks no longer differ in a score of 32 bits.
    const MOST: u32 = 10_000;

    /// A constant of 0 to 10,000.
    ///
    /// # Errors
    /// When it is larger.
    pub const fn new(k: u32) -> Result<Self, InvalidRrfK> {
        if k > Self::MOST { Err(InvalidRrfK(k)) } else { Ok(Self(k)) }
    }
}

impl Default for RrfK {
    fn default() -> Self {
        Self(60)
    }
}

impl TryFrom<u32> for RrfK {
    type Error = InvalidRrfK;

    fn try_from(k: u32) -> Result<Self, Self::Error> {
        Self::new(k)
    }
}

impl ComponentWeights {
    /// What BM25 and the embeddings count, 0 to 1000. The hits of a component
    /// of weight 0 still follow the others.
    ///
    /// # Errors
    /// When a weight is out of its range, or both are 0.
    pub fn new(bm25: f64, dense: f64) -> Result<Self, InvalidSetting> {
        let [bm25, dense] = weights(("bm25", bm25), ("dense", dense))?;
        Ok(Self { bm25, dense })
    }
}

/// [`ComponentWeights`] as they are written. Both: what one of them means
/// depends on the other.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WeightTable {
    /// Of BM25.
    #[schemars(range(min = 0, max = 1000))]
    bm25: f64,
    /// Of the embeddings.
    #[schemars(range(min = 0, max = 1000))]
    dense: f64,
}

impl TryFrom<WeightTable> for ComponentWeights {
    type Error = InvalidSetting;

    fn try_from(WeightTable { bm25, dense }: WeightTable) -> Result<Self, Self::Error> {
        Self::new(bm25, dense)
    }
}

/// One component alone, brought to [0, 1].
#[must_use]
pub fn alone<Id: Clone>(component: &[(Id, f32)]) -> Vec<(Id, f32)> {
    let scale = Scale::of(component);
    component.iter().map(|(id, score)| (id.clone(), scale.relative(*score))).collect()
}

/// Gives `share` of each score to what `other` says of the same id (0 where it
/// says nothing). Best first; equal scores by id.
#[must_use]
pub fn blended<Id: Ord + Hash + Clone>(
    scores: &[(Id, f32)],
    other: &HashMap<Id, f32>,
    share: f32,
) -> Vec<(Id, f32)> {
    let blend = |(id, score): &(Id, f32)| {
        let other = other.get(id).copied().unwrap_or(0.0);
        (id.clone(), (1.0 - share) * score + share * other)
    };
    let mut blended: Vec<_> = scores.iter().map(blend).collect();
    order(&mut blended);
    blended
}

/// The best and the worst score of a component.
struct Scale {
    best: f32,
    worst: f32,
}

impl Scale {
    fn of<Id>(hits: &[(Id, f32)]) -> Self {
        let finite = hits.iter().map(|(_, score)| *score).filter(|score| score.is_finite());
        let start = Self { best: f32::NEG_INFINITY, worst: f32::INFINITY };
        finite.fold(start, |scale, score| Self {
            best: scale.best.max(score),
            worst: scale.worst.min(score),
        })
    }

    /// In [0, 1]; 1 for all where all are equally good, 0 for what is no
    /// number.
    fn relative(&self, score: f32) -> f32 {
        if score.is_nan() {
            return 0.0;
        }
        let range = self.best - self.worst;
        if range > 0.0 && range.is_finite() {
            ((score - self.worst) / range).clamp(0.0, 1.0)
        } else {
            1.0
        }
    }
}

fn descending(a: f32, b: f32) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        // Not `total_cmp`: it would put 0.0 before -0.0.
        (false, false) => b.partial_cmp(&a).unwrap_or(Ordering::Equal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use test_case::test_case;

    /// The hits of a fusion and their scores.
    fn check(fused: &[(&str, f32)], expected: &[(&str, f64)]) {
        let ids: Vec<_> = fused.iter().map(|(id, _)| *id).collect();
        let expected_ids: Vec<_> = expected.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, expected_ids);
        for ((id, score), (_, expected)) in fused.iter().zip(expected) {
            let difference = (f64::from(*score) - expected).abs();
            assert!(difference < 1e-6, "{id}: {score} is not {expected}");
        }
    }

    fn rrf(k: u32, bm25: f64, dense: f64) -> Fusion {
        let weights = ComponentWeights::new(bm25, dense).unwrap();
        Fusion::new(FusionKind::ReciprocalRanks(RrfK::new(k).unwrap()), weights)
    }

    const BM25: [(&str, f32); 3] = [("b", 9.0), ("a", 8.0), ("e", 5.0)];
    const DENSE: [(&str, f32); 3] = [("c", 0.9), ("a", 0.8), ("d", 0.7)];

    #[test]
    fn relative_scores_are_summed_by_share_with_ties_by_id() {
        let (bm25, dense) = (2.0 / 3.0, 1.0 / 3.0);
        check(
            &Fusion::default().fuse(&BM25, &DENSE),
            &[("a", 0.75 * bm25 + 0.5 * dense), ("b", bm25), ("c", dense), ("d", 0.0), ("e", 0.0)],
        );
    }

    #[test]
    fn shares_are_proportions() {
        let half = |weight| {
            let weights = ComponentWeights::new(weight, weight).unwrap();
            Fusion::new(FusionKind::Relative, weights).fuse(&BM25, &DENSE)
        };
        check(&half(7.0), &[("a", 0.625), ("b", 0.5), ("c", 0.5), ("d", 0.0), ("e", 0.0)]);
        assert_eq!(half(7.0), half(0.125));
    }

    #[test]
    fn reciprocal_ranks_are_summed_by_weight_with_ties_by_id() {
        check(
            &rrf(60, 1.0, 1.0).fuse(&BM25, &DENSE),
            &[
                ("a", 2.0 / 62.0),
                ("b", 1.0 / 61.0),
                ("c", 1.0 / 61.0),
                ("d", 1.0 / 63.0),
                ("e", 1.0 / 63.0),
            ],
        );
        check(
            &rrf(0, 1.0, 4.0).fuse(&BM25, &DENSE),
            &[("c", 4.0), ("a", 0.5 + 2.0), ("d", 4.0 / 3.0), ("b", 1.0), ("e", 1.0 / 3.0)],
        );
    }

    #[test]
    fn a_component_of_weight_zero_comes_after_the_other() {
        for kind in [FusionKind::Relative, FusionKind::ReciprocalRanks(RrfK::default())] {
            let fusion = Fusion::new(kind, ComponentWeights::new(1.0, 0.0).unwrap());
            let fused = fusion.fuse(&[("b", 3.0), ("a", 2.0)], &[("c", 0.9), ("a", 0.8)]);
            let ids: Vec<_> = fused.iter().map(|(id, _)| *id).collect();
            // The worst hit of relative fusion has 0 as well.
            assert_eq!(ids, ["b", "a", "c"], "{kind:?}");
        }
    }

    #[test]
    fn one_hit_and_equal_hits_are_the_best_of_their_component() {
        let fused = Fusion::default().fuse(&[("a", 0.3)], &[("b", 2.0), ("c", 2.0)]);
        check(&fused, &[("a", 2.0 / 3.0), ("b", 1.0 / 3.0), ("c", 1.0 / 3.0)]);
        assert!(Fusion::default().fuse::<&str>(&[], &[]).is_empty());
        assert!(rrf(60, 1.0, 1.0).fuse::<&str>(&[], &[]).is_empty());
    }

    #[test]
    fn a_share_goes_to_another_score() {
        let scores = alone(&[("a", 9.0), ("b", 5.0), ("c", 1.0)]);
        let other = HashMap::from([("c", 1.0), ("b", 0.5)]);
        let ids = |share| {
            let blended = blended(&scores, &other, share);
            blended.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
        };
        assert_eq!(ids(0.1), ["a", "b", "c"]);
        assert_eq!(ids(0.5), ["a", "b", "c"], "all are equal, so ids decide");
        assert_eq!(ids(0.9), ["c", "b", "a"]);
    }

    #[test]
    fn scores_that_are_no_numbers_come_last() {
        let mut hits = vec![("a", f32::NAN), ("b", -1.0), ("c", f32::INFINITY), ("d", -0.0)];
        order(&mut hits);
        let ids: Vec<_> = hits.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, ["c", "d", "b", "a"]);
    }

    #[test_case(-1.0, 1.0, "bm25 is -1" ; "negative")]
    #[test_case(1.0, f64::NAN, "dense is NaN" ; "no number")]
    #[test_case(1.0, f64::INFINITY, "dense is inf" ; "infinite")]
    #[test_case(0.0, 0.0, "bm25 and dense are both 0" ; "nothing counts")]
    fn weights_that_can_not_be_are_refused(bm25: f64, dense: f64, message: &str) {
        let error = ComponentWeights::new(bm25, dense).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }

    fn component() -> impl Strategy<Value = Vec<(u8, f32)>> {
        // Few distinct scores, so that ties are common.
        proptest::collection::btree_map(any::<u8>(), 0_u8..4, 0..60).prop_map(|hits| {
            let mut hits: Vec<_> =
                hits.into_iter().map(|(id, score)| (id, f32::from(score))).collect();
            order(&mut hits);
            hits
        })
    }

    fn fusion() -> impl Strategy<Value = Fusion> {
        let kind = prop_oneof![
            Just(FusionKind::Relative),
            (0_u32..=RrfK::MOST).prop_map(|k| FusionKind::ReciprocalRanks(RrfK::new(k).unwrap())),
        ];
        let weights = (0.0..10.0, 0.01..10.0)
            .prop_map(|(bm25, dense)| ComponentWeights::new(bm25, dense).unwrap());
        (kind, weights).prop_map(|(kind, weights)| Fusion::new(kind, weights))
    }

    proptest! {
        #[test]
        fn every_id_comes_once_and_scores_never_rise(
            fusion in fusion(),
            a in component(),
            b in component(),
        ) {
            let fused = fusion.fuse(&a, &b);
            let most = match fusion.kind() {
                FusionKind::Relative => 1.0,
                FusionKind::ReciprocalRanks(RrfK(k)) => 20.0 / (f64::from(k) + 1.0),
            };
            prop_assert!(fused.iter().all(|(_, score)| (0.0..=most).contains(&f64::from(*score))));
            let ids: BTreeSet<u8> = fused.iter().map(|(id, _)| *id).collect();
            let expected: BTreeSet<u8> = a.iter().chain(&b).map(|(id, _)| *id).collect();
            prop_assert_eq!(ids.len(), fused.len());
            prop_assert_eq!(ids, expected);
            let mut sorted = fused.clone();
            sorted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            prop_assert_eq!(fused, sorted);
        }

        #[test]
        fn the_order_that_an_engine_gave_to_ties_makes_no_difference(
            fusion in fusion(),
            a in component(),
            b in component(),
            seed in any::<u64>(),
        ) {
            let mut shuffled = a.clone();
            let n = shuffled.len().max(1);
            shuffled.rotate_left(usize::try_from(seed % n as u64).unwrap());
            prop_assert_eq!(fusion.fuse(&a, &b), fusion.fuse(&shuffled, &b));
        }

        #[test]
        fn reciprocal_ranks_look_at_the_order_alone(
            k in 0_u32..100,
            a in component(),
            b in component(),
        ) {
            let fusion = rrf(k, 1.0, 1.0);
            let stretched: Vec<_> = a.iter().map(|(id, score)| (*id, score.exp())).collect();
            prop_assert_eq!(fusion.fuse(&a, &b), fusion.fuse(&stretched, &b));
        }

        #[test]
        fn relative_scores_do_not_depend_on_the_scale_of_a_component(
            a in component(),
            b in component(),
        ) {
            // Powers of two and small numbers: the arithmetic stays exact.
            let stretched: Vec<_> = a.iter().map(|(id, score)| (*id, score * 8.0 - 16.0)).collect();
            let fusion = Fusion::default();
            prop_assert_eq!(fusion.fuse(&a, &b), fusion.fuse(&stretched, &b));
        }
    }
}
