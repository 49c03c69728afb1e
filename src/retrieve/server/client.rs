//! Connections to a Qdrant, and one call over them.
//!
//! The messages and stubs are qdrant-client's; its own pool of connections is
//! not used. That one has a single timeout for searches and long writes alike,
//! asks again after any internal error of the server, however late, and sends
//! no pings, so that a peer that vanished without a word is noticed only by
//! the deadlines of a quarter of an hour of calls.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use qdrant_client::qdrant::collections_client::CollectionsClient;
use qdrant_client::qdrant::points_client::PointsClient;
use qdrant_client::qdrant::qdrant_client::QdrantClient;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout_at};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Response, Status};

use super::failure::{Failure, Place};
use super::{InvalidServer, ServerConfig};
use crate::domain::Deadline;
use crate::retrieve::EngineError;

/// Connections over which calls are spread: one carries some hundred calls at
/// a time, and a large write on it holds up the searches behind it.
const CONNECTIONS: usize = 4;

/// How often a connection is tried, and how long its answer may take before it
/// is given up and made anew.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_PATIENCE: Duration = Duration::from_secs(5);

/// Largest answer in bytes: what a thousand long documents may have.
const MAX_ANSWER: usize = 256 << 20;

/// A REST port that is often taken for the gRPC one.
const REST_PORT: u16 = 6333;

/// A Qdrant. Nothing is connected before the first call, and a connection that
/// breaks is made anew by the next call.
pub(super) struct Client {
    endpoint: Endpoint,
    key: ApiKey,
    url: String,
    port: u16,
    timeout: Duration,
    /// Made by the first call, since they belong to its runtime.
    connections: OnceLock<Vec<Channel>>,
    next: AtomicUsize,
}

/// A connection that sends the key with every call.
pub(super) type Connection = InterceptedService<Channel, ApiKey>;

/// How long a call may take.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    deadline: Deadline,
    until: Instant,
}

impl Patience {
    /// That of a write, which may take until its deadline.
    pub(super) fn until(deadline: Deadline) -> Self {
        Self { deadline, until: deadline.instant() }
    }

    /// What is left in whole seconds, for requests that carry it: the next
    /// one, so that we give up first and say why.
    pub(super) fn seconds(self) -> u64 {
        self.until.saturating_duration_since(Instant::now()).as_secs() + 1
    }
}

impl Client {
    /// A client of the configured server. Connects to nothing.
    pub(super) fn new(
        config: &ServerConfig,
        key: Option<SecretString>,
    ) -> Result<Self, InvalidServer> {
        let url = &config.url;
        if url.has_credentials() {
            return Err(InvalidServer::Credentials);
        }
        let mut endpoint = Endpoint::from_shared(url.as_str().to_owned())
            .and_then(|it| it.user_agent(concat!("rankgate/", env!("CARGO_PKG_VERSION"))))
            .map_err(|error| InvalidServer::Tls(error.to_string()))?
            .connect_timeout(config.timeout())
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_PATIENCE)
            .keep_alive_while_idle(true);
        if url.is_encrypted() {
            let roots = ClientTlsConfig::new().with_native_roots();
            endpoint = endpoint.tls_config(roots).map_err(|error| {
                // The error itself says no more than "transport error".
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                InvalidServer::Tls(cause.unwrap_or_else(|| error.to_string()))
            })?;
        } else if key.is_some() && !url.is_local() {
            tracing::warn!(%url, "the key of Qdrant travels unencrypted: use https://");
        }
        Ok(Self {
            endpoint,
            key: ApiKey::new(key)?,
            url: url.as_str().to_owned(),
            port: url.port(),
            timeout: config.timeout(),
            connections: OnceLock::new(),
            next: AtomicUsize::new(0),
        })
    }

    /// The patience of a search.
    pub(super) fn search(&self, deadline: Deadline) -> Patience {
        let until = Instant::now().checked_add(self.timeout);
        let until = until.map_or(deadline.instant(), |until| until.min(deadline.instant()));
        Patience { deadline, until }
    }

    /// Sends a request and waits for the answer. Asks a second time where the
    /// connection broke or what answered can't serve it now: every request here
    /// may be repeated.
    pub(super) async fn call<R, T, F>(
        &self,
        patience: Patience,
        request: R,
        send: impl Fn(Connection, R) -> F,
    ) -> Result<T, Failure>
    where
        R: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        if patience.deadline.has_passed() {
            return Err(Failure::Deadline);
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let asked = async {
            match send(self.connection(turn), request.clone()).await {
                // The same one, which knows now that it has to be made anew;
                // the others may have broken as well.
                Err(status) if is_broken(&status) => send(self.connection(turn), request).await,
                // Behind another one there may be another node.
                Err(status) if status.code() == Code::Unavailable => {
                    send(self.connection(turn.wrapping_add(1)), request).await
                }
                answer => answer,
            }
        };
        match timeout_at(patience.until, asked).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(self.failure(&status)),
            Err(_) if patience.deadline.has_passed() => Err(Failure::Deadline),
            Err(_) => Err(Failure::Silence(self.timeout)),
        }
    }

    /// The failure of a call for this collection.
    pub(super) fn failed(&self, collection: &str, failure: Failure) -> EngineError {
        failure.at(Place { collection, url: &self.url, has_key: self.key.0.is_some() })
    }

    fn failure(&self, status: &Status) -> Failure {
        match Failure::of(status) {
            Failure::Connection(cause) if self.port == REST_PORT => Failure::Connection(format!(
                "{cause} ({REST_PORT} is Qdrant's REST port; the one for gRPC is 6334)"
            )),
            failure => failure,
        }
    }

    fn connection(&self, turn: usize) -> Connection {
        let connections = self
            .connections
            .get_or_init(|| (0..CONNECTIONS).map(|_| self.endpoint.connect_lazy()).collect());
        InterceptedService::new(connections[turn % CONNECTIONS].clone(), self.key.clone())
    }
}

/// Whether there is no answer, because the connection broke or can't be made.
fn is_broken(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

/// Calls about points.
pub(super) fn points(connection: Connection) -> PointsClient<Connection> {
    PointsClient::new(connection).max_decoding_message_size(MAX_ANSWER)
}

/// Calls about collections.
pub(super) fn collections(connection: Connection) -> CollectionsClient<Connection> {
    CollectionsClient::new(connection)
}

/// Calls about the server.
pub(super) fn server(connection: Connection) -> QdrantClient<Connection> {
    QdrantClient::new(connection)
}

/// The key as a header, if there is one.
#[derive(Clone)]
pub(super) struct ApiKey(Option<MetadataValue<Ascii>>);

impl ApiKey {
    fn new(key: Option<SecretString>) -> Result<Self, InvalidServer> {
        let Some(key) = key else {
            return Ok(Self(None));
        };
        let mut header =
            MetadataValue::try_from(key.expose_secret()).map_err(|_| InvalidServer::Key)?;
        header.set_sensitive(true);
        Ok(Self(Some(header)))
    }
}

impl Interceptor for ApiKey {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(key) = &self.0 {
            request.metadata_mut().insert("api-key", key.clone());
        }
        Ok(request)
    }
}
