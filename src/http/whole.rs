//! Whole numbers in requests. JSON has one kind of number: `10.0` is as whole
//! as `10`, and some clients write it so.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Number;

/// Above it not every whole number is one of `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A whole number, or null.
pub(super) fn optional<'de, D, N>(deserializer: D) -> Result<Option<N>, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<u64> + TryFrom<i64>,
{
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(None) };
    let whole = read(&number);
    let refused = || D::Error::custom(format!("{number} is no whole number of this range"));
    whole.map(Some).ok_or_else(refused)
}

fn read<N: TryFrom<u64> + TryFrom<i64>>(number: &Number) -> Option<N> {
    if let Some(whole) = number.as_u64() {
        return N::try_from(whole).ok();
    }
    if let Some(whole) = number.as_i64() {
        return N::try_from(whole).ok();
    }
    let float = number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() <= EXACT)?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and in the range of i64")]
    let whole = float as i64;
    N::try_from(whole).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use test_case::test_case;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Body {
        #[serde(default, deserialize_with = "optional")]
        n: Option<u64>,
    }

    #[test_case(json!({}), None ; "absent")]
    #[test_case(json!({"n": null}), None ; "null")]
    #[test_case(json!({"n": 10}), Some(10) ; "whole")]
    #[test_case(json!({"n": 10.0}), Some(10) ; "with a fraction of nothing")]
    #[test_case(json!({"n": 1e3}), Some(1000) ; "with an exponent")]
    #[test_case(json!({"n": u64::MAX}), Some(u64::MAX) ; "the largest")]
    fn takes(body: Value, expected: Option<u64>) {
        assert_eq!(serde_json::from_value::<Body>(body).unwrap().n, expected);
    }

    #[test_case(json!({"n": 10.5}), "10.5 is no whole number" ; "a fraction")]
    #[test_case(json!({"n": -1}), "-1 is no whole number" ; "below zero")]
    #[test_case(json!({"n": 1e300}), "1e+300 is no whole number" ; "far above")]
    #[test_case(json!({"n": "10"}), "invalid type: string" ; "text")]
    #[test_case(json!({"n": true}), "invalid type: boolean" ; "a truth")]
    fn refuses(body: Value, message: &str) {
        let error = serde_json::from_value::<Body>(body).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}
