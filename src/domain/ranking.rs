//! The one thing every request is owed: a permutation of its candidates.

/// A permutation of the candidates, best first. Entries are positions in the
/// classical order, counted from 0; each appears exactly once by construction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranking(Vec<usize>);

impl Ranking {
    /// The classical order of `n` candidates.
    #[must_use]
    pub fn classical(n: usize) -> Self {
        Self((0..n).collect())
    }

    /// Takes a full order.
    ///
    /// # Errors
    /// When `order` isn't a permutation of `0..order.len()`.
    pub fn new(order: Vec<usize>) -> Result<Self, NotAPermutation> {
        let mut seen = vec![false; order.len()];
        for &position in &order {
            match seen.get_mut(position) {
                Some(seen) if !*seen => *seen = true,
                _ => return Err(NotAPermutation { position, n: order.len() }),
            }
        }
        Ok(Self(order))
    }

    /// Puts `preferred` first and everything else behind it in classical
    /// order. Repeated and impossible positions are passed over, so that any
    /// input gives a permutation of `0..n`.
    #[must_use]
    pub fn with_preferred(n: usize, preferred: impl IntoIterator<Item = usize>) -> Self {
        let mut seen = vec![false; n];
        let mut order = Vec::with_capacity(n);
        for position in preferred {
            if let Some(seen @ false) = seen.get_mut(position) {
                *seen = true;
                order.push(position);
            }
        }
        order.extend((0..n).filter(|&position| !seen[position]));
        Self(order)
    }

    /// Positions in the classical order, best first.
    #[must_use]
    pub fn order(&self) -> &[usize] {
        &self.0
    }

    /// Number of candidates.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing to rank.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is the classical order itself.
    #[must_use]
    pub fn is_classical(&self) -> bool {
        self.0.iter().enumerate().all(|(rank, &position)| rank == position)
    }
}

/// The order misses, repeats or invents a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("position {position} is repeated or outside 0..{n}")]
pub struct NotAPermutation {
    /// The offending entry.
    pub position: usize,
    /// Length of the order.
    pub n: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_permutation(ranking: &Ranking, n: usize) -> bool {
        let mut sorted = ranking.order().to_vec();
        sorted.sort_unstable();
        sorted == (0..n).collect::<Vec<_>>()
    }

    #[test]
    fn new_refuses_repeats_and_inventions() {
        assert!(Ranking::new(vec![2, 0, 1]).is_ok());
        assert_eq!(Ranking::new(vec![0, 0]), Err(NotAPermutation { position: 0, n: 2 }));
        assert_eq!(Ranking::new(vec![0, 2]), Err(NotAPermutation { position: 2, n: 2 }));
    }

    #[test]
    fn preferred_comes_first_and_the_rest_keeps_its_order() {
        let ranking = Ranking::with_preferred(5, [3, 1, 3, 99]);
        assert_eq!(ranking.order(), [3, 1, 0, 2, 4]);
        assert!(!ranking.is_classical());
        assert!(Ranking::with_preferred(3, []).is_classical());
    }

    proptest! {
        #[test]
        fn any_preference_gives_a_permutation(
            n in 0usize..60,
            preferred in proptest::collection::vec(0usize..80, 0..120),
        ) {
            prop_assert!(is_permutation(&Ranking::with_preferred(n, preferred), n));
        }
    }
}
