//! Single flight: requests that ask the same at the same time share one
//! rerank, and one explanation of the same document.
//!
//! A flight belongs to nobody. Whoever comes first starts it; everybody waits
//! on its progress with a deadline of their own, and the flight's deadline is
//! the latest of them. It ends early only when its last waiter has gone away
//! (the client left). A waiter whose deadline has come takes the progress made
//! so far and lets the flight run on for its late time, to fill the cache;
//! at most [`MAX_LATE`] flights do that at a time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;

use crate::domain::Deadline;

/// Most flights that nobody waits for any more.
const MAX_LATE: usize = 64;

/// Flights in the air, by the key of what they make; `P` is what is known of it
/// so far.
#[derive(Clone)]
pub(super) struct Flights<P> {
    by_key: Arc<Mutex<HashMap<blake3::Hash, Flight<P>>>>,
    late: Arc<Semaphore>,
}

struct Flight<P> {
    id: uuid::Uuid,
    deadline: watch::Sender<Deadline>,
    progress: watch::Receiver<P>,
    waiters: usize,
    /// Set right after the start.
    task: Option<AbortHandle>,
}

/// The ends that a flight's task works with.
pub(super) struct Cockpit<P> {
    /// The latest deadline of all waiters.
    pub deadline: watch::Receiver<Deadline>,
    /// Where progress is published.
    pub progress: watch::Sender<P>,
}

/// A request's place on a flight. Dropping it means that the client left.
pub(super) struct Seat<P: Clone + Send + Sync + 'static> {
    flights: Flights<P>,
    key: blake3::Hash,
    id: uuid::Uuid,
    progress: watch::Receiver<P>,
    answered: bool,
    /// Whether this request started the flight.
    pub leads: bool,
}

impl<P: Clone + Send + Sync + 'static> Flights<P> {
    pub fn new() -> Self {
        Self { by_key: Arc::default(), late: Arc::new(Semaphore::new(MAX_LATE)) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<blake3::Hash, Flight<P>>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a seat on the flight for `key`, starting one where there is none:
    /// at first `nothing` is known.
    pub fn board<F>(
        &self,
        key: blake3::Hash,
        deadline: Deadline,
        nothing: P,
        start: impl FnOnce(Cockpit<P>) -> F,
    ) -> Seat<P>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut flights = self.lock();
        if let Some(flight) = flights.get_mut(&key) {
            flight.waiters += 1;
            flight.deadline.send_if_modified(|latest| {
                let later = deadline > *latest;
                *latest = deadline.max(*latest);
                later
            });
            return self.seat(key, flight, false);
        }
        let (deadline, deadline_seen) = watch::channel(deadline);
        let (progress, progress_seen) = watch::channel(nothing);
        let id = uuid::Uuid::now_v7();
        let flight = Flight { id, deadline, progress: progress_seen, waiters: 1, task: None };
        let seat = self.seat(key, &flight, true);
        flights.insert(key, flight);
        // Not under the lock: a runtime that is shutting down drops the task,
        // and so its landing, right here.
        drop(flights);
        let landing = Landing { flights: self.clone(), key, id };
        let journey = start(Cockpit { deadline: deadline_seen, progress });
        let task = tokio::spawn(async move {
            let _landing = landing;
            journey.await;
        });
        if let Some(flight) = self.lock().get_mut(&key).filter(|flight| flight.id == id) {
            flight.task = Some(task.abort_handle());
        }
        seat
    }

    fn seat(&self, key: blake3::Hash, flight: &Flight<P>, leads: bool) -> Seat<P> {
        Seat {
            flights: self.clone(),
            key,
            id: flight.id,
            progress: flight.progress.clone(),
            answered: false,
            leads,
        }
    }

    /// One waiter less on a flight that is still in the air.
    fn leave(&self, key: blake3::Hash, id: uuid::Uuid, answered: bool) {
        let mut flights = self.lock();
        let Entry::Occupied(mut entry) = flights.entry(key) else { return };
        if entry.get().id != id {
            return;
        }
        entry.get_mut().waiters -= 1;
        if entry.get().waiters > 0 {
            return;
        }
        let permit = answered.then(|| Arc::clone(&self.late).try_acquire_owned().ok()).flatten();
        match permit {
            Some(permit) => {
                let mut progress = entry.get().progress.clone();
                tokio::spawn(async move {
                    while progress.changed().await.is_ok() {}
                    drop(permit);
                });
            }
            None => {
                if let Some(task) = entry.remove().task {
                    task.abort();
                }
            }
        }
    }
}

impl<P: Clone + Send + Sync + 'static> Seat<P> {
    /// Waits for the flight's end or the deadline, and gives the latest
    /// progress either way.
    pub async fn wait(self, deadline: Deadline) -> P {
        self.follow(deadline, |_| ()).await
    }

    /// The same, and shows progress as it is made.
    pub async fn follow(mut self, deadline: Deadline, mut show: impl FnMut(&P)) -> P {
        let ended = async {
            while self.progress.changed().await.is_ok() {
                show(&self.progress.borrow_and_update());
            }
        };
        // Either end is an answer; what was published last is the result.
        let _ = tokio::time::timeout_at(deadline.instant(), ended).await;
        self.answered = true;
        self.progress.borrow().clone()
    }
}

impl<P: Clone + Send + Sync + 'static> Drop for Seat<P> {
    fn drop(&mut self) {
        self.flights.leave(self.key, self.id, self.answered);
    }
}

/// Takes a flight off the board when its task ends, however it ends.
struct Landing<P: Clone + Send + Sync + 'static> {
    flights: Flights<P>,
    key: blake3::Hash,
    id: uuid::Uuid,
}

