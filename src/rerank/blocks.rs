//! `blocks`: random partitions of all documents, every window at once.

use super::arrange::{contiguous, shuffled};
use super::best_order::best_order;
use super::{Evidence, Shape, Standing, Strategy, Window};
use crate::prompt::Task;

/// One round, however many documents: each is shown `replicas` times in
/// windows of random company (`JointRank`, Dedov, 2025, merges such blocks).
pub(super) struct Blocks {
    /// Documents a call, 2 or more.
    pub window: usize,
    /// How often each document is shown, 1 or more.
    pub replicas: u32,
    /// How many of a window the reply names.
    pub depth: usize,
    /// What the partitions are drawn from.
    pub seed: u64,
}

impl Strategy for Blocks {
    fn next(&self, known: &Evidence) -> Vec<Window> {
        if known.rounds() > 0 || known.candidates() < 2 {
            return Vec::new();
        }
        let all: Vec<usize> = (0..known.candidates()).collect();
        (0..self.replicas)
            .flat_map(|replica| {
                contiguous(&shuffled(&all, self.seed, u64::from(replica)), self.window)
            })
            .map(|members| Window::new(Task::Listwise, members, self.depth))
            .collect()
    }

    fn wants_top(&self) -> Option<usize> {
        Some(self.depth)
    }

    fn shape(&self, candidates: usize) -> Shape {
        let windows = u32::try_from(candidates.div_ceil(self.window)).unwrap_or(u32::MAX);
        Shape {
            rounds: 1,
            calls: self.replicas.saturating_mul(windows),
            passages: self.replicas as usize * candidates,
        }
    }

    fn standing(&self, known: &Evidence) -> Standing {
        best_order(known, known.candidates())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::run;
    use super::*;

    fn blocks(replicas: u32) -> Blocks {
        Blocks { window: 20, replicas, depth: 10, seed: 5 }
    }

    #[test]
    fn each_document_is_shown_once_in_each_partition() {
        let windows = blocks(3).next(&Evidence::none(101));
        assert_eq!(windows.len(), 18);
        let mut times = vec![0; 101];
        windows.iter().flat_map(|window| &window.members).for_each(|&at| times[at] += 1);
        assert!(times.iter().all(|&times| times == 3));
        assert_eq!(windows, blocks(3).next(&Evidence::none(101)), "a repeat asks the same");
        assert!(blocks(3).next(&Evidence::none(1)).is_empty());
    }

    #[test]
    fn the_best_rise_from_anywhere_in_one_round() {
        let strengths: Vec<f64> = (0..100).map(|at| f64::from(at * 37 % 100)).collect();
        let (standing, rounds) = run(&blocks(4), &strengths);
        let top: Vec<f64> = standing.ranking.order()[..5].iter().map(|&at| strengths[at]).collect();
        assert!(top.iter().all(|&strength| strength >= 85.0), "{top:?}");
        assert_eq!(rounds, 1);
    }
}
