//! Takes changes of the configuration and of prompts over, all or nothing.
//!
//! A hang-up signal reloads whatever has changed; a changed file does the same
//! once it has been quiet for a moment. Files that change while they are read
//! are read again, so that no mixture of two sets is served. What can't be used
//! is reported and leaves everything as it was, until the files are good again:
//! mended, or put back as they were.

use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::parts::{keep_prompts_dir, prompts_dir, serving};
use super::refusal::Refusal;
use super::watch::{Fingerprint, Watch};
use super::{AppError, settings};
use crate::config::{Config, ConfigSource};
use crate::http::HttpState;
use crate::llm::InFlight;
use crate::pipeline::Serving;
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
    /// The last configuration that could be read, served or not: its prompts
    /// are those to look at.
    read: Config,
    /// The files as they were when they were last read.
    seen: Fingerprint,
    /// The files of what is served.
    served: Fingerprint,
    state: HttpState,
    in_flight: InFlight,
}

/// What came of reading the files once.
struct Attempt {
    /// The files as they were; none where they changed meanwhile.
    saw: Option<Fingerprint>,
    /// The configuration, where it could be read.
    read: Option<Config>,
    result: Result<Serving, AppError>,
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
        let mut read = started.clone();
        keep_prompts_dir(&mut read, None);
        Self { source, started, read, seen, served: seen, state, in_flight }
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
        // Whether a reload was asked for, and whether files are known to be
        // quiet after what was noticed.
        let (mut asked, mut quiet) = (false, false);
        loop {
            // Made anew each time: a folder may have been swapped for another.
            let mut watch = Watch::start(self.source.file(), prompts_dir(&self.read));
            // Looked at once the watch stands, so that nothing falls in between.
            let now = self.look().await;
            if asked || now != self.seen {
                if !quiet {
                    sleep(QUIET).await;
                }
                quiet = false;
                asked = !self.reload(now).await;
                continue;
            }
            tokio::select! {
                _ = hangup.recv() => {
                    tracing::info!("asked to reload");
                    (asked, quiet) = (true, false);
                }
                noticed = watch.changed(QUIET, LOOK) => quiet = noticed,
            }
        }
    }

    /// The files as they are now.
    async fn look(&self) -> Fingerprint {
        let (file, folder) = self.places();
        let look = spawn_blocking(move || Fingerprint::of(&file, folder.as_deref()));
        look.await.unwrap_or(self.seen)
    }

    /// Reads the files, which were to be as `now`, and takes them over or
    /// reports what is wrong. False where they have changed in between and are
    /// to be read again.
    async fn reload(&mut self, now: Fingerprint) -> bool {
        let ((file, folder), source) = (self.places(), self.source.clone());
        let (last, in_flight) = (self.read.clone(), self.in_flight.clone());
        // Templates are compiled meanwhile, which requests needn't wait for.
        let attempt = spawn_blocking(move || {
            let before = Fingerprint::of(&file, folder.as_deref());
            attempt(&source, before, &last, &in_flight)
        });
        let Ok(Attempt { saw, read, result }) = attempt.await else {
            tracing::error!("a reload broke off; what was served before still is");
            self.seen = now;
            return true;
        };
        let could_be_read = read.is_some();
        if let Some(read) = read {
            self.read = read;
        }
        if saw != Some(now) {
            tracing::debug!("files change while they are read, and are read again");
            return false;
        }
        self.seen = now;
        match result {
            Ok(serving) => self.take_over(serving),
            Err(error) => self.refuse(&error, could_be_read),
        }
        true
    }

    fn take_over(&mut self, serving: Serving) {
        let waiting = self.started.needing_restart(&self.read);
        if !waiting.is_empty() {
            let keys = waiting.join(", ");
            tracing::warn!(keys, "these changes need a restart; the others are taken over");
        }
        self.state.gateway().replace(serving);
        self.state.apply(settings(&self.read));
        self.in_flight.set_limit(self.read.limits.llm_max_in_flight);
        self.served = self.seen;
        self.state.refuse_prompts(None);
        tracing::info!("reloaded");
    }

    fn refuse(&self, error: &AppError, could_be_read: bool) {
        let prompts_differ = self.seen.prompts != self.served.prompts;
        let refusal = Refusal::of(error, could_be_read, prompts_differ);
        if refusal.blames_prompts {
            metrics::counter!(PROMPT_RELOAD_FAILURES_TOTAL).increment(1);
        }
        self.state.refuse_prompts(refusal.prompts);
        tracing::error!(%error, "the change is not taken over; what was served before still is");
    }

    /// The configuration and the folder of prompts.
    fn places(&self) -> (PathBuf, Option<PathBuf>) {
        (self.source.file().to_owned(), prompts_dir(&self.read))
    }
}

/// Makes what is to be served of the files, which were as `before` a moment
/// ago.
fn attempt(
    source: &ConfigSource,
    before: Fingerprint,
    last: &Config,
    in_flight: &InFlight,
) -> Attempt {
    let loaded = source.load().map(|mut loaded| {
        keep_prompts_dir(&mut loaded.config, Some(last));
        loaded
    });
    let (read, result) = match loaded {
        Ok(loaded) => {
            let result = serving(&loaded, in_flight);
            (Some(loaded.config), result)
        }
        Err(error) => (None, Err(error.into())),
    };
    let folder = prompts_dir(read.as_ref().unwrap_or(last));
    let after = Fingerprint::of(source.file(), folder.as_deref());
    Attempt { saw: (before == after).then_some(after), read, result }
}
