//! How well the simulated model judges.
//!
//! Two noises are told apart. What the model believes of a document is wrong
//! once and for all: `u = relevance + N(0, persistent)`, drawn by query and
//! document, so that asking again never mends it. What it says in one call
//! strays from its belief: `u + Gumbel(call) − bias · position`, drawn by call.
//! Sorting by a sum with Gumbel noise draws an order from the Plackett–Luce
//! distribution (Yellott, 1977), and models prefer what they are shown first
//! (Liu et al., "Lost in the Middle", 2023).
//!
//! The profiles' figures are given for calls of 20 documents. With `w`
//! documents the call's noise is √(w/20) and the bias w/20 times as large, so
//! that the last document of a long call is seen worst.

use rand::RngExt;
use rand_distr::{Distribution, Gumbel, Normal};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;

/// The window that the figures of a [`Profile`] are given for.
const USUAL_WINDOW: f64 = 20.0;

/// How large each error is, in steps of the relevance grades.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// Standard deviation of the error that every call repeats.
    pub persistent: f64,
    /// Scale of the error that each call draws anew.
    pub call: f64,
    /// What the last document of a call loses against the first.
    pub bias: f64,
}

impl Profile {
    /// A model with half of the usual errors.
    pub const STRONG: Self = Self { persistent: 0.5, call: 0.25, bias: 0.5 };
    /// Like a small hosted model.
    pub const MEDIUM: Self = Self { persistent: 0.95, call: 0.5, bias: 1.0 };
    /// A model that is barely better than a first stage.
    pub const WEAK: Self = Self { persistent: 1.5, call: 1.0, bias: 1.5 };
}

/// The noise of one simulated model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// How large the errors are.
    pub profile: Profile,
    /// What grades are multiplied by before errors are added. Sets that know
    /// one grade only want 4 or so: a step of 1 drowns in the errors.
    pub scale: f64,
    /// What all errors are drawn from.
    pub seed: u64,
}

/// A document in a call, as the simulated model knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen<'a> {
    /// Its id in the corpus.
    pub id: &'a str,
    /// Its grade by the qrels; 0 where it has none.
    pub grade: i32,
}

