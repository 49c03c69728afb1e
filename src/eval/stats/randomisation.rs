//! The paired randomisation test.

use std::num::NonZeroU32;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};
use serde::Serialize;

use super::differences::Differences;

/// Up to so many differences that are not 0, every pattern of signs is looked
/// at: half a million sums, since patterns come in pairs.
const MOST_EXACT: usize = 20;

/// Sums up to this share of Σ|d| apart count as equal: differences of a metric
/// take few values, so many sums are equal but for rounding.
const EQUAL: f64 = 1e-9;

/// What the test found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Randomisation {
    /// How often chance alone would give a mean difference at least as far from
    /// 0, on either side; in (0, 1].
    pub p: f64,
    /// How that was counted.
    #[serde(flatten)]
    pub method: Method,
}

/// How patterns of signs were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum Method {
    /// All of them.
    Exact,
    /// A sample.
    MonteCarlo {
        /// How many.
        samples: u32,
    },
}

/// Paired randomisation (sign-flip permutation) test of the mean difference,
/// two-sided (Fisher 1935; Smucker, Allan & Carterette, CIKM 2007). If variant
/// and baseline were the same, each query's difference could as well have had
/// the other sign; p is the share of sign patterns whose |Σ±d| is at least
/// |Σd|. Zeros have no sign and change nothing.
///
/// With up to 20 differences that are not 0, all patterns are counted. Beyond
/// that `samples` patterns are drawn and p = (b + 1) / (samples + 1), where b is
/// how many are at least as extreme (Phipson & Smyth 2010), so that p is never
/// 0.
#[must_use]
pub fn randomisation_test(
    differences: &Differences,
    samples: NonZeroU32,
    seed: u64,
) -> Randomisation {
    let signed: Vec<f64> =
        differences.as_slice().iter().copied().filter(|difference| *difference != 0.0).collect();
    let sums = Sums::new(&signed);
    if signed.len() <= MOST_EXACT {
        return Randomisation { p: exact(&sums, signed.len()), method: Method::Exact };
    }
    let p = monte_carlo(&sums, samples.get(), Pcg64Mcg::seed_from_u64(seed));
    Randomisation { p, method: Method::MonteCarlo { samples: samples.get() } }
}

/// The share of all patterns of `n` signs that are as extreme as the observed
/// one. The last sign stays: its other value only mirrors the patterns.
fn exact(sums: &Sums, n: usize) -> f64 {
    let patterns = 1_u32 << n.saturating_sub(1);
    let extreme = (0..patterns).filter(|pattern| sums.is_extreme(&pattern.to_le_bytes())).count();
    extreme as f64 / f64::from(patterns)
}

fn monte_carlo(sums: &Sums, samples: u32, mut rng: Pcg64Mcg) -> f64 {
    let mut pattern = vec![0; sums.by_byte.len()];
    let mut extreme = 0_u32;
    for _ in 0..samples {
        rng.fill_bytes(&mut pattern);
        extreme += u32::from(sums.is_extreme(&pattern));
    }
    (f64::from(extreme) + 1.0) / (f64::from(samples) + 1.0)
}

/// Sums of differences by pattern of signs. A pattern has a bit for each
/// difference, 1 turns its sign. Eight differences at a time are added
/// beforehand for each of their patterns: a table look-up then takes the place
/// of eight additions.
struct Sums {
    by_byte: Vec<[f64; 256]>,
    /// A sum from here on is as extreme as the observed one.
    extreme: f64,
}

impl Sums {
    fn new(differences: &[f64]) -> Self {
        let by_byte: Vec<[f64; 256]> = differences.chunks(8).map(by_pattern).collect();
        let observed: f64 = by_byte.iter().map(|sums| sums[0]).sum();
        let all: f64 = differences.iter().map(|difference| difference.abs()).sum();
        Self { by_byte, extreme: observed.abs() - EQUAL * all }
    }

    /// Whether the sum with these signs is as extreme as the observed one.
    /// Bytes and bits beyond the last difference mean nothing.
    fn is_extreme(&self, pattern: &[u8]) -> bool {
        let sum: f64 =
            self.by_byte.iter().zip(pattern).map(|(sums, &byte)| sums[usize::from(byte)]).sum();
        sum.abs() >= self.extreme
    }
}

