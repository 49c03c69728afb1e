//! What collections need after live writes: the disk, and indexes.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::retrieve::{Documents, WriteError};

/// How much work a loss of power may cost. The end of the process costs none.
const FLUSH_EVERY: Duration = Duration::from_secs(10);
/// How often is looked whether indexes are worth building.
const OPTIMIZE_EVERY: Duration = Duration::from_mins(1);
/// Changes that make it worth it: until then, searches look at every one of
/// the new vectors.
const WORTH_OPTIMIZING: usize = 20_000;

/// Looks after what is written for as long as it is polled.
pub(super) async fn run(documents: Arc<Documents>) {
    let flushing = async {
        let mut ticks = ticks(FLUSH_EVERY);
        loop {
            ticks.tick().await;
            flush(&documents).await;
        }
    };
    // Apart, since it may take minutes.
    let optimizing = async {
        let mut ticks = ticks(OPTIMIZE_EVERY);
        loop {
            ticks.tick().await;
            tell("building indexes", documents.optimize_changed(WORTH_OPTIMIZING).await);
        }
    };
    futures::join!(flushing, optimizing);
}

/// Makes what was written survive a loss of power.
pub(super) async fn flush(documents: &Documents) {
    tell("writing to the disk", documents.flush_changed().await);
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn tell(step: &str, failed: Vec<(String, WriteError)>) {
    for (collection, error) in failed {
        tracing::warn!(collection, %error, "{step} failed and is tried again");
    }
}
