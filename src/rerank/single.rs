//! `single`: one call orders the top window.

use super::{Evidence, Shape, Standing, Strategy, Window};
use crate::domain::Ranking;
use crate::prompt::Task;

/// The floor of LLM reranking: one call, one round. Documents below the window
/// follow in classical order.
pub(super) struct Single {
    /// Documents in the call.
    pub window: usize,
    /// How many results are wanted; the reply names no more.
    pub top_n: Option<usize>,
}

impl Strategy for Single {
    fn next(&self, known: &Evidence) -> Vec<Window> {
        let shown = self.to_rank(known.candidates());
        if known.rounds() > 0 || shown == 0 {
            return Vec::new();
        }
        let wanted = self.top_n.unwrap_or(shown).clamp(1, shown);
        vec![Window::new(Task::Listwise, (0..shown).collect(), wanted)]
    }

    fn to_rank(&self, candidates: usize) -> usize {
        self.window.min(candidates)
    }

    fn wants_top(&self) -> Option<usize> {
        self.top_n.filter(|&top| top < self.window)
    }

    fn shape(&self, candidates: usize) -> Shape {
        Shape { rounds: 1, calls: 1, passages: self.to_rank(candidates) }
    }

    fn standing(&self, known: &Evidence) -> Standing {
        let ranked = known.usable().flat_map(|order| order.ranked.iter().copied());
        Standing {
            ranking: Ranking::with_preferred(known.candidates(), ranked),
            grades: vec![None; known.candidates()],
            follows_replies: known.usable().next().is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Answered, PartialOrder};
    use super::*;

    #[test]
    fn asks_once_for_as_many_as_are_wanted() {
        let single = Single { window: 20, top_n: Some(10) };
        let mut evidence = Evidence::none(100);
        let windows = single.next(&evidence);
        assert_eq!(windows, [Window::new(Task::Listwise, (0..20).collect(), 10)]);
        evidence.begin_round(Task::Listwise);
        assert!(single.next(&evidence).is_empty());
    }

    #[test]
    fn small_and_empty_lists_are_fine() {
        let single = Single { window: 20, top_n: Some(10) };
        assert_eq!(single.next(&Evidence::none(3))[0].wanted, 3);
        assert!(single.next(&Evidence::none(0)).is_empty());
    }

    #[test]
    fn what_the_reply_left_out_follows_in_classical_order() {
        let single = Single { window: 4, top_n: None };
        let mut evidence = Evidence::none(6);
        let reply = PartialOrder { ranked: vec![3, 1], unranked: vec![0, 2], grades: vec![] };
        evidence.note((0, 0), Answered::Usable(reply));
        assert_eq!(single.standing(&evidence).ranking.order(), [3, 1, 0, 2, 4, 5]);
    }
}
