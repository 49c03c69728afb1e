//! `sliding`: one window after the other, from the bottom of the list to its
//! top, each carrying its best on into the next.

use super::{Evidence, Shape, Standing, Strategy, Window};
use crate::domain::Ranking;
use crate::prompt::Task;

/// The sequential strategy of `RankGPT` (Sun et al., 2023), for comparison and
/// offline use: nothing reaches the top before the last window.
pub(super) struct Sliding {
    /// Documents a call, 2 or more; each window moves up by half of it.
    pub window: usize,
    /// How many results are wanted.
    pub top_n: Option<usize>,
}

impl Sliding {
    fn step(&self) -> usize {
        (self.window / 2).max(1)
    }

    /// First place of the window of this round; none after the topmost one.
    fn start(&self, round: u32, candidates: usize) -> Option<usize> {
        let lowest = candidates.saturating_sub(self.window);
        let moved = self.step() * round as usize;
        (moved < lowest + self.step() || round == 0).then(|| lowest.saturating_sub(moved))
    }

    fn end(&self, start: usize, candidates: usize) -> usize {
        (start + self.window).min(candidates)
    }

    /// The list as the windows so far left it. A dropped window left it as it
    /// was.
    fn working_order(&self, known: &Evidence) -> Vec<usize> {
        let n = known.candidates();
        let mut order: Vec<usize> = (0..n).collect();
        for round in 0..known.rounds() {
            let Some(start) = self.start(round, n) else { break };
            let Some((_, reply)) = known.of_round(round).next() else { continue };
            let shown = order[start..self.end(start, n)].to_vec();
            let ranked = reply.ranked.iter().copied().filter(|at| shown.contains(at));
            let behind = shown.iter().copied().filter(|at| !reply.ranked.contains(at));
            let slots: Vec<usize> = ranked.chain(behind).take(shown.len()).collect();
            order[start..start + slots.len()].copy_from_slice(&slots);
        }
        order
    }
}

impl Strategy for Sliding {
    fn next(&self, known: &Evidence) -> Vec<Window> {
        let n = known.candidates();
        let Some(start) = self.start(known.rounds(), n).filter(|_| n > 1) else {
            return Vec::new();
        };
        let members = self.working_order(known)[start..self.end(start, n)].to_vec();
        // What a window doesn't carry on stays behind for good, in order only
        // as far as anybody wants it.
        let carried = self.window - self.step();
        let wanted = match (start, self.top_n) {
            (0, Some(top)) => top,
            (_, Some(top)) if top <= start => carried,
            _ => members.len(),
        };
        vec![Window::new(Task::Listwise, members, wanted)]
    }

    fn wants_top(&self) -> Option<usize> {
        self.top_n
    }

    fn shape(&self, candidates: usize) -> Shape {
        let above_the_first = candidates.saturating_sub(self.window);
        let windows = 1 + above_the_first.div_ceil(self.step());
        let calls = u32::try_from(windows).unwrap_or(u32::MAX);
        Shape { rounds: calls, calls, passages: windows * self.window.min(candidates) }
    }

    fn standing(&self, known: &Evidence) -> Standing {
        Standing {
            ranking: Ranking::with_preferred(known.candidates(), self.working_order(known)),
            grades: vec![None; known.candidates()],
            follows_replies: known.usable().next().is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Answered;
    use super::super::testing::run;
    use super::*;

    fn sliding(window: usize) -> Sliding {
        Sliding { window, top_n: Some(10) }
    }

    #[test]
    fn nine_windows_of_twenty_for_a_hundred() {
        let shape = sliding(20).shape(100);
        assert_eq!((shape.rounds, shape.calls, shape.passages), (9, 9, 180));
        assert_eq!(sliding(20).shape(20).calls, 1);
        assert_eq!(sliding(20).shape(3), Shape { rounds: 1, calls: 1, passages: 3 });
    }

    #[test]
    fn the_best_reaches_the_top_from_the_bottom_whatever_the_sizes() {
        for (candidates, window) in [(100, 20), (101, 20), (37, 8), (9, 2), (5, 3), (20, 20)] {
            let best_last: Vec<f64> = (0..candidates).map(f64::from).collect();
            let (standing, rounds) = run(&sliding(window), &best_last);
            let order = standing.ranking.order();
            assert_eq!(order[0], best_last.len() - 1, "{candidates} {window}");
            assert_eq!(rounds, sliding(window).shape(best_last.len()).rounds);
        }
    }

    #[test]
    fn every_place_is_in_a_window() {
        for candidates in 2..60 {
            for window in 2..25 {
                let sliding = sliding(window);
                let mut seen = vec![false; candidates];
                for round in 0.. {
                    let Some(start) = sliding.start(round, candidates) else { break };
                    seen[start..sliding.end(start, candidates)].fill(true);
                }
                assert!(seen.iter().all(|&seen| seen), "{candidates} {window}");
            }
        }
    }

    #[test]
    fn a_dropped_window_leaves_the_list_as_it_was() {
        let sliding = sliding(4);
        let mut known = Evidence::none(6);
        known.begin_round(Task::Listwise);
        known.note((0, 0), Answered::Dropped);
        assert_eq!(sliding.next(&known)[0].members, [0, 1, 2, 3]);
        assert!(sliding.standing(&known).ranking.is_classical());
    }
}
