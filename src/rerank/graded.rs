//! `graded`: each call grades a window of documents.

use super::{Evidence, Shape, Standing, Strategy, Window};
use crate::domain::Ranking;
use crate::prompt::Task;

/// One round of calls side by side; every document is graded once. Grades are
/// absolute, so that windows need no common document.
pub(super) struct Graded {
    /// Documents a call.
    pub window: usize,
    /// Whether each call grades or answers Yes or No.
    pub task: Task,
}

impl Strategy for Graded {
    fn next(&self, known: &Evidence) -> Vec<Window> {
        if known.rounds() > 0 {
            return Vec::new();
        }
        let positions: Vec<usize> = (0..known.candidates()).collect();
        positions
            .chunks(self.window)
            .map(|members| Window::new(self.task, members.to_vec(), members.len()))
            .collect()
    }

    fn shape(&self, candidates: usize) -> Shape {
        let calls = u32::try_from(candidates.div_ceil(self.window)).unwrap_or(u32::MAX);
        Shape { rounds: 1, calls, passages: candidates }
    }

    fn standing(&self, known: &Evidence) -> Standing {
        by_grade(known)
    }
}

/// Orders documents by grade within the places that the graded ones hold in
/// the classical order. A document without a grade keeps its place: no reply
/// is no reason to move it. Equal grades keep their classical order.
fn by_grade(known: &Evidence) -> Standing {
    let grades = known.grades();
    let slots: Vec<usize> = (0..grades.len()).filter(|&slot| grades[slot].is_some()).collect();
    let mut best = slots.clone();
    best.sort_by(|&a, &b| {
        let (a_grade, b_grade) = (grades[a].unwrap_or(0.0), grades[b].unwrap_or(0.0));
        b_grade.total_cmp(&a_grade).then(a.cmp(&b))
    });
    let mut order: Vec<usize> = (0..grades.len()).collect();
    let follows_replies = !slots.is_empty();
    for (slot, position) in slots.into_iter().zip(best) {
        order[slot] = position;
    }
    let ranking = Ranking::with_preferred(grades.len(), order);
    Standing { ranking, grades, follows_replies }
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
    fn no_document_is_left_out_where_sizes_do_not_divide() {
        for candidates in 0..50 {
            for window in 1..12 {
                let windows =
                    Graded { window, task: Task::Graded }.next(&Evidence::none(candidates));
                let shown: Vec<usize> = windows.iter().flat_map(|w| w.members.clone()).collect();
                assert_eq!(shown, (0..candidates).collect::<Vec<_>>());
            }
        }
    }
}
