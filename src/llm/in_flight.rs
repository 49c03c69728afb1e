//! The limit on LLM calls in flight, over all models and requests.
//!
//! Calls beyond the limit wait in a bounded queue, first come first served;
//! calls beyond the queue are refused at once. The limit can be changed while
//! calls are in flight, so that a config reload keeps counting them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::domain::Deadline;

/// Calls that may wait whatever the limit.
const MIN_QUEUE: usize = 64;
/// Calls that may wait for each one in flight, beyond [`MIN_QUEUE`].
const QUEUE_PER_PERMIT: usize = 8;

/// A handle to the limit; clones share it.
#[derive(Clone, Debug)]
pub struct InFlight(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    limit: Option<usize>,
    queue: Queue,
    running: usize,
    waiting: usize,
}

/// How many calls may wait for a place.
#[derive(Clone, Copy, Debug)]
enum Queue {
    /// As many as the limit suggests: beyond them waiting would be in vain.
    Bounded,
    /// All of them: their callers bound them and have time.
    Unbounded,
}

impl State {
    fn has_room(&self) -> bool {
        self.limit.is_none_or(|limit| self.running < limit)
    }

    fn queue_is_full(&self) -> bool {
        match (self.limit, self.queue) {
            (Some(0), _) => true,
            (None, _) | (Some(_), Queue::Unbounded) => false,
            (Some(limit), Queue::Bounded) => {
                self.waiting >= MIN_QUEUE.max(limit.saturating_mul(QUEUE_PER_PERMIT))
            }
        }
    }
}

/// A place among the calls in flight, given back when dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<Shared>);

/// A place in the queue, given back when dropped.
#[derive(Debug)]
struct Waiting<'a>(&'a Shared);

/// No place came free in time, or the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl InFlight {
    /// A limit of `limit` calls; `None`: no limit, 0: none allowed.
    #[must_use]
    pub fn new(limit: Option<usize>) -> Self {
        Self::with(limit, Queue::Bounded)
    }

    /// A limit of `limit` calls, at least 1, for callers who wait as long as it
    /// takes.
    pub(super) fn patient(limit: usize) -> Self {
        Self::with(Some(limit.max(1)), Queue::Unbounded)
    }

    fn with(limit: Option<usize>, queue: Queue) -> Self {
        let state = Mutex::new(State { limit, queue, running: 0, waiting: 0 });
        Self(Arc::new(Shared { state, freed: Notify::new() }))
    }

    /// Changes the limit. Calls in flight go on; the new limit holds for those
    /// that wait and those that come.
    pub fn set_limit(&self, limit: Option<usize>) {
        self.0.state().limit = limit;
        self.0.freed.notify_waiters();
        // For one that is about to wait and missed the line above.
        self.0.freed.notify_one();
    }

    /// Calls in flight now.
    #[must_use]
    pub fn running(&self) -> usize {
        self.0.state().running
    }

    /// Waits for a place until `deadline`.
    pub(super) async fn acquire(&self, deadline: Deadline) -> Result<Permit, Full> {
        let _waiting = match self.0.enter()? {
            Entered::Running => return Ok(Permit(Arc::clone(&self.0))),
            Entered::Waiting(waiting) => waiting,
        };
        tokio::time::timeout_at(deadline.instant(), self.0.next_place())
            .await
            .map_or(Err(Full), |granted| granted.map(|()| Permit(Arc::clone(&self.0))))
    }
}

