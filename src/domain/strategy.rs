//! Names of the ways to arrange LLM calls into a ranking.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A strategy that this release can run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StrategyName {
    /// No LLM: the classical ranking.
    None,
    /// One call orders the top window.
    #[default]
    Single,
    /// Calls grade a window of documents each, 0 to 10.
    Graded,
    /// One call a document answers Yes or No.
    Pointwise,
}

/// Strategies of the wire contract that later releases bring.
const PLANNED: [&str; 6] = ["sliding", "blocks", "refine", "topdown", "pairwise", "auto"];

impl StrategyName {
    /// Every strategy of this release.
    pub const ALL: [Self; 4] = [Self::None, Self::Single, Self::Graded, Self::Pointwise];

    /// The name as it is written in configs, requests and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Single => "single",
            Self::Graded => "graded",
            Self::Pointwise => "pointwise",
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
            .ok_or_else(|| UnknownStrategy { name: name.into(), planned: PLANNED.contains(&name) })
    }
}

impl<'de> Deserialize<'de> for StrategyName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// No such strategy in this release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownStrategy {
    name: String,
    planned: bool,
}

impl std::error::Error for UnknownStrategy {}

impl fmt::Display for UnknownStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = StrategyName::ALL.map(StrategyName::as_str).join(", ");
        if self.planned {
            write!(f, "strategy \"{}\" is not built yet; use one of: {known}", self.name)
        } else {
            write!(f, "there is no strategy \"{}\"; use one of: {known}", self.name)
        }
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
    fn tells_what_is_planned_from_what_is_wrong() {
        let planned = "refine".parse::<StrategyName>().unwrap_err().to_string();
        assert!(planned.contains("not built yet") && planned.contains("single"), "{planned}");
        let wrong = "Single".parse::<StrategyName>().unwrap_err().to_string();
        assert!(wrong.contains("there is no strategy"), "{wrong}");
    }
}
