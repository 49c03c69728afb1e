//! Metrics by name.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

/// A metric with its cut-off, written `ndcg@10` or, without one, `map`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Metric {
    /// What is measured.
    pub kind: Kind,
    /// Over how many of the first documents; none for all.
    pub cut: Option<NonZeroUsize>,
}

/// What is measured; in brackets `trec_eval`'s name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Normalised discounted cumulative gain, the gain being the grade
    /// (`ndcg`, `ndcg_cut`).
    Ndcg,
    /// The same with the gain 2^grade − 1.
    NdcgExp,
    /// Average precision (`map`, `map_cut`).
    Map,
    /// Reciprocal of the first relevant document's rank (`recip_rank`).
    Mrr,
    /// Share of the relevant documents that are found (`recall`).
    Recall,
    /// Share of the first documents that are relevant (`P`).
    Precision,
    /// Precision at the number of relevant documents (`Rprec`).
    RPrecision,
    /// Preference of relevant over judged non-relevant documents (`bpref`).
    Bpref,
    /// Whether any is relevant (`success`).
    Success,
    /// Share of the first documents that are judged.
    Judged,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Ndcg,
        Self::NdcgExp,
        Self::Map,
        Self::Mrr,
        Self::Recall,
        Self::Precision,
        Self::RPrecision,
        Self::Bpref,
        Self::Success,
        Self::Judged,
    ];

    /// Its name, without a cut-off.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ndcg => "ndcg",
            Self::NdcgExp => "ndcg_exp",
            Self::Map => "map",
            Self::Mrr => "mrr",
            Self::Recall => "recall",
            Self::Precision => "p",
            Self::RPrecision => "rprec",
            Self::Bpref => "bpref",
            Self::Success => "success",
            Self::Judged => "judged",
        }
    }

    /// Whether it is written with a cut-off: always, never, or either way.
    const fn cut(self) -> Cut {
        match self {
            Self::Ndcg | Self::NdcgExp | Self::Map | Self::Mrr => Cut::Either,
            Self::Recall | Self::Precision | Self::Success | Self::Judged => Cut::Always,
            Self::RPrecision | Self::Bpref => Cut::Never,
        }
    }
}

enum Cut {
    Always,
    Never,
    Either,
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cut {
            Some(cut) => write!(f, "{}@{cut}", self.kind.as_str()),
            None => f.write_str(self.kind.as_str()),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Metric {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for Metric {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// No metric has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no metric {0:?}: use ndcg@10, ndcg_exp@10, map@100, mrr@10, recall@100, p@10, \
     success@10 or judged@10 with any number, or map, mrr, ndcg, rprec or bpref without one"
)]
pub struct UnknownMetric(String);

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Self, UnknownMetric> {
        let unknown = || UnknownMetric(text.to_owned());
        let (name, cut) = match text.trim().split_once('@') {
            None => (text.trim(), None),
            Some((name, cut)) => (name, Some(cut.parse::<NonZeroUsize>().map_err(|_| unknown())?)),
        };
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or_else(unknown)?;
        match (kind.cut(), cut) {
            (Cut::Always, None) | (Cut::Never, Some(_)) => Err(unknown()),
            _ => Ok(Self { kind, cut }),
        }
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test]
    fn names_are_written_as_they_are_read() {
        for name in [
            "ndcg@10",
            "ndcg",
            "ndcg_exp@5",
            "map",
            "map@100",
            "mrr@10",
            "mrr",
            "recall@1",
            "p@20",
            "rprec",
            "bpref",
            "success@3",
            "judged@10",
        ] {
            assert_eq!(name.parse::<Metric>().unwrap().to_string(), name);
        }
    }

    #[test_case("ndcg@0")]
    #[test_case("ndcg@ten")]
    #[test_case("ndcg@")]
    #[test_case("recall")]
    #[test_case("bpref@10")]
    #[test_case("NDCG@10")]
    #[test_case("")]
    fn others_are_refused_with_what_there_is(name: &str) {
        let error = name.parse::<Metric>().unwrap_err().to_string();
        assert!(error.contains(&format!("{name:?}")) && error.contains("rprec"), "{error}");
    }
}
