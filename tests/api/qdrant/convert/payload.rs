//! Payloads, and the metadata of collections, which have the same form.

use std::collections::HashMap;

use qdrant_client::qdrant::Value;
use qdrant_edge::Payload;

pub(in super::super) fn read(fields: HashMap<String, Value>) -> Payload {
    Payload(qdrant_client::Payload::from(fields).into())
}

pub(in super::super) fn write(payload: Payload) -> HashMap<String, Value> {
    qdrant_client::Payload::from(payload.0).into()
}
