//! One collection on the server.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use qdrant_client::qdrant::order_value::Variant;
use qdrant_client::qdrant::{
    CountPoints, DeletePoints, Direction, GetPoints, OrderBy, PointId, PointStruct,
    PointsOperationResponse, PointsSelector, QueryPoints, RetrievedPoint, ScrollPoints,
    SearchParams, UpdateCollection, UpdateStatus, UpsertPoints, WithPayloadSelector,
    WithVectorsSelector,
};
use tonic::{Response, Status};
use uuid::Uuid;

use super::clauses::{filter, metadata_path};
use super::client::{Client, Connection, Patience, collections, points};
use super::convert::{self, uuid};
use super::failure::Failure;
use super::schema;
use super::settings::Settings;
use crate::domain::{Deadline, Document};
use crate::retrieve::engine::{
    Collection, EngineResult, Fingerprint, Hit, Nearest, Page, Point, QueryVector,
};
use crate::retrieve::manifest::Manifest;
use crate::retrieve::point::{self, CONTENT_HASH, DENSE, TEXT_HASH};
use crate::retrieve::{EngineError, IndexType, UPDATED_AT};

/// Points asked for at a time, and how many such requests are under way.
const READ_BATCH: usize = 500;
const READ_CONCURRENCY: usize = 4;

/// A collection on the server.
pub(super) struct ServerCollection {
    /// Our name.
    name: String,
    /// Its name, or an alias of it, on the server.
    remote: String,
    client: Arc<Client>,
    settings: Arc<Settings>,
    indexed: BTreeMap<String, IndexType>,
    manifest: ArcSwap<Manifest>,
    /// Whether a call failed in a way that a collection of this shape doesn't.
    doubtful: AtomicBool,
}

impl ServerCollection {
    pub(super) fn new(
        name: &str,
        remote: &str,
        client: Arc<Client>,
        settings: Arc<Settings>,
        indexed: BTreeMap<String, IndexType>,
        manifest: Manifest,
    ) -> Self {
        Self {
            name: name.to_owned(),
            remote: remote.to_owned(),
            client,
            settings,
            indexed,
            manifest: ArcSwap::from_pointee(manifest),
            doubtful: AtomicBool::new(false),
        }
    }

    /// Takes over what the server has now.
    pub(super) fn update(&self, manifest: Manifest) {
        if **self.manifest.load() != manifest {
            self.manifest.store(Arc::new(manifest));
        }
    }

    /// Whether what the server has should be looked at again; once for each
    /// failed call.
    pub(super) fn take_doubt(&self) -> bool {
        self.doubtful.swap(false, Ordering::Relaxed)
    }

    fn parts(&self) -> usize {
        self.manifest.load().embedding.parts
    }

    fn failed(&self, failure: Failure) -> EngineError {
        if matches!(failure, Failure::NoCollection | Failure::OtherVectors(_) | Failure::Qdrant(_))
        {
            self.doubtful.store(true, Ordering::Relaxed);
        }
        self.client.failed(&self.name, failure)
    }

