//! What every dialect asks for, and the rules that they share.

use crate::domain::{Document, Query};
use crate::http::error::{ApiError, ErrorCode};

/// Most documents of one request, as Cohere has it.
pub(super) const MAX_DOCUMENTS: usize = 10_000;

/// What has a visible character, as a regular expression.
pub(in crate::http) const VISIBLE: &str = r"\S";

const NO_QUERY: &str = "invalid request: query must not be empty or be only whitespace";
const NO_DOCUMENTS: &str = "invalid request: list of documents must not be empty";
const NO_MODEL: &str = "a model parameter is required for this endpoint.";

/// A request in our words.
pub(in crate::http) struct Wanted {
    pub pipeline: Option<String>,
    pub query: Query,
    pub documents: Vec<Document>,
    pub top_n: Option<usize>,
    pub max_tokens_per_document: Option<usize>,
    pub deadline_ms: Option<u64>,
    /// Whether the dialect has a place for explanations, and one is wanted.
    pub explain: bool,
}

/// The pipeline that `model` names; the default one where it is absent.
pub(super) fn pipeline(model: Option<&str>) -> Result<Option<String>, ApiError> {
    match model {
        Some(model) if model.trim().is_empty() => Err(in_their_words(NO_MODEL)),
        model => Ok(model.map(str::to_owned)),
    }
}

/// The query, which has to have a visible character.
pub(super) fn query(query: Option<&str>) -> Result<Query, ApiError> {
    Query::new(query.unwrap_or_default()).map_err(|_| in_their_words(NO_QUERY))
}

/// At least one document, at most ten thousand.
pub(super) fn documents<T>(documents: Option<Vec<T>>) -> Result<Vec<T>, ApiError> {
    let documents = documents.unwrap_or_default();
    match documents.len() {
        0 => Err(in_their_words(NO_DOCUMENTS)),
        1..=MAX_DOCUMENTS => Ok(documents),
        n => {
            let detail = format!("{n} documents are more than {MAX_DOCUMENTS}");
            Err(ApiError::invalid("documents", detail))
        }
    }
}

/// How many results; 0 means all, as vLLM has it.
pub(super) fn top_n(top_n: Option<i64>) -> Result<Option<usize>, ApiError> {
    not_negative("top_n", top_n)
}

/// A number that is absent or 0 where there is no limit.
pub(super) fn not_negative(field: &str, n: Option<i64>) -> Result<Option<usize>, ApiError> {
    match n.map(usize::try_from) {
        None | Some(Ok(0)) => Ok(None),
        Some(Ok(n)) => Ok(Some(n)),
        Some(Err(_)) => Err(ApiError::invalid(field, "must not be negative")),
    }
}

/// Clients compare these texts.
fn in_their_words(text: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidValue, text)
}
