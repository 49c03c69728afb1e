//! Asks a strategy's windows, round by round, within deadline and budget, and
//! publishes progress after every reply.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::Instant;

use super::budget::Budget;
use super::evidence::{Answered, Evidence, PartialOrder, WindowId};
use super::memory::{Memory, Recalled, Remember};
use super::paces::{Paces, Stopwatch};
use super::progress::{Progress, Tally};
use super::strategy::{Strategy, Window};
use super::window::{Ask, Asker, Read};
use crate::domain::{Deadline, Failure, Usage};
use crate::llm::{Attempts, CallEnd, CallTimes, LlmError};
use crate::prompt::Task;

/// A reply that can't be used is asked for once more.
const ATTEMPTS_PER_WINDOW: u32 = 2;
/// From so many windows on, a round may go on without its last reply.
pub const WIDE_ROUND: usize = 3;

/// Everything one rerank needs besides time.
pub struct Job {
    /// The windows to ask and the order they give.
    pub strategy: Box<dyn Strategy>,
    /// How to ask.
    pub asker: Asker,
    /// What it may consume.
    pub budget: Budget,
    /// Most calls side by side.
    pub parallel: usize,
    /// Where replies are kept; absent: nowhere.
    pub memory: Option<Arc<dyn Remember>>,
    /// Where the times of calls are noted.
    pub paces: Arc<Paces>,
    /// Whether each call is to be told in the progress.
    pub traced: bool,
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
    let Job { strategy, asker, budget, parallel, memory, paces, traced } = job;
    let mut run = Run {
        known: Evidence::none(candidates),
        tally: Tally { trace: traced.then(Vec::new), ..Tally::default() },
        strategy,
        asker: Arc::new(asker),
        budget,
        parallel: parallel.max(1),
        memory: memory.map(Memory::new),
        paces,
        committed: Usage::default(),
        asking: None,
        in_flight: FuturesUnordered::new(),
        deadline,
        late,
        progress,
    };
    let ended = run.rounds().await;
    run.publish(ended);
}

struct Run<'a> {
    known: Evidence,
    tally: Tally,
    strategy: Box<dyn Strategy>,
    asker: Arc<Asker>,
    budget: Budget,
    parallel: usize,
    memory: Option<Memory>,
    paces: Arc<Paces>,
    /// What calls in flight are expected to consume.
    committed: Usage,
    /// Task and documents of the calls of this round.
    asking: Option<(Task, usize)>,
    in_flight: FuturesUnordered<BoxFuture<'static, Ended>>,
    deadline: watch::Receiver<Deadline>,
    late: Duration,
    progress: &'a watch::Sender<Progress>,
}

/// A window waiting for its call.
struct Pending {
    id: WindowId,
    window: Window,
    /// What an earlier request knows of other documents of the same window.
    known: PartialOrder,
    attempt: u32,
}

/// How a call ended.
struct Ended {
    pending: Pending,
    /// The call's, in the tally.
    number: usize,
    at: Instant,
    result: Result<Read, Failure>,
    expected: Usage,
    usage: Usage,
}

/// What became of the next window.
enum Started {
    /// Its call is in flight.
    Call,
    /// It can't be asked at all.
    Dropped,
    /// There is none, or no room for it.
    Nothing,
}

/// What a round is waiting for.
enum Event {
    Reply(Box<Ended>),
    /// The rounds that are left need the rest of the time.
    TimeIsShort,
    OutOfTime,
}

