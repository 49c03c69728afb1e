//! Runs a strategy against the simulated model in simulated time: the same
//! strategies, evidence and rules as in the gateway, without waiting.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use rankgate::rerank::{
    Answered, Evidence, PartialOrder, Standing, Strategy, WIDE_ROUND, Window, WindowId,
};
use rankgate::simulate::{Latency, Noise, Seen};

use super::world::Question;

/// Tokens of a prompt besides its passages, as the shipped listwise prompt has
/// them.
pub const WORDING_TOKENS: u64 = 150;
/// Tokens that stand around each passage.
pub const HEADING_TOKENS: u64 = 12;
/// Tokens of a reply besides its labels, and for each label.
pub const REPLY_TOKENS: (u64, u64) = (6, 2);

/// The simulated model and what surrounds it.
#[derive(Clone, Copy)]
pub struct Upstream {
    pub noise: Noise,
    pub latency: Latency,
    /// Share of calls that give nothing.
    pub failures: f64,
    /// Most calls side by side.
    pub parallel: usize,
    /// What nine of ten calls take at most.
    pub p90: Duration,
}

/// What a run came to.
pub struct Outcome {
    pub standing: Standing,
    pub calls: u32,
    pub rounds: u32,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub took: Duration,
}

/// A call on its way.
struct Flying {
    id: WindowId,
    answered: Answered,
}

struct Run<'a> {
    question: &'a Question,
    upstream: &'a Upstream,
    known: Evidence,
    now: Duration,
    /// By the time of their arrival, and then in the order of asking.
    flying: BinaryHeap<Reverse<(Duration, u32)>>,
    calls: Vec<Option<Flying>>,
    outcome: (u64, u64),
}

/// Runs a strategy to its end or the deadline.
pub fn run(
    strategy: &dyn Strategy,
    question: &Question,
    upstream: &Upstream,
    deadline: Option<Duration>,
) -> Outcome {
    let candidates = question.candidates.len();
    let mut run = Run {
        question,
        upstream,
        known: Evidence::none(candidates),
        now: Duration::ZERO,
        flying: BinaryHeap::new(),
        calls: Vec::new(),
        outcome: (0, 0),
    };
    let most_rounds = strategy.shape(candidates).rounds;
    loop {
        let windows = strategy.next(&run.known);
        if windows.is_empty() || !run.round(windows, most_rounds, deadline) {
            break;
        }
    }
    Outcome {
        standing: strategy.standing(&run.known),
        calls: u32::try_from(run.calls.len()).unwrap_or(u32::MAX),
        rounds: run.known.rounds(),
        input_tokens: run.outcome.0,
        output_tokens: run.outcome.1,
        took: run.now,
    }
}

impl Run<'_> {
    /// False: time ran out.
    fn round(&mut self, windows: Vec<Window>, most: u32, deadline: Option<Duration>) -> bool {
        let round = self.known.begin_round(windows[0].task);
        let wide = windows.len() >= WIDE_ROUND;
        let rounds_left = most.saturating_sub(self.known.rounds());
        let mut waiting: VecDeque<(WindowId, Window)> =
            windows.into_iter().enumerate().map(|(at, window)| ((round, at), window)).collect();
        let mut open = 0;
        loop {
            while self.flying.len() < self.upstream.parallel {
                let Some((id, window)) = waiting.pop_front() else { break };
                self.start(id, &window);
                open += 1;
            }
            if open == 0 {
                return true;
            }
            let Some(&Reverse((arrival, call))) = self.flying.peek() else { return true };
            let short = deadline
                .filter(|_| wide && waiting.is_empty() && open == 1 && rounds_left > 0)
                .map(|deadline| deadline.saturating_sub(self.upstream.p90 * rounds_left));
            if let Some(short) = short
                && short < arrival
            {
                self.now = self.now.max(short);
                return deadline.is_none_or(|deadline| self.now < deadline);
            }
            if deadline.is_some_and(|deadline| arrival > deadline) {
                self.now = deadline.unwrap_or(arrival);
                return false;
            }
            self.flying.pop();
            self.now = self.now.max(arrival);
            if let Some(Flying { id, answered }) = self.calls[call as usize].take() {
                open -= usize::from(id.0 == round);
                self.known.note(id, answered);
            }
        }
    }

    fn start(&mut self, id: WindowId, window: &Window) {
        let Question { judged, candidates, .. } = self.question;
        let Upstream { noise, latency, failures, .. } = self.upstream;
        let number = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        let call = (u64::from(number) << 32) | u64::from(hash(&judged.text));
        let shown: Vec<Seen<'_>> = window
            .members
            .iter()
            .map(|&at| Seen { id: &candidates[at].id, grade: candidates[at].grade })
            .collect();
        let input = WORDING_TOKENS
            + window.members.iter().map(|&at| candidates[at].tokens + HEADING_TOKENS).sum::<u64>();
        let output = REPLY_TOKENS.0 + REPLY_TOKENS.1 * window.wanted as u64;
        self.outcome.0 += input;
        self.outcome.1 += output;
        let answered = if noise.chance(call, "failure") < *failures {
            Answered::Dropped
        } else {
            let order = noise.order(&judged.text, &shown, call);
            let mut ranked: Vec<usize> = order.into_iter().map(|at| window.members[at]).collect();
            let unranked = ranked.split_off(window.wanted.min(ranked.len()));
            Answered::Usable(PartialOrder { ranked, unranked, grades: Vec::new() })
        };
        let took = latency.of(input, output, noise.seed, call);
        self.flying.push(Reverse((self.now + took, number)));
        self.calls.push(Some(Flying { id, answered }));
    }
}

/// Tells queries apart.
fn hash(text: &str) -> u32 {
    let [a, b, c, d, ..] = *blake3::hash(text.as_bytes()).as_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// What nine of ten calls with a full window take at most.
pub fn sampled_p90(latency: &Latency, window: usize, wanted: usize) -> Duration {
    const TOKENS_PER_PASSAGE: u64 = 80;
    let input = WORDING_TOKENS + window as u64 * (TOKENS_PER_PASSAGE + HEADING_TOKENS);
    let output = REPLY_TOKENS.0 + REPLY_TOKENS.1 * wanted as u64;
    let mut took: Vec<Duration> =
        (0..1000).map(|call| latency.of(input, output, u64::MAX, call)).collect();
    took.sort_unstable();
    took[899]
}
