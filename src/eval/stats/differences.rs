//! Differences, query by query.

use super::distribution::mean;

/// Differences up to this are ties: what is left of a difference after two
/// sums of the same numbers in another order. Metrics lie between 0 and 1.
pub const TIE: f64 = 1e-9;

/// Values beyond this could no longer be squared and added.
const LARGEST: f64 = 1e100;

/// d = variant − baseline for each query, at least one, in the order given.
/// Ties are exactly 0, so that rounding is never taken for an effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Differences(Vec<f64>);

/// Values that can't be compared query by query.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotComparable {
    /// There is no query.
    #[error("there is no query to compare: give judgments with a relevant document")]
    NoQueries,
    /// The two don't cover the same queries.
    #[error(
        "{baseline} values of the baseline against {variant} of the variant: measure both over \
         the same queries"
    )]
    Lengths {
        /// Values of the baseline.
        baseline: usize,
        /// Values of the variant.
        variant: usize,
    },
    /// A value is infinite, no number, or absurdly large.
    #[error("value {at}, counted from 1, is {value}: only finite numbers can be compared")]
    Value {
        /// Which one, from 1.
        at: usize,
        /// What stands there.
        value: f64,
    },
}

impl Differences {
    /// Subtracts the baseline from the variant. Values at the same place
    /// belong to the same query.
    ///
    /// # Errors
    /// Where there is no query, where the two are not equally long, and where
    /// a value is not finite.
    pub fn new(baseline: &[f64], variant: &[f64]) -> Result<Self, NotComparable> {
        if baseline.len() != variant.len() {
            let (baseline, variant) = (baseline.len(), variant.len());
            return Err(NotComparable::Lengths { baseline, variant });
        }
        if baseline.is_empty() {
            return Err(NotComparable::NoQueries);
        }
        let pairs = baseline.iter().zip(variant).enumerate();
        let differences = pairs.map(|(at, (&baseline, &variant))| {
            let wrong =
                [baseline, variant].into_iter().find(|it| it.is_nan() || it.abs() > LARGEST);
            if let Some(value) = wrong {
                return Err(NotComparable::Value { at: at + 1, value });
            }
            let difference = variant - baseline;
            Ok(if difference.abs() <= TIE { 0.0 } else { difference })
        });
        differences.collect::<Result<_, _>>().map(Self)
    }

    /// Each query's difference.
    #[must_use]
    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }

    /// Number of queries, at least 1.
    #[must_use]
    pub fn n(&self) -> usize {
        self.0.len()
    }

    /// Their mean, Σd / n.
    #[must_use]
    pub fn mean(&self) -> f64 {
        mean(&self.0)
    }

    /// The sample's standard deviation, √(Σ(d − d̄)² / (n − 1)); exactly 0 where
    /// all are alike up to [`TIE`]. None for one query.
    #[must_use]
    pub fn sd(&self) -> Option<f64> {
        if self.n() < 2 {
            return None;
        }
        let largest = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let smallest = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        if largest - smallest <= TIE {
            return Some(0.0);
        }
        let mean = self.mean();
        let squares: f64 = self.0.iter().map(|difference| (difference - mean).powi(2)).sum();
        Some((squares / (self.n() - 1) as f64).sqrt())
    }

    /// Cohen's d for paired values, `d_z` = d̄ / sd (Cohen 1988; Lakens 2013): .2
    /// is called small, .5 medium, .8 large. None for one query and where the
    /// standard deviation is 0.
    #[must_use]
    pub fn effect_size(&self) -> Option<f64> {
        self.sd().filter(|&sd| sd > 0.0).map(|sd| self.mean() / sd)
    }

    /// How many are above 0.
    #[must_use]
    pub fn wins(&self) -> usize {
        self.0.iter().filter(|&&difference| difference > 0.0).count()
    }

    /// How many are below 0.
    #[must_use]
    pub fn losses(&self) -> usize {
        self.0.iter().filter(|&&difference| difference < 0.0).count()
    }

    /// How many are 0.
    #[must_use]
    pub fn ties(&self) -> usize {
        self.n() - self.wins() - self.losses()
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    impl Differences {
        /// These differences, to a baseline of zeros.
        pub(in crate::eval::stats) fn of(differences: &[f64]) -> Self {
            Self::new(&vec![0.0; differences.len()], differences).unwrap()
        }
    }

    #[test]
    fn summaries() {
        let baseline = [0.62, 0.35, 0.80, 0.51, 0.44, 0.73, 0.29, 0.91, 0.58, 0.40];
        let variant = [0.70, 0.41, 0.78, 0.60, 0.44, 0.80, 0.35, 0.90, 0.69, 0.47];
        let differences = Differences::new(&baseline, &variant).unwrap();
        // scipy's and numpy's.
        assert!((differences.mean() - 0.051).abs() < 1e-15);
        assert!((differences.sd().unwrap() - 0.044_833_023_542_919_79).abs() < 1e-15);
        assert!((differences.effect_size().unwrap() - 1.137_554_328_700_949).abs() < 1e-12);
        let counts = (differences.wins(), differences.ties(), differences.losses());
        assert_eq!(counts, (7, 1, 2));
    }

    #[test]
    fn rounding_is_a_tie_and_no_spread() {
        let ties = Differences::new(&[0.3, 0.5], &[0.1 + 0.2, 0.5 + TIE / 2.0]).unwrap();
        assert_eq!(ties.as_slice(), [0.0, 0.0]);
        assert_eq!((ties.ties(), ties.sd(), ties.effect_size()), (2, Some(0.0), None));
        // 0.1 each, but not to the last bit.
        let alike = Differences::new(&[0.2, 0.6, 0.8], &[0.3, 0.7, 0.9]).unwrap();
        assert_eq!((alike.wins(), alike.sd(), alike.effect_size()), (3, Some(0.0), None));
    }

    #[test]
    fn one_query_has_no_spread_to_know() {
        let one = Differences::of(&[0.5]);
        assert_eq!((one.n(), one.sd(), one.effect_size()), (1, None, None));
    }

    #[test_case(&[], &[], "no query" ; "nothing")]
    #[test_case(&[0.1], &[0.1, 0.2], "1 values of the baseline against 2" ; "another number")]
    #[test_case(&[0.1, f64::NAN], &[0.1, 0.2], "value 2" ; "no number")]
    #[test_case(&[0.1], &[f64::INFINITY], "is inf: only finite" ; "infinite")]
    #[test_case(&[-1e300], &[1e300], "value 1" ; "too large to be added")]
    fn what_cannot_be_compared(baseline: &[f64], variant: &[f64], problem: &str) {
        let error = Differences::new(baseline, variant).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}
