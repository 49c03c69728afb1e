//! The bootstrap interval of the mean difference.

use std::num::NonZeroU32;

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;
use serde::Serialize;

use super::ALPHA;
use super::differences::Differences;
use super::distribution::{normal_cdf, t_beyond};

/// Where the mean difference lies, as far as these queries tell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Its lower end.
    pub lower: f64,
    /// Its upper end.
    pub upper: f64,
}

/// 95 % interval of the mean difference: the expanded percentile bootstrap.
/// Queries are drawn with replacement, n at a time, `resamples` times. The ends
/// are the quantiles α′ and 1 − α′ of the means, interpolated, where
/// α′ = Φ(−√(n / (n − 1)) · t) and t is the .975 quantile of Student's t with
/// n − 1 degrees of freedom (Hesterberg 2015). Where all differences are the
/// same, both ends are. None for one query.
///
/// Plain percentiles are too narrow for few queries. Over differences of which
/// 40 % are ties, 95 % intervals hold the true mean for 10, 20 and 40 queries
/// in 87, 92 and 92 % of simulated cases with plain percentiles, in 84, 88 and
/// 89 % with `BCa`, which corrects for skew, not for the width, and in 93, 94
/// and 94 % with these. For differences as skewed as those of reciprocal ranks,
/// no method holds it in more than 81 % for 10 queries; for 40 these do in 94 %.
#[must_use]
pub fn bootstrap_interval(
    differences: &Differences,
    resamples: NonZeroU32,
    seed: u64,
) -> Option<Interval> {
    let mean = differences.mean();
    if differences.sd()? <= 0.0 {
        return Some(Interval { lower: mean, upper: mean });
    }
    let means = means(differences.as_slice(), resamples, Pcg64Mcg::seed_from_u64(seed));
    let tail = tail(differences.n());
    Some(Interval { lower: quantile(&means, tail), upper: quantile(&means, 1.0 - tail) })
}

/// Share of the means that lies beyond either end for `n` queries.
fn tail(n: usize) -> f64 {
    let df = (n - 1) as f64;
    normal_cdf(-(n as f64 / df).sqrt() * t_beyond(ALPHA, df))
}

/// Means of as many values drawn with replacement, in ascending order.
fn means(values: &[f64], resamples: NonZeroU32, mut rng: Pcg64Mcg) -> Vec<f64> {
    // 32 bits, whatever the machine's width, so that all draw the same.
    let n = u32::try_from(values.len()).unwrap_or(u32::MAX);
    let mut draw = || values[rng.random_range(0..n) as usize];
    let mut means: Vec<f64> =
        (0..resamples.get()).map(|_| (0..n).map(|_| draw()).sum::<f64>() / f64::from(n)).collect();
    means.sort_unstable_by(f64::total_cmp);
    means
}

/// The value below which a share of the sorted values lies, between two of them
/// by distance (Hyndman & Fan's type 7).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len() - 1;
    let place = share * last as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in bounds")]
    let before = (place as usize).min(last);
    let after = (before + 1).min(last);
    sorted[before] + (sorted[after] - sorted[before]) * place.fract()
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    const TWELVE: [f64; 12] =
        [0.05, -0.02, 0.03, 0.03, 0.01, -0.04, 0.06, 0.08, 0.0, 0.02, 0.11, -0.03];

    fn resamples(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).unwrap()
    }

    #[test]
    fn ends_are_where_scipy_has_them() {
        // `bootstrap(method="percentile")` with the level 1 − 2 · 0.010757.
        assert!((tail(12) - 0.010_756_614_916_552_488).abs() < 1e-9);
        let found = bootstrap_interval(&Differences::of(&TWELVE), resamples(10_000), 7).unwrap();
        assert!((found.lower + 0.0025).abs() < 0.002, "{found:?}");
        assert!((found.upper - 0.0542).abs() < 0.002, "{found:?}");
    }

    #[test]
    fn many_queries_need_no_expansion() {
        assert!((tail(100_000) - ALPHA / 2.0).abs() < 1e-5);
        assert!(tail(10) < 0.01);
        assert!(tail(2) >= 0.0);
    }

    #[test]
    fn between_two_values_by_distance() {
        let sorted = [1.0, 2.0, 4.0];
        for (share, expected) in [(0.0, 1.0), (0.25, 1.5), (0.5, 2.0), (0.75, 3.0), (1.0, 4.0)] {
            assert!((quantile(&sorted, share) - expected).abs() < 1e-12, "{share}");
        }
        assert_eq!(quantile(&[5.0], 0.975).to_bits(), 5.0_f64.to_bits());
    }

    #[test]
    fn without_spread_or_queries_to_draw_from() {
        let interval =
            |values: &[f64]| bootstrap_interval(&Differences::of(values), NonZeroU32::MIN, 7);
        assert_eq!(interval(&[0.5]), None);
        assert_eq!(interval(&[0.5; 3]), Some(Interval { lower: 0.5, upper: 0.5 }));
        let one_resample = interval(&[0.0, 1.0]).unwrap();
        assert_eq!(one_resample.lower.to_bits(), one_resample.upper.to_bits());
    }

    #[test]
    fn intervals_hold_the_true_mean_about_as_often_as_they_say() {
        let mut rng = Pcg64Mcg::seed_from_u64(12);
        let trials = 1000;
        let held = (0..trials).filter(|&seed| {
            let drawn: Vec<f64> =
                (0..12).map(|_| StandardNormal.sample(&mut rng)).map(|z: f64| z + 1.0).collect();
            let found = bootstrap_interval(&Differences::of(&drawn), resamples(300), seed).unwrap();
            (found.lower..=found.upper).contains(&1.0)
        });
        let share = held.count() as f64 / trials as f64;
        // Three standard errors are .021.
        assert!((0.925..=0.971).contains(&share), "{share}");
    }
}