impl<P: Clone + Send + Sync + 'static> Drop for Landing<P> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        if let Entry::Occupied(entry) = flights.entry(self.key)
            && entry.get().id == self.id
        {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::sync::Notify;

    use super::*;
    use crate::rerank::Progress;

    fn key() -> blake3::Hash {
        blake3::hash(b"key")
    }

    /// A deadline that no test reaches.
    fn patient() -> Deadline {
        Deadline::after(Duration::from_mins(10))
    }

    fn past() -> Deadline {
        Deadline::after(Duration::ZERO)
    }

    /// Journeys that end when they are told to, and count themselves.
    #[derive(Clone, Default)]
    struct Journeys {
        starts: Arc<AtomicUsize>,
        ends: Arc<AtomicUsize>,
        go: Arc<Notify>,
    }

    impl Journeys {
        fn board(
            &self,
            flights: &Flights<Progress>,
            key: blake3::Hash,
            deadline: Deadline,
        ) -> Seat<Progress> {
            let journeys = self.clone();
            flights.board(key, deadline, Progress::nothing(2), move |cockpit| async move {
                journeys.starts.fetch_add(1, Ordering::SeqCst);
                journeys.go.notified().await;
                let mut done = Progress::nothing(2);
                done.calls = 7;
                cockpit.progress.send_replace(done);
                journeys.ends.fetch_add(1, Ordering::SeqCst);
            })
        }

        fn starts(&self) -> usize {
            self.starts.load(Ordering::SeqCst)
        }

        fn ends(&self) -> usize {
            self.ends.load(Ordering::SeqCst)
        }
    }

    /// Lets spawned tasks run until `done`.
    async fn eventually(done: impl Fn() -> bool) {
        for _ in 0..10_000 {
            if done() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("it never came to that");
    }

    #[tokio::test]
    async fn many_waiters_share_one_journey() {
        let (flights, journeys) = (Flights::new(), Journeys::default());
        let seats: Vec<Seat<Progress>> =
            (0..100).map(|_| journeys.board(&flights, key(), patient())).collect();
        assert_eq!(seats.iter().filter(|seat| seat.leads).count(), 1);
        journeys.go.notify_one();
        for seat in seats {
            assert_eq!(seat.wait(patient()).await.calls, 7);
        }
        assert_eq!(journeys.starts(), 1);
        assert!(flights.lock().is_empty(), "a landed flight leaves the board");
    }

    #[tokio::test]
    async fn a_leader_that_leaves_does_not_starve_its_followers() {
        let (flights, journeys) = (Flights::new(), Journeys::default());
        let leader = journeys.board(&flights, key(), patient());
        let follower = journeys.board(&flights, key(), patient());
        drop(leader);
        journeys.go.notify_one();
        assert_eq!(follower.wait(patient()).await.calls, 7);
        assert_eq!(journeys.starts(), 1);
    }

    #[tokio::test]
    async fn the_last_client_to_leave_cancels_the_journey() {
        let (flights, journeys) = (Flights::new(), Journeys::default());
        let seat = journeys.board(&flights, key(), patient());
        eventually(|| journeys.starts() == 1).await;
        drop(seat);
        assert!(flights.lock().is_empty());
        eventually(|| Arc::strong_count(&journeys.go) == 1).await;
        assert_eq!(journeys.ends(), 0);
    }

    #[tokio::test]
    async fn progress_is_shown_as_it_is_made() {
        let flights = Flights::new();
        let (go, mut gone) = tokio::sync::mpsc::unbounded_channel();
        let seat = flights.board(key(), patient(), 0, |cockpit| async move {
            while let Some(n) = gone.recv().await {
                cockpit.progress.send_replace(n);
            }
        });
        let shown = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&shown);
        let following = tokio::spawn(seat.follow(patient(), move |n: &u32| {
            seen.lock().unwrap().push(*n);
        }));
        for n in 1..=3 {
            go.send(n).unwrap();
            eventually(|| shown.lock().unwrap().last() == Some(&n)).await;
        }
        drop(go);
        assert_eq!(following.await.unwrap(), 3);
        assert_eq!(*shown.lock().unwrap(), [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_deadline_gives_the_progress_so_far_and_lets_the_journey_end() {
        let (flights, journeys) = (Flights::new(), Journeys::default());
        let early = journeys.board(&flights, key(), past()).wait(past()).await;
        assert_eq!(early.calls, 0);
        journeys.go.notify_one();
        eventually(|| journeys.ends() == 1).await;
        eventually(|| flights.late.available_permits() == MAX_LATE).await;
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn late_journeys_are_bounded() {
        let (flights, journeys) = (Flights::new(), Journeys::default());
        for n in 0..MAX_LATE + 10 {
            let key = blake3::hash(&n.to_le_bytes());
            journeys.board(&flights, key, past()).wait(past()).await;
        }
        eventually(|| journeys.starts() >= MAX_LATE).await;
        assert_eq!(flights.lock().len(), MAX_LATE);
        assert_eq!(flights.late.available_permits(), 0);
    }

    #[tokio::test]
    async fn a_later_deadline_extends_the_flight() {
        let flights = Flights::new();
        let cockpit = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&cockpit);
        let leader =
            flights.board(key(), past(), Progress::nothing(2), move |cockpit| async move {
                *seen.lock().unwrap() = Some(cockpit);
                std::future::pending::<()>().await;
            });
        eventually(|| cockpit.lock().unwrap().is_some()).await;
        let later = patient();
        let follower = Journeys::default().board(&flights, key(), later);
        let extended = *cockpit.lock().unwrap().as_ref().unwrap().deadline.borrow();
        assert_eq!(extended, later);
        drop((leader, follower));
    }
}
