//! Asks a strategy's windows, round by round, within deadline and budget, and
//! publishes progress after every reply.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use super::evidence::{Answered, Evidence, WindowId};
use super::progress::{Progress, Tally};
use super::strategy::{Strategy, Window};
use super::window::{Ask, Asker, Read};
use crate::domain::{Deadline, Failure, Usage};
use crate::llm::CallTimes;

/// A reply that can't be used is asked for once more.
const ATTEMPTS_PER_WINDOW: u32 = 2;

/// Everything one rerank needs besides time.
pub struct Job {
    /// The windows to ask and the order they give.
    pub strategy: Box<dyn Strategy>,
    /// How to ask.
    pub asker: Asker,
    /// Most calls; absent: no limit.
    pub max_calls: Option<u32>,
    /// Most calls side by side.
    pub parallel: usize,
}

/// Runs a job until its strategy ends or its time is up. The deadline may move
/// later while it runs, when another request waits for the same ranking.
///
/// No call starts after the deadline; calls in flight may run on until
/// `late` after it. The last progress published is the result.
pub async fn run(
    job: Job,
    deadline: watch::Receiver<Deadline>,
    late: Duration,
    progress: &watch::Sender<Progress>,
) {
    let candidates = job.asker.candidates.len();
    let mut run = Run {
        known: Evidence::none(candidates),
        tally: Tally::default(),
        job,
        deadline,
        late,
        progress,
    };
    loop {
        let windows = run.job.strategy.next(&run.known);
        if windows.is_empty() {
            return run.publish(true);
        }
        if !run.round(windows).await {
            return run.publish(false);
        }
    }
}

struct Run<'a> {
    job: Job,
    known: Evidence,
    tally: Tally,
    deadline: watch::Receiver<Deadline>,
    late: Duration,
    progress: &'a watch::Sender<Progress>,
}

/// A window waiting for its call.
struct Pending {
    id: WindowId,
    window: Window,
    attempt: u32,
}

/// How a call ended.
struct Ended {
    pending: Pending,
    result: Result<Read, Failure>,
    usage: Usage,
}

impl Run<'_> {
    /// Asks one round. False: time or calls ran out, so that the strategy
    /// isn't to be asked for more.
    async fn round(&mut self, windows: Vec<Window>) -> bool {
        let round = self.known.begin_round();
        let mut waiting: VecDeque<Pending> = windows
            .into_iter()
            .enumerate()
            .map(|(at, window)| Pending { id: (round, at), window, attempt: 0 })
            .collect();
        let mut in_flight = FuturesUnordered::new();
        loop {
            while in_flight.len() < self.job.parallel.max(1) && self.may_start() {
                let Some(pending) = waiting.pop_front() else { break };
                match self.job.asker.ask(&pending.window, salt(&pending)) {
                    Ok(ask) => {
                        if ask.left_some_out {
                            self.note_failure(Failure::ContextOverflow);
                        }
                        in_flight.push(self.call(pending, ask));
                    }
                    Err(failure) => self.drop_window(pending.id, failure),
                }
            }
            if in_flight.is_empty() {
                break;
            }
            let out_of_time = out_of_time(self.deadline.clone(), self.late);
            let ended = tokio::select! {
                ended = in_flight.next() => ended,
                () = out_of_time => None,
            };
            let Some(ended) = ended else { return false };
            if let Some(again) = self.note(ended) {
                waiting.push_front(again);
            }
            self.publish(false);
        }
        let complete = waiting.is_empty();
        if !complete && self.calls_are_spent() {
            self.tally.failures.set(Failure::BudgetExhausted);
        }
        complete
    }

    fn may_start(&self) -> bool {
        !self.calls_are_spent() && !self.deadline.borrow().has_passed()
    }

    fn calls_are_spent(&self) -> bool {
        self.job.max_calls.is_some_and(|most| self.tally.calls >= most)
    }

    fn call(&mut self, pending: Pending, ask: Ask) -> impl Future<Output = Ended> + Send + 'static {
        self.tally.calls += 1;
        let deadline = *self.deadline.borrow();
        let times = CallTimes {
            deadline,
            late_until: deadline.later_by(self.late),
            failures: Arc::clone(&self.tally.failures),
        };
        let model = Arc::clone(&self.job.asker.model);
        async move {
            let Ask { request, reader, .. } = ask;
            match model.chat(request, times).await {
                Ok(reply) => Ended { result: reader.read(&reply), usage: reply.usage, pending },
                Err(error) => {
                    Ended { result: Err(error.failure()), usage: Usage::default(), pending }
                }
            }
        }
    }

    /// Takes a call's end into the evidence; a window to ask again is handed
    /// back.
    fn note(&mut self, ended: Ended) -> Option<Pending> {
        let Ended { mut pending, result, usage } = ended;
        self.tally.usage += usage;
        match result {
            Ok(read) => {
                self.tally.repairs += read.repairs;
                self.known.note(pending.id, Answered::Usable(read.order));
                None
            }
            Err(failure) => {
                self.tally.failed_calls += 1;
                pending.attempt += 1;
                if worth_another_attempt(failure) && pending.attempt < ATTEMPTS_PER_WINDOW {
                    self.note_failure(failure);
                    return Some(pending);
                }
                self.drop_window(pending.id, failure);
                None
            }
        }
    }

    fn drop_window(&mut self, id: WindowId, failure: Failure) {
        self.note_failure(failure);
        self.known.note(id, Answered::Dropped);
    }

    /// A call that only ran out of time says nothing new: the reason is
    /// `deadline` where no attempt had failed.
    fn note_failure(&self, failure: Failure) {
        if failure != Failure::Deadline {
            self.tally.failures.set(failure);
        }
    }

    fn publish(&self, ended: bool) {
        let snapshot = self.tally.snapshot(self.job.strategy.as_ref(), &self.known, ended);
        self.progress.send_replace(snapshot);
    }
}

/// Replies that another roll of the dice may better. Upstream failures were
/// retried below, and a refusal is an answer.
const fn worth_another_attempt(failure: Failure) -> bool {
    matches!(failure, Failure::MalformedOutput | Failure::Truncated)
}

/// Tells the calls of one rerank apart, repeatably.
fn salt(pending: &Pending) -> u64 {
    let (round, at) = pending.id;
    (u64::from(round) << 40) | (u64::from(pending.attempt) << 32) | at as u64
}

/// Ends when calls in flight may no longer run, although the deadline may move
/// meanwhile.
async fn out_of_time(mut deadline: watch::Receiver<Deadline>, late: Duration) {
    loop {
        let until = deadline.borrow_and_update().later_by(late);
        tokio::select! {
            () = tokio::time::sleep_until(until.instant()) => return,
            moved = deadline.changed() => if moved.is_err() {
                return tokio::time::sleep_until(until.instant()).await;
            },
        }
    }
}