enum Entered<'a> {
    Running,
    Waiting(Waiting<'a>),
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A free place goes to a newcomer only if nobody waits: otherwise those
    /// who wait would starve.
    fn enter(&self) -> Result<Entered<'_>, Full> {
        let mut state = self.state();
        if state.has_room() && state.waiting == 0 {
            state.running += 1;
            return Ok(Entered::Running);
        }
        if state.queue_is_full() {
            return Err(Full);
        }
        state.waiting += 1;
        Ok(Entered::Waiting(Waiting(self)))
    }

    /// Each place that comes free wakes the one who waits longest; dropped
    /// between its notice and its next turn, it passes the notice on.
    async fn next_place(&self) -> Result<(), Full> {
        loop {
            self.freed.notified().await;
            let mut state = self.state();
            if state.limit == Some(0) {
                return Err(Full);
            }
            if state.has_room() {
                state.running += 1;
                return Ok(());
            }
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.state().running -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;

    fn soon() -> Deadline {
        Deadline::after(Duration::from_millis(20))
    }

    fn later() -> Deadline {
        Deadline::after(Duration::from_mins(1))
    }

    /// Lets every task that can run do so until `done`.
    async fn until(done: impl Fn() -> bool) {
        while !done() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn without_a_limit_every_call_enters() {
        let limit = InFlight::new(None);
        let mut held = Vec::new();
        for _ in 0..1000 {
            held.push(limit.acquire(soon()).await.unwrap());
        }
        assert_eq!(limit.running(), 1000);
        held.clear();
        assert_eq!(limit.running(), 0);
    }

    #[tokio::test]
    async fn zero_allows_none_and_nobody_waits() {
        let limit = InFlight::new(Some(0));
        assert_eq!(limit.acquire(later()).now_or_never().unwrap().unwrap_err(), Full);
    }

    #[tokio::test]
    async fn waits_until_the_deadline_and_leaves_the_queue() {
        let limit = InFlight::new(Some(1));
        let held = limit.acquire(soon()).await.unwrap();
        assert_eq!(limit.acquire(soon()).await.unwrap_err(), Full);
        assert_eq!(limit.0.state().waiting, 0);
        drop(held);
        limit.acquire(soon()).await.unwrap();
    }

    #[tokio::test]
    async fn a_place_goes_to_the_one_who_waits_longest() {
        let limit = InFlight::new(Some(1));
        let held = limit.acquire(later()).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for number in 0..5 {
            let (limit_of_task, order) = (limit.clone(), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let _permit = limit_of_task.acquire(later()).await.unwrap();
                order.lock().unwrap().push(number);
            }));
            until(|| limit.0.state().waiting == number + 1).await;
        }
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(limit.running(), 0);
    }

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let limit = InFlight::new(Some(1));
        let _held = limit.acquire(later()).await.unwrap();
        let waiting: Vec<_> = (0..MIN_QUEUE)
            .map(|_| {
                let limit = limit.clone();
                tokio::spawn(async move { limit.acquire(later()).await })
            })
            .collect();
        until(|| limit.0.state().waiting == MIN_QUEUE).await;
        assert_eq!(limit.acquire(later()).now_or_never().unwrap().unwrap_err(), Full);
        for task in waiting {
            task.abort();
        }
        until(|| limit.0.state().waiting == 0).await;
    }

    #[tokio::test]
    async fn the_patient_are_never_turned_away() {
        let limit = InFlight::patient(0);
        let held = limit.acquire(later()).await.unwrap();
        let waiting: Vec<_> = (0..2 * MIN_QUEUE)
            .map(|_| {
                let limit = limit.clone();
                tokio::spawn(async move { limit.acquire(later()).await.map(drop) })
            })
            .collect();
        until(|| limit.0.state().waiting == 2 * MIN_QUEUE).await;
        drop(held);
        for task in waiting {
            task.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn one_who_leaves_after_its_notice_passes_it_on() {
        let limit = InFlight::new(Some(1));
        let held = limit.acquire(later()).await.unwrap();
        let mut first = Box::pin(limit.acquire(later()));
        let mut second = Box::pin(limit.acquire(later()));
        assert!(futures::poll!(&mut first).is_pending());
        assert!(futures::poll!(&mut second).is_pending());
        drop(held);
        drop(first);
        second.await.unwrap();
    }

    #[tokio::test]
    async fn a_new_limit_counts_what_is_in_flight() {
        let limit = InFlight::new(Some(1));
        let first = limit.acquire(later()).await.unwrap();
        let mut second = Box::pin(limit.acquire(later()));
        assert!(futures::poll!(&mut second).is_pending());
        limit.set_limit(Some(2));
        let second = second.await.unwrap();
        limit.set_limit(Some(1));
        drop(first);
        assert_eq!(limit.acquire(soon()).await.unwrap_err(), Full);
        drop(second);
        limit.acquire(later()).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn under_contention_the_limit_holds_and_everybody_gets_through() {
        let limit = InFlight::new(Some(3));
        let tasks: Vec<_> = (0..60)
            .map(|_| {
                let limit = limit.clone();
                tokio::spawn(async move {
                    for _ in 0..20 {
                        let _permit = limit.acquire(later()).await.unwrap();
                        assert!(limit.running() <= 3);
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(limit.running(), 0);
    }
}
