//! `rankgate serve`

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Outcome, Verdict, load, runtime};
use crate::app::App;
use crate::config::{ConfigSource, ListenAddress};

/// How long finished work may keep threads busy at the end.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address to listen on instead of the configured one; port 0 picks a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<ListenAddress>,
}

pub(super) fn run(source: ConfigSource, args: &Args) -> Outcome {
    let source = source.listening_on(args.listen);
    let loaded = load(&source, "info")?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let app = App::build(loaded).await?.reloading(source);
        let (first, wait) = tokio::sync::oneshot::channel();
        let served = app.run_until(async {
            // An end of the sender can't happen while this is waited for.
            let _ = wait.await;
        });
        let ended = async {
            signals.next().await;
            let _ = first.send(());
            signals.next().await;
            tracing::warn!("asked a second time: ending at once");
        };
        tokio::select! {
            () = served => {}
            () = ended => {}
        }
        Ok(Verdict::Good)
    });
    // Calls into the engine can't be cancelled; the process doesn't wait.
    runtime.shutdown_timeout(LAST_WORDS);
    outcome
}

/// The signals that end the process.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
