//! What an upstream's error means, from its status, headers and body.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::LlmError;
use super::attempt::{Again, AttemptFailure};

/// The `error` object of an answer. Its message decides what the error means
/// and goes nowhere else: it may repeat the prompt.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorBody {
    message: Value,
    code: Value,
    r#type: Value,
}

/// Codes of an account that can't pay.
const QUOTA_CODES: [&str; 4] =
    ["insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "credit_balance"];

/// Codes of a prompt that is too long, or of a batch that is too large.
const CONTEXT_CODES: [&str; 5] = [
    "context_length_exceeded",
    "exceed_context_size_error",
    "string_above_max_length",
    "array_above_max_length",
    "max_tokens_per_request",
];

/// How servers without codes put the same, of one text or of a batch.
const CONTEXT_PHRASES: [&str; 12] = [
    "context length",
    "context window",
    "context size",
    "maximum context",
    "max_model_len",
    "prompt is too long",
    "too many tokens",
    "tokens per request",
    "too many inputs",
    "batch size",
    "in one batch",
    TOO_LARGE,
];

/// How llama.cpp puts it, with status 500.
const TOO_LARGE: &str = "too large to process";

impl ErrorBody {
    /// Reads `{"error": {…}}`, `{"error": "…"}`, `{"detail": "…"}` or
    /// `{"message": …}`, also as the first of a list.
    pub fn parse(body: &[u8]) -> Self {
        let mut body = serde_json::from_slice(body).unwrap_or_default();
        if let Value::Array(errors) = &mut body {
            body = errors.first_mut().map(Value::take).unwrap_or_default();
        }
        let Value::Object(mut fields) = body else { return Self::default() };
        let error = ["error", "detail"].iter().find_map(|field| fields.remove(*field));
        Self::from_value(error.unwrap_or(Value::Object(fields)))
    }

    /// Reads the value of an `error` field.
    pub fn from_value(error: Value) -> Self {
        match error {
            Value::String(_) => Self { message: error, ..Self::default() },
            other => Self::deserialize(other).unwrap_or_default(),
        }
    }

    fn has_code(&self, codes: &[&str]) -> bool {
        [&self.code, &self.r#type]
            .into_iter()
            .filter_map(Value::as_str)
            .any(|code| codes.iter().any(|known| code.contains(known)))
    }

    /// Whether the message holds the phrase, which is in lower case.
    fn says(&self, phrase: &str) -> bool {
        self.message.as_str().unwrap_or_default().to_ascii_lowercase().contains(phrase)
    }

    fn is_context_overflow(&self) -> bool {
        self.has_code(&CONTEXT_CODES) || CONTEXT_PHRASES.iter().any(|phrase| self.says(phrase))
    }

    /// Whether a content filter stopped the prompt (Azure answers 400).
    pub fn is_filtered(&self) -> bool {
        self.has_code(&["content_filter"])
    }

    /// The status that an error sent with 200 would have deserved.
    pub fn status(&self) -> StatusCode {
        let told =
            self.code.as_u64().and_then(|code| StatusCode::from_u16(code.try_into().ok()?).ok());
        if let Some(status) = told {
            status
        } else if self.has_code(&["rate_limit"]) || self.has_code(&QUOTA_CODES) {
            StatusCode::TOO_MANY_REQUESTS
        } else if self.is_context_overflow() {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

/// What an answer that is no success means. `check` names what may be wrong
/// with the request itself.
pub(super) fn failure(
    upstream: &Arc<str>,
    status: StatusCode,
    retry_after: Option<Duration>,
    error: &ErrorBody,
    check: &str,
) -> AttemptFailure {
    let code = status.as_u16();
    let rejected = |usual_cause: &str| {
        AttemptFailure::rejected(upstream, format!("status {code}: {usual_cause}"))
    };
    match code {
        402 => rejected("the account can't pay"),
        429 if error.has_code(&QUOTA_CODES) => rejected("the account's quota is used up"),
        429 => AttemptFailure::rate_limited(upstream, retry_after),
        413 => AttemptFailure::last(LlmError::ContextOverflow),
        400 | 422 if error.is_context_overflow() => AttemptFailure::last(LlmError::ContextOverflow),
        500 if error.says(TOO_LARGE) => AttemptFailure::last(LlmError::ContextOverflow),
        401 => rejected("check api_key"),
        403 => rejected("the key may not use this model"),
        404 => rejected("check base_url and the model's name"),
        501 => rejected("it doesn't offer this; check base_url and how the server was started"),
        408 | 409 | 424 | 425 => AttemptFailure::upstream(upstream, format!("status {code}")),
        400..500 => rejected(&format!("it takes exception to the request; check {check}")),
        300..400 => AttemptFailure {
            again: Again::Elsewhere,
            ..AttemptFailure::upstream(
                upstream,
                format!("status {code}: redirects are not followed; set base_url to their target"),
            )
        },
        _ => AttemptFailure::upstream(upstream, format!("status {code}")).after(retry_after),
    }
}

/// How long the upstream asks us to wait: `retry-after-ms`, or `retry-after` in
/// seconds or as a date. Anything else counts as absent.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok();
    if let Some(ms) = text("retry-after-ms").and_then(number) {
        return Duration::try_from_secs_f64(ms / 1000.0).ok();
    }
    let value = text("retry-after")?;
    if let Some(seconds) = number(value) {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Duration::try_from(date.duration_since(jiff::Timestamp::now())).ok()
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::domain::Failure;

    fn classify(status: u16, body: &str) -> AttemptFailure {
        let status = StatusCode::from_u16(status).unwrap();
        failure(&"u".into(), status, None, &ErrorBody::parse(body.as_bytes()), "params")
    }

    #[test_case(400, "{}", Failure::UpstreamRejected, Again::Elsewhere)]
    #[test_case(401, "", Failure::UpstreamRejected, Again::Elsewhere)]
    #[test_case(403, "<html>", Failure::UpstreamRejected, Again::Elsewhere)]
    #[test_case(404, "{}", Failure::UpstreamRejected, Again::Elsewhere)]
    #[test_case(408, "{}", Failure::UpstreamError, Again::Anywhere)]
    #[test_case(409, "{}", Failure::UpstreamError, Again::Anywhere)]
    #[test_case(413, "{}", Failure::ContextOverflow, Again::Nowhere)]
    #[test_case(422, "{}", Failure::UpstreamRejected, Again::Elsewhere)]
    #[test_case(424, "{}", Failure::UpstreamError, Again::Anywhere)]
    #[test_case(501, "{}", Failure::UpstreamRejected, Again::Elsewhere)]
    #[test_case(429, "{}", Failure::UpstreamRateLimited, Again::Anywhere)]
    #[test_case(302, "", Failure::UpstreamError, Again::Elsewhere)]
    #[test_case(500, "[1]", Failure::UpstreamError, Again::Anywhere)]
    #[test_case(529, "null", Failure::UpstreamError, Again::Anywhere)]
    fn by_status(status: u16, body: &str, reason: Failure, again: Again) {
        let failure = classify(status, body);
        assert_eq!((failure.error.failure(), failure.again), (reason, again));
    }

    #[test_case(429, r#"{"error":{"code":"insufficient_quota"}}"#, Failure::UpstreamRejected)]
    #[test_case(
        429,
        r#"{"error":{"type":"insufficient_quota","code":null}}"#,
        Failure::UpstreamRejected
    )]
    #[test_case(400, r#"{"error":{"code":"context_length_exceeded"}}"#, Failure::ContextOverflow)]
    #[test_case(
        400,
        r#"{"error":{"code":400,"type":"exceed_context_size_error"}}"#,
        Failure::ContextOverflow
    )]
    #[test_case(
        400,
        r#"{"message":"This model's maximum context length is 4096 tokens"}"#,
        Failure::ContextOverflow
    )]
    #[test_case(400, r#"{"error":"prompt is too long"}"#, Failure::ContextOverflow)]
    #[test_case(
        400,
        r#"{"error":{"message":"Requested 9 tokens, max 8 tokens per request"}}"#,
        Failure::ContextOverflow
    )]
    #[test_case(400, r#"{"error":{"code":"max_tokens_per_request"}}"#, Failure::ContextOverflow)]
    #[test_case(
        400,
        r#"{"error":{"message":"batch size is invalid, at most 10"}}"#,
        Failure::ContextOverflow
    )]
    #[test_case(
        400,
        r#"[{"error":{"code":400,"message":"at most 100 requests can be in one batch"}}]"#,
        Failure::ContextOverflow
    )]
    #[test_case(422, r#"{"detail":"Too many inputs"}"#, Failure::ContextOverflow)]
    #[test_case(
        500,
        r#"{"error":{"code":500,"message":"input is too large to process"}}"#,
        Failure::ContextOverflow
    )]
    #[test_case(500, r#"{"error":{"message":"out of memory"}}"#, Failure::UpstreamError)]
    fn by_body(status: u16, body: &str, reason: Failure) {
        assert_eq!(classify(status, body).error.failure(), reason);
    }

    #[test_case(r#"{"code":429}"#, 429)]
    #[test_case(r#"{"code":"rate_limit_exceeded"}"#, 429)]
    #[test_case(r#"{"code":"insufficient_quota"}"#, 429)]
    #[test_case(r#"{"message":"context window exceeded"}"#, 400)]
    #[test_case(r#""overloaded""#, 500)]
    #[test_case("17", 500)]
    #[test_case(r#"{"code":99999}"#, 500)]
    fn an_error_sent_as_a_success_gets_its_status(error: &str, status: u16) {
        let error = ErrorBody::from_value(serde_json::from_str(error).unwrap());
        assert_eq!(error.status().as_u16(), status);
    }

    #[test]
    fn no_message_of_the_upstream_is_repeated() {
        for status in [302, 400, 401, 429, 500] {
            let failure =
                classify(status, r#"{"error":{"message":"SECRET PROMPT","code":"SECRET"}}"#);
            assert!(!failure.to_string().contains("SECRET"), "{failure}");
        }
    }

    fn wait(name: &'static str, value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        retry_after(&headers)
    }

    #[test_case("2", Some(2000))]
    #[test_case(" 0 ", Some(0))]
    #[test_case("0.5", Some(500))]
    #[test_case("86400", Some(86_400_000))]
    #[test_case("-1", None)]
    #[test_case("soon", None)]
    #[test_case("nan", None)]
    #[test_case("1e300", None)]
    #[test_case("", None)]
    #[test_case("Wed, 21 Oct 2015 07:28:00 GMT", None)]
    fn reads_retry_after(value: &str, ms: Option<u64>) {
        assert_eq!(wait("retry-after", value), ms.map(Duration::from_millis));
    }

    #[test]
    fn reads_a_date_to_come_and_milliseconds() {
        let date = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(100);
        let text =
            jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&date).unwrap();
        let seconds = wait("retry-after", &text).unwrap().as_secs();
        assert!((90..=100).contains(&seconds), "{seconds}");
        assert_eq!(wait("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