impl Noise {
    /// What the model says of each document of a call, in the order in which
    /// they are shown: the higher the better, in steps of the grades. `call`
    /// tells calls apart; the same call is answered alike.
    #[must_use]
    pub fn scores(&self, query: &str, shown: &[Seen<'_>], call: u64) -> Vec<f64> {
        let width = shown.len() as f64 / USUAL_WINDOW;
        let step = self.profile.bias * width / shown.len().saturating_sub(1).max(1) as f64;
        let scale = self.profile.call * width.sqrt();
        let mut drawn = rng(&[&self.seed.to_le_bytes(), query.as_bytes(), &call.to_le_bytes()]);
        shown
            .iter()
            .enumerate()
            .map(|(position, seen)| {
                let stray = Gumbel::new(0.0, scale).map_or(0.0, |noise| noise.sample(&mut drawn));
                self.belief(query, seen) + stray - step * position as f64
            })
            .collect()
    }

    /// What the model believes of a document, the same in every call.
    #[must_use]
    pub fn belief(&self, query: &str, seen: &Seen<'_>) -> f64 {
        let mut drawn = rng(&[&self.seed.to_le_bytes(), query.as_bytes(), seen.id.as_bytes()]);
        let error = Normal::new(0.0, self.profile.persistent);
        f64::from(seen.grade) * self.scale + error.map_or(0.0, |noise| noise.sample(&mut drawn))
    }

    /// The order of a call, best first, as positions in `shown`.
    #[must_use]
    pub fn order(&self, query: &str, shown: &[Seen<'_>], call: u64) -> Vec<usize> {
        let scores = self.scores(query, shown, call);
        let mut order: Vec<usize> = (0..shown.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
        order
    }

    /// A draw in [0, 1) for whatever else may happen to a call; `what` tells
    /// the draws of one call apart.
    #[must_use]
    pub fn chance(&self, call: u64, what: &str) -> f64 {
        rng(&[&self.seed.to_le_bytes(), &call.to_le_bytes(), what.as_bytes()]).random()
    }
}

/// A generator that the parts decide; no two lists of parts look alike.
pub(super) fn rng(parts: &[&[u8]]) -> Pcg64Mcg {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut seed = [0; 16];
    hasher.finalize_xof().fill(&mut seed);
    Pcg64Mcg::from_seed(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(profile: Profile) -> Noise {
        Noise { profile, scale: 1.0, seed: 7 }
    }

    fn shown(grades: &[i32]) -> Vec<(String, i32)> {
        grades.iter().enumerate().map(|(at, &grade)| (format!("d{at}"), grade)).collect()
    }

    fn seen(documents: &[(String, i32)]) -> Vec<Seen<'_>> {
        documents.iter().map(|(id, grade)| Seen { id, grade: *grade }).collect()
    }

    /// Mean and standard deviation.
    fn spread(values: &[f64]) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let square = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        (mean, (square / values.len() as f64).sqrt())
    }

    #[test]
    fn a_call_is_answered_alike_and_another_one_is_not() {
        let documents = shown(&[0; 20]);
        let noise = noise(Profile::MEDIUM);
        let order = |call| noise.order("tent", &seen(&documents), call);
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        let other = Noise { seed: 8, ..noise };
        assert_ne!(other.order("tent", &seen(&documents), 1), order(1));
    }

    #[test]
    fn a_belief_does_not_change_from_call_to_call() {
        let noise = Noise {
            profile: Profile { call: 0.0, bias: 0.0, ..Profile::MEDIUM },
            ..noise(Profile::MEDIUM)
        };
        let documents = shown(&[0; 20]);
        assert_eq!(
            noise.order("tent", &seen(&documents), 1),
            noise.order("tent", &seen(&documents), 2)
        );
    }

    #[test]
    fn errors_are_as_large_as_the_profile_says() {
        let noise = noise(Profile::MEDIUM);
        let beliefs: Vec<f64> = (0..4000)
            .map(|at| noise.belief("tent", &Seen { id: &format!("d{at}"), grade: 2 }))
            .collect();
        let (mean, sd) = spread(&beliefs);
        assert!((mean - 2.0).abs() < 0.06 && (sd - 0.95).abs() < 0.05, "{mean} {sd}");

        let documents = shown(&[0; 20]);
        let strays: Vec<f64> = (0..400)
            .flat_map(|call| {
                let scores = noise.scores("tent", &seen(&documents), call);
                let known = seen(&documents);
                scores
                    .into_iter()
                    .zip(known)
                    .enumerate()
                    .map(|(position, (score, seen))| {
                        score - noise.belief("tent", &seen) + position as f64 / 19.0
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        // A Gumbel of scale 0.5 has mean 0.5 · 0.5772 and deviation 0.5 · π/√6.
        let (mean, sd) = spread(&strays);
        assert!((mean - 0.289).abs() < 0.03 && (sd - 0.641).abs() < 0.03, "{mean} {sd}");
    }

    #[test]
    fn what_comes_first_is_preferred() {
        let documents = shown(&[0; 20]);
        let noise = noise(Profile::MEDIUM);
        let mean_place: f64 = (0..300)
            .map(|call| {
                // Another query each time, since beliefs would repeat.
                let order = noise.order(&format!("q{call}"), &seen(&documents), call);
                order.iter().position(|&at| at == 0).unwrap() as f64
            })
            .sum::<f64>()
            / 300.0;
        assert!(mean_place < 8.0, "{mean_place}");
    }

    #[test]
    fn relevant_documents_come_first_with_a_strong_model() {
        let documents = shown(&[0, 0, 3, 0, 3, 0]);
        let noise = Noise { profile: Profile::STRONG, scale: 4.0, seed: 1 };
        let order = noise.order("tent", &seen(&documents), 5);
        assert_eq!(
            order[..2].iter().copied().collect::<std::collections::BTreeSet<_>>(),
            [2, 4].into()
        );
        assert!(noise.order("tent", &[], 5).is_empty());
    }
}
