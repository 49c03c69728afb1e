//! How a server ends: in order when it is asked to, at once when it is asked
//! again.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// The signals that end the process.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on these signals end nothing by themselves.
    pub fn new() -> std::io::Result<Self> {
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

    /// Runs a server. It is to end in order when what it is given does; with
    /// the second signal it is dropped.
    pub async fn serve(mut self, server: impl AsyncFnOnce(Asked)) {
        let (first, asked) = oneshot::channel();
        let ended = async {
            self.next().await;
            let _ = first.send(());
            self.next().await;
            tracing::warn!("asked a second time: ending at once");
        };
        tokio::select! {
            () = server(Asked(asked)) => {}
            () = ended => {}
        }
    }
}

/// The first signal.
pub(super) struct Asked(oneshot::Receiver<()>);

impl Asked {
    /// Waits for it.
    pub async fn wait(self) {
        // An end of the sender can't happen while this is waited for.
        let _ = self.0.await;
    }
}
