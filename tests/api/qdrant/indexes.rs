//! The answers about payload indexes.

#![allow(clippy::needless_pass_by_value, reason = "handlers have one shape")]

use qdrant_client::qdrant::{
    CreateFieldIndexCollection, DeleteFieldIndexCollection, PointsOperationResponse,
};
use qdrant_edge::{CreateIndex, FieldIndexOperations, PayloadFieldSchema, UpdateOperation};
use tonic::Status;

use super::convert::{path, schema};
use super::errors::unserved;
use super::store::Store;

pub(super) fn create(
    store: &Store,
    request: CreateFieldIndexCollection,
) -> Result<PointsOperationResponse, Status> {
    let collection = store.find(&request.collection_name)?;
    if request.field_index_params.is_some() || request.field_type.is_none() {
        return Err(unserved("payload indexes with parameters or of no type"));
    }
    let kind = schema::index_kind(request.field_type())?;
    let create = FieldIndexOperations::CreateIndex(CreateIndex {
        field_name: path::read(&request.field_name)?,
        field_schema: Some(PayloadFieldSchema::FieldType(kind)),
    });
    collection.apply(UpdateOperation::FieldIndexOperation(create), request.wait)
}

pub(super) fn delete(
    store: &Store,
    request: DeleteFieldIndexCollection,
) -> Result<PointsOperationResponse, Status> {
    let collection = store.find(&request.collection_name)?;
    let delete = FieldIndexOperations::DeleteIndex(path::read(&request.field_name)?);
    collection.apply(UpdateOperation::FieldIndexOperation(delete), request.wait)
}
