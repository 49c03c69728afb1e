//! Every error that a client can see, in one table.
//!
//! Use [`ErrorCode::InvalidValue`] for a body that is JSON and asks for
//! something that can't be, [`ErrorCode::UnknownPipeline`] or
//! [`ErrorCode::UnknownCollection`] for a name that isn't there,
//! [`ErrorCode::FirstStage`] for a search whose first stage gave nothing, and
//! [`ErrorCode::Storage`] for a collection that can't be written or read now.
//! An LLM's failure is none of these: it is part of an answer. What went wrong
//! inside is for the log; a client is told what it can do.

use std::borrow::Cow;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use problem_details::ProblemDetails;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::pipeline::RequestError;
use crate::retrieve::{EncodeError, EngineError, RetrieveError, WriteError};

/// What went wrong, as clients and metrics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorCode {
    BadHost,
    InvalidJson,
    IncompleteBody,
    NotFound,
    UnknownPipeline,
    UnknownCollection,
    UnknownDocument,
    MethodNotAllowed,
    SlowBody,
    OtherSettings,
    BodyTooLarge,
    UnsupportedMediaType,
    InvalidValue,
    Empty,
    TooManyRequests,
    Internal,
    FirstStage,
    Storage,
}

impl ErrorCode {
    /// Every error, in the order of the table.
    pub const ALL: [Self; 18] = [
        Self::BadHost,
        Self::InvalidJson,
        Self::IncompleteBody,
        Self::NotFound,
        Self::UnknownPipeline,
        Self::UnknownCollection,
        Self::UnknownDocument,
        Self::MethodNotAllowed,
        Self::SlowBody,
        Self::OtherSettings,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidValue,
        Self::Empty,
        Self::TooManyRequests,
        Self::Internal,
        Self::FirstStage,
        Self::Storage,
    ];

    /// Status, code and title.
    const fn row(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::BadHost => (S::BAD_REQUEST, "bad_host", "The host is not clear"),
            Self::InvalidJson => (S::BAD_REQUEST, "invalid_json", "The body is not JSON"),
            Self::IncompleteBody => {
                (S::BAD_REQUEST, "incomplete_body", "The body did not come to its end")
            }
            Self::NotFound => (S::NOT_FOUND, "not_found", "There is nothing here"),
            Self::UnknownPipeline => {
                (S::NOT_FOUND, "unknown_pipeline", "There is no such pipeline")
            }
            Self::UnknownCollection => {
                (S::NOT_FOUND, "unknown_collection", "There is no such collection")
            }
            Self::UnknownDocument => {
                (S::NOT_FOUND, "unknown_document", "There is no such document")
            }
            Self::MethodNotAllowed => {
                (S::METHOD_NOT_ALLOWED, "method_not_allowed", "The route has another method")
            }
            Self::SlowBody => (S::REQUEST_TIMEOUT, "slow_body", "The body took too long"),
            Self::OtherSettings => {
                (S::CONFLICT, "other_settings", "The collection was made with other settings")
            }
            Self::BodyTooLarge => (S::PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large"),
            Self::UnsupportedMediaType => {
                (S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body is of another type")
            }
            Self::InvalidValue => {
                (S::UNPROCESSABLE_ENTITY, "invalid_value", "The request can't be served")
            }
            Self::Empty => (S::UNPROCESSABLE_ENTITY, "empty", "There is nothing to rank"),
            Self::TooManyRequests => {
                (S::TOO_MANY_REQUESTS, "too_many_requests", "Too many requests")
            }
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "The gateway has a fault"),
            Self::FirstStage => {
                (S::SERVICE_UNAVAILABLE, "first_stage", "The first stage gave no candidates")
            }
            Self::Storage => {
                (S::SERVICE_UNAVAILABLE, "storage", "The collection can't be used now")
            }
        }
    }

    /// The status in the native routes. Dialects may have another.
    pub const fn status(self) -> StatusCode {
        self.row().0
    }

    /// What it means, in a few words.
    pub const fn title(self) -> &'static str {
        self.row().2
    }

    /// The word for metrics, logs and problem types.
    pub const fn as_str(self) -> &'static str {
        self.row().1
    }
}

/// An error with what the client needs to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    pub code: ErrorCode,
    /// What is wrong and what would be right.
    pub detail: String,
    /// The field of the body, or the header, that it is about.
    pub field: Option<String>,
}