    /// Sends a request and waits for the answer.
    async fn ask<R: Clone, T, F>(
        &self,
        patience: Patience,
        request: R,
        send: impl Fn(Connection, R) -> F,
    ) -> Result<T, EngineError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        self.client.call(patience, request, send).await.map_err(|failure| self.failed(failure))
    }

    async fn nearest(&self, request: Nearest) -> Result<Vec<Hit>, EngineError> {
        let patience = self.client.search(request.deadline);
        let params = match &request.vector {
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
    async fn records(
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

    async fn ids(
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
        let (points, next) = self.scroll(request, self.client.write(deadline)).await?;
        let ids = points.into_iter().filter_map(|point| uuid(point.id)).collect();
        Ok(Page { ids, next: uuid(next) })
    }

    async fn newest(&self, deadline: Deadline) -> Result<Option<Timestamp>, EngineError> {
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

    async fn upsert(&self, points: Vec<Point>, deadline: Deadline) -> Result<(), EngineError> {
        for point in &points {
            self.check_depth(&point.document)?;
        }
        let patience = self.client.write(deadline);
        let (total, stored, parts) = (points.len(), AtomicUsize::new(0), self.parts());
        let batches = batches(last_of_each(points), self.settings.upsert_batch());
        let written = stream::iter(batches.into_iter().map(Ok))
            .try_for_each_concurrent(self.settings.upsert_concurrency(), |batch| {
                let stored = &stored;
                async move {
                    let size = batch.len();
                    let batch = batch.into_iter().map(|it| convert::point(it, parts)).collect();
                    self.upsert_batch(batch, patience).await?;
                    stored.fetch_add(size, Ordering::Relaxed);
                    Ok(())
                }
            })
            .await;
        written.map_err(|error| so_far(error, stored.into_inner(), total))
    }

    async fn upsert_batch(
        &self,
        batch: Vec<PointStruct>,
        patience: Patience,
    ) -> Result<(), EngineError> {
        let request = UpsertPoints {
            collection_name: self.remote.clone(),
            wait: Some(true),
            points: batch,
            ordering: self.settings.ordering(),
            shard_key_selector: self.settings.shards(),
            timeout: Some(patience.seconds()),
            ..UpsertPoints::default()
        };
        let answer = self
            .ask(patience, request, |it, request| async { points(it).upsert(request).await })
            .await?;
        applied(&answer).map_err(|failure| self.failed(failure))
    }

    async fn delete(&self, ids: Vec<Uuid>, deadline: Deadline) -> Result<(), EngineError> {
        let patience = self.client.write(deadline);
        let ids: Vec<PointId> = ids.into_iter().map(convert::point_id).collect();
        let request = DeletePoints {
            collection_name: self.remote.clone(),
            wait: Some(true),
            points: Some(PointsSelector::from(ids)),
            ordering: self.settings.ordering(),
            shard_key_selector: self.settings.shards(),
            timeout: Some(patience.seconds()),
        };
        let answer = self
            .ask(patience, request, |it, request| async { points(it).delete(request).await })
            .await?;
        applied(&answer).map_err(|failure| self.failed(failure))
    }

    async fn count(&self, deadline: Deadline) -> Result<usize, EngineError> {
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

    async fn store_manifest(
        &self,
        manifest: Manifest,
        deadline: Deadline,
    ) -> Result<(), EngineError> {
        let patience = self.client.write(deadline);
        let request = UpdateCollection {
            collection_name: self.remote.clone(),
            metadata: schema::metadata(&self.name, &manifest)?,
            timeout: Some(patience.seconds()),
            ..UpdateCollection::default()
        };
        self.ask(patience, request, |it, request| async { collections(it).update(request).await })
            .await?;
        self.manifest.store(Arc::new(manifest));
        Ok(())
    }

    fn check_depth(&self, document: &Document) -> Result<(), EngineError> {
        if convert::depth(&document.metadata) <= convert::MAX_DEPTH {
            return Ok(());
        }
        Err(EngineError::Qdrant {
            collection: self.name.clone(),
            problem: format!(
                "the metadata of document \"{}\" is nested more than {} deep, which Qdrant's gRPC \
                 can't carry: flatten it",
                document.id,
                convert::MAX_DEPTH
            ),
        })
    }
}

impl Collection for ServerCollection {
    fn name(&self) -> &str {
        &self.name
    }

    fn manifest(&self) -> Arc<Manifest> {
        self.manifest.load_full()
    }

    fn set_manifest(&self, manifest: Manifest, deadline: Deadline) -> EngineResult<'_, ()> {
        self.store_manifest(manifest, deadline).boxed()
    }

    fn index_type(&self, key: &str) -> Option<IndexType> {
        self.indexed.get(key).copied()
    }

    fn nearest(&self, request: Nearest) -> EngineResult<'_, Vec<Hit>> {
        self.nearest(request).boxed()
    }

    fn documents(
        &self,
        ids: Vec<Uuid>,
        deadline: Deadline,
    ) -> EngineResult<'_, HashMap<Uuid, Document>> {
        async move {
            let (payload, vectors) = (true.into(), false.into());
            let patience = self.client.search(deadline);
            let points = self.records(&ids, payload, vectors, patience).await?;
            let of = |it: RetrievedPoint| {
                Some((uuid(it.id)?, point::document(convert::json(it.payload))?))
            };
            Ok(points.into_iter().filter_map(of).collect())
        }
        .boxed()
    }

    fn fingerprints(
        &self,
        ids: Vec<Uuid>,
        deadline: Deadline,
    ) -> EngineResult<'_, HashMap<Uuid, Fingerprint>> {
        async move {
            let (payload, vectors) = (vec![CONTENT_HASH, TEXT_HASH].into(), false.into());
            let patience = self.client.write(deadline);
            let points = self.records(&ids, payload, vectors, patience).await?;
            let of = |it: RetrievedPoint| {
                Some((uuid(it.id)?, point::fingerprint(convert::json(it.payload))?))
            };
            Ok(points.into_iter().filter_map(of).collect())
        }
        .boxed()
    }

    fn embeddings(
        &self,
        ids: Vec<Uuid>,
        deadline: Deadline,
    ) -> EngineResult<'_, HashMap<Uuid, Vec<Vec<f32>>>> {
        async move {
            let (payload, vectors) = (false.into(), vec![DENSE].into());
            let patience = self.client.write(deadline);
            let points = self.records(&ids, payload, vectors, patience).await?;
            let of = |it: RetrievedPoint| {
                let embeddings = convert::embeddings(&it)?;
                Some((uuid(it.id)?, embeddings))
            };
            Ok(points.into_iter().filter_map(of).collect())
        }
        .boxed()
    }

    fn ids(&self, from: Option<Uuid>, limit: usize, deadline: Deadline) -> EngineResult<'_, Page> {
        self.ids(from, limit, deadline).boxed()
    }

    fn upsert(&self, points: Vec<Point>, deadline: Deadline) -> EngineResult<'_, ()> {
        self.upsert(points, deadline).boxed()
    }

    fn delete(&self, ids: Vec<Uuid>, deadline: Deadline) -> EngineResult<'_, ()> {
        self.delete(ids, deadline).boxed()
    }

    fn count(&self, deadline: Deadline) -> EngineResult<'_, usize> {
        self.count(deadline).boxed()
    }

    fn newest(&self, deadline: Deadline) -> EngineResult<'_, Option<Timestamp>> {
        self.newest(deadline).boxed()
    }

    /// Nothing to do: what the server acknowledged is in its log, which
    /// survives a loss of power.
    fn flush(&self, _deadline: Deadline) -> EngineResult<'_, ()> {
        futures::future::ok(()).boxed()
    }

    /// Nothing to do: the server builds its indexes by itself, and answers from
    /// the vectors until they are there.
    fn optimize(&self, _deadline: Deadline) -> EngineResult<'_, ()> {
        futures::future::ok(()).boxed()
    }
}

