//! `graded`: each call grades a window of documents.

use super::strategy::by_grade;
use super::{Evidence, Standing, Strategy, Window};

/// One round of calls side by side; every document is graded once. Grades are
/// absolute, so that windows need no common document.
pub(super) struct Graded {
    /// Documents a call.
    pub window: usize,
}

impl Strategy for Graded {
    fn next(&self, known: &Evidence) -> Vec<Window> {
        if known.rounds() > 0 {
            return Vec::new();
        }
        let positions: Vec<usize> = (0..known.candidates()).collect();
        positions
            .chunks(self.window)
            .map(|members| Window { members: members.to_vec(), wanted: members.len() })
            .collect()
    }

    fn to_rank(&self, candidates: usize) -> usize {
        candidates
    }

    fn standing(&self, known: &Evidence) -> Standing {
        by_grade(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_document_is_left_out_where_sizes_do_not_divide() {
        for candidates in 0..50 {
            for window in 1..12 {
                let windows = Graded { window }.next(&Evidence::none(candidates));
                let shown: Vec<usize> = windows.iter().flat_map(|w| w.members.clone()).collect();
                assert_eq!(shown, (0..candidates).collect::<Vec<_>>());
            }
        }
    }
}
