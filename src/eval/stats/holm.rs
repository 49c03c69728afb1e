//! Several tests at once.

/// Holm's step-down adjustment (Holm 1979). Of k p values in ascending order the
/// i-th becomes the largest of (k − j + 1) · `p_j` for all j up to i, and never
/// more than 1. Whoever calls those up to α a difference is wrong about any of
/// the k with probability α at most, however the tests depend on each other.
/// The order of the input is kept.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (at, index) in order.into_iter().enumerate() {
        largest = largest.max((p_values.len() - at) as f64 * p_values[index]).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use test_case::test_case;

    use super::*;

    // Expected values are statsmodels' (`multipletests`).
    #[test_case(&[0.01, 0.04, 0.03, 0.005, 0.2], &[0.04, 0.09, 0.09, 0.025, 0.2])]
    #[test_case(&[0.04, 0.01, 0.02, 0.9, 0.03, 0.0001], &[0.09, 0.05, 0.08, 0.9, 0.09, 0.0006])]
    #[test_case(&[0.03], &[0.03] ; "alone")]
    #[test_case(&[0.6, 0.6], &[1.0, 1.0] ; "at most one")]
    #[test_case(&[], &[] ; "none")]
    fn known_values(p_values: &[f64], expected: &[f64]) {
        let adjusted = holm(p_values);
        assert_eq!(adjusted.len(), expected.len());
        for (value, expected) in adjusted.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-12, "{adjusted:?}");
        }
    }

    proptest! {
        #[test]
        fn never_smaller_and_in_the_same_order(p_values in vec(1e-6..=1.0, 1..12)) {
            let adjusted = holm(&p_values);
            for (at, p) in p_values.iter().enumerate() {
                prop_assert!((*p..=1.0).contains(&adjusted[at]));
                prop_assert!(adjusted[at] <= (p * p_values.len() as f64).min(1.0) + 1e-12
                    || p_values.iter().any(|other| other < p));
                for (other, q) in p_values.iter().enumerate() {
                    prop_assert!(p > q || adjusted[at] <= adjusted[other]);
                }
            }
        }
    }
}