/// Whether a write was applied: Qdrant answers late ones as if they had been.
fn applied(answer: &PointsOperationResponse) -> Result<(), Failure> {
    match answer.result.as_ref().map(qdrant_client::qdrant::UpdateResult::status) {
        Some(UpdateStatus::Completed) => Ok(()),
        Some(UpdateStatus::WaitTimeout) => Err(Failure::Deadline),
        status => {
            let status = status.map_or("nothing", |status| status.as_str_name());
            Err(Failure::Qdrant(format!("Qdrant did not apply a write: it answered {status}")))
        }
    }
}

/// Of several points with one id the last: requests overtake each other.
fn last_of_each(points: Vec<Point>) -> Vec<Point> {
    let places: HashMap<Uuid, usize> =
        points.iter().enumerate().map(|(place, point)| (point.id, place)).collect();
    let is_last = |place: usize, point: &Point| places.get(&point.id) == Some(&place);
    let points = points.into_iter().enumerate();
    points.filter(|(place, point)| is_last(*place, point)).map(|(_, point)| point).collect()
}

fn batches(points: Vec<Point>, size: usize) -> Vec<Vec<Point>> {
    let mut points = points.into_iter();
    std::iter::from_fn(|| {
        let batch: Vec<_> = points.by_ref().take(size).collect();
        (!batch.is_empty()).then_some(batch)
    })
    .collect()
}

/// The error of a write that stored some of its documents.
fn so_far(mut error: EngineError, stored: usize, total: usize) -> EngineError {
    if let EngineError::Qdrant { problem, .. }
    | EngineError::Unreachable { problem, .. }
    | EngineError::Rejected { problem, .. }
    | EngineError::OtherShape { problem, .. } = &mut error
        && stored > 0
    {
        problem.push_str(&format!("; {stored} of {total} documents were stored before"));
    }
    error
}
