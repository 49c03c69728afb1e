//! Which parts of a point are wanted.

use qdrant_client::qdrant::with_payload_selector::SelectorOptions as PayloadOptions;
use qdrant_client::qdrant::with_vectors_selector::SelectorOptions as VectorOptions;
use qdrant_client::qdrant::{WithPayloadSelector, WithVectorsSelector};
use qdrant_edge::{
    JsonPath, PayloadSelector, PayloadSelectorExclude, PayloadSelectorInclude,
    WithPayloadInterface, WithVector,
};
use tonic::Status;

use super::path;

/// Whether there is any where a request doesn't say depends on its RPC.
pub(in super::super) fn payload(
    selector: Option<WithPayloadSelector>,
    unsaid: bool,
) -> Result<WithPayloadInterface, Status> {
    Ok(match selector.and_then(|selector| selector.selector_options) {
        None => WithPayloadInterface::Bool(unsaid),
        Some(PayloadOptions::Enable(all)) => WithPayloadInterface::Bool(all),
        Some(PayloadOptions::Include(include)) => {
            let include = PayloadSelectorInclude { include: paths(&include.fields)? };
            WithPayloadInterface::Selector(PayloadSelector::Include(include))
        }
        Some(PayloadOptions::Exclude(exclude)) => {
            let exclude = PayloadSelectorExclude { exclude: paths(&exclude.fields)? };
            WithPayloadInterface::Selector(PayloadSelector::Exclude(exclude))
        }
    })
}

fn paths(fields: &[String]) -> Result<Vec<JsonPath>, Status> {
    fields.iter().map(|field| path::read(field)).collect()
}

pub(in super::super) fn vectors(selector: Option<WithVectorsSelector>) -> WithVector {
    match selector.and_then(|selector| selector.selector_options) {
        None => WithVector::Bool(false),
        Some(VectorOptions::Enable(all)) => WithVector::Bool(all),
        Some(VectorOptions::Include(include)) => WithVector::Selector(include.names),
    }
}
