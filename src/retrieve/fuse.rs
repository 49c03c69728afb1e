//! Reciprocal rank fusion, the same for every engine.
//!
//! Engines order near-ties differently and don't promise an order of ties, so
//! each component is brought into one order here (score, then document id)
//! before its ranks count.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::Hash;

/// How slowly the weight of a rank falls: `1 / (K + rank)`, ranks from 1. The
/// usual value, from the paper that introduced the method.
pub const K: f32 = 60.0;

/// Orders hits by score, best first, and equal scores by id. A score that is
/// not a number comes last.
pub fn order<Id: Ord>(hits: &mut [(Id, f32)]) {
    hits.sort_unstable_by(|a, b| descending(a.1, b.1).then_with(|| a.0.cmp(&b.0)));
}

/// Fuses components that are each in order and name an id at most once. Best
/// first; equal sums by id.
#[must_use]
pub fn reciprocal_rank<Id: Ord + Hash + Clone>(components: &[&[(Id, f32)]]) -> Vec<(Id, f32)> {
    let mut sums: HashMap<&Id, f32> = HashMap::new();
    // Components are added in their given order, so that sums of the same
    // ranks are equal to the last bit.
    for component in components {
        for (index, (id, _)) in component.iter().enumerate() {
            *sums.entry(id).or_default() += (K + (index + 1) as f32).recip();
        }
    }
    let mut fused: Vec<_> = sums.into_iter().map(|(id, sum)| (id.clone(), sum)).collect();
    order(&mut fused);
    fused
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

    #[test]
    fn sums_reciprocal_ranks_and_breaks_ties_by_id() {
        let bm25 = [("b", 9.0), ("a", 5.0)];
        let dense = [("c", 0.9), ("a", 0.8)];
        let fused = reciprocal_rank(&[&bm25, &dense]);
        let order: Vec<_> = fused.iter().map(|(id, _)| *id).collect();
        assert_eq!(order, ["a", "b", "c"]);
        assert_eq!(fused[0].1.to_bits(), (1.0_f32 / 62.0 + 1.0 / 62.0).to_bits());
        assert_eq!(fused[1].1.to_bits(), (1.0_f32 / 61.0).to_bits());
        assert_eq!(fused[1].1.to_bits(), fused[2].1.to_bits());
    }

    #[test]
    fn scores_that_are_no_numbers_come_last() {
        let mut hits = vec![("a", f32::NAN), ("b", -1.0), ("c", f32::INFINITY), ("d", -0.0)];
        order(&mut hits);
        let ids: Vec<_> = hits.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, ["c", "d", "b", "a"]);
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

    proptest! {
        #[test]
        fn every_id_comes_once_and_scores_never_rise(a in component(), b in component()) {
            let fused = reciprocal_rank(&[&a, &b]);
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
            a in component(),
            b in component(),
            seed in any::<u64>(),
        ) {
            let mut shuffled = a.clone();
            let n = shuffled.len().max(1);
            shuffled.rotate_left(usize::try_from(seed % n as u64).unwrap());
            order(&mut shuffled);
            prop_assert_eq!(reciprocal_rank(&[&a, &b]), reciprocal_rank(&[&shuffled, &b]));
        }
    }
}
