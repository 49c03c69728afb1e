//! Student's t test for paired values.

use serde::Serialize;

use super::differences::Differences;
use super::distribution::t_two_sided;

/// What the test found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TTest {
    /// t = d̄ / (sd / √n).
    pub t: f64,
    /// Degrees of freedom, n − 1.
    pub df: usize,
    /// How often chance alone would give a t at least as far from 0, on either
    /// side; in (0, 1].
    pub p: f64,
}

/// Paired t test, two-sided (Student 1908). Where all differences are 0, t is 0
/// and p is 1. None for one query, and where all differences are the same but
/// not 0: t would be infinite and p zero, which no sample warrants. The
/// randomisation test has an answer for both.
#[must_use]
pub fn t_test(differences: &Differences) -> Option<TTest> {
    let (mean, sd) = (differences.mean(), differences.sd()?);
    let df = differences.n() - 1;
    if sd > 0.0 {
        let t = mean / (sd / (differences.n() as f64).sqrt());
        return Some(TTest { t, df, p: t_two_sided(t, df as f64) });
    }
    (differences.ties() == differences.n()).then_some(TTest { t: 0.0, df, p: 1.0 })
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    // Expected values are scipy's (`ttest_1samp`).
    #[test_case(&[0.08, 0.06, -0.02, 0.09, 0.0, 0.07, 0.06, -0.01, 0.11, 0.07],
        3.597_262_640_878_85, 0.005_772_929_338_081_453 ; "shown")]
    #[test_case(&[0.1, 0.2, -0.1, 0.3, 0.1], 1.809_068_067_466_581_8, 0.144_703_998_606_300_35 ;
        "not shown")]
    #[test_case(&[0.5, -0.25, 0.25, 0.125, -0.125, 0.375, 0.0, 0.25],
        1.566_698_903_601_280_6, 0.161_168_495_281_463_54 ; "with a tie")]
    fn known_values(differences: &[f64], t: f64, p: f64) {
        let found = t_test(&Differences::of(differences)).unwrap();
        assert_eq!(found.df, differences.len() - 1);
        assert!((found.t - t).abs() < 1e-9 && (found.p - p).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn what_has_no_spread() {
        assert_eq!(t_test(&Differences::of(&[0.0; 3])), Some(TTest { t: 0.0, df: 2, p: 1.0 }));
        assert_eq!(t_test(&Differences::of(&[0.1; 3])), None);
        assert_eq!(t_test(&Differences::of(&[0.0])), None);
    }
}
