//! The answers to writes of points.

use std::collections::HashMap;

use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::vector::Vector as Given;
use qdrant_client::qdrant::vectors::VectorsOptions;
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    DeletePoints, PointStruct, PointsOperationResponse, UpsertPoints, Vector, VectorParams,
};
use qdrant_edge::{
    PointInsertOperations, PointOperations, PointStruct as Stored, PointStructPersisted,
    UpdateOperation,
};
use serde_json::Value;
use tonic::Status;

use super::convert::{id, payload, vector};
use super::errors::{bad_input, unserved};
use super::shards;
use super::store::{Collection, Store};

pub(super) fn upsert(
    store: &Store,
    request: UpsertPoints,
) -> Result<PointsOperationResponse, Status> {
    if request.update_filter.is_some() || request.update_mode.is_some() {
        return Err(unserved("conditional upserts"));
    }
    let collection = store.find(&request.collection_name)?;
    shards::check_write(&collection, request.shard_key_selector.as_ref())?;
    check_dimensions(&collection, &request.points)?;
    let points = request.points.into_iter().map(stored).collect::<Result<_, Status>>()?;
    let points = PointOperations::UpsertPoints(PointInsertOperations::PointsList(points));
    collection.apply(UpdateOperation::PointOperation(points), request.wait)
}

pub(super) fn delete(
    store: &Store,
    request: DeletePoints,
) -> Result<PointsOperationResponse, Status> {
    let collection = store.find(&request.collection_name)?;
    shards::check_write(&collection, request.shard_key_selector.as_ref())?;
    let ids = match request.points.and_then(|points| points.points_selector_one_of) {
        Some(PointsSelectorOneOf::Points(points)) => {
            points.ids.into_iter().map(id::read).collect::<Result<_, Status>>()?
        }
        Some(PointsSelectorOneOf::Filter(_)) => return Err(unserved("deletion by filter")),
        None => return Err(Status::invalid_argument("PointSelector is missing")),
    };
    let points = PointOperations::DeletePoints { ids };
    collection.apply(UpdateOperation::PointOperation(points), request.wait)
}

fn stored(point: PointStruct) -> Result<PointStructPersisted, Status> {
    let id = point.id.ok_or_else(|| Status::invalid_argument("Empty ID is not allowed"))?;
    let vectors = vector::read_named(point.vectors)?;
    let payload = Value::Object(payload::read(point.payload).0);
    Ok(Stored::new(id::read(id)?, vectors, payload).into())
}

/// A server checks these before it takes an upsert down, so that a client
/// learns of them even where it doesn't wait.
fn check_dimensions(collection: &Collection, points: &[PointStruct]) -> Result<(), Status> {
    let params = match collection.created.vectors_config.as_ref().and_then(|it| it.config.as_ref())
    {
        Some(Config::ParamsMap(params)) => &params.map,
        Some(Config::Params(_)) | None => return Ok(()),
    };
    points.iter().filter_map(named).flatten().try_for_each(|(name, vector)| {
        params.get(name).map_or(Ok(()), |params| check_dimension(name, params, vector))
    })
}

fn named(point: &PointStruct) -> Option<&HashMap<String, Vector>> {
    match point.vectors.as_ref()?.vectors_options.as_ref()? {
        VectorsOptions::Vectors(named) => Some(&named.vectors),
        VectorsOptions::Vector(_) => None,
    }
}

fn check_dimension(name: &str, params: &VectorParams, vector: &Vector) -> Result<(), Status> {
    let lengths: Vec<usize> = match &vector.vector {
        Some(Given::Dense(dense)) => vec![dense.data.len()],
        Some(Given::MultiDense(multi)) => multi.vectors.iter().map(|it| it.data.len()).collect(),
        _ => Vec::new(),
    };
    let expected = usize::try_from(params.size).unwrap();
    match lengths.into_iter().find(|&length| length != expected) {
        None => Ok(()),
        Some(got) => Err(bad_input(format!(
            "Vector dimension error: expected dim: {expected}, got {got} for vector '{name}'"
        ))),
    }
}
