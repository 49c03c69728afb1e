//! The answers about collections and aliases.

#![allow(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "handlers have one shape"
)]

use qdrant_client::qdrant::alias_operations::Action;
use qdrant_client::qdrant::{
    AliasDescription, ChangeAliases, CollectionConfig, CollectionDescription, CollectionExists,
    CollectionExistsRequest, CollectionExistsResponse, CollectionInfo, CollectionOperationResponse,
    CollectionParams, CollectionStatus, CreateCollection, DeleteCollection,
    GetCollectionInfoRequest, GetCollectionInfoResponse, HealthCheckReply, HealthCheckRequest,
    ListAliasesRequest, ListAliasesResponse, ListCollectionAliasesRequest, ListCollectionsRequest,
    ListCollectionsResponse, OptimizerStatus, UpdateCollection,
};
use tonic::Status;

use super::convert::schema;
use super::errors::{engine, unserved};
use super::store::{AliasChange, Collection, Store};

/// Seconds that an answer says it took.
const TIME: f64 = 0.0;

pub(super) fn health(store: &Store, _: HealthCheckRequest) -> Result<HealthCheckReply, Status> {
    Ok(HealthCheckReply {
        title: "qdrant - vector search engine".to_owned(),
        version: store.version(),
        commit: None,
    })
}

pub(super) fn create(
    store: &Store,
    request: CreateCollection,
) -> Result<CollectionOperationResponse, Status> {
    if request.strict_mode_config.is_some() {
        return Err(unserved("the strict mode of collections"));
    }
    store.create(request)?;
    Ok(done(true))
}

pub(super) fn get(
    store: &Store,
    request: GetCollectionInfoRequest,
) -> Result<GetCollectionInfoResponse, Status> {
    let collection = store.find(&request.collection_name)?;
    let shard = collection.shard.info().map_err(engine)?;
    let count = |count: usize| u64::try_from(count).unwrap();
    let info = CollectionInfo {
        status: CollectionStatus::Green.into(),
        optimizer_status: Some(OptimizerStatus { ok: true, error: String::new() }),
        segments_count: count(shard.segments_count),
        config: Some(config(&collection)),
        payload_schema: schema::indexes(shard.payload_schema),
        points_count: Some(count(shard.points_count)),
        indexed_vectors_count: Some(count(shard.indexed_vectors_count)),
        ..CollectionInfo::default()
    };
    Ok(GetCollectionInfoResponse { result: Some(info), time: TIME })
}

/// What the collection was made with, and a server's values for what was left
/// out.
fn config(collection: &Collection) -> CollectionConfig {
    let created = collection.created.clone();
    #[allow(deprecated, reason = "servers and clients still use the old fields")]
    let params = CollectionParams {
        shard_number: created.shard_number.unwrap_or(1),
        on_disk_payload: created.on_disk_payload.unwrap_or(true),
        vectors_config: created.vectors_config,
        replication_factor: Some(created.replication_factor.unwrap_or(1)),
        write_consistency_factor: Some(created.write_consistency_factor.unwrap_or(1)),
        sharding_method: created.sharding_method,
        sparse_vectors_config: created.sparse_vectors_config,
        payload: created.payload,
        id_tracker: created.id_tracker,
        ..CollectionParams::default()
    };
    CollectionConfig {
        params: Some(params),
        hnsw_config: created.hnsw_config,
        optimizer_config: created.optimizers_config,
        wal_config: created.wal_config,
        quantization_config: created.quantization_config,
        strict_mode_config: None,
        metadata: collection.metadata(),
    }
}

pub(super) fn update(
    store: &Store,
    request: UpdateCollection,
) -> Result<CollectionOperationResponse, Status> {
    let collection = store.find(&request.collection_name)?;
    let only_metadata = UpdateCollection {
        collection_name: request.collection_name.clone(),
        timeout: request.timeout,
        metadata: request.metadata.clone(),
        ..UpdateCollection::default()
    };
    if request != only_metadata {
        return Err(unserved("changes of a collection other than of its metadata"));
    }
    collection.merge_metadata(request.metadata);
    Ok(done(true))
}

pub(super) fn list(
    store: &Store,
    _: ListCollectionsRequest,
) -> Result<ListCollectionsResponse, Status> {
    let collections = store.names().into_iter().map(|name| CollectionDescription { name });
    Ok(ListCollectionsResponse { collections: collections.collect(), time: TIME })
}

/// One that doesn't exist is no error.
pub(super) fn delete(
    store: &Store,
    request: DeleteCollection,
) -> Result<CollectionOperationResponse, Status> {
    Ok(done(store.delete(&request.collection_name)))
}

pub(super) fn exists(
    store: &Store,
    request: CollectionExistsRequest,
) -> Result<CollectionExistsResponse, Status> {
    let exists = store.find(&request.collection_name).is_ok();
    Ok(CollectionExistsResponse { result: Some(CollectionExists { exists }), time: TIME })
}

pub(super) fn change_aliases(
    store: &Store,
    request: ChangeAliases,
) -> Result<CollectionOperationResponse, Status> {
    let changes = request.actions.into_iter().map(|operation| match operation.action {
        Some(Action::CreateAlias(create)) => {
            Ok(AliasChange::Create { alias: create.alias_name, collection: create.collection_name })
        }
        Some(Action::RenameAlias(rename)) => {
            Ok(AliasChange::Rename { from: rename.old_alias_name, to: rename.new_alias_name })
        }
        Some(Action::DeleteAlias(delete)) => Ok(AliasChange::Delete { alias: delete.alias_name }),
        None => Err(Status::invalid_argument("Malformed AliasOperation type")),
    });
    store.change_aliases(changes.collect::<Result<_, _>>()?)?;
    Ok(done(true))
}

pub(super) fn aliases(store: &Store, _: ListAliasesRequest) -> Result<ListAliasesResponse, Status> {
    Ok(listed(store, |_| true))
}

/// None of a collection that doesn't exist.
pub(super) fn aliases_of(
    store: &Store,
    request: ListCollectionAliasesRequest,
) -> Result<ListAliasesResponse, Status> {
    Ok(listed(store, |collection| collection == request.collection_name))
}

fn listed(store: &Store, wanted: impl Fn(&str) -> bool) -> ListAliasesResponse {
    let aliases = store.aliases().into_iter().filter(|(_, collection)| wanted(collection));
    let aliases = aliases
        .map(|(alias_name, collection_name)| AliasDescription { alias_name, collection_name });
    ListAliasesResponse { aliases: aliases.collect(), time: TIME }
}

fn done(result: bool) -> CollectionOperationResponse {
    CollectionOperationResponse { result, time: TIME }
}
