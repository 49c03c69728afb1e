//! `GET /v1/collections/{name}`: what is known of a collection.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::http::access::ErrorNote;
use crate::http::arrival::Arrival;
use crate::http::dialects::Dialect;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::openapi::{ANY, JSON, Operation, Schemas, Tag};
use crate::http::state::HttpState;
use crate::retrieve::{CollectionInfo, Documents, Lexical};

/// What is in a path, decoded.
pub(super) type Named<T> = Result<axum::extract::Path<T>, PathRejection>;

/// A collection's name in a path.
pub(super) fn name_in_path(operation: Operation) -> Operation {
    operation.in_path("name", "The collection.", name_schema())
}

/// What can be a collection's name.
fn name_schema() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" })
}

/// What can go wrong with a collection that is named, besides what its route
/// says.
pub(super) const WITH_COLLECTION: [ErrorCode; 5] = [
    ErrorCode::NotFound,
    ErrorCode::UnknownCollection,
    ErrorCode::OtherSettings,
    ErrorCode::InvalidValue,
    ErrorCode::Storage,
];

/// Describes the route.
pub(in crate::http) fn describe_collection(schemas: &mut Schemas) -> Operation {
    let codes: Vec<ErrorCode> = ANY.into_iter().chain(WITH_COLLECTION).collect();
    let info = schemas.written::<CollectionInfo>();
    let operation = Operation::new(
        "collection",
        Tag::Collections,
        "What is known of a collection",
        "How many documents it has, and what it was made with.",
    );
    name_in_path(operation).answers(StatusCode::OK, "What is known of it.", &[(JSON, info)]).fails(
        &[Dialect::Native],
        &codes,
        schemas,
    )
}

/// What is known of a collection.
pub(in crate::http) async fn collection(
    State(state): State<HttpState>,
    arrival: Arrival,
    name: Named<String>,
) -> Response {
    match info(&state, name).await {
        Ok(response) => response,
        Err(refused) => refused.respond(&arrival),
    }
}

async fn info(state: &HttpState, name: Named<String>) -> Result<Response, Refused> {
    let name = in_path(name)?;
    let documents = documents(state)?;
    match documents.info(&name).await {
        Ok(info) => Ok(Json(info).into_response()),
        Err(error) => {
            let error = ApiError::from(error);
            let can_be_made = error.code == ErrorCode::UnknownCollection;
            let lexical = can_be_made.then(|| documents.lexical(&name));
            Err(Refused { error: not_found_if_invalid(error), more: More { lexical } })
        }
    }
}

/// Why a request about a collection isn't served.
pub(super) struct Refused<M = More> {
    pub error: ApiError,
    pub more: M,
}

/// What helps those who want to make the collection.
#[derive(Default, Serialize)]
pub(super) struct More {
    /// How its terms would be read and counted.
    #[serde(flatten)]
    lexical: Option<Lexical>,
}

impl<M: Default> From<ApiError> for Refused<M> {
    fn from(error: ApiError) -> Self {
        Self { error, more: M::default() }
    }
}

impl<M: Serialize> Refused<M> {
    pub fn respond(&self, arrival: &Arrival) -> Response {
        let mut response = self.error.problem_with(&arrival.id, &self.more);
        response.extensions_mut().insert(ErrorNote(self.error.code));
        response
    }
}

/// What stands in the path.
pub(super) fn in_path<T>(path: Named<T>) -> Result<T, ApiError> {
    match path {
        Ok(axum::extract::Path(value)) => Ok(value),
        Err(rejection) if rejection.status() == StatusCode::BAD_REQUEST => {
            Err(ApiError::invalid("path", "the path is not UTF-8 once it is decoded"))
        }
        Err(rejection) => {
            tracing::error!(error = %rejection, "a route doesn't fit its handler");
            Err(ApiError::new(ErrorCode::Internal, "the gateway has a fault; the log has more"))
        }
    }
}

/// The collections of this gateway.
pub(super) fn documents(state: &HttpState) -> Result<&Arc<Documents>, ApiError> {
    state.documents().ok_or_else(|| {
        ApiError::new(
            ErrorCode::NotFound,
            "this gateway has no collections: none of its pipelines names one",
        )
    })
}

/// Where a collection is only looked for, one whose name can't be isn't there.
pub(super) fn not_found_if_invalid(error: ApiError) -> ApiError {
    match (error.code, error.field.as_deref()) {
        (ErrorCode::InvalidValue, Some("name")) => {
            ApiError::new(ErrorCode::UnknownCollection, error.detail)
        }
        _ => error,
    }
}
