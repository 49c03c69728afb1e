//! What is read of a collection.

use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use qdrant_client::qdrant::order_value::Variant;
use qdrant_client::qdrant::{
    CountPoints, Direction, GetPoints, OrderBy, PointId, QueryPoints, RetrievedPoint, ScrollPoints,
    SearchParams, WithPayloadSelector, WithVectorsSelector,
};
use uuid::Uuid;

use super::clauses::{filter, metadata_path};
use super::client::{Patience, points};
use super::collection::ServerCollection;
use super::convert::{self, uuid};
use crate::domain::Deadline;
use crate::retrieve::engine::{Collection, Hit, Nearest, Page, QueryVector};
use crate::retrieve::{EngineError, IndexType, UPDATED_AT};

/// Points asked for at a time, and how many such requests are under way.
const READ_BATCH: usize = 500;
const READ_CONCURRENCY: usize = 4;

impl ServerCollection {
    /// The best points by one component.
    pub(super) async fn search(&self, request: Nearest) -> Result<Vec<Hit>, EngineError> {
        let patience = self.client.search(request.deadline);
        let params = match &request.vector {
            _ if request.limit == 0 => return Ok(Vec::new()),
            QueryVector::Bm25(terms) if terms.indices.is_empty() => return Ok(Vec::new()),
            QueryVector::Bm25(_) => None,
            // A wider beam than the number wanted: near its own width, HNSW
            // misses neighbours.
            QueryVector::Dense(_) => Some(SearchParams {
                exact: Some(request.exact),
                hnsw_ef: Some((4 * request.limit as u64).max(256)),
                ..SearchParams::default()
            }),
        };
        let filter = filter(&request.filter)?;
        let (query, using) = convert::query(request.vector, self.parts());
        let request = QueryPoints {
            collection_name: self.remote.clone(),
            query: Some(query),
            using: Some(using.to_owned()),
            filter,
            params,
            limit: Some(request.limit as u64),
            with_payload: Some(WithPayloadSelector::from(false)),
            with_vectors: Some(WithVectorsSelector::from(false)),
            read_consistency: self.settings.consistency(),
            shard_key_selector: self.settings.shards(),
            timeout: Some(patience.seconds()),
            ..QueryPoints::default()
        };
        let answer = self
            .ask(patience, request, |it, request| async { points(it).query(request).await })
            .await?;
        let hits = answer.result.into_iter();
        Ok(hits.filter_map(|point| Some((uuid(point.id)?, point.score))).collect())
    }

    /// Stored points by their ids, those that don't exist left out.
    pub(super) async fn records(
        &self,
        ids: &[Uuid],
        payload: WithPayloadSelector,
        vectors: WithVectorsSelector,
        patience: Patience,
    ) -> Result<Vec<RetrievedPoint>, EngineError> {
        let requests: Vec<_> = ids
            .chunks(READ_BATCH)
            .map(|ids| GetPoints {
                collection_name: self.remote.clone(),
                ids: ids.iter().copied().map(convert::point_id).collect(),
                with_payload: Some(payload.clone()),
                with_vectors: Some(vectors.clone()),
                read_consistency: self.settings.consistency(),
                shard_key_selector: self.settings.shards(),
                timeout: Some(patience.seconds()),
            })
            .collect();
        let answers: Vec<_> = stream::iter(requests)
            .map(|it| self.ask(patience, it, |it, request| async { points(it).get(request).await }))
            .buffer_unordered(READ_CONCURRENCY)
            .try_collect()
            .await?;
        Ok(answers.into_iter().flat_map(|answer| answer.result).collect())
    }

    /// One page of a walk through the points.
    async fn scroll(
        &self,
        request: ScrollPoints,
        patience: Patience,
    ) -> Result<(Vec<RetrievedPoint>, Option<PointId>), EngineError> {
        let request = ScrollPoints {
            collection_name: self.remote.clone(),
            with_payload: Some(WithPayloadSelector::from(false)),
            with_vectors: Some(WithVectorsSelector::from(false)),
            read_consistency: self.settings.consistency(),
            shard_key_selector: self.settings.shards(),
            timeout: Some(patience.seconds()),
            ..request
        };
        let answer = self
            .ask(patience, request, |it, request| async { points(it).scroll(request).await })
            .await?;
        Ok((answer.result, answer.next_page_offset))
    }

    /// Some of the ids.
    pub(super) async fn page(
        &self,
        from: Option<Uuid>,
        limit: usize,
        deadline: Deadline,
    ) -> Result<Page, EngineError> {
        let request = ScrollPoints {
            offset: from.map(convert::point_id),
            limit: Some(u32::try_from(limit).unwrap_or(u32::MAX)),
            ..ScrollPoints::default()
        };
        let (points, next) = self.scroll(request, Patience::until(deadline)).await?;
        let ids = points.into_iter().filter_map(|point| uuid(point.id)).collect();
        Ok(Page { ids, next: uuid(next) })
    }

    /// The latest date of change.
    pub(super) async fn latest(
        &self,
        deadline: Deadline,
    ) -> Result<Option<Timestamp>, EngineError> {
        if self.index_type(UPDATED_AT) != Some(IndexType::Datetime) {
            return Ok(None);
        }
        let order = metadata_path(UPDATED_AT).map(|key| OrderBy {
            key,
            direction: Some(Direction::Desc.into()),
            start_from: None,
        });
        let request = ScrollPoints { limit: Some(1), order_by: order, ..ScrollPoints::default() };
        let (points, _) = self.scroll(request, self.client.search(deadline)).await?;
        // Dates are ordered by their microseconds.
        let newest = points.first().and_then(|point| point.order_value.as_ref()?.variant);
        Ok(newest.and_then(|value| match value {
            Variant::Int(micros) => Timestamp::from_microsecond(micros).ok(),
            Variant::Float(_) => None,
        }))
    }

    /// Number of points.
    pub(super) async fn total(&self, deadline: Deadline) -> Result<usize, EngineError> {
        let patience = self.client.search(deadline);
        let request = CountPoints {
            collection_name: self.remote.clone(),
            filter: None,
            exact: Some(true),
            read_consistency: self.settings.consistency(),
            shard_key_selector: self.settings.shards(),
            timeout: Some(patience.seconds()),
        };
        let answer = self
            .ask(patience, request, |it, request| async { points(it).count(request).await })
            .await?;
        let count = answer.result.map_or(0, |result| result.count);
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }
}
