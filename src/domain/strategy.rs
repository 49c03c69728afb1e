//! Names of the ways to arrange LLM calls into a ranking.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How LLM calls become a ranking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StrategyName {
    /// No LLM: the classical ranking.
    None,
    /// One call orders the top window.
    Single,
    /// Windows from the bottom to the top, one after the other.
    Sliding,
    /// Random partitions into windows, all at once.
    Blocks,
    /// All documents, then the best again, then the head in several orders.
    #[default]
    Refine,
    /// Everything is compared with a pivot from the head.
    Topdown,
    /// Calls grade a window of documents each, 0 to 10.
    Graded,
    /// One call a document answers Yes or No.
    Pointwise,
    /// Every pair of the best few.
    Pairwise,
    /// The richest of them that fits the time, calls, tokens and money left.
    Auto,
}

impl StrategyName {
    /// Every strategy of this release.
    pub const ALL: [Self; 10] = [
        Self::None,
        Self::Single,
        Self::Sliding,
        Self::Blocks,
        Self::Refine,
        Self::Topdown,
        Self::Graded,
        Self::Pointwise,
        Self::Pairwise,
        Self::Auto,
    ];

    /// The name as it is written in configs, requests and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Single => "single",
            Self::Sliding => "sliding",
            Self::Blocks => "blocks",
            Self::Refine => "refine",
            Self::Topdown => "topdown",
            Self::Graded => "graded",
            Self::Pointwise => "pointwise",
            Self::Pairwise => "pairwise",
            Self::Auto => "auto",
        }
    }
}

impl fmt::Display for StrategyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StrategyName {
    type Err = UnknownStrategy;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|strategy| strategy.as_str() == name)
            .ok_or_else(|| UnknownStrategy { name: name.into() })
    }
}

impl<'de> Deserialize<'de> for StrategyName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// No such strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownStrategy {
    name: String,
}

impl std::error::Error for UnknownStrategy {}

impl fmt::Display for UnknownStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = StrategyName::ALL.map(StrategyName::as_str).join(", ");
        write!(f, "there is no strategy \"{}\"; use one of: {known}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for strategy in StrategyName::ALL {
            assert_eq!(strategy.as_str().parse(), Ok(strategy));
        }
    }

    #[test]
    fn names_what_there_is_for_what_there_is_not() {
        let wrong = "Single".parse::<StrategyName>().unwrap_err().to_string();
        assert!(wrong.contains("there is no strategy \"Single\"") && wrong.contains("refine"));
    }
}