/// Sums of up to eight differences for each pattern of their signs, each from
/// the pattern that has one sign turned less.
fn by_pattern(differences: &[f64]) -> [f64; 256] {
    let mut sums = [differences.iter().sum(); 256];
    for pattern in 1..sums.len() {
        let turned = differences.get(pattern.trailing_zeros() as usize).unwrap_or(&0.0);
        sums[pattern] = sums[pattern & (pattern - 1)] - 2.0 * turned;
    }
    sums
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use test_case::test_case;

    use super::*;

    const FEW: NonZeroU32 = NonZeroU32::MIN.saturating_add(1999);

    fn test(differences: &[f64]) -> Randomisation {
        randomisation_test(&Differences::of(differences), FEW, 7)
    }

    // Expected values are scipy's (`permutation_test`, all patterns).
    #[test_case(&[0.08, 0.06, -0.02, 0.09, 0.0, 0.07, 0.06, -0.01, 0.11, 0.07], 0.015_625 ;
        "shown")]
    #[test_case(&[0.1, 0.2, -0.1, 0.3, 0.1], 0.25 ; "sums that differ by rounding")]
    #[test_case(&[0.05, -0.02, 0.03, 0.03, 0.01, -0.04, 0.06], 0.296_875 ; "not shown")]
    #[test_case(&[0.5, -0.25, 0.25, 0.125, -0.125, 0.375, 0.0, 0.25], 0.218_75 ; "with a tie")]
    #[test_case(&[0.1; 6], 0.031_25 ; "six wins")]
    #[test_case(&[0.23, -0.23, 0.07, -0.03, -0.02, 0.01, -0.17, 0.01, -0.06, 0.36, 0.05, -0.01],
        0.723_144_531_25 ; "two bytes of signs")]
    #[test_case(&[0.0; 4], 1.0 ; "nothing but ties")]
    #[test_case(&[0.3], 1.0 ; "one query")]
    fn counts_all_patterns(differences: &[f64], p: f64) {
        let found = test(differences);
        assert_eq!(found.method, Method::Exact);
        assert!((found.p - p).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn tables_hold_what_adding_gives() {
        let differences = [0.5, -0.25, 1.0, 2.0, -4.0, 8.0, 16.0, 32.0];
        let sums = by_pattern(&differences);
        for (pattern, sum) in sums.into_iter().enumerate() {
            let signed = differences.iter().enumerate();
            let added: f64 =
                signed.map(|(at, d)| if pattern >> at & 1 == 1 { -d } else { *d }).sum();
            assert!((sum - added).abs() < 1e-12, "{pattern}");
        }
        assert!((by_pattern(&[1.0, 3.0])[0b110] + 2.0).abs() < 1e-12);
    }

    #[test]
    fn samples_beyond_what_can_be_counted() {
        let at_most = test(&[0.1; MOST_EXACT]);
        assert_eq!((at_most.method, at_most.p), (Method::Exact, 0.5_f64.powi(19)));
        let more = test(&[0.1; MOST_EXACT + 1]);
        assert_eq!(more.method, Method::MonteCarlo { samples: 2000 });
        // Almost surely none of the patterns drawn is as extreme.
        assert!((more.p - 1.0 / 2001.0).abs() < 1e-12, "{more:?}");
    }

    #[test]
    fn a_sample_agrees_with_the_count() {
        let mut rng = Pcg64Mcg::seed_from_u64(3);
        for n in [3, 9, 14] {
            let differences: Vec<f64> = (0..n).map(|_| rng.random_range(-0.1..0.2)).collect();
            let sums = Sums::new(&differences);
            let (counted, drawn) = (exact(&sums, n), monte_carlo(&sums, 4000, rng.clone()));
            // Five standard errors of a share of 4000.
            assert!((counted - drawn).abs() < 0.04, "{n}: {counted} against {drawn}");
        }
    }

    #[test]
    fn the_seed_decides_what_is_drawn() {
        let differences: Vec<f64> = (0..40).map(|at| f64::from(at % 7) * 0.01 - 0.02).collect();
        let with = |seed| randomisation_test(&Differences::of(&differences), FEW, seed).p;
        assert!((with(7) - with(7)).abs() < f64::EPSILON);
        assert!((with(7) - with(8)).abs() > f64::EPSILON);
    }
}
