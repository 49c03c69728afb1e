//! `topdown`: the head gives a pivot, everything below is compared with it,
//! and what beats it is looked at again.

use super::arrange::contiguous;
use super::best_order::best_order;
use super::plackett_luce::Strengths;
use super::{Evidence, Shape, Standing, Strategy, Window};
use crate::prompt::Task;

/// How often winners are taken for a new pool. Twice is usual; then the best
/// window of them has to do.
const MOST_DESCENTS: u32 = 3;

/// Few tokens for the quality: most documents are shown once (top-down
/// partitioning, Parry et al., 2024).
pub(super) struct TopDown {
    /// Documents a call, 2 or more.
    pub window: usize,
    /// How many results are meant to be right; the pivot is the last of them.
    pub depth: usize,
}

/// Where the search for the top stands.
enum Step {
    /// Ask these windows next.
    Ask(Vec<Vec<usize>>),
    /// Nothing is left to compare.
    Done,
}

impl TopDown {
    /// The pivot's place in a window; at least the first place is above it and
    /// something is below.
    fn pivot_place(&self) -> usize {
        self.depth.clamp(1, self.window - 1)
    }

    /// Goes through what was asked so far, round by round, to what is next.
    fn step(&self, known: &Evidence) -> Step {
        let mut pool: Vec<usize> = (0..known.candidates()).collect();
        let mut round = 0;
        loop {
            if pool.len() < 2 {
                return Step::Done;
            }
            if pool.len() <= self.window {
                let asked = known.rounds() > round;
                // In both directions, so that no place in a prompt decides.
                let turned: Vec<usize> = pool.iter().rev().copied().collect();
                return if asked { Step::Done } else { Step::Ask(vec![pool, turned]) };
            }
            let (head, below) = pool.split_at(self.window);
            if known.rounds() == round {
                return Step::Ask(vec![head.to_vec()]);
            }
            let ordered = ordered(known, round, head);
            let pivot = ordered[self.pivot_place() - 1];
            let chunks = contiguous(below, self.window - 1);
            if known.rounds() == round + 1 {
                let with_pivot = |mut chunk: Vec<usize>| {
                    chunk.insert(0, pivot);
                    chunk
                };
                return Step::Ask(chunks.into_iter().map(with_pivot).collect());
            }
            let mut winners = ordered[..self.pivot_place()].to_vec();
            let before = winners.len();
            for (_, reply) in known.of_round(round + 1) {
                winners.extend(reply.ranked.iter().copied().take_while(|&at| at != pivot));
            }
            if winners.len() == before || winners.len() >= pool.len() {
                return Step::Done;
            }
            // By what was known then: the same pool whenever it is gone through.
            pool = strongest_first(&known.before(round + 2), &winners);
            round += 2;
            if round == 2 * MOST_DESCENTS {
                pool.truncate(self.window);
            }
        }
    }
}

impl Strategy for TopDown {
    fn next(&self, known: &Evidence) -> Vec<Window> {
        let Step::Ask(windows) = self.step(known) else { return Vec::new() };
        // No more than the winners and the pivot behind them.
        let wanted = self.pivot_place();
        windows.into_iter().map(|members| Window::new(Task::Listwise, members, wanted)).collect()
    }

    fn wants_top(&self) -> Option<usize> {
        Some(self.depth)
    }

    /// What it usually takes: one descent and a last look at the winners.
    fn shape(&self, candidates: usize) -> Shape {
        if candidates <= self.window {
            return Shape { rounds: 1, calls: 2, passages: 2 * candidates };
        }
        let chunks = (candidates - self.window).div_ceil(self.window - 1);
        let calls = u32::try_from(chunks + 4).unwrap_or(u32::MAX);
        Shape { rounds: 5, calls, passages: candidates + chunks + 3 * self.window }
    }

    fn standing(&self, known: &Evidence) -> Standing {
        best_order(known, known.candidates())
    }
}

/// The head as its window ordered it; without a reply, by all that is
/// known.
fn ordered(known: &Evidence, round: u32, head: &[usize]) -> Vec<usize> {
    match known.of_round(round).next() {
        Some((_, reply)) => {
            // A late reply may have changed the pool since: the pivot is one of
            // the head as it is now.
            let in_head = reply.ranked.iter().copied().filter(|at| head.contains(at));
            let mut ordered: Vec<usize> = in_head.collect();
            ordered.extend(head.iter().copied().filter(|at| !reply.ranked.contains(at)));
            ordered
        }
        None => strongest_first(&known.before(round + 1), head),
    }
}

fn strongest_first(known: &Evidence, members: &[usize]) -> Vec<usize> {
    let order = Strengths::of(known).order();
    order.into_iter().filter(|at| members.contains(at)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Answered;
    use super::super::testing::{by_strength, run, run_with};
    use super::*;

    fn topdown() -> TopDown {
        TopDown { window: 20, depth: 10 }
    }

    #[test]
    fn what_beats_the_pivot_is_looked_at_again() {
        let strengths: Vec<f64> = (0..100).map(|at| f64::from(at * 37 % 100)).collect();
        let (standing, rounds) = run(&topdown(), &strengths);
        let top: Vec<f64> = standing.ranking.order()[..5].iter().map(|&at| strengths[at]).collect();
        assert!(top.iter().all(|&strength| strength >= 93.0), "{top:?}");
        assert!(rounds >= 3);
    }

    #[test]
    fn a_head_that_nothing_beats_ends_it() {
        let strengths: Vec<f64> = (0..100).rev().map(f64::from).collect();
        let (standing, rounds) = run(&topdown(), &strengths);
        assert_eq!(standing.ranking.order()[0], 0);
        assert_eq!(rounds, 2);
    }

    #[test]
    fn it_ends_for_all_sizes_and_without_replies() {
        for candidates in 0..70 {
            for window in 2..9 {
                let topdown = TopDown { window, depth: window / 2 + 1 };
                let strengths: Vec<f64> = (0..candidates).map(f64::from).collect();
                let (standing, _) = run(&topdown, &strengths);
                assert_eq!(standing.ranking.len(), strengths.len());
                let (standing, _) = run_with(&topdown, strengths.len(), |_| Answered::Dropped);
                assert!(standing.ranking.is_classical());
            }
        }
    }

    #[test]
    fn a_lost_head_is_replaced_by_what_is_known() {
        let strengths: Vec<f64> = (0..60).map(f64::from).collect();
        let mut calls = 0;
        let (standing, _) = run_with(&topdown(), 60, |window| {
            calls += 1;
            if calls == 1 { Answered::Dropped } else { by_strength(&strengths, window) }
        });
        assert!(standing.ranking.order()[..5].iter().all(|&at| at > 40));
    }
}
