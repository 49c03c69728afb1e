//! What is written to a collection.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::stream::{self, TryStreamExt};
use qdrant_client::qdrant::{
    DeletePoints, PointId, PointStruct, PointsOperationResponse, PointsSelector, UpdateCollection,
    UpdateStatus, UpsertPoints,
};
use uuid::Uuid;

use super::client::{Patience, collections, points};
use super::collection::ServerCollection;
use super::failure::Failure;
use super::{convert, schema};
use crate::domain::{Deadline, Document};
use crate::retrieve::EngineError;
use crate::retrieve::engine::Point;
use crate::retrieve::manifest::Manifest;

/// Bytes from which a request is not filled further: requests are held in
/// memory on both sides, several at a time.
const BATCH_BYTES: usize = 8 << 20;

impl ServerCollection {
    /// Stores points, several requests at a time.
    pub(super) async fn store(
        &self,
        points: Vec<Point>,
        deadline: Deadline,
    ) -> Result<(), EngineError> {
        for point in &points {
            self.check_depth(&point.document)?;
        }
        let patience = Patience::until(deadline);
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

    /// Removes points.
    pub(super) async fn remove(
        &self,
        ids: Vec<Uuid>,
        deadline: Deadline,
    ) -> Result<(), EngineError> {
        let patience = Patience::until(deadline);
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

    /// Stores a manifest in place of its own.
    pub(super) async fn store_manifest(
        &self,
        manifest: Manifest,
        deadline: Deadline,
    ) -> Result<(), EngineError> {
        let patience = Patience::until(deadline);
        let request = UpdateCollection {
            collection_name: self.remote.clone(),
            metadata: schema::metadata(&self.name, &manifest)?,
            timeout: Some(patience.seconds()),
            ..UpdateCollection::default()
        };
        self.ask(patience, request, |it, request| async { collections(it).update(request).await })
            .await?;
        self.changed(manifest);
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

/// Points in batches of so many, or fewer where they are long.
fn batches(points: Vec<Point>, most: usize) -> Vec<Vec<Point>> {
    let mut batches: Vec<Vec<Point>> = Vec::new();
    let mut bytes = 0;
    for point in points {
        bytes += size(&point);
        match batches.last_mut() {
            Some(batch) if batch.len() < most && bytes <= BATCH_BYTES => batch.push(point),
            _ => {
                bytes = size(&point);
                batches.push(vec![point]);
            }
        }
    }
    batches
}

/// Bytes that a point has at least in a request.
fn size(Point { document, bm25, dense, .. }: &Point) -> usize {
    let numbers = 2 * bm25.indices.len() + dense.iter().map(Vec::len).sum::<usize>();
    document.title.len() + document.text.len() + 4 * numbers
}

/// The error of a write that stored some of its documents.
fn so_far(mut error: EngineError, stored: usize, total: usize) -> EngineError {
    if let EngineError::Qdrant { problem, .. }
    | EngineError::Unreachable { problem, .. }
    | EngineError::Rejected { problem, .. }
    | EngineError::OtherShape { problem, .. } = &mut error
        && stored > 0
    {
        *problem = format!("{problem}; {stored} of {total} documents were stored before");
    }
    error
}
