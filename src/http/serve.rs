//! The accept loop: connections within limits, and their orderly end.
//!
//! `axum::serve` knows no limits, and a few hundred connections that never
//! finish a request would hold the process. Here a connection has to say what
//! it wants within a time, headers have a size, and there is a number of
//! connections above which new ones wait in the kernel's queue.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// What every HTTP/2 connection begins with.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Limits of connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Most connections at a time.
    pub connections: usize,
    /// Longest time from the start of a connection, or the end of a request,
    /// to the end of the next request's headers.
    pub header_timeout: Duration,
    /// Largest head of a request in bytes.
    pub header_bytes: usize,
    /// Most requests at a time on one HTTP/2 connection.
    pub streams: u32,
    /// Longest time for requests under way to finish when the process ends.
    pub drain: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 4096,
            header_timeout: Duration::from_secs(15),
            header_bytes: 32 * 1024,
            streams: 128,
            drain: Duration::from_secs(30),
        }
    }
}

/// Serves until `shutdown` ends, and then until the requests under way are
/// answered or the time for that is over.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    shutdown: impl Future<Output = ()>,
) {
    let connections = Arc::new(Semaphore::new(limits.connections));
    let builder = Arc::new(builder(limits));
    let graceful = GracefulShutdown::new();
    let draining = CancellationToken::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        match accepted {
            Ok((stream, permit)) => {
                let connection = Connection {
                    builder: Arc::clone(&builder),
                    router: router.clone(),
                    watcher: graceful.watcher(),
                    draining: draining.clone(),
                    limits,
                };
                tokio::spawn(connection.run(stream, permit));
            }
            Err(error) => {
                // Out of file descriptors, or a client that is gone already.
                tracing::warn!(%error, "a connection can't be accepted");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
    // New connections are refused from here on.
    drop(listener);
    draining.cancel();
    let under_way = graceful.count();
    if timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(under_way, "some connections did not end in time and are cut");
    }
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

fn builder(limits: ConnectionLimits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        // A peer that is gone without a word is noticed.
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

struct Connection {
    builder: Arc<auto::Builder<TokioExecutor>>,
    router: Router,
    watcher: Watcher,
    draining: CancellationToken,
    limits: ConnectionLimits,
}

impl Connection {
    async fn run(self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        // Answers are written whole: waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        // hyper has no limit on the time it takes to tell HTTP/1 from HTTP/2.
        let told = timeout(self.limits.header_timeout, first_bytes(&stream));
        let told = tokio::select! {
            told = told => matches!(told, Ok(Ok(true))),
            // It has asked for nothing, so that nothing has to be finished.
            () = self.draining.cancelled() => false,
        };
        if !told {
            return;
        }
        let service = TowerToHyperService::new(self.router);
        let connection = self.builder.serve_connection(TokioIo::new(stream), service);
        if let Err(error) = self.watcher.watch(connection.into_owned()).await {
            tracing::debug!(%error, "a connection ended early");
        }
        drop(permit);
    }
}

/// Waits until a connection's protocol can be told; false where it ends first.
async fn first_bytes(stream: &TcpStream) -> io::Result<bool> {
    let mut buffer = [0; HTTP2_PREFACE.len()];
    loop {
        let read = stream.peek(&mut buffer).await?;
        if read == 0 {
            return Ok(false);
        }
        if read == HTTP2_PREFACE.len() || !HTTP2_PREFACE.starts_with(&buffer[..read]) {
            return Ok(true);
        }
        // Peeking again would give the same bytes at once.
        sleep(Duration::from_millis(10)).await;
    }
}
