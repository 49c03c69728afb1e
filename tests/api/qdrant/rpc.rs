//! Every RPC of the protocol, and which function answers it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::middleware::{self, Next};
use futures::future::BoxFuture;
use qdrant_client::qdrant::collections_server::{Collections, CollectionsServer};
use qdrant_client::qdrant::points_server::{Points, PointsServer};
use qdrant_client::qdrant::qdrant_server::{Qdrant, QdrantServer};
use qdrant_client::qdrant::{
    ChangeAliases, ClearPayloadPoints, CollectionClusterInfoRequest, CollectionClusterInfoResponse,
    CollectionExistsRequest, CollectionExistsResponse, CollectionOperationResponse, CountPoints,
    CountResponse, CreateCollection, CreateFieldIndexCollection, CreateShardKeyRequest,
    CreateShardKeyResponse, CreateVectorNameRequest, DeleteCollection, DeleteFieldIndexCollection,
    DeletePayloadPoints, DeletePointVectors, DeletePoints, DeleteShardKeyRequest,
    DeleteShardKeyResponse, DeleteVectorNameRequest, DiscoverBatchPoints, DiscoverBatchResponse,
    DiscoverPoints, DiscoverResponse, FacetCounts, FacetResponse, GetCollectionInfoRequest,
    GetCollectionInfoResponse, GetPoints, GetResponse, HealthCheckReply, HealthCheckRequest,
    ListAliasesRequest, ListAliasesResponse, ListCollectionAliasesRequest, ListCollectionsRequest,
    ListCollectionsResponse, ListShardKeysRequest, ListShardKeysResponse, PointsOperationResponse,
    QueryBatchPoints, QueryBatchResponse, QueryGroupsResponse, QueryPointGroups, QueryPoints,
    QueryResponse, RecommendBatchPoints, RecommendBatchResponse, RecommendGroupsResponse,
    RecommendPointGroups, RecommendPoints, RecommendResponse, ScrollPoints, ScrollResponse,
    SearchBatchPoints, SearchBatchResponse, SearchGroupsResponse, SearchMatrixOffsetsResponse,
    SearchMatrixPairsResponse, SearchMatrixPoints, SearchPointGroups, SearchPoints, SearchResponse,
    SetPayloadPoints, UpdateBatchPoints, UpdateBatchResponse, UpdateCollection,
    UpdateCollectionClusterSetupRequest, UpdateCollectionClusterSetupResponse, UpdatePointVectors,
    UpsertPoints,
};
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::errors::{too_small, unserved};
use super::record::{Call, Says};
use super::store::Store;
use super::{Stage, collections, indexes, points, read, shards};

/// The services, with messages of any size and compression as a real server
/// takes them, behind the faults.
pub(super) fn routes(stage: &Stage) -> Routes {
    let stage = stage.clone();
    let served = Arc::new(Served(stage.clone()));
    let collections = CollectionsServer::from_arc(Arc::clone(&served))
        .max_decoding_message_size(usize::MAX)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    let points = PointsServer::from_arc(Arc::clone(&served))
        .max_decoding_message_size(usize::MAX)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    let routes =
        Routes::new(QdrantServer::from_arc(served)).add_service(collections).add_service(points);
    let gate = middleware::from_fn_with_state(stage, gate);
    routes.into_axum_router().fallback(other_service).layer(gate).into()
}

async fn other_service(Extension(call): Extension<Call>) -> axum::response::Response {
    unserved(call.rpc).into_http()
}

/// Notes every call, and lets the faults have it first.
async fn gate(
    State(stage): State<Stage>,
    mut request: axum::extract::Request,
    next: Next,
) -> axum::response::Response {
    let call = Call::new(request.uri().path(), request.headers());
    stage.record.called(call.clone());
    if let Err(status) = stage.faults.meet(call.api_key.as_deref()).await {
        return status.into_http();
    }
    request.extensions_mut().insert(call);
    next.run(request).await
}

struct Served(Stage);

impl Served {
    /// Answers on a thread where the engine may block.
    async fn answer<Q: Says + Send + 'static, A: Send + 'static>(
        &self,
        request: Request<Q>,
        handle: fn(&Store, Q) -> Result<A, Status>,
    ) -> Result<Response<A>, Status> {
        let call = call(&request);
        let request = request.into_inner();
        let asked = request.says();
        if asked.iter().any(|asked| asked.timeout == Some(0)) {
            return Err(too_small("timeout"));
        }
        self.0.record.understood(&call, asked);
        let store = Arc::clone(&self.0.store);
        let answer = tokio::task::spawn_blocking(move || handle(&store, request)).await;
        answer.map_err(|error| Status::internal(error.to_string()))?.map(Response::new)
    }
}

/// What the gate noted.
fn call<Q>(request: &Request<Q>) -> Call {
    request.extensions().get::<Call>().unwrap().clone()
}

