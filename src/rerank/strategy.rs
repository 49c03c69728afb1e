//! The interface of strategies, and the list of them.

use super::Evidence;
use super::graded::Graded;
use super::pointwise::pointwise;
use super::single::Single;
use crate::domain::{Ranking, StrategyName};
use crate::prompt::Task;

/// A way to arrange calls into a ranking. It names the windows to ask next,
/// given what is known, and the best order at any moment; it never asks.
pub trait Strategy: Send + Sync {
    /// Windows to ask now, side by side. None: it ends by its own rule.
    fn next(&self, known: &Evidence) -> Vec<Window>;

    /// Which documents it means to rank: the base of the coverage.
    fn to_rank(&self, candidates: usize) -> usize;

    /// How many results it was told are wanted, where that changes what it
    /// asks.
    fn wants_top(&self) -> Option<usize> {
        None
    }

    /// The best order that the evidence gives.
    fn standing(&self, known: &Evidence) -> Standing;
}

/// Documents to show together in one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Positions in the classical order, in the order in which they are shown.
    pub members: Vec<usize>,
    /// How many of them the reply has to name: output is what a call's time
    /// goes into.
    pub wanted: usize,
}

/// The best order at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// All candidates, best first.
    pub ranking: Ranking,
    /// Absolute grades in [0, 1] by classical position, where there are any.
    pub grades: Vec<Option<f64>>,
}

/// The strategy of this name; none for [`StrategyName::None`].
#[must_use]
pub fn strategy_for(
    name: StrategyName,
    window: usize,
    top_n: Option<usize>,
) -> Option<Box<dyn Strategy>> {
    let window = window.max(1);
    match name {
        StrategyName::None => None,
        StrategyName::Single => Some(Box::new(Single { window, top_n })),
        StrategyName::Graded => Some(Box::new(Graded { window })),
        StrategyName::Pointwise => Some(Box::new(pointwise())),
    }
}

/// The task whose prompt a strategy needs; none for [`StrategyName::None`].
#[must_use]
pub const fn task_of(name: StrategyName) -> Option<Task> {
    match name {
        StrategyName::None => None,
        StrategyName::Single => Some(Task::Listwise),
        StrategyName::Graded => Some(Task::Graded),
        StrategyName::Pointwise => Some(Task::Pointwise),
    }
}

/// Orders documents by grade within the places that the graded ones hold in
/// the classical order. A document without a grade keeps its place: no reply
/// is no reason to move it. Equal grades keep their classical order.
pub(super) fn by_grade(known: &Evidence) -> Standing {
    let grades = known.grades();
    let slots: Vec<usize> = (0..grades.len()).filter(|&slot| grades[slot].is_some()).collect();
    let mut best = slots.clone();
    best.sort_by(|&a, &b| {
        let (a_grade, b_grade) = (grades[a].unwrap_or(0.0), grades[b].unwrap_or(0.0));
        b_grade.total_cmp(&a_grade).then(a.cmp(&b))
    });
    let mut order: Vec<usize> = (0..grades.len()).collect();
    for (slot, position) in slots.into_iter().zip(best) {
        order[slot] = position;
    }
    let ranking = Ranking::with_preferred(grades.len(), order);
    Standing { ranking, grades }
}

#[cfg(test)]
mod tests {
    use super::super::{Answered, PartialOrder};
    use super::*;

    #[test]
    fn ungraded_documents_keep_their_places() {
        let mut evidence = Evidence::none(5);
        let reply = PartialOrder {
            ranked: vec![4, 0, 2],
            unranked: vec![],
            grades: vec![(0, 0.3), (2, 0.3), (4, 0.9)],
        };
        evidence.note((0, 0), Answered::Usable(reply));
        let standing = by_grade(&evidence);
        assert_eq!(standing.ranking.order(), [4, 1, 0, 3, 2]);
        assert_eq!(standing.grades[1], None);
    }

    #[test]
    fn every_strategy_but_none_has_a_task() {
        for name in StrategyName::ALL {
            assert_eq!(task_of(name).is_some(), strategy_for(name, 20, None).is_some(), "{name}");
        }
    }
}
