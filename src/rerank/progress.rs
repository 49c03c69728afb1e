//! Where a running rerank stands: what an answer needs at any moment.

use std::sync::Arc;

use super::Evidence;
use super::strategy::{Standing, Strategy};
use crate::domain::{Failure, Outcome, Repairs, Usage};
use crate::llm::{Attempts, CallEnd, CallRecord, LastFailure};

/// A snapshot of a rerank. The last one published is the result.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The best order that the evidence gives.
    pub standing: Standing,
    /// Documents in usable replies, and documents to be ranked.
    covered: (usize, usize),
    /// Whether the strategy ended by its own rule.
    ended: bool,
    /// The last failure; shared with calls in flight, whose attempts may fail
    /// after this snapshot was made.
    failures: Arc<LastFailure>,
    /// Calls made so far, failed ones included.
    pub calls: u32,
    /// Calls that gave nothing usable.
    pub failed_calls: u32,
    /// Each of the calls in the order in which they were made; empty where
    /// nobody asked to see them.
    pub trace: Vec<RoundCall>,
    /// Windows of which something was known from earlier requests.
    pub recalled: u32,
    /// Rounds begun.
    pub rounds: u32,
    /// What had to be mended in usable replies.
    pub repairs: Repairs,
    /// Tokens and money of the replies so far.
    pub usage: Usage,
}

impl Progress {
    /// Before anything was asked: the classical order.
    #[must_use]
    pub fn nothing(candidates: usize) -> Self {
        Self {
            standing: Standing::classical(candidates),
            covered: (0, candidates),
            ended: false,
            failures: Arc::default(),
            calls: 0,
            failed_calls: 0,
            trace: Vec::new(),
            recalled: 0,
            rounds: 0,
            repairs: Repairs::default(),
            usage: Usage::default(),
        }
    }

    /// How the ranking came about if it is answered now.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let failure = || self.failures.get().unwrap_or(Failure::Deadline);
        match self.covered {
            (0, _) => Outcome::Fallback(failure()),
            _ if !self.standing.follows_replies => Outcome::Fallback(failure()),
            (covered, to_rank) if self.ended && covered >= to_rank => Outcome::Llm,
            _ => Outcome::Partial(failure()),
        }
    }

    /// Share of the documents to be ranked that were in a usable reply.
    #[must_use]
    pub fn coverage(&self) -> f64 {
        match self.covered {
            (_, 0) => 0.0,
            (covered, to_rank) => (covered as f64 / to_rank as f64).min(1.0),
        }
    }
}

/// A call and the round that it belongs to.
#[derive(Clone, Debug)]
pub struct RoundCall {
    /// From 1.
    pub round: u32,
    /// The call.
    pub call: CallRecord,
}

/// What the calls of a rerank add up to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub calls: u32,
    pub failed_calls: u32,
    /// None where nobody asked to see the calls.
    pub trace: Option<Vec<RoundCall>>,
    pub recalled: u32,
    pub repairs: Repairs,
    pub usage: Usage,
    pub failures: Arc<LastFailure>,
}

impl Tally {
    /// Counts a call of a round, counted from 0, and gives its number.
    pub fn begin(&mut self, round: u32, documents: usize, attempts: &Arc<Attempts>) -> usize {
        self.calls += 1;
        if let Some(trace) = &mut self.trace {
            let call = CallRecord::begin(documents, attempts);
            trace.push(RoundCall { round: round + 1, call });
        }
        self.calls as usize - 1
    }

    /// Counts how a call ended.
    pub fn end(&mut self, number: usize, end: CallEnd) {
        self.usage += end.usage;
        self.failed_calls += u32::from(end.failure.is_some());
        if let Some(traced) = self.trace.as_mut().and_then(|trace| trace.get_mut(number)) {
            traced.call.end = Some(end);
        }
    }

    /// Brings the calls of a snapshot up to date.
    pub fn note_calls(&self, progress: &mut Progress) {
        progress.calls = self.calls;
        progress.trace = self.trace.clone().unwrap_or_default();
    }

    /// The snapshot of this moment. `ended`: the strategy ended by its own
    /// rule, so that nothing more was to be asked.
    pub fn snapshot(&self, strategy: &dyn Strategy, known: &Evidence, ended: bool) -> Progress {
        let covered = known.covered().into_iter().filter(|&covered| covered).count();
        Progress {
            standing: strategy.standing(known),
            covered: (covered, strategy.to_rank(known.candidates())),
            ended,
            failures: Arc::clone(&self.failures),
            calls: self.calls,
            failed_calls: self.failed_calls,
            trace: self.trace.clone().unwrap_or_default(),
            recalled: self.recalled,
            rounds: known.rounds(),
            repairs: self.repairs,
            usage: self.usage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::graded::Graded;
    use super::super::{Answered, PartialOrder};
    use super::*;
    use crate::prompt::Task;

    const GRADED: Graded = Graded { window: 2, task: Task::Graded };

    fn evidence(covered: &[usize], candidates: usize) -> Evidence {
        let mut evidence = Evidence::none(candidates);
        let grades = covered.iter().map(|&position| (position, 0.5)).collect();
        let order = PartialOrder { ranked: covered.to_vec(), unranked: vec![], grades };
        evidence.note((0, 0), Answered::Usable(order));
        evidence
    }

    #[test]
    fn outcome_follows_coverage_and_end() {
        let tally = Tally::default();
        tally.failures.set(Failure::Refused);
        let outcome = |covered: &[usize], ended| {
            tally.snapshot(&GRADED, &evidence(covered, 4), ended).outcome()
        };
        assert_eq!(outcome(&[0, 1, 2, 3], true), Outcome::Llm);
        assert_eq!(outcome(&[0, 1, 2, 3], false), Outcome::Partial(Failure::Refused));
        assert_eq!(outcome(&[0, 1], true), Outcome::Partial(Failure::Refused));
        assert_eq!(outcome(&[], true), Outcome::Fallback(Failure::Refused));
    }

    #[test]
    fn deadline_is_the_reason_only_where_nothing_had_failed() {
        let progress = Tally::default().snapshot(&GRADED, &Evidence::none(4), false);
        assert_eq!(progress.outcome(), Outcome::Fallback(Failure::Deadline));
    }
}
