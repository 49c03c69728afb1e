//! Means and distributions that more than one statistic needs.

use statrs::function::{beta, erf};

/// The mean of at least one value.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// How often a value of Student's t with so many degrees of freedom lies at
/// least as far from 0 as `t`, on either side: I(df/2, ½) at df/(df + t²), the
/// regularised incomplete beta function. Above 0, also where it is too small to
/// be told from 0.
pub(super) fn t_two_sided(t: f64, df: f64) -> f64 {
    beta::checked_beta_reg(df / 2.0, 0.5, df / (df + t * t))
        .unwrap_or(1.0)
        .clamp(f64::MIN_POSITIVE, 1.0)
}

/// How far from 0 Student's t with so many degrees of freedom lies with
/// probability `tails`, above 0, on either side: the inverse of
/// [`t_two_sided`], by halving. `statrs`' own quantiles lose
/// digits with many degrees of freedom and are not found at all with very many.
pub(super) fn t_beyond(tails: f64, df: f64) -> f64 {
    let (mut near, mut far) = (0.0, 1.0);
    while t_two_sided(far, df) > tails {
        (near, far) = (far, far * 2.0);
    }
    // As many halvings as a float has digits.
    for _ in 0..f64::MANTISSA_DIGITS {
        let middle = f64::midpoint(near, far);
        if t_two_sided(middle, df) > tails {
            near = middle;
        } else {
            far = middle;
        }
    }
    far
}

/// Share of the standard normal distribution that lies below.
pub(super) fn normal_cdf(x: f64) -> f64 {
    erf::erfc(-x / std::f64::consts::SQRT_2) / 2.0
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn near(value: f64, expected: f64) {
        assert!((value / expected - 1.0).abs() < 1e-6, "{value} instead of {expected}");
    }

    // Expected values are scipy's.
    #[test_case(2.0, 9.0, 0.076_552_823_770_701_01)]
    #[test_case(-2.0, 9.0, 0.076_552_823_770_701_01)]
    #[test_case(12.5, 3.0, 0.001_103_631_331_096_058_4)]
    #[test_case(1e-3, 50.0, 0.999_206_094_775_501_7)]
    #[test_case(40.0, 999.0, 1.242_642_119_627_181e-209)]
    #[test_case(1.5, 99_999.0, 0.133_617_559_554_400_7)]
    fn tails_of_t(t: f64, df: f64, expected: f64) {
        near(t_two_sided(t, df), expected);
    }

    #[test]
    fn no_tail_is_empty() {
        assert!(t_two_sided(1e80, 1000.0) > 0.0);
        assert!(t_two_sided(f64::INFINITY, 1.0) > 0.0);
    }

    #[test_case(0.05, 1.0, 12.706_204_736_174_694)]
    #[test_case(0.001, 1.0, 636.619_248_768_789_7)]
    #[test_case(0.4, 1.0, 1.376_381_920_471_173_8)]
    #[test_case(0.05, 5.0, 2.570_581_835_636_314_6)]
    #[test_case(0.4, 5.0, 0.919_543_780_240_827_1)]
    #[test_case(0.05, 30.0, 2.042_272_456_301_237_8)]
    #[test_case(0.4, 999.0, 0.841_981_182_258_946_7)]
    #[test_case(0.05, 99_999.0, 1.959_987_707_771_844_2)]
    #[test_case(0.4, 1e6, 0.841_621_593_013_984_4)]
    #[test_case(0.05, 1e9, 1.959_963_986_912_325)]
    fn quantiles_of_t(tails: f64, df: f64, expected: f64) {
        near(t_beyond(tails, df), expected);
    }

    #[test_case(0.0, 0.5)]
    #[test_case(-1.959_963_984_540_054, 0.025)]
    #[test_case(1.0, 0.841_344_746_068_542_9)]
    fn shares_of_the_normal(x: f64, expected: f64) {
        near(normal_cdf(x), expected);
    }
}
