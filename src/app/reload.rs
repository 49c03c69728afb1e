//! Takes changes of the configuration and of prompts over, all or nothing.
//!
//! A hang-up signal reloads whatever has changed; a changed file does the same
//! once it has been quiet for a moment. What can't be used is reported and
//! leaves everything as it was.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::parts::{prompts_dir, serving};
use super::watch::{Fingerprint, Watch};
use super::{AppError, settings};
use crate::config::{Config, ConfigSource};
use crate::http::HttpState;
use crate::llm::InFlight;
use crate::telemetry::PROMPT_RELOAD_FAILURES_TOTAL;

/// How long files have to be quiet: editors and sync tools write in steps.
const QUIET: Duration = Duration::from_millis(250);

/// How often files are looked at where the system tells of no change.
const LOOK: Duration = Duration::from_secs(10);

/// Reloads a running gateway.
pub(super) struct Reloader {
    source: ConfigSource,
    /// What the process was started with: some of it holds until its end.
    started: Config,
    /// What is served now.
    current: Config,
    /// The files as they were when they were last read.
    seen: Fingerprint,
    state: HttpState,
    in_flight: InFlight,
}

impl Reloader {
    /// `seen` is what the files were when `started` was read.
    pub fn new(
        source: ConfigSource,
        started: Config,
        seen: Fingerprint,
        state: HttpState,
        in_flight: InFlight,
    ) -> Self {
        let current = started.clone();
        Self { source, started, current, seen, state, in_flight }
    }

    /// Reloads on signals and changes for as long as it is polled.
    pub async fn run(mut self) {
        let mut hangup = match signal(SignalKind::hangup()) {
            Ok(hangup) => hangup,
            Err(error) => {
                tracing::warn!(%error, "the configuration will not be reloaded");
                return;
            }
        };
        loop {
            // Made anew each time: a folder may have been swapped for another.
            let mut watch = Watch::start(self.source.file(), prompts_dir(&self.current));
            // Looked at once the watch stands, so that nothing falls in between.
            let now = self.fingerprint();
            if now != self.seen {
                self.seen = now;
                self.reload();
                continue;
            }
            tokio::select! {
                _ = hangup.recv() => {
                    tracing::info!("asked to reload");
                    self.reload();
                }
                () = watch.changed(QUIET, LOOK) => {}
            }
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.source.file(), prompts_dir(&self.current).as_deref())
    }

    fn reload(&mut self) {
        match self.try_reload() {
            Ok(()) => tracing::info!("reloaded"),
            Err(error) => {
                if matches!(error, AppError::Prompts(_)) {
                    metrics::counter!(PROMPT_RELOAD_FAILURES_TOTAL).increment(1);
                }
                tracing::error!(
                    %error,
                    "the change is not taken over; what was served before still is"
                );
            }
        }
    }

    fn try_reload(&mut self) -> Result<(), AppError> {
        let loaded = self.source.load()?;
        let serving = serving(&loaded, &self.in_flight)?;
        let waiting = self.started.needing_restart(&loaded.config);
        if !waiting.is_empty() {
            let keys = waiting.join(", ");
            tracing::warn!(keys, "these changes need a restart; the others are taken over");
        }
        self.state.gateway().replace(serving);
        self.state.apply(settings(&loaded.config));
        self.in_flight.set_limit(loaded.config.limits.llm_max_in_flight);
        self.current = loaded.config;
        Ok(())
    }
}