impl ApiError {
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), field: None }
    }

    /// A value that can't be.
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidValue, detail).about(field)
    }

    /// The same about a field.
    pub fn about(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The field and what is wrong with it, in one text.
    pub fn message(&self) -> String {
        match &self.field {
            Some(field) => format!("{field}: {}", self.detail),
            None => self.detail.clone(),
        }
    }

    /// RFC 9457.
    pub fn problem(&self, request_id: &str) -> Response {
        self.problem_with(request_id, &())
    }

    /// The same with more members.
    pub fn problem_with<M: Serialize>(&self, request_id: &str, more: &M) -> Response {
        self.details(request_id, more).into_response()
    }

    /// The same as an object, where the status was sent before.
    pub fn as_problem<'a>(&'a self, request_id: &'a str) -> impl Serialize + 'a {
        self.details(request_id, &())
    }

    fn details<'a, M>(
        &'a self,
        request_id: &'a str,
        more: &'a M,
    ) -> ProblemDetails<Extensions<'a, M>> {
        let (status, code, title) = self.code.row();
        let problem = ProblemDetails::new().with_status(status).with_title(title);
        let field = self.field.as_deref();
        problem.with_detail(self.detail.as_str()).with_extensions(Extensions {
            code,
            field,
            request_id,
            more,
        })
    }
}

/// An error of a native route (RFC 9457). Routes that store documents add how
/// far they came.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `ApiError::details` writes")]
pub(super) struct Problem {
    /// The HTTP status.
    status: u16,
    /// What went wrong, in a few words.
    title: String,
    /// What is wrong and what would be right.
    detail: String,
    /// What went wrong, as a word.
    code: Code,
    /// The field or header that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The request's id.
    request_id: String,
}

/// The words of [`ErrorCode`].
struct Code;

impl JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "ErrorCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ErrorCode::ALL.map(ErrorCode::as_str) })
    }
}

/// What our problems say besides the standard's members.
#[derive(Serialize)]
struct Extensions<'a, M> {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    request_id: &'a str,
    #[serde(flatten)]
    more: &'a M,
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        let text = error.to_string();
        match error {
            WriteError::Engine(EngineError::NoCollection(_)) => {
                Self::new(ErrorCode::UnknownCollection, text)
            }
            WriteError::Engine(EngineError::InvalidName(_)) => Self::invalid("name", text),
            // What to do about these stands in the text.
            WriteError::Engine(
                EngineError::OtherModel { .. }
                | EngineError::OtherLanguage { .. }
                | EngineError::OtherShape { .. },
            ) => Self::new(ErrorCode::OtherSettings, text),
            WriteError::Engine(EngineError::Deadline(_))
            | WriteError::Encode(EncodeError::Deadline | EncodeError::Overloaded) => {
                Self::new(ErrorCode::Storage, text)
            }
            WriteError::Engine(_) | WriteError::Encode(_) | WriteError::Analyzer(_) => {
                tracing::error!(error = text, "a collection can't be used");
                Self::new(ErrorCode::Storage, "the collection can't be used now: the log has more")
            }
        }
    }
}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        let text = error.to_string();
        match error {
            RequestError::UnknownPipeline { .. } => {
                Self::new(ErrorCode::UnknownPipeline, text).about("pipeline")
            }
            RequestError::NoCollection(_) => Self::invalid("pipeline", text),
            RequestError::OtherCollection { .. } => Self::invalid("collection", text),
            RequestError::UnknownDocuments { .. } => {
                Self::new(ErrorCode::UnknownDocument, text).about("ids")
            }
            RequestError::UnknownPrompt(_)
            | RequestError::WrongTask { .. }
            | RequestError::NotExplaining { .. } => Self::invalid("prompt", text),
            RequestError::NoPrompt { .. } => Self::invalid("strategy", text),
            RequestError::Duplicate(_) => Self::invalid("documents", text),
            RequestError::Retrieve(RetrieveError::Filter(invalid)) => {
                Self::invalid(format!("filter{}", invalid.path), invalid.problem)
            }
            RequestError::Retrieve(RetrieveError::Engine(_)) => {
                tracing::error!(error = text, "the first stage failed");
                Self::new(ErrorCode::FirstStage, "the first stage failed")
            }
            RequestError::Retrieve(RetrieveError::NoCollection(_) | RetrieveError::Deadline) => {
                Self::new(ErrorCode::FirstStage, text)
            }
        }
    }
}
