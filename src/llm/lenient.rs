//! Reading what compatible servers send beside the answer itself.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A value of another shape, null above all, counts as absent: only what is
/// needed has to be right.
pub(super) fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + serde::de::DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    Ok(T::deserialize(value).unwrap_or_default())
}

/// A count that can be true: negative and absurd ones count as missing.
pub(super) fn token_count(value: &Value) -> Option<u64> {
    let count = match value.as_u64() {
        Some(count) => count,
        // Some servers send 12.0.
        None => value.as_f64().filter(|count| count.fract() == 0.0).map(as_count)?,
    };
    u32::try_from(count).ok().map(u64::from)
}

/// Out of range for everything that isn't a count.
fn as_count(count: f64) -> u64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // checked by the caller's range
    if (0.0..=f64::from(u32::MAX)).contains(&count) { count as u64 } else { u64::MAX }
}
