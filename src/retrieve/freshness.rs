//! How much newer documents are preferred.

use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::UPDATED_AT;
use super::filter::parse_date;
use crate::domain::Document;

/// Parts of a half-life in which a document's age is counted. Within one,
/// the same search gives the same scores, so that its ranking can be cached.
const STEPS: u32 = 64;

/// Prefers newer documents: a document's freshness is 1 at its last change
/// and halves with every half-life, and takes its share of the classical
/// score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freshness {
    /// Age at which freshness is a half, such as `"7d"` or `"36h"`.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub half_life: Duration,
    /// Share of freshness in the classical score, above 0 and at most 1.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    #[serde(deserialize_with = "share")]
    pub weight: f32,
}

impl Freshness {
    /// The moment from which ages are counted.
    pub(super) fn rounded(&self, now: Timestamp) -> Timestamp {
        let step = i64::try_from((self.half_life / STEPS).as_secs()).unwrap_or(i64::MAX).max(1);
        let seconds = now.as_second();
        Timestamp::from_second(seconds - seconds.rem_euclid(step)).unwrap_or(now)
    }

    /// In [0, 1]: 1 for what was changed just now or will be.
    pub(super) fn decay(&self, changed: Timestamp, now: Timestamp) -> f32 {
        let age = now.duration_since(changed).as_secs_f64().max(0.0);
        let half_lives = age / self.half_life.as_secs_f64();
        #[expect(clippy::cast_possible_truncation, reason = "scores are shown as f32")]
        let decayed = (-half_lives).exp2() as f32;
        decayed
    }
}

/// When the document was changed last, if it says so.
pub(super) fn freshness_of(document: &Document) -> Option<Timestamp> {
    document.metadata.get(UPDATED_AT)?.as_str().and_then(parse_date)
}

fn share<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    let share = f32::deserialize(deserializer)?;
    if share > 0.0 && share <= 1.0 {
        return Ok(share);
    }
    Err(serde::de::Error::custom(format!(
        "{share} is no share: write a number above 0 and at most 1, or leave freshness out"
    )))
}

/// Durations as people write them, with days of 24 hours.
pub(crate) mod duration {
    use std::time::Duration;

    use jiff::{SignedDuration, Span, SpanRelativeTo};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "\"{text}\" is no duration above zero: write one such as \"7d\", \"36h\" or \"90m\""
            ))
        })
    }

    pub(crate) fn some<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        deserialize(deserializer).map(Some)
    }

    fn parse(text: &str) -> Option<Duration> {
        let span: Span = text.parse().ok()?;
        let signed = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
        Duration::try_from(signed).ok().filter(|duration| !duration.is_zero())
    }

    pub(crate) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let signed = SignedDuration::try_from(*duration).map_err(serde::ser::Error::custom)?;
        serializer.collect_str(&format_args!("{signed:#}"))
    }

    #[expect(clippy::ref_option, reason = "serde hands over the field")]
    pub(crate) fn serialize_some<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => self::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weekly() -> Freshness {
        toml::from_str("half_life = \"7d\"\nweight = 0.25").unwrap()
    }

    #[test]
    fn halves_with_every_half_life_and_never_exceeds_one() {
        let now: Timestamp = "2026-03-15T00:00:00Z".parse().unwrap();
        let decayed = |date: &str| weekly().decay(date.parse().unwrap(), now);
        for (date, expected) in [
            ("2026-03-15T00:00:00Z", 1.0),
            ("2026-03-08T00:00:00Z", 0.5),
            ("2026-03-01T00:00:00Z", 0.25),
            ("2027-01-01T00:00:00Z", 1.0),
        ] {
            assert!((decayed(date) - expected).abs() < 1e-6, "{date}");
        }
        assert!(decayed("0001-01-01T00:00:00Z") >= 0.0);
    }

    #[test]
    fn the_same_search_scores_the_same_for_a_while() {
        let at = |text: &str| weekly().rounded(text.parse().unwrap());
        assert_eq!(at("2026-03-15T00:00:10Z"), at("2026-03-15T00:20:00Z"));
        assert_ne!(at("2026-03-15T00:00:00Z"), at("2026-03-15T06:00:00Z"));
    }

    #[test]
    fn reads_durations_and_refuses_what_is_none() {
        assert_eq!(weekly().half_life, Duration::from_hours(168));
        let text = toml::to_string(&weekly()).unwrap();
        assert_eq!(toml::from_str::<Freshness>(&text).unwrap(), weekly());
        for wrong in ["\"0s\"", "\"-1d\"", "\"soon\"", "7"] {
            let text = format!("half_life = {wrong}\nweight = 0.5");
            assert!(toml::from_str::<Freshness>(&text).is_err(), "{wrong}");
        }
        for weight in ["0.0", "1.5", "-1.0", "nan"] {
            let text = format!("half_life = \"1d\"\nweight = {weight}");
            assert!(toml::from_str::<Freshness>(&text).is_err(), "{weight}");
        }
    }
}
