//! One metric of a variant against a baseline, and several such comparisons.

use std::num::{NonZeroU32, NonZeroUsize};

use serde::Serialize;

use super::ALPHA;
use super::bootstrap::{Interval, bootstrap_interval};
use super::differences::{Differences, NotComparable};
use super::distribution::mean;
use super::holm::holm;
use super::power::{least_queries, minimum_detectable};
use super::randomisation::{Randomisation, randomisation_test};
use super::t_test::{TTest, t_test};
use super::verdict::{Shown, Verdict};

/// How much is drawn, and from which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What decides all draws.
    pub seed: u64,
    /// Sign patterns of the randomisation test where there are too many to
    /// count. Fewer than 1000 make p coarse.
    pub samples: NonZeroU32,
    /// Resamples of the bootstrap. Fewer than 1000 make the interval's ends
    /// rough.
    pub resamples: NonZeroU32,
}

impl Default for Settings {
    /// 100,000 samples: a p of .05 is off by .0007 (one standard error). 10,000
    /// resamples.
    fn default() -> Self {
        let (samples, resamples) = (100_000, 10_000);
        Self {
            seed: 0,
            samples: NonZeroU32::MIN.saturating_add(samples - 1),
            resamples: NonZeroU32::MIN.saturating_add(resamples - 1),
        }
    }
}

/// A variant against a baseline over the same queries, by one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Queries compared.
    pub n: usize,
    /// Mean of the baseline.
    pub baseline_mean: f64,
    /// Mean of the variant.
    pub variant_mean: f64,
    /// Mean of variant − baseline; ties count as 0.
    pub mean_difference: f64,
    /// Standard deviation of the differences; none for one query.
    pub sd_difference: Option<f64>,
    /// Queries for which the variant is better.
    pub wins: usize,
    /// Queries for which neither is, up to [`super::TIE`].
    pub ties: usize,
    /// Queries for which the baseline is better.
    pub losses: usize,
    /// Effect size, mean over standard deviation of the differences; none where
    /// that is 0 or unknown.
    pub cohens_dz: Option<f64>,
    /// Paired t test; none where it has no answer.
    pub t_test: Option<TTest>,
    /// Paired randomisation test, which decides the verdict.
    pub randomisation_test: Randomisation,
    /// The randomisation test's p after Holm's adjustment; none until
    /// [`adjust`] was asked.
    pub p_holm: Option<f64>,
    /// 95 % bootstrap interval of the mean difference; none for one query. Not
    /// adjusted.
    pub ci95: Option<Interval>,
    /// The smallest mean difference that so many queries show 4 times in 5;
    /// none where they are too few to tell or all differ alike.
    pub minimum_detectable: Option<f64>,
    /// What it comes to.
    pub verdict: Verdict,
}

/// Compares values by query; those at the same place belong to the same query.
///
/// # Errors
/// Where there is no query, where the two are not equally long, and where a
/// value is not finite.
pub fn compare(
    baseline: &[f64],
    variant: &[f64],
    settings: Settings,
) -> Result<Comparison, NotComparable> {
    let differences = Differences::new(baseline, variant)?;
    let Settings { seed, samples, resamples } = settings;
    let mut comparison = Comparison {
        n: differences.n(),
        baseline_mean: mean(baseline),
        variant_mean: mean(variant),
        mean_difference: differences.mean(),
        sd_difference: differences.sd(),
        wins: differences.wins(),
        ties: differences.ties(),
        losses: differences.losses(),
        cohens_dz: differences.effect_size(),
        t_test: t_test(&differences),
        randomisation_test: randomisation_test(&differences, samples, seed),
        p_holm: None,
        ci95: bootstrap_interval(&differences, resamples, seed),
        minimum_detectable: None,
        verdict: Verdict::Same { n: differences.n() },
    };
    comparison.judge(NonZeroUsize::MIN);
    Ok(comparison)
}

/// Adjusts a family of comparisons, those that are read together, by Holm's
/// method (see [`holm`]) and judges each of them anew. What they say is then
/// wrong about any of them in 5 % of such families at most, and what each could
/// have shown is told for the strictest level of the family.
pub fn adjust<'c>(family: impl IntoIterator<Item = &'c mut Comparison>) {
    let mut family: Vec<&mut Comparison> = family.into_iter().collect();
    let Some(tests) = NonZeroUsize::new(family.len()) else { return };
    let p_values: Vec<f64> = family.iter().map(|it| it.randomisation_test.p).collect();
    for (comparison, p) in family.iter_mut().zip(holm(&p_values)) {
        comparison.p_holm = Some(p);
        comparison.judge(tests);
    }
}

impl Comparison {
    /// Says what it comes to as one of so many tests.
    fn judge(&mut self, tests: NonZeroUsize) {
        let sd = self.sd_difference.unwrap_or_default();
        self.minimum_detectable = minimum_detectable(sd, self.n, tests);
        self.verdict = self.verdict(tests);
    }

    fn verdict(&self, tests: NonZeroUsize) -> Verdict {
        let n = self.n;
        if self.ties == n {
            return Verdict::Same { n };
        }
        let p = self.p_holm.unwrap_or(self.randomisation_test.p);
        if p <= ALPHA {
            let by = self.mean_difference.abs();
            let shown = Shown { by, ci95: self.ci95, p, tests: tests.get() };
            return if self.mean_difference > 0.0 {
                Verdict::Better(shown)
            } else {
                Verdict::Worse(shown)
            };
        }
        let needed = least_queries(tests);
        if n < needed {
            return Verdict::TooSmall { n, needed };
        }
        Verdict::NoDifferenceShown { n, detectable: self.minimum_detectable }
    }
}

#[cfg(test)]
mod tests;
