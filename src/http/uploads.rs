//! How many uploads of documents may be under way at a time.
//!
//! Each holds up to two batches in memory and keeps the embedding busy, so that
//! more of them would only be slower. A few more wait for their turn; beyond
//! that a client is told to come back, before its body is read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Uploads into one collection that write at a time.
const WRITING: usize = 4;
/// Uploads into one collection that write or wait.
const PRESENT: usize = 20;
/// Uploads that write or wait, all collections together.
const PRESENT_IN_ALL: usize = 64;
/// Longest wait for a turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// The uploads under way, by collection.
#[derive(Default)]
pub(super) struct Uploads(Arc<Mutex<Lanes>>);

#[derive(Default)]
struct Lanes {
    present: usize,
    by_collection: HashMap<String, Lane>,
}

/// The uploads into one collection.
struct Lane {
    present: usize,
    turns: Arc<Semaphore>,
}

/// An upload's place among those that write or wait.
struct Place {
    lanes: Arc<Mutex<Lanes>>,
    collection: String,
}

/// An upload's leave to write, given back when it is dropped.
pub(super) struct Turn {
    _place: Place,
    _permit: OwnedSemaphorePermit,
}

impl Uploads {
    /// Waits for a turn to write into a collection. None where too many wait
    /// already, or none came in time.
    pub async fn turn(&self, collection: &str) -> Option<Turn> {
        let (place, turns) = self.enter(collection)?;
        let permit = timeout(PATIENCE, turns.acquire_owned()).await.ok()?.ok()?;
        Some(Turn { _place: place, _permit: permit })
    }

    fn enter(&self, collection: &str) -> Option<(Place, Arc<Semaphore>)> {
        let mut lanes = lock(&self.0);
        if lanes.present >= PRESENT_IN_ALL {
            return None;
        }
        let lane = lanes
            .by_collection
            .entry(collection.to_owned())
            .or_insert_with(|| Lane { present: 0, turns: Arc::new(Semaphore::new(WRITING)) });
        if lane.present >= PRESENT {
            return None;
        }
        lane.present += 1;
        let turns = Arc::clone(&lane.turns);
        lanes.present += 1;
        let place = Place { lanes: Arc::clone(&self.0), collection: collection.to_owned() };
        Some((place, turns))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lanes = lock(&self.lanes);
        lanes.present -= 1;
        if let Some(lane) = lanes.by_collection.get_mut(&self.collection) {
            lane.present -= 1;
            if lane.present == 0 {
                lanes.by_collection.remove(&self.collection);
            }
        }
    }
}

fn lock(lanes: &Mutex<Lanes>) -> MutexGuard<'_, Lanes> {
    lanes.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_few_write_some_wait_and_the_rest_are_sent_away() {
        let uploads = Uploads::default();
        let mut turns = Vec::new();
        for _ in 0..WRITING {
            turns.push(uploads.turn("a").now_or_never().unwrap().unwrap());
        }
        let mut waiting: Vec<_> = (WRITING..PRESENT).map(|_| Box::pin(uploads.turn("a"))).collect();
        assert!(waiting.iter_mut().all(|turn| turn.now_or_never().is_none()));
        assert!(uploads.turn("a").await.is_none(), "too many wait");
        assert!(uploads.turn("b").await.is_some(), "another collection has turns of its own");
        drop(turns.pop());
        assert!(waiting.remove(0).await.is_some());
        drop((turns, waiting));
        assert!(lock(&uploads.0).by_collection.is_empty(), "nothing is kept of those who left");
        assert_eq!(lock(&uploads.0).present, 0);
    }

    #[test]
    fn all_collections_together_have_a_limit() {
        let uploads = Uploads::default();
        let names = (0..PRESENT_IN_ALL).map(|n| n.to_string());
        let places: Vec<_> = names.map(|name| uploads.enter(&name).unwrap()).collect();
        assert!(uploads.enter("another").is_none());
        drop(places);
        assert!(uploads.enter("another").is_some());
    }
}
