//! A collection as the rest of rankgate sees it: calls that block run on
//! threads of their own, and each ends by its deadline.

use std::collections::HashMap;
use std::sync::Arc;

use futures::FutureExt;
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;
use uuid::Uuid;

use super::shard::Shard;
use crate::domain::{Deadline, Document};
use crate::retrieve::engine::{Collection, EngineResult, Fingerprint, Hit, Nearest, Page, Point};
use crate::retrieve::manifest::Manifest;
use crate::retrieve::{EngineError, IndexType};

/// One for each engine call that may run at a time: the calls block, and one
/// that has begun can't be cancelled.
#[derive(Clone)]
pub(super) struct Permits(Arc<Semaphore>);

impl Permits {
    pub(super) fn new(calls: usize) -> Self {
        Self(Arc::new(Semaphore::new(calls)))
    }

    /// Runs a blocking engine call. At the deadline the answer is given up
    /// and the call runs on, holding its permit, so that a stuck disk can't
    /// pile up threads.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        name: &str,
        deadline: Deadline,
        call: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let late = || EngineError::Deadline(name.to_owned());
        let broken = |problem: &str| EngineError::Qdrant {
            collection: name.to_owned(),
            problem: problem.to_owned(),
        };
        if deadline.has_passed() {
            return Err(late());
        }
        let permit = timeout_at(deadline.instant(), Arc::clone(&self.0).acquire_owned())
            .await
            .map_err(|_| late())?
            .map_err(|_| broken("the engine is shut down"))?;
        let call = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            call()
        });
        match timeout_at(deadline.instant(), call).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(broken("an engine call broke off")),
            Err(_) => Err(late()),
        }
    }

    #[cfg(test)]
    pub(super) fn take_all(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        let all = u32::try_from(self.0.available_permits()).ok()?;
        Arc::clone(&self.0).try_acquire_many_owned(all).ok()
    }
}

/// A collection in this process.
pub(super) struct EmbeddedCollection {
    name: String,
    shard: Arc<Shard>,
    reads: Permits,
    writes: Permits,
}

impl EmbeddedCollection {
    pub(super) fn new(name: &str, shard: Arc<Shard>, reads: Permits, writes: Permits) -> Self {
        Self { name: name.to_owned(), shard, reads, writes }
    }

    fn read<T: Send + 'static>(
        &self,
        deadline: Deadline,
        call: impl FnOnce(&Shard) -> Result<T, EngineError> + Send + 'static,
    ) -> EngineResult<'_, T> {
        let shard = Arc::clone(&self.shard);
        self.reads.run(&self.name, deadline, move || call(&shard)).boxed()
    }

    fn write<T: Send + 'static>(
        &self,
        deadline: Deadline,
        call: impl FnOnce(&Shard) -> Result<T, EngineError> + Send + 'static,
    ) -> EngineResult<'_, T> {
        let shard = Arc::clone(&self.shard);
        self.writes.run(&self.name, deadline, move || call(&shard)).boxed()
    }
}

impl Collection for EmbeddedCollection {
    fn name(&self) -> &str {
        &self.name
    }

    fn manifest(&self) -> Arc<Manifest> {
        self.shard.manifest()
    }

    fn set_manifest(&self, manifest: Manifest, deadline: Deadline) -> EngineResult<'_, ()> {
        self.write(deadline, move |shard| shard.set_manifest(manifest))
    }

    fn index_type(&self, key: &str) -> Option<IndexType> {
        self.shard.index_type(key)
    }

    fn nearest(&self, request: Nearest) -> EngineResult<'_, Vec<Hit>> {
        self.read(request.deadline, move |shard| shard.nearest(&request))
    }

    fn documents(
        &self,
        ids: Vec<Uuid>,
        deadline: Deadline,
    ) -> EngineResult<'_, HashMap<Uuid, Document>> {
        self.read(deadline, move |shard| shard.documents(&ids))
    }

    fn fingerprints(
        &self,
        ids: Vec<Uuid>,
        deadline: Deadline,
    ) -> EngineResult<'_, HashMap<Uuid, Fingerprint>> {
        self.write(deadline, move |shard| shard.fingerprints(&ids))
    }

    fn embeddings(
        &self,
        ids: Vec<Uuid>,
        deadline: Deadline,
    ) -> EngineResult<'_, HashMap<Uuid, Vec<Vec<f32>>>> {
        self.write(deadline, move |shard| shard.embeddings(&ids))
    }

    fn ids(&self, from: Option<Uuid>, limit: usize, deadline: Deadline) -> EngineResult<'_, Page> {
        self.write(deadline, move |shard| shard.ids(from, limit))
    }

    fn upsert(&self, points: Vec<Point>, deadline: Deadline) -> EngineResult<'_, ()> {
        self.write(deadline, move |shard| shard.upsert(points))
    }

    fn delete(&self, ids: Vec<Uuid>, deadline: Deadline) -> EngineResult<'_, ()> {
        self.write(deadline, move |shard| shard.delete(&ids))
    }

    fn count(&self, deadline: Deadline) -> EngineResult<'_, usize> {
        self.read(deadline, Shard::count)
    }

    fn newest(&self, deadline: Deadline) -> EngineResult<'_, Option<Timestamp>> {
        self.read(deadline, Shard::newest)
    }

    fn flush(&self, deadline: Deadline) -> EngineResult<'_, ()> {
        self.write(deadline, Shard::flush)
    }

    fn optimize(&self, deadline: Deadline) -> EngineResult<'_, ()> {
        self.write(deadline, Shard::optimize)
    }
}
