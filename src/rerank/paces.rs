//! How long calls took lately, by what was asked.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::Failure;
use crate::prompt::Task;

/// Calls that are remembered of each kind.
const REMEMBERED: usize = 64;
/// How long a call tells anything of the next.
const LATELY: Duration = Duration::from_mins(10);
/// Taken where a model was never asked.
const UNKNOWN: Duration = Duration::from_secs(1);
/// Most kinds that are remembered at once.
const MOST_KINDS: usize = 1024;

/// Durations of the latest calls, by model, task and size of the window. Shared
/// by all requests.
#[derive(Debug, Default)]
pub struct Paces(Mutex<HashMap<Kind, VecDeque<(Instant, Duration)>>>);

/// What a call's time goes by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    model: blake3::Hash,
    task: Task,
    /// Power of two at or above the number of documents.
    size: usize,
}

impl Paces {
    /// Notes a call.
    pub fn note(&self, model: blake3::Hash, task: Task, documents: usize, took: Duration) {
        let now = Instant::now();
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = Kind { model, task, size: documents.next_power_of_two() };
        if kinds.len() >= MOST_KINDS && !kinds.contains_key(&kind) {
            kinds.retain(|_, calls| calls.back().is_some_and(|(at, _)| now - *at < LATELY));
        }
        let calls = kinds.entry(kind).or_default();
        if calls.len() == REMEMBERED {
            calls.pop_front();
        }
        calls.push_back((now, took));
    }

    /// What nine of ten such calls took at most. Where none was made lately:
    /// what calls with the next size took; one second for a model that was
    /// never asked.
    #[must_use]
    pub fn p90(&self, model: blake3::Hash, task: Task, documents: usize) -> Duration {
        let now = Instant::now();
        let size = documents.next_power_of_two();
        let kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = kinds.iter().filter(|(kind, _)| kind.model == model && kind.task == task);
        let mut known: Vec<(usize, Duration)> = recent
            .filter_map(|(kind, calls)| {
                Some((kind.size.abs_diff(size), percentile_90(calls, now)?))
            })
            .collect();
        known.sort_unstable();
        known.first().map_or(UNKNOWN, |&(_, took)| took)
    }
}

/// Notes what a call took when it ends, by being dropped at the latest: a call
/// that was given up counts with the time that it had taken by then, or the
/// slowest would be left out.
pub(super) struct Stopwatch {
    begun: Instant,
    paces: Arc<Paces>,
    model: blake3::Hash,
    task: Task,
    documents: usize,
    counts: bool,
}

impl Stopwatch {
    /// Starts with a call.
    pub fn start(paces: &Arc<Paces>, model: blake3::Hash, task: Task, documents: usize) -> Self {
        let paces = Arc::clone(paces);
        Self { begun: Instant::now(), paces, model, task, documents, counts: true }
    }

    /// Stops with its end. What failed at once doesn't tell how long an answer
    /// takes.
    pub fn stop(mut self, failure: Option<Failure>) {
        self.counts = failure
            .is_none_or(|failure| matches!(failure, Failure::Deadline | Failure::UpstreamTimeout));
    }
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        if self.counts {
            self.paces.note(self.model, self.task, self.documents, self.begun.elapsed());
        }
    }
}

/// By the nearest rank.
fn percentile_90(calls: &VecDeque<(Instant, Duration)>, now: Instant) -> Option<Duration> {
    let lately = calls.iter().filter(|(at, _)| now - *at < LATELY);
    let mut took: Vec<Duration> = lately.map(|&(_, took)| took).collect();
    took.sort_unstable();
    took.get((took.len() * 9).div_ceil(10).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str) -> blake3::Hash {
        blake3::hash(name.as_bytes())
    }

    #[test]
    fn nine_of_ten_calls_are_no_slower() {
        let paces = Paces::default();
        for millis in (1..=10).rev() {
            paces.note(model("m"), Task::Listwise, 20, Duration::from_millis(millis));
        }
        assert_eq!(paces.p90(model("m"), Task::Listwise, 20), Duration::from_millis(9));
        assert_eq!(paces.p90(model("m"), Task::Listwise, 19), Duration::from_millis(9));
    }

    #[test]
    fn other_models_and_tasks_tell_nothing_and_other_sizes_something() {
        let paces = Paces::default();
        paces.note(model("m"), Task::Listwise, 20, Duration::from_millis(7));
        paces.note(model("m"), Task::Listwise, 100, Duration::from_millis(9));
        assert_eq!(paces.p90(model("m"), Task::Listwise, 10), Duration::from_millis(7));
        assert_eq!(paces.p90(model("n"), Task::Listwise, 20), UNKNOWN);
        assert_eq!(paces.p90(model("m"), Task::Graded, 20), UNKNOWN);
    }

    #[test]
    fn only_the_latest_calls_count() {
        let paces = Paces::default();
        for millis in [vec![500; REMEMBERED], vec![5; REMEMBERED]].concat() {
            paces.note(model("m"), Task::Graded, 1, Duration::from_millis(millis));
        }
        assert_eq!(paces.p90(model("m"), Task::Graded, 1), Duration::from_millis(5));
    }
}
