//! One collection on the server.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use futures::FutureExt;
use jiff::Timestamp;
use qdrant_client::qdrant::RetrievedPoint;
use tonic::{Response, Status};
use uuid::Uuid;

use super::client::{Client, Connection, Patience};
use super::convert::{self, uuid};
use super::failure::Failure;
use super::settings::Settings;
use crate::domain::{Deadline, Document};
use crate::retrieve::engine::{Collection, EngineResult, Fingerprint, Hit, Nearest, Page, Point};
use crate::retrieve::manifest::Manifest;
use crate::retrieve::point::{self, CONTENT_HASH, DENSE, TEXT_HASH};
use crate::retrieve::{EngineError, IndexType};

/// A collection on the server.
pub(super) struct ServerCollection {
    /// Our name.
    pub(super) name: String,
    /// Its name, or an alias of it, on the server.
    pub(super) remote: String,
    pub(super) client: Arc<Client>,
    pub(super) settings: Arc<Settings>,
    indexed: BTreeMap<String, IndexType>,
    manifest: ArcSwap<Manifest>,
    /// How often it was changed from here.
    changes: Mutex<u64>,
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
            changes: Mutex::new(0),
            doubtful: AtomicBool::new(false),
        }
    }

    /// How often its manifest was changed from here.
    pub(super) fn changes(&self) -> u64 {
        *self.lock_changes()
    }

    /// Takes over what the server had, unless it was changed from here since
    /// there were so many changes: what was read may be older.
    pub(super) fn update(&self, manifest: Manifest, changes: u64) {
        let now = self.lock_changes();
        if *now == changes && **self.manifest.load() != manifest {
            self.manifest.store(Arc::new(manifest));
        }
    }

    /// The server has this one now.
    pub(super) fn changed(&self, manifest: Manifest) {
        let mut changes = self.lock_changes();
        *changes += 1;
        self.manifest.store(Arc::new(manifest));
    }

    fn lock_changes(&self) -> MutexGuard<'_, u64> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether what the server has should be looked at again; once for each
    /// failed call.
    pub(super) fn take_doubt(&self) -> bool {
        self.doubtful.swap(false, Ordering::Relaxed)
    }

    /// Embeddings a document may have.
    pub(super) fn parts(&self) -> usize {
        self.manifest.load().embedding.parts
    }

    pub(super) fn failed(&self, failure: Failure) -> EngineError {
        if matches!(failure, Failure::NoCollection | Failure::OtherVectors(_) | Failure::Qdrant(_))
        {
            self.doubtful.store(true, Ordering::Relaxed);
        }
        self.client.failed(&self.name, failure)
    }

    /// Sends a request and waits for the answer.
    pub(super) async fn ask<R: Clone, T, F>(
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
        self.search(request).boxed()
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
            let patience = Patience::until(deadline);
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
            let patience = Patience::until(deadline);
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
        self.page(from, limit, deadline).boxed()
    }

    fn upsert(&self, points: Vec<Point>, deadline: Deadline) -> EngineResult<'_, ()> {
        self.store(points, deadline).boxed()
    }

    fn delete(&self, ids: Vec<Uuid>, deadline: Deadline) -> EngineResult<'_, ()> {
        self.remove(ids, deadline).boxed()
    }

    fn count(&self, deadline: Deadline) -> EngineResult<'_, usize> {
        self.total(deadline).boxed()
    }

    fn newest(&self, deadline: Deadline) -> EngineResult<'_, Option<Timestamp>> {
        self.latest(deadline).boxed()
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
