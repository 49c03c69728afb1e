//! One file for each thing that can be asked for natively.

mod collections;
mod documents;
mod explain;
mod lists;
mod nothing;
mod probes;
mod search;

use axum::response::Response;

use super::dialects::Dialect;
use super::error::ApiError;

pub(super) use collections::{collection, describe_collection};
pub(super) use documents::{
    delete_document, describe_delete, describe_ids, describe_store, document_ids, store_documents,
};
pub(super) use explain::{describe_explain, explain};
pub(super) use lists::{describe_pipelines, describe_prompts, pipelines, prompts};
pub(super) use nothing::{method_not_allowed, not_found};
pub(super) use probes::{
    describe_healthz, describe_metrics, describe_readyz, healthz, metrics, readyz,
};
pub use search::SearchAnswer;
pub(super) use search::{Order, describe_search, search};

/// The answer of a native route, errors in their own form.
fn natively(answer: Result<Response, ApiError>, request_id: &str) -> Response {
    answer.unwrap_or_else(|error| Dialect::Native.error(&error, request_id))
}
