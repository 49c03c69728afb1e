//! `pairwise`: the finaliser: every pair of the best few, one call each.

use super::arrange::shuffled;
use super::plackett_luce::Strengths;
use super::{Evidence, Shape, Standing, Strategy, Window};
use crate::domain::Ranking;
use crate::prompt::Task;

/// Compares the best few with each other, after another strategy or on the
/// classical order. Which document of a pair is shown first is drawn: a model
/// prefers one of the places.
pub(super) struct Pairwise {
    /// What finds the best few; without one they are the classical ones.
    pub first: Option<Box<dyn Strategy>>,
    /// How many documents are compared, 2 or more.
    pub top: usize,
    /// What the directions are drawn from.
    pub seed: u64,
}

/// Calls that compare each of so many documents with each other.
pub(super) const fn pairs(documents: usize) -> usize {
    documents * documents.saturating_sub(1) / 2
}

impl Pairwise {
    /// How things stand before pairs are compared.
    fn before(&self, known: &Evidence) -> Standing {
        match &self.first {
            Some(first) => first.standing(&known.without(Task::Pairwise)),
            None => Standing::classical(known.candidates()),
        }
    }
}

impl Strategy for Pairwise {
    fn next(&self, known: &Evidence) -> Vec<Window> {
        if known.asked(Task::Pairwise) {
            return Vec::new();
        }
        if let Some(first) = &self.first {
            let windows = first.next(known);
            if !windows.is_empty() {
                return windows;
            }
        }
        let before = self.before(known).ranking;
        let best = &before.order()[..self.top.min(before.len())];
        let mut windows = Vec::with_capacity(pairs(best.len()));
        for (place, &above) in best.iter().enumerate() {
            for &below in &best[place + 1..] {
                let pair = shuffled(&[above, below], self.seed, windows.len() as u64);
                windows.push(Window::new(Task::Pairwise, pair, 1));
            }
        }
        windows
    }

    fn to_rank(&self, candidates: usize) -> usize {
        match &self.first {
            Some(first) => first.to_rank(candidates),
            None => self.top.min(candidates),
        }
    }

    fn wants_top(&self) -> Option<usize> {
        Some(self.top)
    }

    fn shape(&self, candidates: usize) -> Shape {
        let first = self.first.as_ref().map_or_else(Shape::default, |it| it.shape(candidates));
        let own = pairs(self.top.min(candidates));
        Shape {
            rounds: first.rounds + 1,
            calls: first.calls + u32::try_from(own).unwrap_or(u32::MAX),
            passages: first.passages + 2 * own,
        }
    }

    fn standing(&self, known: &Evidence) -> Standing {
        let before = self.before(known);
        let order = before.ranking.order();
        let finalists = &order[..self.top.min(order.len())];
        let compared = known.of_task(Task::Pairwise).next().is_some();
        if !compared {
            return before;
        }
        // The best few change places among themselves and with nobody else.
        let strengths = Strengths::of(known).order();
        let placed = strengths.into_iter().filter(|at| finalists.contains(at));
        let rest = order[finalists.len()..].iter().copied();
        Standing {
            ranking: Ranking::with_preferred(order.len(), placed.chain(rest)),
            grades: vec![None; order.len()],
            follows_replies: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::single::Single;
    use super::super::testing::run;
    use super::*;

    #[test]
    fn each_pair_is_asked_once_with_either_first() {
        let pairwise = Pairwise { first: None, top: 10, seed: 3 };
        let windows = pairwise.next(&Evidence::none(50));
        assert_eq!(windows.len(), 45);
        let upwards = windows.iter().filter(|it| it.members[0] < it.members[1]).count();
        assert!((10..35).contains(&upwards), "{upwards}");
        let mut pairs: Vec<Vec<usize>> = windows.into_iter().map(|it| it.members).collect();
        for pair in &mut pairs {
            pair.sort_unstable();
        }
        pairs.sort_unstable();
        pairs.dedup();
        assert_eq!(pairs.len(), 45);
    }

    #[test]
    fn the_few_are_ordered_and_the_rest_stays() {
        let pairwise = Pairwise { first: None, top: 6, seed: 3 };
        let strengths = [1.0, 5.0, 3.0, 2.0, 4.0, 6.0, 9.0, 9.0];
        let (standing, rounds) = run(&pairwise, &strengths);
        assert_eq!(standing.ranking.order(), [5, 1, 4, 2, 3, 0, 6, 7]);
        assert_eq!(rounds, 1);
    }

    #[test]
    fn it_finishes_what_another_strategy_began() {
        let first = Single { window: 8, top_n: Some(4) };
        let pairwise = Pairwise { first: Some(Box::new(first)), top: 4, seed: 3 };
        let strengths = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let (standing, rounds) = run(&pairwise, &strengths);
        assert_eq!(standing.ranking.order()[..4], [7, 6, 5, 4]);
        assert_eq!(rounds, 2);
        assert_eq!(pairwise.shape(8), Shape { rounds: 2, calls: 7, passages: 20 });
    }
}
