//! The answers to reads of points.

use qdrant_client::qdrant::query::Variant;
use qdrant_client::qdrant::{
    BatchResult, CountPoints, CountResponse, CountResult, GetPoints, GetResponse, QueryBatchPoints,
    QueryBatchResponse, QueryPoints, QueryResponse, RetrievedPoint, ScoredPoint, ScrollPoints,
    ScrollResponse,
};
use qdrant_edge::{
    CountRequest, NamedQuery, QueryBatchRequest, QueryEnum, QueryRequest, Record, RetrieveRequest,
    ScoredPoint as Hit, ScoringQuery, ScrollRequest,
};
use tonic::Status;

use super::convert::{filter, id, payload, search, select, vector};
use super::errors::{engine, too_small, unserved};
use super::shards;
use super::store::Store;

/// Points in an answer where a request doesn't say.
const LIMIT: usize = 10;

pub(super) fn get(store: &Store, request: GetPoints) -> Result<GetResponse, Status> {
    let collection = store.find(&request.collection_name)?;
    shards::check(&collection, request.shard_key_selector.as_ref())?;
    let ids = request.ids.into_iter().map(id::read).collect::<Result<_, Status>>()?;
    let mut retrieve = RetrieveRequest::new(ids);
    retrieve.with_payload = Some(select::payload(request.with_payload, false)?);
    retrieve.with_vector = Some(select::vectors(request.with_vectors));
    let records = collection.shard.retrieve(retrieve).map_err(engine)?;
    let result = records.into_iter().map(retrieved).collect();
    Ok(GetResponse { result, ..GetResponse::default() })
}

pub(super) fn scroll(store: &Store, request: ScrollPoints) -> Result<ScrollResponse, Status> {
    let collection = store.find(&request.collection_name)?;
    shards::check(&collection, request.shard_key_selector.as_ref())?;
    let scroll = ScrollRequest {
        offset: request.offset.map(id::read).transpose()?,
        limit: Some(limit(request.limit.map(u64::from))?),
        filter: request.filter.map(filter::read).transpose()?,
        with_payload: Some(select::payload(request.with_payload, true)?),
        with_vector: select::vectors(request.with_vectors),
        order_by: request.order_by.as_ref().map(search::order).transpose()?,
    };
    let (records, next) = collection.shard.scroll(scroll).map_err(engine)?;
    Ok(ScrollResponse {
        next_page_offset: next.map(id::write),
        result: records.into_iter().map(retrieved).collect(),
        ..ScrollResponse::default()
    })
}

pub(super) fn count(store: &Store, request: CountPoints) -> Result<CountResponse, Status> {
    let collection = store.find(&request.collection_name)?;
    shards::check(&collection, request.shard_key_selector.as_ref())?;
    let count = CountRequest {
        filter: request.filter.map(filter::read).transpose()?,
        exact: request.exact.unwrap_or(true),
    };
    let count = collection.shard.count(count).map_err(engine)?;
    let result = CountResult { count: u64::try_from(count).unwrap() };
    Ok(CountResponse { result: Some(result), ..CountResponse::default() })
}

pub(super) fn query(store: &Store, request: QueryPoints) -> Result<QueryResponse, Status> {
    let collection = store.find(&request.collection_name)?;
    shards::check(&collection, request.shard_key_selector.as_ref())?;
    let hits = collection.shard.query(question(request)?).map_err(engine)?;
    let result = hits.into_iter().map(scored).collect();
    Ok(QueryResponse { result, ..QueryResponse::default() })
}

/// The queries' own collection names count for nothing.
pub(super) fn query_batch(
    store: &Store,
    request: QueryBatchPoints,
) -> Result<QueryBatchResponse, Status> {
    let collection = store.find(&request.collection_name)?;
    let questions = request.query_points.into_iter().map(question);
    let batch = QueryBatchRequest::new(questions.collect::<Result<_, Status>>()?);
    let answers = collection.shard.query_batch(batch).map_err(engine)?;
    let result = answers
        .into_iter()
        .map(|hits| BatchResult { result: hits.into_iter().map(scored).collect() })
        .collect();
    Ok(QueryBatchResponse { result, ..QueryBatchResponse::default() })
}

fn question(request: QueryPoints) -> Result<QueryRequest, Status> {
    if !request.prefetch.is_empty() {
        return Err(unserved("queries with prefetches"));
    }
    let Some(Variant::Nearest(nearest)) = request.query.and_then(|query| query.variant) else {
        return Err(unserved("queries other than for the nearest points"));
    };
    let mut question = QueryRequest::new(limit(request.limit)?);
    let nearest = NamedQuery { query: vector::read_query(nearest)?, using: request.using };
    question.query = Some(ScoringQuery::Vector(QueryEnum::Nearest(nearest)));
    question.filter = request.filter.map(filter::read).transpose()?;
    question.params = request.params.as_ref().map(search::params).transpose()?;
    question.score_threshold = request.score_threshold;
    question.offset = usize::try_from(request.offset.unwrap_or_default()).unwrap();
    question.with_payload = select::payload(request.with_payload, false)?;
    question.with_vector = select::vectors(request.with_vectors);
    Ok(question)
}

fn limit(limit: Option<u64>) -> Result<usize, Status> {
    match limit {
        None => Ok(LIMIT),
        Some(0) => Err(too_small("limit")),
        Some(limit) => Ok(usize::try_from(limit).unwrap()),
    }
}

fn scored(hit: Hit) -> ScoredPoint {
    ScoredPoint {
        id: Some(id::write(hit.id)),
        payload: hit.payload.map(payload::write).unwrap_or_default(),
        score: hit.score,
        version: hit.version,
        vectors: hit.vector.map(vector::write),
        ..ScoredPoint::default()
    }
}

fn retrieved(record: Record) -> RetrievedPoint {
    RetrievedPoint {
        id: Some(id::write(record.id)),
        payload: record.payload.map(payload::write).unwrap_or_default(),
        vectors: record.vector.map(vector::write),
        shard_key: None,
        order_value: record.order_value.map(search::order_value),
    }
}
