//! What the replies said so far.

use std::collections::BTreeMap;

use crate::prompt::Task;

/// What one usable reply said of the window it was asked about. Entries are
/// positions in the classical order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartialOrder {
    /// Best first.
    pub ranked: Vec<usize>,
    /// Shown and not ranked: known to stand behind none in particular.
    pub unranked: Vec<usize>,
    /// Absolute grades in [0, 1] by position, where the task gives them.
    pub grades: Vec<(usize, f64)>,
}

impl PartialOrder {
    /// Both together, of documents of the same window that were asked about
    /// apart.
    pub(super) fn joined(mut self, other: Self) -> Self {
        self.ranked.extend(other.ranked);
        self.unranked.extend(other.unranked);
        self.grades.extend(other.grades);
        self
    }
}

/// One window's end: a usable reply, or none.
#[derive(Clone, Debug, PartialEq)]
pub enum Answered {
    /// The reply could be used.
    Usable(PartialOrder),
    /// Every attempt failed. Dropped: it is no vote for the input order.
    Dropped,
}

/// Everything known at a moment. Windows are kept by the order in which they
/// were asked, not in which replies arrived, so that the same replies give the
/// same order.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    candidates: usize,
    answered: BTreeMap<WindowId, Answered>,
    /// What each round asked for.
    rounds: Vec<Task>,
}

/// Round and place within the round.
pub type WindowId = (u32, usize);

impl Evidence {
    /// No evidence on `candidates` documents.
    #[must_use]
    pub fn none(candidates: usize) -> Self {
        Self { candidates, ..Self::default() }
    }

    /// How many documents there are to rank.
    #[must_use]
    pub const fn candidates(&self) -> usize {
        self.candidates
    }

    /// Rounds of windows that were begun.
    #[must_use]
    pub fn rounds(&self) -> u32 {
        u32::try_from(self.rounds.len()).unwrap_or(u32::MAX)
    }

    /// Whether a round of this task was begun.
    #[must_use]
    pub fn asked(&self, task: Task) -> bool {
        self.rounds.contains(&task)
    }

    /// What was known when a round began, but for replies that came late.
    pub(super) fn before(&self, round: u32) -> Self {
        let answered = self.answered.range(..(round, 0));
        Self {
            candidates: self.candidates,
            answered: answered.map(|(id, it)| (*id, it.clone())).collect(),
            rounds: self.rounds.iter().take(round as usize).copied().collect(),
        }
    }

    /// What is known without the rounds of a task.
    pub(super) fn without(&self, task: Task) -> Self {
        let other = |round: u32| self.rounds.get(round as usize) != Some(&task);
        let answered = self.answered.iter().filter(|((round, _), _)| other(*round));
        Self { answered: answered.map(|(id, it)| (*id, it.clone())).collect(), ..self.clone() }
    }

    /// Opens a round and returns its number, from 0.
    pub fn begin_round(&mut self, task: Task) -> u32 {
        let round = self.rounds();
        self.rounds.push(task);
        round
    }

    /// Notes how a window ended.
    pub fn note(&mut self, window: WindowId, answered: Answered) {
        self.answered.insert(window, answered);
    }

    /// Usable replies in the order in which their windows were asked.
    pub fn usable(&self) -> impl Iterator<Item = &PartialOrder> {
        self.answered.values().filter_map(|answered| match answered {
            Answered::Usable(order) => Some(order),
            Answered::Dropped => None,
        })
    }

    /// Usable replies to calls of a task.
    pub(super) fn of_task(&self, task: Task) -> impl Iterator<Item = &PartialOrder> {
        (0..self.rounds())
            .filter(move |&round| self.rounds.get(round as usize) == Some(&task))
            .flat_map(|round| self.of_round(round).map(|(_, order)| order))
    }

    /// Usable replies of one round, with their places in it.
    pub fn of_round(&self, round: u32) -> impl Iterator<Item = (usize, &PartialOrder)> {
        let windows = self.answered.range((round, 0)..=(round, usize::MAX));
        windows.filter_map(|(&(_, place), answered)| match answered {
            Answered::Usable(order) => Some((place, order)),
            Answered::Dropped => None,
        })
    }

    /// Which documents were in a usable reply.
    #[must_use]
    pub fn covered(&self) -> Vec<bool> {
        let mut covered = vec![false; self.candidates];
        for order in self.usable() {
            for &position in order.ranked.iter().chain(&order.unranked) {
                if let Some(slot) = covered.get_mut(position) {
                    *slot = true;
                }
            }
        }
        covered
    }

    /// The grade of each document; the mean where several replies graded it.
    #[must_use]
    pub fn grades(&self) -> Vec<Option<f64>> {
        let mut sums = vec![(0.0, 0u32); self.candidates];
        for &(position, grade) in self.usable().flat_map(|order| &order.grades) {
            if let Some((sum, count)) = sums.get_mut(position) {
                *sum += grade;
                *count += 1;
            }
        }
        sums.into_iter().map(|(sum, count)| (count > 0).then(|| sum / f64::from(count))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graded(grades: &[(usize, f64)]) -> Answered {
        Answered::Usable(PartialOrder {
            ranked: grades.iter().map(|&(position, _)| position).collect(),
            unranked: Vec::new(),
            grades: grades.to_vec(),
        })
    }

    #[test]
    fn arrival_order_makes_no_difference() {
        let (first, second) = (graded(&[(0, 0.1)]), graded(&[(1, 0.9)]));
        let mut forwards = Evidence::none(3);
        forwards.note((0, 0), first.clone());
        forwards.note((0, 1), second.clone());
        let mut backwards = Evidence::none(3);
        backwards.note((0, 1), second);
        backwards.note((0, 0), first);
        assert!(forwards.usable().eq(backwards.usable()));
    }

    #[test]
    fn a_dropped_window_covers_nothing() {
        let mut evidence = Evidence::none(3);
        evidence.note((0, 0), graded(&[(0, 0.2), (2, 0.4)]));
        evidence.note((0, 1), Answered::Dropped);
        evidence.note((0, 2), graded(&[(2, 0.8)]));
        assert_eq!(evidence.covered(), [true, false, true]);
        let grades = evidence.grades();
        assert_eq!(grades[1], None);
        assert!((grades[2].unwrap() - 0.6).abs() < 1e-12, "the mean of two replies");
    }
}
