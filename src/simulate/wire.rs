//! Chat completions as they are asked for and answered over HTTP.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// The name of the only model. Requests may call it what they like.
pub(super) const MODEL: &str = "simulated";

/// A request, as far as it is read.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    pub model: Option<String>,
    messages: Vec<Message>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    response_format: Option<ResponseFormat>,
    logprobs: Option<bool>,
    top_logprobs: Option<u8>,
    stream: Option<bool>,
    n: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    content: Option<Content>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a text or a list of parts")]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    text: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ResponseFormat {
    json_schema: Option<JsonSchema>,
}

#[derive(Debug, Deserialize)]
struct JsonSchema {
    schema: Option<Value>,
}

impl Request {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is no request, or one that isn't simulated.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let unreadable = || "the body is not a chat completion request in JSON".to_owned();
        // serde would also take an array, field by field.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(ApiError::invalid(unreadable()));
        }
        let mut json = serde_json::Deserializer::from_slice(body);
        let request: Self = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            // The parser's message may quote the body.
            ApiError::invalid(match path.as_str() {
                "." => unreadable(),
                _ if !error.inner().is_data() => unreadable(),
                path => format!("{path}: it isn't there, or not what a chat completion has there"),
            })
        })?;
        let unlike = |what: &str| Err(ApiError::invalid(format!("{what} is not simulated")));
        match request {
            Self { stream: Some(true), .. } => unlike("stream: true"),
            Self { n: Some(n), .. } if n != 1 => unlike("n: another number than 1"),
            request => Ok(request),
        }
    }

    /// What was said to the model, in order.
    pub fn texts(&self) -> Vec<String> {
        let said = self.messages.iter().filter(|message| message.role != "assistant");
        said.map(|message| match &message.content {
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => {
                parts.iter().filter_map(|part| part.text.as_deref()).collect()
            }
            None => String::new(),
        })
        .collect()
    }

    /// Most tokens of the reply.
    pub fn max_tokens(&self) -> Option<usize> {
        let limits = [self.max_completion_tokens, self.max_tokens].into_iter().flatten();
        limits.min().map(|limit| usize::try_from(limit).unwrap_or(usize::MAX))
    }

    /// The schema that the reply has to follow.
    pub fn schema(&self) -> Option<&Value> {
        self.response_format.as_ref()?.json_schema.as_ref()?.schema.as_ref()
    }

    /// How many alternatives of each token are wanted; none where no
    /// probabilities are.
    pub fn alternatives(&self) -> Option<usize> {
        self.logprobs.unwrap_or(false).then(|| self.top_logprobs.map_or(0, usize::from))
    }
}

/// A reply.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Completion {
    pub id: String,
    pub model: String,
    pub content: String,
    /// Whether the limit of tokens cut it.
    pub cut: bool,
    pub logprobs: Option<Value>,
    pub input_tokens: usize,
    pub output_tokens: usize,
}

impl Completion {
    pub fn body(&self) -> Value {
        let finish = if self.cut { "length" } else { "stop" };
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": jiff::Timestamp::now().as_second(),
            "model": self.model,
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": self.content, "refusal": null },
                "logprobs": self.logprobs,
                "finish_reason": finish,
            }],
            "usage": {
                "prompt_tokens": self.input_tokens,
                "completion_tokens": self.output_tokens,
                "total_tokens": self.input_tokens + self.output_tokens,
            },
        })
    }
}

/// An error in the form of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    pub status: StatusCode,
    pub message: String,
    kind: &'static str,
    code: Option<&'static str>,
}

impl ApiError {
    /// A request that can't be served.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::of(StatusCode::BAD_REQUEST, message.into())
    }

    /// Any other mistake of the caller's.
    pub const fn of(status: StatusCode, message: String) -> Self {
        Self { status, message, kind: "invalid_request_error", code: None }
    }

    /// A failure that was drawn.
    pub fn failed() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: "the simulated model failed, as --fail-rate wants it".to_owned(),
            kind: "server_error",
            code: None,
        }
    }

    /// Too many requests a minute.
    pub fn rate_limited() -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            message: "more requests than --requests-per-minute".to_owned(),
            kind: "requests",
            code: Some("rate_limit_exceeded"),
        }
    }

    pub fn body(&self) -> Value {
        json!({ "error": {
            "message": self.message, "type": self.kind, "param": null, "code": self.code
        } })
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn parse(body: &Value) -> Result<Request, ApiError> {
        Request::parse(body.to_string().as_bytes())
    }

    #[test]
    fn reads_what_clients_send() {
        let request = parse(&json!({
            "model": "m",
            "messages": [
                { "role": "system", "content": "a" },
                { "role": "assistant", "content": "not said to it" },
                { "role": "user", "content": [{ "type": "text", "text": "b" }, { "type": "image_url" }] },
                { "role": "user", "content": null },
            ],
            "max_tokens": 9, "max_completion_tokens": 7, "temperature": 0, "n": 1,
            "logprobs": true, "top_logprobs": 5, "stream": false,
            "response_format": { "type": "json_schema", "json_schema": { "name": "x", "schema": {} } },
        }))
        .unwrap();
        assert_eq!(request.texts(), ["a", "b", ""]);
        assert_eq!((request.max_tokens(), request.alternatives()), (Some(7), Some(5)));
        assert_eq!(request.schema(), Some(&json!({})));
        let least = parse(&json!({ "messages": [] })).unwrap();
        assert_eq!((least.max_tokens(), least.alternatives(), least.schema()), (None, None, None));
    }

    #[test_case("", "not a chat completion request")]
    #[test_case("{\"messages\": [", "not a chat completion request")]
    #[test_case("[1]", "not a chat completion request")]
    #[test_case("{}", "not a chat completion request")]
    #[test_case(r#"{"messages": [{"role": "user", "content": 7, "x": "private"}]}"#, "messages[0]")]
    #[test_case(r#"{"messages": [], "max_tokens": "private"}"#, "max_tokens: ")]
    #[test_case(r#"{"messages": [], "stream": true}"#, "stream: true is not simulated")]
    #[test_case(r#"{"messages": [], "n": 3}"#, "n: ")]
    fn says_what_is_wrong(body: &str, part: &str) {
        let error = Request::parse(body.as_bytes()).unwrap_err();
        assert_eq!(error.status, StatusCode::BAD_REQUEST);
        assert!(error.message.contains(part), "{}", error.message);
        assert!(!error.message.contains("private"), "{}", error.message);
        assert_eq!(error.body()["error"]["type"], "invalid_request_error");
    }
}
