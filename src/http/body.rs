//! Reads a request's body into a type, within limits of size and time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use serde_json::{Map, Value};

use super::error::{ApiError, ErrorCode};

/// Longest time from the headers to the end of the body: a sender that
/// trickles must not hold a place among the requests under way.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest time that is given to the rest of a body that nobody reads.
const LINGER: Duration = Duration::from_secs(5);

/// The JSON object in the body.
///
/// # Errors
/// When the body is too large, too slow, not JSON or not of this type.
pub(super) async fn object<T: DeserializeOwned>(
    request: Request,
    max_bytes: usize,
) -> Result<T, ApiError> {
    if let Err(error) = check_type(request.headers()) {
        discard(request).await;
        return Err(error);
    }
    parse(&bytes(request, max_bytes).await?)
}

/// JSON may also come without a type, but not under another one: a web page
/// can't send a request across origins then without being asked.
fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    if essence == "application/json" || essence.ends_with("+json") {
        return Ok(());
    }
    let detail = "send the body as JSON, with content-type: application/json";
    Err(ApiError::new(ErrorCode::UnsupportedMediaType, detail).about("content-type"))
}

async fn bytes(request: Request, max_bytes: usize) -> Result<Bytes, ApiError> {
    let too_large = || {
        let detail = format!("the body is larger than {max_bytes} bytes (server.max_body)");
        ApiError::new(ErrorCode::BodyTooLarge, detail)
    };
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > max_bytes) {
        discard(request).await;
        return Err(too_large());
    }
    let mut body = request.into_body();
    let collecting = Limited::new(&mut body, max_bytes).collect();
    let collected = tokio::time::timeout(PATIENCE, collecting).await;
    match collected {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            // Its length wasn't known before.
            drain(body).await;
            Err(too_large())
        }
        Ok(Err(_)) => Err(ApiError::new(ErrorCode::IncompleteBody, "the body ended early")),
        Err(_) => {
            let detail = format!("the body did not come within {} s", PATIENCE.as_secs());
            Err(ApiError::new(ErrorCode::SlowBody, detail))
        }
    }
}

/// The same of an object that was read before its type was known.
pub(super) fn typed<T: DeserializeOwned>(object: Map<String, Value>) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(Value::Object(object)).map_err(|error| {
        let path = error.path().to_string();
        not_the_type(&path, error.into_inner().to_string())
    })
}

/// Takes a body to its end and forgets it, before an answer that doesn't need
/// it: most clients send all of it before they look, and would find the
/// connection closed instead of the answer. One that asks before it sends
/// (`Expect`) is answered without.
pub(super) async fn discard(request: Request) {
    if request.headers().contains_key(header::EXPECT) {
        return;
    }
    drain(request.into_body()).await;
}

async fn drain(mut body: Body) {
    let to_its_end = async { while let Some(Ok(_)) = body.frame().await {} };
    // Who is slower than that may lose the answer.
    let _ = tokio::time::timeout(LINGER, to_its_end).await;
}

/// Reads the typed form and nothing else: members that the type doesn't have
/// go no further, and a repeated one is an error.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // serde would also take an array, field by field.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(match serde_json::from_slice::<IgnoredAny>(bytes) {
            Ok(_) => ApiError::new(ErrorCode::InvalidValue, "the body must be a JSON object"),
            Err(error) => not_json(&error),
        });
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        match error.classify() {
            Category::Data => not_the_type(&path, error.to_string()),
            Category::Io | Category::Syntax | Category::Eof => not_json(&error),
        }
    })?;
    json.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

/// The path of a missing or repeated member ends at the object around it.
fn not_the_type(path: &str, detail: String) -> ApiError {
    let named = ["missing field `", "duplicate field `"]
        .iter()
        .find_map(|start| detail.strip_prefix(start)?.split('`').next().map(str::to_owned));
    let field = match (path, named) {
        (".", named) => named,
        (path, Some(name)) => Some(format!("{path}.{name}")),
        (path, None) => Some(path.to_owned()),
    };
    ApiError { code: ErrorCode::InvalidValue, detail, field }
}

fn not_json(error: &serde_json::Error) -> ApiError {
    ApiError::new(ErrorCode::InvalidJson, format!("the body is not JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it is read matters")]
    struct Body {
        query: String,
        top_n: Option<u64>,
        #[serde(default)]
        documents: Vec<String>,
    }

    #[test]
    fn says_what_is_wrong() {
        use ErrorCode::{InvalidJson, InvalidValue};
        for (body, code, field) in [
            ("", InvalidJson, None),
            ("{", InvalidJson, None),
            ("{\"query\": \"\\ud800\"}", InvalidJson, None),
            ("{\"query\": \"a\"} x", InvalidJson, None),
            ("not json", InvalidJson, None),
            ("[\"a\"]", InvalidValue, None),
            ("null", InvalidValue, None),
            ("{}", InvalidValue, Some("query")),
            ("{\"query\": 3}", InvalidValue, Some("query")),
            ("{\"query\": \"a\", \"query\": \"b\"}", InvalidValue, Some("query")),
            ("{\"query\": \"a\", \"top\": 1}", InvalidValue, Some("top")),
            ("{\"query\": \"a\", \"top_n\": -1}", InvalidValue, Some("top_n")),
            ("{\"query\": \"a\", \"documents\": [\"x\", 3]}", InvalidValue, Some("documents[1]")),
        ] {
            let error = parse::<Body>(body.as_bytes()).unwrap_err();
            assert_eq!((error.code, error.field.as_deref()), (code, field), "{body}: {error:?}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_overflow() {
        let body = format!("{{\"query\": {}1", "[".repeat(100_000));
        assert_eq!(parse::<Body>(body.as_bytes()).unwrap_err().field.as_deref(), Some("query"));
        let body = format!("{}1", "[".repeat(100_000));
        assert_eq!(parse::<Body>(body.as_bytes()).unwrap_err().code, ErrorCode::InvalidJson);
    }

    #[test]
    fn takes_json_under_its_name() {
        assert!(check_type(&HeaderMap::new()).is_ok());
        for (sent, taken) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/vnd.api+json", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(sent));
            assert_eq!(check_type(&headers).is_ok(), taken, "{sent}");
        }
    }
}
