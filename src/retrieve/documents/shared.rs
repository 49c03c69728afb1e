//! What all writers to one collection of this process share.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

/// Shared by the writers to one collection.
#[derive(Default)]
pub(super) struct Shared {
    /// Held while a collection that has nothing in it receives its first
    /// documents, which decide what BM25 counts with.
    pub(super) opening: tokio::sync::Mutex<()>,
    under_way: Mutex<HashSet<Uuid>>,
    left: Notify,
    unflushed: AtomicUsize,
    unoptimized: AtomicUsize,
}

/// The points of a write that is under way; others that touch one of them wait
/// until it is dropped.
pub(super) struct Place {
    shared: Arc<Shared>,
    ids: Vec<Uuid>,
}

impl Shared {
    /// Waits until no other write of this process touches these points. A
    /// write looks at what is stored first: between that and its end, nothing
    /// it has seen may change.
    pub(super) async fn enter(self: &Arc<Self>, ids: Vec<Uuid>) -> Place {
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            // Listens before it looks, so that no leaving is missed.
            left.as_mut().enable();
            if self.try_enter(&ids) {
                return Place { shared: Arc::clone(self), ids };
            }
            left.await;
        }
    }

    fn try_enter(&self, ids: &[Uuid]) -> bool {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.iter().any(|id| under_way.contains(id)) {
            return false;
        }
        under_way.extend(ids);
        true
    }

    /// Notes changes that the engine has acknowledged.
    pub(super) fn note(&self, changes: usize) {
        self.unflushed.fetch_add(changes, Ordering::Relaxed);
        self.unoptimized.fetch_add(changes, Ordering::Relaxed);
    }

    /// Changes since the last flush, which count as flushed from now on.
    pub(super) fn take_unflushed(&self) -> usize {
        self.unflushed.swap(0, Ordering::Relaxed)
    }

    /// A flush failed: its changes count again.
    pub(super) fn give_back_unflushed(&self, changes: usize) {
        self.unflushed.fetch_add(changes, Ordering::Relaxed);
    }

    /// Changes since the indexes were built, if they are as many as this; they
    /// count as built in from now on.
    pub(super) fn take_unoptimized(&self, at_least: usize) -> Option<usize> {
        let take = |changes| (changes >= at_least.max(1)).then_some(0);
        self.unoptimized.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()
    }

    /// Building failed: its changes count again.
    pub(super) fn give_back_unoptimized(&self, changes: usize) {
        self.unoptimized.fetch_add(changes, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut under_way = self.shared.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        for id in &self.ids {
            under_way.remove(id);
        }
        drop(under_way);
        self.shared.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn ids(range: std::ops::Range<u128>) -> Vec<Uuid> {
        range.map(Uuid::from_u128).collect()
    }

    #[tokio::test]
    async fn a_write_waits_for_those_that_touch_its_points_and_for_no_others() {
        let shared = Arc::new(Shared::default());
        let first = shared.enter(ids(0..3)).await;
        let other = shared.enter(ids(3..5)).await;
        let mut waiting = Box::pin(shared.enter(ids(2..4)));
        assert!((&mut waiting).now_or_never().is_none());
        drop(first);
        assert!((&mut waiting).now_or_never().is_none(), "the other one is still there");
        drop(other);
        let waited = waiting.await;
        assert_eq!(waited.ids, ids(2..4));
        drop(waited);
        assert!(shared.under_way.lock().unwrap().is_empty());
    }

    #[test]
    fn changes_are_taken_once_and_can_be_given_back() {
        let shared = Shared::default();
        assert_eq!((shared.take_unflushed(), shared.take_unoptimized(0)), (0, None));
        shared.note(3);
        shared.note(2);
        assert_eq!(shared.take_unflushed(), 5);
        assert_eq!(shared.take_unflushed(), 0);
        shared.give_back_unflushed(5);
        assert_eq!(shared.take_unflushed(), 5);
        assert_eq!(shared.take_unoptimized(6), None);
        assert_eq!(shared.take_unoptimized(5), Some(5));
        assert_eq!(shared.take_unoptimized(1), None);
        shared.give_back_unoptimized(5);
        assert_eq!(shared.take_unoptimized(5), Some(5));
    }
}
