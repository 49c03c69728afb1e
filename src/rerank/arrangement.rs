//! The list of strategies with their settings.

use super::Strategy;
use super::blocks::Blocks;
use super::graded::Graded;
use super::pairwise::{Pairwise, pairs};
use super::pointwise::pointwise;
use super::refine::Refine;
use super::single::Single;
use super::sliding::Sliding;
use super::topdown::TopDown;
use crate::domain::StrategyName;
use crate::prompt::Task;

/// How often `blocks` shows each document where calls are not limited.
const REPLICAS: u32 = 4;
/// Rounds of `refine` where time is not short.
const ROUNDS: u32 = 3;
/// Most documents that `pairwise` compares with each other.
const MOST_FINALISTS: usize = 10;

/// A strategy with everything that changes what it asks, but for the terms of
/// the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arrangement {
    /// One call orders the top window.
    Single,
    /// From the bottom to the top, one window after the other.
    Sliding,
    /// Random partitions in one round.
    Blocks {
        /// How often each document is shown.
        replicas: u32,
    },
    /// Closer looks at what may be best.
    Refine {
        /// Most rounds.
        rounds: u32,
    },
    /// Comparisons with a pivot.
    TopDown,
    /// Grades in one round.
    Graded,
    /// One call a document.
    Pointwise,
    /// Every pair of the best few.
    Pairwise {
        /// Whether `refine` finds the best few; else they are the classical
        /// ones.
        refined: bool,
    },
}

/// What a request lets a strategy do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Documents a call.
    pub window: usize,
    /// How many results are wanted; absent: all.
    pub top_n: Option<usize>,
    /// Most calls; absent: no limit.
    pub max_calls: Option<u32>,
    /// What random choices are drawn from: the same for a repeated request.
    pub seed: u64,
}

impl Terms {
    /// A listwise call of one document says nothing.
    fn listwise_window(&self) -> usize {
        self.window.max(2)
    }

    /// How many of a window are worth naming.
    fn depth(&self) -> usize {
        let window = self.listwise_window();
        self.top_n.unwrap_or(window).clamp(1, window)
    }

    fn allows(&self, calls: usize) -> bool {
        self.max_calls.is_none_or(|most| calls <= most as usize)
    }

    /// The most documents of which every pair can be asked, from 2 to
    /// [`MOST_FINALISTS`].
    fn finalists(&self) -> usize {
        let most = self.top_n.unwrap_or(MOST_FINALISTS).clamp(2, MOST_FINALISTS);
        (2..=most).rev().find(|&top| self.allows(pairs(top))).unwrap_or(2)
    }
}

impl Arrangement {
    /// How the strategy of this name arranges its calls for so many candidates.
    /// None where the name stands for no arrangement of its own: `none` and
    /// `auto`.
    ///
    /// `has`: whether there is a prompt for a task.
    #[must_use]
    pub fn of(
        name: StrategyName,
        candidates: usize,
        terms: &Terms,
        has: impl Fn(Task) -> bool,
    ) -> Option<Self> {
        Some(match name {
            StrategyName::None | StrategyName::Auto => return None,
            StrategyName::Single => Self::Single,
            StrategyName::Sliding => Self::Sliding,
            StrategyName::Blocks => {
                let windows = candidates.div_ceil(terms.listwise_window());
                let fits = |replicas: &u32| terms.allows(windows * *replicas as usize);
                Self::Blocks { replicas: (1..=REPLICAS).rev().find(fits).unwrap_or(1) }
            }
            StrategyName::Refine => Self::Refine { rounds: ROUNDS },
            StrategyName::Topdown => Self::TopDown,
            StrategyName::Graded => Self::Graded,
            StrategyName::Pointwise => Self::Pointwise,
            StrategyName::Pairwise => Self::Pairwise { refined: has(Task::Listwise) },
        })
    }

    /// The strategy's name.
    #[must_use]
    pub const fn name(self) -> StrategyName {
        match self {
            Self::Single => StrategyName::Single,
            Self::Sliding => StrategyName::Sliding,
            Self::Blocks { .. } => StrategyName::Blocks,
            Self::Refine { .. } => StrategyName::Refine,
            Self::TopDown => StrategyName::Topdown,
            Self::Graded => StrategyName::Graded,
            Self::Pointwise => StrategyName::Pointwise,
            Self::Pairwise { .. } => StrategyName::Pairwise,
        }
    }

    /// The setting that the name doesn't tell, so that rankings made with
    /// another one are kept apart.
    #[must_use]
    pub const fn setting(self) -> u32 {
        match self {
            Self::Blocks { replicas } => replicas,
            Self::Refine { rounds } => rounds,
            Self::Pairwise { refined } => refined as u32,
            _ => 0,
        }
    }

    /// The strategy itself.
    #[must_use]
    pub fn strategy(self, terms: &Terms) -> Box<dyn Strategy> {
        let (window, depth) = (terms.listwise_window(), terms.depth());
        let (top_n, seed) = (terms.top_n, terms.seed);
        match self {
            Self::Single => Box::new(Single { window, top_n }),
            Self::Sliding => Box::new(Sliding { window, top_n }),
            Self::Blocks { replicas } => Box::new(Blocks { window, replicas, depth, seed }),
            Self::Refine { rounds } => Box::new(Refine { window, depth, rounds, seed }),
            Self::TopDown => Box::new(TopDown { window, depth }),
            Self::Graded => Box::new(Graded { window: terms.window.max(1), task: Task::Graded }),
            Self::Pointwise => Box::new(pointwise()),
            Self::Pairwise { refined } => {
                let first = refined.then(|| Self::Refine { rounds: ROUNDS }.strategy(terms));
                Box::new(Pairwise { first, top: terms.finalists(), seed })
            }
        }
    }
}

/// The task whose prompt a strategy can't do without; none for
/// [`StrategyName::None`].
#[must_use]
pub const fn task_of(name: StrategyName) -> Option<Task> {
    match name {
        StrategyName::None => None,
        StrategyName::Graded => Some(Task::Graded),
        StrategyName::Pointwise => Some(Task::Pointwise),
        StrategyName::Pairwise => Some(Task::Pairwise),
        StrategyName::Single
        | StrategyName::Sliding
        | StrategyName::Blocks
        | StrategyName::Refine
        | StrategyName::Topdown
        | StrategyName::Auto => Some(Task::Listwise),
    }
}
