//! Ways to divide documents into windows. None leaves a document out or shows
//! it twice, whatever the sizes.

use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;

/// Groups of neighbours, as even as can be, none larger than `window`.
pub(super) fn contiguous(pool: &[usize], window: usize) -> Vec<Vec<usize>> {
    let groups = pool.len().div_ceil(window.max(1));
    let mut rest = pool;
    (0..groups)
        .map(|at| {
            let (group, behind) = rest.split_at(rest.len().div_ceil(groups - at));
            rest = behind;
            group.to_vec()
        })
        .collect()
}

/// Groups of every n-th, none larger than `window`: each sees strong and weak
/// documents alike.
pub(super) fn strided(pool: &[usize], window: usize) -> Vec<Vec<usize>> {
    let groups = pool.len().div_ceil(window.max(1));
    (0..groups).map(|at| pool.iter().copied().skip(at).step_by(groups).collect()).collect()
}

/// The pool in another order that the seed and `salt` decide.
pub(super) fn shuffled(pool: &[usize], seed: u64, salt: u64) -> Vec<usize> {
    let mut shuffled = pool.to_vec();
    let seed = u128::from(seed) | u128::from(salt) << 64;
    shuffled.shuffle(&mut Pcg64Mcg::from_seed(seed.to_le_bytes()));
    shuffled
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(groups: &[Vec<usize>]) -> Vec<usize> {
        let mut all = groups.concat();
        all.sort_unstable();
        all
    }

    proptest! {
        #[test]
        fn each_document_is_in_one_group(size in 0_usize..120, window in 0_usize..30, seed: u64) {
            let pool: Vec<usize> = (0..size).collect();
            let shuffled = shuffled(&pool, seed, 1);
            for groups in [contiguous(&shuffled, window), strided(&shuffled, window)] {
                prop_assert_eq!(sorted(&groups), pool.clone());
                prop_assert!(groups.iter().all(|group| (1..=window.max(1)).contains(&group.len())));
                let sizes = groups.iter().map(Vec::len);
                let (least, most) = (sizes.clone().min().unwrap_or(0), sizes.max().unwrap_or(0));
                prop_assert!(most - least <= 1, "uneven: {:?}", groups);
            }
        }
    }

    #[test]
    fn another_salt_is_another_order() {
        let pool: Vec<usize> = (0..30).collect();
        assert_eq!(shuffled(&pool, 7, 1), shuffled(&pool, 7, 1));
        assert_ne!(shuffled(&pool, 7, 1), shuffled(&pool, 7, 2));
        assert_ne!(shuffled(&pool, 7, 1), shuffled(&pool, 8, 1));
    }
}
