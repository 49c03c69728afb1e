//! `refine`: all documents in a first round, the best of them once more, and
//! the head in several orders at last.

use super::arrange::{contiguous, shuffled, strided};
use super::best_order::best_order;
use super::plackett_luce::Strengths;
use super::{Evidence, Shape, Standing, Strategy, Window};
use crate::prompt::Task;

/// In how many orders the head is shown at last, so that no place in a prompt
/// decides.
const LAST_ORDERS: usize = 3;
/// A document is taken for in or out of the top from this probability on. The
/// top is settled once no more than half as many as it has places are neither.
const SURE: f64 = 0.7;

/// Useful from the first reply on: every round looks closer at what may be
/// best.
///
/// 1. The classical head in one window, and every n-th document in others, so
///    that each document is shown beside strong ones.
/// 2. The best two windows of documents, in strides and in neighbours.
/// 3. The best window of documents, in several orders.
///
/// Where all documents fit one window, only the last round is asked. Rounds
/// after the first are left out where the top is settled.
pub(super) struct Refine {
    /// Documents a call, 2 or more.
    pub window: usize,
    /// How many of a window the reply names.
    pub depth: usize,
    /// Most rounds, 1 to 3.
    pub rounds: u32,
    /// What orders are drawn from.
    pub seed: u64,
}

impl Refine {
    fn first(&self, candidates: usize) -> Vec<Vec<usize>> {
        let all: Vec<usize> = (0..candidates).collect();
        let mut windows = vec![all[..self.window].to_vec()];
        windows.extend(strided(&all, self.window));
        windows
    }

    fn second(&self, best: &[usize]) -> Vec<Vec<usize>> {
        let pool = &best[..best.len().min(2 * self.window)];
        let mut windows = strided(pool, self.window);
        windows.extend(contiguous(pool, self.window));
        windows
    }

    fn last(&self, best: &[usize]) -> Vec<Vec<usize>> {
        let head = &best[..best.len().min(self.window)];
        let mut windows = vec![head.to_vec(), head.iter().rev().copied().collect()];
        windows.push(shuffled(head, self.seed, 0));
        windows.truncate(LAST_ORDERS);
        windows
    }

    /// What the round is, counted from the end: the last one is always the
    /// same, and fewer rounds leave out those before it.
    fn windows(&self, round: u32, known: &Evidence) -> Vec<Vec<usize>> {
        let n = known.candidates();
        let rounds = self.most_rounds(n);
        if round >= rounds {
            return Vec::new();
        }
        if n > self.window && round == 0 {
            return self.first(n);
        }
        let strengths = Strengths::of(known);
        if round > 0 && strengths.undecided(self.depth, SURE) <= self.depth / 2 {
            return Vec::new();
        }
        let best = strengths.order();
        if round + 1 == rounds { self.last(&best) } else { self.second(&best) }
    }

    fn most_rounds(&self, candidates: usize) -> u32 {
        match candidates {
            0 | 1 => 0,
            n if n <= self.window => 1,
            _ => self.rounds,
        }
    }
}

impl Strategy for Refine {
    fn next(&self, known: &Evidence) -> Vec<Window> {
        let windows = self.windows(known.rounds(), known);
        windows
            .into_iter()
            .map(|members| Window::new(Task::Listwise, members, self.depth))
            .collect()
    }

    fn wants_top(&self) -> Option<usize> {
        Some(self.depth)
    }

    fn shape(&self, candidates: usize) -> Shape {
        let rounds = self.most_rounds(candidates);
        let head = candidates.min(self.window);
        let pool = candidates.min(2 * self.window);
        let mut shape = Shape { rounds, calls: 0, passages: 0 };
        let mut add = |windows: usize, passages: usize| {
            shape.calls += u32::try_from(windows).unwrap_or(u32::MAX);
            shape.passages += passages;
        };
        if rounds > 1 || candidates > self.window {
            add(1 + candidates.div_ceil(self.window), self.window + candidates);
        }
        if rounds > 2 {
            add(2 * pool.div_ceil(self.window), 2 * pool);
        }
        if rounds > 1 || (rounds == 1 && candidates <= self.window) {
            add(LAST_ORDERS, LAST_ORDERS * head);
        }
        shape
    }

    fn standing(&self, known: &Evidence) -> Standing {
        best_order(known, known.candidates())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Answered;
    use super::super::testing::{by_strength, run, run_with};
    use super::*;

    fn refine(rounds: u32) -> Refine {
        Refine { window: 20, depth: 10, rounds, seed: 9 }
    }

    fn sizes(windows: &[Window]) -> Vec<usize> {
        windows.iter().map(|window| window.members.len()).collect()
    }

    #[test]
    fn thirteen_calls_in_three_rounds_for_a_hundred() {
        assert_eq!(refine(3).shape(100), Shape { rounds: 3, calls: 13, passages: 260 });
        assert_eq!(refine(2).shape(100), Shape { rounds: 2, calls: 9, passages: 180 });
        let first = refine(3).next(&Evidence::none(100));
        assert_eq!(sizes(&first), [20; 6]);
        assert!(first.iter().all(|window| window.wanted == 10));
    }

    #[test]
    fn the_first_round_shows_everything_whatever_the_sizes() {
        for candidates in 21..130 {
            let mut seen = vec![false; candidates];
            for window in refine(3).next(&Evidence::none(candidates)) {
                assert!(window.members.len() <= 20);
                window.members.iter().for_each(|&at| seen[at] = true);
            }
            assert!(seen.iter().all(|&seen| seen), "{candidates}");
        }
    }

    #[test]
    fn one_window_is_asked_in_several_orders_at_once() {
        assert_eq!(refine(3).shape(7), Shape { rounds: 1, calls: 3, passages: 21 });
        let windows = refine(3).next(&Evidence::none(7));
        assert_eq!(sizes(&windows), [7; 3]);
        assert_ne!(windows[0].members, windows[1].members);
        assert!(refine(3).next(&Evidence::none(1)).is_empty());
    }

    #[test]
    fn the_best_reach_the_top_from_anywhere() {
        let strengths: Vec<f64> = (0..90).map(|at| f64::from(at * 37 % 90)).collect();
        let (standing, rounds) = run(&refine(3), &strengths);
        let top: Vec<f64> = standing.ranking.order()[..5].iter().map(|&at| strengths[at]).collect();
        assert_eq!(top, [89.0, 88.0, 87.0, 86.0, 85.0]);
        assert!(rounds <= 3);
    }

    #[test]
    fn a_failed_call_is_no_vote() {
        let strengths: Vec<f64> = (0..100).map(|at| f64::from(at * 37 % 100)).collect();
        let mut calls = 0;
        let (standing, _) = run_with(&refine(3), 100, |window| {
            calls += 1;
            if calls % 5 == 0 { Answered::Dropped } else { by_strength(&strengths, window) }
        });
        let mut top: Vec<f64> =
            standing.ranking.order()[..10].iter().map(|&at| strengths[at]).collect();
        top.sort_by(f64::total_cmp);
        assert!(top[0] >= 80.0, "{top:?}");
    }
}
