//! What a suite says of its judge.

use std::num::NonZeroUsize;

use serde::Deserialize;

use crate::eval::Metric;

/// How deep rankings are looked at where neither the suite nor its headline
/// metric says.
const DEPTH: usize = 10;

/// The `[judge]` table of a suite.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeConfig {
    /// Name of a model of the configuration, one that doesn't rank.
    pub model: String,
    /// A prompt of the task `judge`.
    #[serde(default = "latest")]
    pub prompt: String,
    /// How many of the first documents of each ranking are looked at; absent:
    /// as many as the headline metric does, or 10 where it has no cut.
    pub depth: Option<NonZeroUsize>,
    /// Most documents of a call.
    #[serde(default = "five")]
    pub per_call: NonZeroUsize,
}

impl JudgeConfig {
    /// How many of the first documents of each ranking are looked at.
    #[must_use]
    pub fn depth(&self, headline: Metric) -> usize {
        self.depth.or(headline.cut).map_or(DEPTH, NonZeroUsize::get)
    }
}

fn latest() -> String {
    "judge@latest".to_owned()
}

const fn five() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_follows_the_headline() {
        let config: JudgeConfig = toml::from_str("model = \"large\"").unwrap();
        assert_eq!((config.prompt.as_str(), config.per_call.get()), ("judge@latest", 5));
        let depth = |metric: &str| config.depth(metric.parse().unwrap());
        assert_eq!((depth("ndcg@3"), depth("map")), (3, 10));
        let config: JudgeConfig = toml::from_str("model = \"m\"\ndepth = 20").unwrap();
        assert_eq!(config.depth("ndcg@3".parse().unwrap()), 20);
    }
}
