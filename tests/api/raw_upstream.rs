//! A fake upstream that speaks plain TCP, for the faults that no HTTP server
//! makes.

#![allow(dead_code, reason = "each test uses its part of the stage")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a [`RawUpstream`] does with a connection, step by step.
#[derive(Clone, Debug)]
pub enum Step {
    /// Reads a whole request.
    Read,
    /// Sends these bytes.
    Write(Vec<u8>),
    /// Waits.
    Pause(Duration),
    /// Ends the connection with a reset.
    Reset,
    /// Keeps the connection open and does nothing more.
    Hang,
}

/// An upstream that does the same with every connection, then closes it.
pub struct RawUpstream {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl RawUpstream {
    pub async fn start(steps: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let steps = steps.clone();
                tokio::spawn(async move {
                    // A client that leaves early is part of the play.
                    let _ = perform(stream, steps).await;
                });
            }
        });
        Self { address, connections, server }
    }

    /// Reads the request and sends these bytes.
    pub async fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        Self::start(vec![Step::Read, Step::Write(bytes.into())]).await
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for RawUpstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn perform(mut stream: TcpStream, steps: Vec<Step>) -> std::io::Result<()> {
    for step in steps {
        match step {
            Step::Read => read_request(&mut stream).await?,
            Step::Write(bytes) => stream.write_all(&bytes).await?,
            Step::Pause(time) => tokio::time::sleep(time).await,
            Step::Reset => stream.set_zero_linger()?,
            Step::Hang => std::future::pending().await,
        }
    }
    Ok(())
}

/// Reads headers and as much body as they announce.
async fn read_request(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut seen = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let read = stream.read(&mut buffer).await?;
        seen.extend_from_slice(&buffer[..read]);
        let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") else {
            if read == 0 {
                return Ok(());
            }
            continue;
        };
        let head = String::from_utf8_lossy(&seen[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        if read == 0 || seen.len() >= end + 4 + length {
            return Ok(());
        }
    }
}
