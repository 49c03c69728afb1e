//! The answers about shards by a key of the operator's. Their points are kept
//! together here: what is checked is that requests name keys that there are.

#![allow(clippy::needless_pass_by_value, reason = "handlers have one shape")]

use qdrant_client::qdrant::shard_key::Key;
use qdrant_client::qdrant::{
    CreateShardKeyRequest, CreateShardKeyResponse, ShardKeySelector, ShardingMethod,
};
use tonic::Status;

use super::errors::{bad_request, not_found};
use super::store::{Collection, Store};

pub(super) fn create(
    store: &Store,
    request: CreateShardKeyRequest,
) -> Result<CreateShardKeyResponse, Status> {
    let collection = store.find(&request.collection_name)?;
    if !is_sharded(&collection) {
        return Err(bad_request("Shard Key cannot be created with Auto sharding method"));
    }
    let key = request.request.and_then(|create| create.shard_key?.key);
    let key = key.ok_or_else(|| Status::invalid_argument("Shard key is missing"))?;
    let mut keys = collection.shard_keys.lock().unwrap();
    if keys.contains(&key) {
        return Err(bad_request(format!("Shard key {} already exists", shown(&key))));
    }
    keys.push(key);
    Ok(CreateShardKeyResponse { result: true, time: 0.0 })
}

/// Whether a request names shards that there are; for others than sharded
/// collections, it doesn't matter what it names.
pub(super) fn check(
    collection: &Collection,
    selector: Option<&ShardKeySelector>,
) -> Result<(), Status> {
    if !is_sharded(collection) {
        return Ok(());
    }
    let keys = collection.shard_keys.lock().unwrap();
    let named = selector.into_iter().flat_map(|it| &it.shard_keys).filter_map(|it| it.key.as_ref());
    match named.into_iter().find(|key| !keys.contains(key)) {
        Some(key) => Err(not_found(format!("Shard key {} not found", shown(key)))),
        None => Ok(()),
    }
}

/// A write has to say where it goes.
pub(super) fn check_write(
    collection: &Collection,
    selector: Option<&ShardKeySelector>,
) -> Result<(), Status> {
    if is_sharded(collection) && selector.is_none_or(|it| it.shard_keys.is_empty()) {
        return Err(bad_request("Shard key not specified"));
    }
    check(collection, selector)
}

fn is_sharded(collection: &Collection) -> bool {
    collection.created.sharding_method() == ShardingMethod::Custom
}

fn shown(key: &Key) -> String {
    match key {
        Key::Keyword(keyword) => format!("\"{keyword}\""),
        Key::Number(number) => number.to_string(),
    }
}
