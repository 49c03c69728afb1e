//! The interface of strategies.

use super::Evidence;
use crate::domain::Ranking;
use crate::prompt::Task;

/// A way to arrange calls into a ranking. It names the windows to ask next,
/// given what is known, and the best order at any moment; it never asks.
pub trait Strategy: Send + Sync {
    /// Windows to ask now, side by side; all of one task. None: it ends by its
    /// own rule.
    fn next(&self, known: &Evidence) -> Vec<Window>;

    /// How many documents it means to rank, from the first on: the base of the
    /// coverage.
    fn to_rank(&self, candidates: usize) -> usize {
        candidates
    }

    /// How many results it was told are wanted, where that changes what it
    /// asks.
    fn wants_top(&self) -> Option<usize> {
        None
    }

    /// What it takes at most; where that can't be told, what it usually takes.
    fn shape(&self, candidates: usize) -> Shape;

    /// The best order that the evidence gives.
    fn standing(&self, known: &Evidence) -> Standing;
}

/// Documents to show together in one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// What is asked about them.
    pub task: Task,
    /// Positions in the classical order, in the order in which they are shown.
    pub members: Vec<usize>,
    /// How many of them the reply has to name: output is what a call's time
    /// goes into.
    pub wanted: usize,
}

impl Window {
    /// A window whose reply names `wanted` of its members, and at least one
    /// and at most all.
    #[must_use]
    pub fn new(task: Task, members: Vec<usize>, wanted: usize) -> Self {
        let wanted = wanted.clamp(1, members.len().max(1));
        Self { task, members, wanted }
    }
}

/// What a strategy takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Rounds of calls, one after the other.
    pub rounds: u32,
    /// Calls in all.
    pub calls: u32,
    /// Documents shown in all calls together: input tokens go by them.
    pub passages: usize,
}

/// The best order at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// All candidates, best first.
    pub ranking: Ranking,
    /// Absolute grades in [0, 1] by classical position, where there are any.
    pub grades: Vec<Option<f64>>,
    /// Whether replies had a part in it; else it is the classical order,
    /// because there are too few.
    pub follows_replies: bool,
}

impl Standing {
    /// The classical order, which owes nothing to any reply.
    #[must_use]
    pub fn classical(candidates: usize) -> Self {
        Self {
            ranking: Ranking::classical(candidates),
            grades: vec![None; candidates],
            follows_replies: false,
        }
    }
}
