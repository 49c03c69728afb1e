//! The deadline that a request asks for.

use std::time::Duration;

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::error::ApiError;

/// The header's name.
pub(super) const HEADER: &str = "x-rankgate-deadline-ms";
/// Longest deadline in milliseconds.
pub(super) const MAX_MS: u64 = 600_000;

/// The deadline of header and body, the shorter one where both have one.
///
/// # Errors
/// When one of them is no number of 1 to 600000.
pub(super) fn read(headers: &HeaderMap, body: Option<u64>) -> Result<Option<Duration>, ApiError> {
    let from_header = headers.get(HEADER).map(|value| {
        let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
        in_range(HEADER, number)
    });
    let from_body = body.map(|number| in_range("deadline_ms", Some(number)));
    let wanted = [from_header.transpose()?, from_body.transpose()?];
    Ok(wanted.into_iter().flatten().min())
}

/// What can be asked for.
pub(super) fn schema() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": MAX_MS })
}

fn in_range(field: &str, ms: Option<u64>) -> Result<Duration, ApiError> {
    match ms {
        Some(ms @ 1..=MAX_MS) => Ok(Duration::from_millis(ms)),
        _ => Err(ApiError::invalid(field, format!("write milliseconds, 1 to {MAX_MS}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: Option<&'static str>, body: Option<u64>) -> Result<Option<u128>, String> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(HEADER, axum::http::HeaderValue::from_static(header));
        }
        read(&headers, body)
            .map(|deadline| deadline.map(|deadline| deadline.as_millis()))
            .map_err(|error| error.field.unwrap_or_default())
    }

    #[test]
    fn the_shorter_one_holds() {
        assert_eq!(of(None, None), Ok(None));
        assert_eq!(of(Some("250"), None), Ok(Some(250)));
        assert_eq!(of(Some("250"), Some(100)), Ok(Some(100)));
        assert_eq!(of(Some("50"), Some(600_000)), Ok(Some(50)));
    }

    #[test]
    fn nonsense_is_refused_by_its_name() {
        for header in ["0", "-1", "600001", "1.5", "soon", "9223372036854775808"] {
            assert_eq!(of(Some(header), None), Err(HEADER.into()));
        }
        for body in [0, 600_001, 1 << 63] {
            assert_eq!(of(None, Some(body)), Err("deadline_ms".into()));
        }
    }
}
