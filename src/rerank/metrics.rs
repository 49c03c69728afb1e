//! Metrics of replies: every name, label and meaning in one table. Per prompt
//! version and model, so that two versions can be told apart; shares are
//! ratios of counters.

use metrics::counter;

use super::parse::Reading;
use crate::domain::Repairs;

/// Mended faults of usable replies, by kind.
pub const REPAIRS: &str = "rankgate_llm_repairs_total";
/// Replies, by what reading them gave.
pub const REPLIES: &str = "rankgate_llm_replies_total";
/// Usable listwise replies that are the order in which the passages were shown.
pub const IDENTITY: &str = "rankgate_llm_identity_total";

/// Name, labels and help of each metric of replies; all are counters.
pub const TABLE: [(&str, &[&str], &str); 3] = [
    (
        REPAIRS,
        &["prompt", "model", "kind"],
        "Mended faults of usable replies; kind is missing, duplicate or unknown",
    ),
    (
        REPLIES,
        &["prompt", "model", "outcome"],
        "Replies of models; outcome is ok, repaired, malformed_output, refused, truncated or filtered",
    ),
    (
        IDENTITY,
        &["prompt", "model"],
        "Usable listwise replies that repeat the order in which the passages were shown",
    ),
];

/// Counts the replies to one prompt by one model.
#[derive(Clone, Debug)]
pub struct Replies {
    /// `name@vN`
    pub prompt: String,
    /// The configured name.
    pub model: String,
}

impl Replies {
    /// Counts a reply by its reading.
    pub fn count<T>(&self, reading: &Reading<T>) {
        self.increment(REPLIES, Some(("outcome", reading.outcome())), 1);
        if let Reading::Usable { repairs, .. } = reading {
            let Repairs { missing, duplicate, unknown } = *repairs;
            for (kind, count) in
                [("missing", missing), ("duplicate", duplicate), ("unknown", unknown)]
            {
                if count > 0 {
                    self.increment(REPAIRS, Some(("kind", kind)), u64::from(count));
                }
            }
        }
    }

    /// Counts whether a listwise reply repeats the order it was shown. One that
    /// doesn't makes the counter known, so that a share of none is 0.
    pub fn count_identity(&self, repeats: bool) {
        self.increment(IDENTITY, None, u64::from(repeats));
    }

    /// Adds to one of the counters that are told by prompt and model.
    pub fn increment(
        &self,
        name: &'static str,
        by: Option<(&'static str, &'static str)>,
        count: u64,
    ) {
        let mut labels = vec![
            metrics::Label::new("prompt", self.prompt.clone()),
            metrics::Label::new("model", self.model.clone()),
        ];
        labels.extend(by.map(|(key, value)| metrics::Label::from_static_parts(key, value)));
        counter!(name, labels).increment(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_named_and_explained_like_the_others() {
        for (name, labels, meaning) in TABLE {
            assert!(name.starts_with("rankgate_llm_") && name.ends_with("_total"), "{name}");
            assert!(labels.starts_with(&["prompt", "model"]) && !meaning.is_empty(), "{name}");
        }
    }
}