impl Run<'_> {
    /// Whether the strategy ended by its own rule.
    async fn rounds(&mut self) -> bool {
        loop {
            let windows = self.strategy.next(&self.known);
            if !windows.is_empty() {
                if !self.round(windows).await {
                    return false;
                }
            } else if self.in_flight.is_empty() || self.covers_all() {
                return true;
            } else {
                // A reply that its round didn't wait for is still missing.
                match self.event(false).await {
                    Event::Reply(ended) => drop(self.note(*ended).await),
                    Event::TimeIsShort | Event::OutOfTime => return false,
                }
            }
        }
    }

    fn covers_all(&self) -> bool {
        let covered = self.known.covered().into_iter().filter(|&covered| covered).count();
        covered >= self.strategy.to_rank(self.known.candidates())
    }

    /// Asks one round. False: time or budget ran out, so that the strategy
    /// isn't to be asked for more.
    async fn round(&mut self, windows: Vec<Window>) -> bool {
        let (first, wide) = (&windows[0], windows.len() >= WIDE_ROUND);
        self.asking = Some((first.task, first.members.len()));
        let round = self.known.begin_round(first.task);
        let mut waiting = VecDeque::with_capacity(windows.len());
        let recalled = self.tally.recalled;
        for (at, window) in windows.into_iter().enumerate() {
            waiting.extend(self.recall((round, at), window).await);
        }
        if self.tally.recalled > recalled {
            self.publish(false);
        }
        // Calls of this round in flight; there may be one of an earlier round.
        let mut open = 0;
        loop {
            while self.in_flight.len() < self.parallel && self.may_start() {
                match self.start_next(&mut waiting) {
                    Started::Call => open += 1,
                    Started::Dropped => {}
                    Started::Nothing => break,
                }
            }
            self.tell_calls();
            if open == 0 {
                return waiting.is_empty();
            }
            match self.event(wide && waiting.is_empty() && open == 1).await {
                Event::Reply(ended) => {
                    open -= usize::from(ended.pending.id.0 == round);
                    waiting.extend(self.note(*ended).await);
                }
                Event::TimeIsShort => return true,
                Event::OutOfTime => return false,
            }
            self.publish(false);
        }
    }

    /// What is known of a window is evidence at once; the rest waits for a
    /// call.
    async fn recall(&mut self, id: WindowId, window: Window) -> Option<Pending> {
        let recalled = match &self.memory {
            Some(memory) => memory.recall(&self.asker, window).await,
            None => Recalled { known: PartialOrder::default(), ask: Some(window) },
        };
        let Recalled { known, ask } = recalled;
        if !known.ranked.is_empty() {
            self.tally.recalled += 1;
            self.known.note(id, Answered::Usable(known.clone()));
        }
        ask.map(|window| Pending { id, window, known, attempt: 0 })
    }

    fn may_start(&self) -> bool {
        !self.deadline.borrow().has_passed()
    }

    /// Starts the call of the next window, if there is one and the budget has
    /// room for it; that it has none is noted.
    fn start_next(&mut self, waiting: &mut VecDeque<Pending>) -> Started {
        let Some(pending) = waiting.pop_front() else { return Started::Nothing };
        let ask = match self.asker.ask(&pending.window, salt(&pending)) {
            Ok(ask) => ask,
            Err(failure) => {
                self.drop_window(&pending, failure);
                return Started::Dropped;
            }
        };
        let expected = self.expected(&ask);
        let mut spent = self.tally.usage;
        spent += self.committed;
        spent += expected;
        if !self.budget.allows(self.tally.calls + 1, spent) {
            self.tally.failures.set(Failure::BudgetExhausted);
            waiting.push_front(pending);
            return Started::Nothing;
        }
        if ask.left_some_out {
            self.note_failure(Failure::ContextOverflow);
        }
        self.committed += expected;
        let attempts = Arc::default();
        let number = self.tally.begin(pending.id.0, ask.documents(), &attempts);
        self.in_flight.push(self.call(pending, ask, expected, number, attempts));
        Started::Call
    }

    /// What a call may consume; nothing is counted where nothing is limited.
    fn expected(&self, ask: &Ask) -> Usage {
        if !self.budget.counts_tokens() {
            return Usage::default();
        }
        let input = self.asker.count_tokens(&ask.request);
        self.asker.model.spec().prices.usage(input, ask.request.max_output_tokens.into())
    }

    fn call(
        &self,
        pending: Pending,
        ask: Ask,
        expected: Usage,
        number: usize,
        attempts: Arc<Attempts>,
    ) -> BoxFuture<'static, Ended> {
        let deadline = *self.deadline.borrow();
        let times = CallTimes {
            deadline,
            late_until: deadline.later_by(self.late),
            failures: Arc::clone(&self.tally.failures),
            attempts,
        };
        let model = Arc::clone(&self.asker.model);
        let Window { task, members, .. } = &pending.window;
        let watch = Stopwatch::start(&self.paces, model.spec().fingerprint, *task, members.len());
        Box::pin(async move {
            let Ask { request, reader, .. } = ask;
            let reply = model.chat(request, times).await;
            watch.stop(reply.as_ref().err().map(LlmError::failure));
            let at = Instant::now();
            let (result, usage) = match reply {
                Ok(reply) => (reader.read(&reply), reply.usage),
                Err(error) => (Err(error.failure()), Usage::default()),
            };
            Ended { pending, number, at, result, expected, usage }
        })
    }

    /// Waits for what comes next.
    async fn event(&mut self, may_go_on: bool) -> Event {
        let short = self.time_is_short_at().filter(|_| may_go_on);
        let out_of_time = out_of_time(self.deadline.clone(), self.late);
        tokio::select! {
            Some(ended) = self.in_flight.next() => Event::Reply(Box::new(ended)),
            () = out_of_time => Event::OutOfTime,
            () = tokio::time::sleep_until(short.unwrap_or_else(Instant::now)), if short.is_some() => {
                Event::TimeIsShort
            }
        }
    }

    /// From when on the rounds that are left need all of the time that is
    /// left; none where no round is left.
    fn time_is_short_at(&self) -> Option<Instant> {
        let most = self.strategy.shape(self.known.candidates()).rounds;
        let left = most.saturating_sub(self.known.rounds());
        let (task, documents) = self.asking.filter(|_| left > 0)?;
        let needed = self.paces.p90(self.asker.model.spec().fingerprint, task, documents) * left;
        Some(self.deadline.borrow().earlier_by(needed).instant())
    }

    /// Takes a call's end into the evidence; a window to ask again is handed
    /// back.
    async fn note(&mut self, ended: Ended) -> Option<Pending> {
        let Ended { mut pending, number, at, result, expected, usage } = ended;
        let failure = result.as_ref().err().copied();
        self.tally.end(number, CallEnd { at, failure, usage });
        self.committed -= expected;
        match result {
            Ok(Read { order, repairs }) => {
                self.tally.repairs += repairs;
                if let Some(memory) = &self.memory {
                    memory.keep(&self.asker, &pending.window, &order).await;
                }
                let order = pending.known.joined(order);
                self.known.note(pending.id, Answered::Usable(order));
                None
            }
            Err(failure) => {
                pending.attempt += 1;
                if worth_another_attempt(failure) && pending.attempt < ATTEMPTS_PER_WINDOW {
                    self.note_failure(failure);
                    return Some(pending);
                }
                self.drop_window(&pending, failure);
                None
            }
        }
    }

    fn drop_window(&mut self, pending: &Pending, failure: Failure) {
        self.note_failure(failure);
        // What was known of some of its documents before stays known.
        if pending.known.ranked.is_empty() {
            self.known.note(pending.id, Answered::Dropped);
        }
    }

    /// A call that only ran out of time says nothing new: the reason is
    /// `deadline` where no attempt had failed.
    fn note_failure(&self, failure: Failure) {
        if failure != Failure::Deadline {
            self.tally.failures.set(failure);
        }
    }

    /// Calls that were started count in what is answered before they end.
    /// Nobody is woken: the order is as it was.
    fn tell_calls(&self) {
        self.progress.send_if_modified(|progress| {
            self.tally.note_calls(progress);
            false
        });
    }

    fn publish(&self, ended: bool) {
        let snapshot = self.tally.snapshot(self.strategy.as_ref(), &self.known, ended);
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

#[cfg(test)]
mod tests;
