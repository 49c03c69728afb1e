//! The `OpenAPI` 3.1 document at `/openapi.json`: every route as it is, from the
//! types that read its requests and write its answers.
//!
//! A route is registered together with the function that describes it (see
//! [`Routes`]), so that none is without a description. Errors come from the
//! table in [`error`](super::error), in the form of the route's dialect.

mod operation;
mod routes;
mod schemas;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Map, Value, json};

pub(in crate::http) use operation::{JSON, Operation, Tag};
pub(in crate::http) use routes::{Described, Routes};
pub(in crate::http) use schemas::Schemas;

use super::dialects::Dialect;
use super::error::ErrorCode;

/// What can go wrong with every request.
pub(in crate::http) const ANY: [ErrorCode; 2] = [ErrorCode::BadHost, ErrorCode::Internal];

/// What can go wrong with a body of JSON.
pub(in crate::http) const WITH_JSON: [ErrorCode; 8] = [
    ErrorCode::BadHost,
    ErrorCode::InvalidJson,
    ErrorCode::IncompleteBody,
    ErrorCode::SlowBody,
    ErrorCode::BodyTooLarge,
    ErrorCode::UnsupportedMediaType,
    ErrorCode::InvalidValue,
    ErrorCode::Internal,
];

/// The document of a set of routes, written when it is first asked for.
#[derive(Clone)]
pub(super) struct Document {
    routes: Arc<[Described]>,
    written: Arc<OnceLock<Bytes>>,
}

impl Document {
    /// Of these routes.
    pub fn of(routes: Vec<Described>) -> Self {
        Self { routes: routes.into(), written: Arc::default() }
    }

    /// What is said of the document itself.
    pub const fn described() -> Described {
        Described { method: "get", path: "/openapi.json", describe }
    }

    /// The document.
    pub fn respond(&self) -> Response {
        let text = self.written.get_or_init(|| document(&self.routes).to_string().into());
        ([(header::CONTENT_TYPE, JSON)], text.clone()).into_response()
    }
}

fn describe(schemas: &mut Schemas) -> Operation {
    let schema = schemas.written::<Map<String, Value>>();
    Operation::new("openapi", Tag::Lists, "This document", "What can be asked, as OpenAPI 3.1.")
        .answers(StatusCode::OK, "The document.", &[(JSON, schema)])
        .fails(&[Dialect::Native], &ANY, schemas)
}

/// The document as JSON.
fn document(routes: &[Described]) -> Value {
    let mut schemas = Schemas::new();
    let mut paths: Map<String, Value> = Map::new();
    for Described { method, path, describe } in routes {
        let operation = describe(&mut schemas).into_value();
        let methods = paths.entry(*path).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert((*method).into(), operation);
        }
    }
    let tags = Tag::ALL.map(|tag| {
        let (name, description) = tag.text();
        json!({ "name": name, "description": description })
    });
    let definitions = schemas.into_definitions().unwrap_or_else(|name| {
        tracing::error!(name, "a schema has two forms");
        Map::new()
    });
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "rankgate",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": env!("CARGO_PKG_DESCRIPTION"),
            "description": "Every ranked answer holds each candidate exactly once and says in `status` and \
                            `reason` how its order came about. A failure of the LLM is never an HTTP error.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "This gateway." }],
        "tags": tags,
        "paths": paths,
        "components": { "schemas": definitions },
    })
}
