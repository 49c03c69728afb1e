//! What could have been seen.

use std::num::NonZeroUsize;

use super::ALPHA;
use super::distribution::t_beyond;

/// How often a difference as large as [`minimum_detectable`] says is shown: 4
/// times in 5, the custom since Cohen 1988.
pub const POWER: f64 = 0.8;

/// More queries than any set has.
const MOST: f64 = 1e9;

/// Fewest queries with which the randomisation test can show anything, where it
/// is one of so many tests: the least n with 2 / 2ⁿ ≤ α / `tests`. 6 for one
/// test.
#[must_use]
pub fn least_queries(tests: NonZeroUsize) -> usize {
    let most = ALPHA / tests.get() as f64;
    let mut queries = 1;
    let mut smallest_p = 1.0;
    while smallest_p > most {
        queries += 1;
        smallest_p /= 2.0;
    }
    queries
}

/// How many more than [`least_queries`] there have to be before the
/// randomisation test shows as much as the t test, whose power is known: with 6,
/// 7 and 8 queries it shows in 61, 76 and 77 % of simulated cases what the t
/// test shows in 80 %, and from 10 on there is no telling them apart.
const BEYOND_LEAST: usize = 2;

/// The smallest mean difference that `queries` queries show 4 times in 5, where
/// `sd` is the standard deviation of the differences:
/// (t(1 − α′/2) + t(power)) · sd / √n with quantiles of Student's t with n − 1
/// degrees of freedom and α′ = α / `tests`, the strictest level of Holm's
/// adjustment. An approximation (Cohen 1988); for one test it is within 1 % of
/// the t test's exact value by the noncentral t distribution. None for fewer
/// than two queries more than [`least_queries`], 8 for one test, and where `sd`
/// is not above 0.
#[must_use]
pub fn minimum_detectable(sd: f64, queries: usize, tests: NonZeroUsize) -> Option<f64> {
    let enough = queries >= least_queries(tests) + BEYOND_LEAST;
    let known = enough && sd > 0.0 && sd.is_finite();
    known.then(|| {
        let (n, df) = (queries as f64, (queries - 1) as f64);
        let alpha = ALPHA / tests.get() as f64;
        (t_beyond(alpha, df) + t_beyond(2.0 * (1.0 - POWER), df)) * sd / n.sqrt()
    })
}

/// How many queries show a mean difference of this size 4 times in 5: the
/// smallest n whose [`minimum_detectable`] is no larger. None where `sd` or the
/// difference is 0 or a billion queries would not do.
#[must_use]
pub fn queries_needed(sd: f64, difference: f64, tests: NonZeroUsize) -> Option<usize> {
    let enough = |queries| {
        minimum_detectable(sd, queries, tests).is_some_and(|least| least <= difference.abs())
    };
    let (mut too_few, mut plenty) = (0, least_queries(tests) + BEYOND_LEAST);
    while !enough(plenty) {
        if plenty as f64 >= MOST {
            return None;
        }
        too_few = plenty;
        plenty = plenty.saturating_mul(2);
    }
    while plenty - too_few > 1 {
        let middle = too_few.midpoint(plenty);
        if enough(middle) {
            plenty = middle;
        } else {
            too_few = middle;
        }
    }
    Some(plenty)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use test_case::test_case;

    use super::*;

    const ONE: NonZeroUsize = NonZeroUsize::MIN;

    #[test_case(1, 6)]
    #[test_case(2, 7)]
    #[test_case(4, 8)]
    fn all_queries_have_to_agree_at_least(tests: usize, expected: usize) {
        assert_eq!(least_queries(NonZeroUsize::new(tests).unwrap()), expected);
    }

    // Exact values by statsmodels (`TTestPower`).
    #[test_case(8, 1.156_035)]
    #[test_case(10, 0.996_002)]
    #[test_case(40, 0.454_257)]
    #[test_case(300, 0.162_271)]
    #[test_case(1000, 0.088_681)]
    fn within_one_percent_of_the_exact_value(queries: usize, exact: f64) {
        let found = minimum_detectable(1.0, queries, ONE).unwrap();
        assert!((found / exact - 1.0).abs() < 0.01, "{found}");
    }

    // By statsmodels: 5, 10, 34, 199, 787, 3142.
    #[test_case(2.0, 8 ; "as few as there may be")]
    #[test_case(1.0, 10)]
    #[test_case(0.5, 34)]
    #[test_case(-0.5, 34 ; "worse")]
    #[test_case(0.2, 199)]
    #[test_case(0.1, 787)]
    #[test_case(0.05, 3142)]
    fn queries_by_effect_size(difference: f64, expected: usize) {
        assert_eq!(queries_needed(1.0, difference, ONE), Some(expected));
    }

    #[test]
    fn what_cannot_be_known() {
        assert_eq!(minimum_detectable(1.0, 7, ONE), None);
        assert!(minimum_detectable(1.0, 8, ONE).is_some());
        assert_eq!(minimum_detectable(f64::NAN, 50, ONE), None);
        assert_eq!(minimum_detectable(0.0, 50, ONE), None);
        assert_eq!(queries_needed(1.0, 0.0, ONE), None);
        assert_eq!(queries_needed(0.0, 0.1, ONE), None);
        assert_eq!(queries_needed(1.0, 1e-9, ONE), None);
    }

    proptest! {
        #[test]
        fn what_is_needed_is_enough_and_one_less_is_not(
            sd in 0.01..1.0_f64, difference in 0.005..0.5_f64, tests in 1_usize..20
        ) {
            let tests = NonZeroUsize::new(tests).unwrap();
            let needed = queries_needed(sd, difference, tests).unwrap();
            prop_assert!(minimum_detectable(sd, needed, tests).unwrap() <= difference);
            let fewer = minimum_detectable(sd, needed - 1, tests);
            prop_assert!(fewer.is_none_or(|least| least > difference));
            prop_assert!(needed <= queries_needed(sd, difference / 2.0, tests).unwrap());
        }
    }
}
