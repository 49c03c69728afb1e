//! What a comparison comes to, in words.

use std::fmt;

use serde::Serialize;

use super::bootstrap::Interval;

/// What a comparison comes to, where more is better. Its text is a sentence for
/// readers who know no statistics.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Verdict {
    /// The variant is better.
    Better(Shown),
    /// The variant is worse.
    Worse(Shown),
    /// What difference there is may be chance.
    NoDifferenceShown {
        /// Queries compared.
        n: usize,
        /// The smallest difference that so many queries show 4 times in 5; none
        /// where they are too few to tell or all differ alike.
        detectable: Option<f64>,
    },
    /// Every query has the same value in both.
    Same {
        /// Queries compared.
        n: usize,
    },
    /// No difference, however large, could have been shown.
    TooSmall {
        /// Queries compared.
        n: usize,
        /// Fewest queries that can show one.
        needed: usize,
    },
}

/// A difference that is more than chance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// Its size, without a sign.
    pub by: f64,
    /// 95 % interval of the mean difference, variant − baseline.
    pub ci95: Option<Interval>,
    /// p of the randomisation test, adjusted where it is one of several.
    pub p: f64,
    /// Tests that p is adjusted for; 1 where it stands alone.
    pub tests: usize,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Better(shown) => shown.write(f, "better"),
            Self::Worse(shown) => shown.write(f, "worse"),
            Self::NoDifferenceShown { detectable: None, n } => {
                write!(f, "no difference shown, which says little with {n} queries")
            }
            Self::NoDifferenceShown { detectable: Some(detectable), n } => {
                let decimals = decimals(*detectable);
                write!(
                    f,
                    "no difference shown; with {n} queries only differences of \
                     {detectable:.decimals$} or more would be seen 4 times in 5"
                )
            }
            Self::Same { n: 1 } => f.write_str("the same for the only query"),
            Self::Same { n } => write!(f, "the same for each of the {n} queries"),
            Self::TooSmall { n, needed } => {
                let queries = if *n == 1 { "query is" } else { "queries are" };
                write!(f, "{n} {queries} too few to show a difference: compare at least {needed}")
            }
        }
    }
}

impl Shown {
    fn write(&self, f: &mut fmt::Formatter<'_>, how: &str) -> fmt::Result {
        // As many for the interval, so that it can be compared.
        let decimals = decimals(self.by).max(3);
        write!(f, "{:.decimals$} {how} (", self.by)?;
        if let Some(Interval { lower, upper }) = self.ci95 {
            write!(f, "95 % interval {lower:.decimals$} to {upper:.decimals$}, ")?;
        }
        f.write_str(if self.tests > 1 { "adjusted p" } else { "p" })?;
        match format!("{:.3}", self.p).as_str() {
            "0.000" => f.write_str(" < .001)"),
            rounded => write!(f, " = {})", rounded.trim_start_matches('0')),
        }
    }
}

/// Decimals that show a value's first two digits, not counting leading zeros.
fn decimals(value: f64) -> usize {
    let mut decimals = 0;
    let mut shown = value.abs();
    // Beyond what a float holds there is nothing to show.
    while shown < 10.0 && decimals < 17 {
        shown *= 10.0;
        decimals += 1;
    }
    decimals
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn shown(by: f64, lower: f64, upper: f64, p: f64, tests: usize) -> Shown {
        Shown { by, ci95: Some(Interval { lower, upper }), p, tests }
    }

    #[test_case(&Verdict::Better(shown(0.021, 0.004, 0.038, 0.012, 1)),
        "0.021 better (95 % interval 0.004 to 0.038, p = .012)" ; "better")]
    #[test_case(&Verdict::Worse(shown(0.1, -0.1561, -0.0449, 0.000_02, 3)),
        "0.100 worse (95 % interval -0.156 to -0.045, adjusted p < .001)" ; "worse")]
    #[test_case(&Verdict::Better(shown(0.000_123, 0.000_05, 0.0002, 0.049, 1)),
        "0.00012 better (95 % interval 0.00005 to 0.00020, p = .049)" ; "small numbers")]
    #[test_case(&Verdict::NoDifferenceShown { n: 40, detectable: Some(0.0504) },
        "no difference shown; with 40 queries only differences of 0.050 or more would be seen 4 \
         times in 5" ; "may be chance")]
    #[test_case(&Verdict::NoDifferenceShown { n: 30, detectable: Some(12.3) },
        "no difference shown; with 30 queries only differences of 12 or more would be seen 4 \
         times in 5" ; "large numbers")]
    #[test_case(&Verdict::NoDifferenceShown { n: 7, detectable: None },
        "no difference shown, which says little with 7 queries" ; "hardly enough")]
    #[test_case(&Verdict::Same { n: 40 }, "the same for each of the 40 queries" ; "same")]
    #[test_case(&Verdict::Same { n: 1 }, "the same for the only query" ; "one alike")]
    #[test_case(&Verdict::TooSmall { n: 4, needed: 6 },
        "4 queries are too few to show a difference: compare at least 6" ; "few")]
    #[test_case(&Verdict::TooSmall { n: 1, needed: 6 },
        "1 query is too few to show a difference: compare at least 6" ; "one")]
    fn sentences(verdict: &Verdict, sentence: &str) {
        assert_eq!(verdict.to_string(), sentence);
    }
}
