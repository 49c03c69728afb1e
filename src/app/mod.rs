//! The composition root: a configuration becomes a running gateway.

mod ages;
mod parts;
mod refusal;
mod reload;
mod retrieval;
mod upkeep;
mod watch;
mod workbench;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::config::{Config, ConfigError, ConfigSource, Loaded};
use crate::http::{self, ConnectionLimits, HttpSettings, HttpState, Phase};
use crate::prompt::InvalidPrompts;
use crate::retrieve::EngineError;
use crate::telemetry::{self, MetricsError};

pub use parts::{Parts, build, check, missing_secrets, prompts_dir};
use reload::Reloader;
pub use retrieval::{documents, engine};
use watch::Fingerprint;
pub use workbench::{Around, Secrets, Workbench};

/// A gateway that is bound to its address and ready to run.
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    state: HttpState,
    parts: Parts,
    reloader: Option<Reloader>,
    started_with: Loaded,
    /// The files as they were then.
    seen: Fingerprint,
    limits: ConnectionLimits,
}

/// Why a gateway can't start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The configuration doesn't hold together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The prompts can't be used.
    #[error(transparent)]
    Prompts(#[from] InvalidPrompts),
    /// The address can't be listened on.
    #[error("server.listen: {address} can't be listened on: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The index can't be opened.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The system gives no random numbers.
    #[error("the system's source of random numbers fails")]
    NoRandomness,
    /// Metrics can't be recorded.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}

impl App {
    /// Puts everything together and binds the address.
    ///
    /// # Errors
    /// When the configuration can't be served or the address is taken.
    pub async fn build(loaded: Loaded) -> Result<Self, AppError> {
        let seen = Fingerprint::of(&loaded.file, prompts_dir(&loaded.config).as_deref());
        let metrics = telemetry::metrics()?;
        for missing in missing_secrets(&loaded)? {
            tracing::warn!("{missing}");
        }
        let parts = build(&loaded)?;
        let (gateway, documents) = (Arc::clone(&parts.gateway), parts.documents.clone());
        let state = HttpState::new(gateway, documents, metrics, settings(&loaded.config));
        let wanted = loaded.config.server.listen.0;
        let listen_error = |error| AppError::Listen { address: wanted, error };
        let listener = TcpListener::bind(wanted).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let limits = ConnectionLimits::default();
        Ok(Self {
            listener,
            address,
            state,
            parts,
            reloader: None,
            started_with: loaded,
            seen,
            limits,
        })
    }

    /// Takes changes of the configuration and of prompts over while it runs.
    #[must_use]
    pub fn reloading(mut self, source: ConfigSource) -> Self {
        let (started, state) = (self.started_with.config.clone(), self.state.clone());
        let in_flight = self.parts.in_flight.clone();
        self.reloader = Some(Reloader::new(source, started, self.seen, state, in_flight));
        self
    }

    /// With other limits of connections.
    #[must_use]
    pub const fn with_connection_limits(mut self, limits: ConnectionLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The address it listens on, with the port that was picked.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` ends, then finishes what is under way.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) {
        let metrics = telemetry::metrics().ok();
        let _upkeep = metrics.map(|metrics| Background::spawn(telemetry::upkeep(metrics)));
        let _reload = self.reloader.map(|reloader| Background::spawn(reloader.run()));
        let _ages = Background::spawn(ages::watch(Arc::clone(&self.parts.gateway)));
        let state = self.state.clone();
        let shutdown = async {
            shutdown.await;
            tracing::info!("finishing the requests under way");
            state.enter(Phase::Draining);
        };
        let documents = self.parts.documents.clone();
        let _upkeep_of_documents =
            documents.clone().map(|documents| Background::spawn(upkeep::run(documents)));
        let parts = self.parts;
        // Before it says that it listens: the first request waits for nothing.
        let _ = tokio::task::spawn_blocking(move || parts.warm_up()).await;
        state.enter(Phase::Ready);
        tracing::info!(address = %self.address, "listening");
        http::serve(self.listener, http::router(self.state), self.limits, shutdown).await;
        if let Some(documents) = documents {
            upkeep::flush(&documents).await;
        }
        tracing::info!("stopped");
    }
}

/// What a reload may change at the edge.
fn settings(config: &Config) -> HttpSettings {
    HttpSettings {
        max_body: usize::try_from(config.server.max_body.as_u64()).unwrap_or(usize::MAX),
        max_in_flight: config.limits.max_in_flight,
    }
}

/// A task that ends with its handle.
struct Background(AbortHandle);

impl Background {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(task).abort_handle())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}
