//! A Qdrant server for tests: the protocol, answers and errors of the real one
//! over the embedded engine, on a free port. It notes what it is asked, and
//! has faults that a test switches.
//!
//! What a test of a client needs is served; any other RPC, and any option that
//! would change an answer and isn't understood, is refused as unimplemented
//! with its name, so that no test passes because something was ignored.

mod collections;
mod convert;
mod errors;
mod faults;
mod indexes;
mod points;
mod read;
mod record;
mod rpc;
mod shards;
mod store;

mod selftest;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::fake_llm::eventually;
pub use faults::Faults;
pub use record::Asked;
use record::Record;
use store::Store;

/// What the handlers of all connections share, and what outlives a restart.
#[derive(Clone, Default)]
struct Stage {
    store: Arc<Store>,
    record: Arc<Record>,
    faults: Arc<Faults>,
}

/// The server; it stops when dropped.
pub struct QdrantServer {
    address: SocketAddr,
    stage: Stage,
    /// `None` while the server is stopped.
    running: Mutex<Option<Running>>,
}

/// A server that serves.
struct Running {
    /// One of its own: its end is the end of every connection, also of those
    /// whose calls hang.
    runtime: Runtime,
    /// Takes new connections.
    listener: JoinHandle<()>,
}

impl QdrantServer {
    /// An empty server on a free port of this machine.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // The store makes a folder, which blocks.
        let stage = tokio::task::spawn_blocking(Stage::default).await.unwrap();
        let running = Mutex::new(Some(Running::start(listener, &stage)));
        Self { address, stage, running }
    }

    /// What a client connects to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Says so from now on, and does what that version does: one before 1.16
    /// keeps no metadata of collections that are made.
    pub fn pretend_version(&self, version: &str) {
        self.stage.store.pretend_version(version);
    }

    /// The switches.
    pub fn faults(&self) -> &Faults {
        &self.stage.faults
    }

    /// How often an RPC was called, refused and unanswered calls included:
    /// `Upsert`, or `Points/Get` where services share a name.
    pub fn calls(&self, rpc: &str) -> usize {
        self.stage.record.calls(rpc)
    }

    /// What the calls of an RPC asked for that reached the store, in the order
    /// in which they came; named as for [`calls`](Self::calls).
    pub fn asked(&self, rpc: &str) -> Vec<Asked> {
        self.stage.record.asked(rpc)
    }

    /// Points in the largest upsert.
    pub fn largest_upsert(&self) -> usize {
        self.asked("Points/Upsert").iter().map(|asked| asked.points).max().unwrap_or_default()
    }

    /// Breaks all connections and refuses new ones. The data stays.
    pub async fn stop(&self) {
        let running = self.running.lock().unwrap().take();
        tokio::task::spawn_blocking(|| running.map(Running::end)).await.unwrap();
    }

    /// Stops, and serves the same data on the same port again.
    pub async fn restart(&self) {
        self.stop().await;
        let listener = Mutex::new(None);
        // A client's connection may have been given the port meanwhile.
        eventually("the port is free", || {
            let bound = TcpListener::bind(self.address).ok();
            let free = bound.is_some();
            *listener.lock().unwrap() = bound;
            free
        })
        .await;
        let listener = listener.into_inner().unwrap().unwrap();
        *self.running.lock().unwrap() = Some(Running::start(listener, &self.stage));
    }
}

impl Drop for QdrantServer {
    fn drop(&mut self) {
        let running = self.running.get_mut().unwrap().take();
        // Tokio lets no runtime end on a thread of another. Waited for, so that
        // the last holder of the data, which removes its folder, is this one.
        std::thread::spawn(|| running.map(Running::end)).join().unwrap();
    }
}

impl Running {
    /// Serves on threads of its own.
    fn start(listener: TcpListener, stage: &Stage) -> Self {
        listener.set_nonblocking(true).unwrap();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("qdrant")
            .enable_all()
            .build()
            .unwrap();
        let routes = rpc::routes(stage);
        let listener = runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            Server::builder().add_routes(routes).serve_with_incoming(incoming).await.unwrap();
        });
        Self { runtime, listener }
    }

    /// Blocks until nothing runs any more; a call to the engine can't be cut
    /// short.
    fn end(self) {
        // New connections are refused before the others break, so that who
        // connects again at once doesn't get through.
        self.listener.abort();
        drop(self.runtime.block_on(self.listener));
        self.runtime.shutdown_timeout(Duration::from_secs(10));
    }
}