/// Methods of a service, with the function that answers each or without one.
///
/// Written out as `async_trait` would, which doesn't look into macros.
macro_rules! rpcs {
    ($($name:ident($request:ty) -> $response:ty $(= $handle:path)?;)*) => {$(
        fn $name<'life0, 'async_trait>(
            &'life0 self,
            request: Request<$request>,
        ) -> BoxFuture<'async_trait, Result<Response<$response>, Status>>
        where
            'life0: 'async_trait,
            Self: 'async_trait,
        {
            Box::pin(rpcs!(@answer self, request $(, $handle)?))
        }
    )*};
    (@answer $served:expr, $request:expr, $handle:path) => {
        $served.answer($request, $handle)
    };
    (@answer $served:expr, $request:expr) => {
        async move { Err(unserved(call(&$request).rpc)) }
    };
}

impl Qdrant for Served {
    rpcs! {
        health_check(HealthCheckRequest) -> HealthCheckReply = collections::health;
    }
}

impl Collections for Served {
    rpcs! {
        create(CreateCollection) -> CollectionOperationResponse = collections::create;
        get(GetCollectionInfoRequest) -> GetCollectionInfoResponse = collections::get;
        update(UpdateCollection) -> CollectionOperationResponse = collections::update;
        list(ListCollectionsRequest) -> ListCollectionsResponse = collections::list;
        delete(DeleteCollection) -> CollectionOperationResponse = collections::delete;
        collection_exists(CollectionExistsRequest) -> CollectionExistsResponse
            = collections::exists;
        update_aliases(ChangeAliases) -> CollectionOperationResponse
            = collections::change_aliases;
        list_aliases(ListAliasesRequest) -> ListAliasesResponse = collections::aliases;
        list_collection_aliases(ListCollectionAliasesRequest) -> ListAliasesResponse
            = collections::aliases_of;
        collection_cluster_info(CollectionClusterInfoRequest) -> CollectionClusterInfoResponse;
        update_collection_cluster_setup(UpdateCollectionClusterSetupRequest)
            -> UpdateCollectionClusterSetupResponse;
        create_shard_key(CreateShardKeyRequest) -> CreateShardKeyResponse = shards::create;
        delete_shard_key(DeleteShardKeyRequest) -> DeleteShardKeyResponse;
        list_shard_keys(ListShardKeysRequest) -> ListShardKeysResponse;
    }
}

impl Points for Served {
    rpcs! {
        upsert(UpsertPoints) -> PointsOperationResponse = points::upsert;
        delete(DeletePoints) -> PointsOperationResponse = points::delete;
        create_field_index(CreateFieldIndexCollection) -> PointsOperationResponse
            = indexes::create;
        delete_field_index(DeleteFieldIndexCollection) -> PointsOperationResponse
            = indexes::delete;
        get(GetPoints) -> GetResponse = read::get;
        scroll(ScrollPoints) -> ScrollResponse = read::scroll;
        count(CountPoints) -> CountResponse = read::count;
        query(QueryPoints) -> QueryResponse = read::query;
        query_batch(QueryBatchPoints) -> QueryBatchResponse = read::query_batch;
        update_vectors(UpdatePointVectors) -> PointsOperationResponse;
        delete_vectors(DeletePointVectors) -> PointsOperationResponse;
        set_payload(SetPayloadPoints) -> PointsOperationResponse;
        overwrite_payload(SetPayloadPoints) -> PointsOperationResponse;
        delete_payload(DeletePayloadPoints) -> PointsOperationResponse;
        clear_payload(ClearPayloadPoints) -> PointsOperationResponse;
        create_vector_name(CreateVectorNameRequest) -> PointsOperationResponse;
        delete_vector_name(DeleteVectorNameRequest) -> PointsOperationResponse;
        update_batch(UpdateBatchPoints) -> UpdateBatchResponse;
        search(SearchPoints) -> SearchResponse;
        search_batch(SearchBatchPoints) -> SearchBatchResponse;
        search_groups(SearchPointGroups) -> SearchGroupsResponse;
        recommend(RecommendPoints) -> RecommendResponse;
        recommend_batch(RecommendBatchPoints) -> RecommendBatchResponse;
        recommend_groups(RecommendPointGroups) -> RecommendGroupsResponse;
        discover(DiscoverPoints) -> DiscoverResponse;
        discover_batch(DiscoverBatchPoints) -> DiscoverBatchResponse;
        query_groups(QueryPointGroups) -> QueryGroupsResponse;
        facet(FacetCounts) -> FacetResponse;
        search_matrix_pairs(SearchMatrixPoints) -> SearchMatrixPairsResponse;
        search_matrix_offsets(SearchMatrixPoints) -> SearchMatrixOffsetsResponse;
    }
}
