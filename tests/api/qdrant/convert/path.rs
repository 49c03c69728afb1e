//! Paths into a payload.

use qdrant_edge::JsonPath;
use tonic::Status;

/// Dots and brackets lead into objects and arrays; a key that has them itself
/// stands in quotes.
pub(in super::super) fn read(path: &str) -> Result<JsonPath, Status> {
    path.parse().map_err(|()| Status::invalid_argument(format!("Invalid json path: '{path}'")))
}
