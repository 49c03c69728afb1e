//! How each API writes errors.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::http::access::ErrorNote;
use crate::http::error::{ApiError, ErrorCode, Problem};
use crate::http::openapi::Schemas;

/// The forms of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Dialect {
    /// RFC 9457.
    Native,
    /// `{"id", "message"}`.
    CohereV2,
    /// `{"id", "message", "detail"}`: clients of Cohere's v1 read the one,
    /// those of Jina the other.
    RerankV1,
    /// `{"detail"}`.
    Voyage,
    /// `{"error", "error_type"}`, and what [`Dialect::RerankV1`] has: on its
    /// path a body that can't be read may be of either.
    Tei,
}

/// An error as Cohere's v2 writes it.
#[derive(Serialize, JsonSchema)]
struct CohereError<'a> {
    /// The request's id.
    id: &'a str,
    /// What is wrong and what would be right.
    message: &'a str,
}

/// An error for clients of Cohere's v1, which read `message`, and of Jina,
/// which read `detail`.
#[derive(Serialize, JsonSchema)]
struct RerankError<'a> {
    /// The request's id.
    id: &'a str,
    /// What is wrong and what would be right.
    message: &'a str,
    /// The same.
    detail: &'a str,
}

/// An error as Voyage writes it.
#[derive(Serialize, JsonSchema)]
struct VoyageError<'a> {
    /// What is wrong and what would be right.
    detail: &'a str,
}

/// An error as Text Embeddings Inference writes it, with what clients of the
/// other API of its path read.
#[derive(Serialize, JsonSchema)]
struct TeiError<'a> {
    /// What is wrong and what would be right.
    error: &'a str,
    /// What kind of error it is.
    error_type: TeiErrorType,
    /// The request's id.
    id: &'a str,
    /// The same as `error`.
    message: &'a str,
    /// The same as `error`.
    detail: &'a str,
}

/// What Text Embeddings Inference calls an error.
#[derive(Clone, Copy, Serialize, JsonSchema)]
enum TeiErrorType {
    Unhealthy,
    Backend,
    Overloaded,
    Validation,
    Empty,
}

impl Dialect {
    /// The dialect of a path, also of one whose request never got to a route.
    pub fn of_path(path: &str) -> Self {
        match path {
            "/v2/rerank" => Self::CohereV2,
            "/v1/rerank" => Self::RerankV1,
            "/voyage/v1/rerank" => Self::Voyage,
            "/rerank" => Self::Tei,
            _ => Self::Native,
        }
    }

    /// An error in this form.
    pub fn error(self, error: &ApiError, request_id: &str) -> Response {
        let status = self.status(error.code);
        let text = message(error);
        let (id, message, detail) = (request_id, text.as_str(), text.as_str());
        let mut response = match self {
            Self::Native => error.problem(request_id),
            Self::CohereV2 => (status, Json(CohereError { id, message })).into_response(),
            Self::RerankV1 => (status, Json(RerankError { id, message, detail })).into_response(),
            Self::Voyage => (status, Json(VoyageError { detail })).into_response(),
            Self::Tei => {
                let error_type = tei_type(error.code);
                let body = TeiError { error: message, error_type, id, message, detail };
                (status, Json(body)).into_response()
            }
        };
        response.extensions_mut().insert(ErrorNote(error.code));
        response
    }

    /// Its word for an error, where it has words.
    #[cfg(test)]
    pub fn error_type(self, code: ErrorCode) -> Option<String> {
        let word = serde_json::to_value(tei_type(code)).ok()?;
        (self == Self::Tei).then(|| word.as_str().map(str::to_owned))?
    }

    /// The schema of errors in this form.
    pub fn error_schema(self, schemas: &mut Schemas) -> Value {
        match self {
            Self::Native => schemas.written::<Problem>(),
            Self::CohereV2 => schemas.written::<CohereError>(),
            Self::RerankV1 => schemas.written::<RerankError>(),
            Self::Voyage => schemas.written::<VoyageError>(),
            Self::Tei => schemas.written::<TeiError>(),
        }
    }

    /// Most of these APIs know no 422 for a wrong value: it is a bad request.
    pub const fn status(self, code: ErrorCode) -> StatusCode {
        match (self, code) {
            (
                Self::CohereV2 | Self::RerankV1 | Self::Voyage,
                ErrorCode::InvalidValue | ErrorCode::Empty,
            )
            | (Self::Tei, ErrorCode::Empty)
            // Voyage's client has no error for a 404.
            | (Self::Voyage, ErrorCode::UnknownPipeline) => StatusCode::BAD_REQUEST,
            _ => code.status(),
        }
    }
}

/// What Text Embeddings Inference calls an error.
const fn tei_type(code: ErrorCode) -> TeiErrorType {
    match code {
        ErrorCode::Empty => TeiErrorType::Empty,
        ErrorCode::TooManyRequests => TeiErrorType::Overloaded,
        ErrorCode::FirstStage | ErrorCode::Storage => TeiErrorType::Unhealthy,
        ErrorCode::Internal => TeiErrorType::Backend,
        _ => TeiErrorType::Validation,
    }
}

/// A text as these APIs write it.
fn message(error: &ApiError) -> String {
    match (error.code, &error.field) {
        // They call it `model`, which the text says by itself.
        (ErrorCode::UnknownPipeline, _) => error.detail.clone(),
        (ErrorCode::InvalidValue, Some(_)) => format!("invalid request: {}", error.message()),
        _ => error.message(),
    }
}
