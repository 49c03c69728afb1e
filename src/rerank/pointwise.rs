//! `pointwise`: one call a document, ordered by the probability of Yes.
//!
//! As many calls as documents, all independent: the best of all with small
//! models that return log probabilities. It asks as `graded` does with windows
//! of one; what differs is the prompt and how its replies are read.

use super::graded::Graded;
use crate::prompt::Task;

pub(super) const fn pointwise() -> Graded {
    Graded { window: 1, task: Task::Pointwise }
}

#[cfg(test)]
mod tests {
    use super::super::{Evidence, Strategy};
    use super::*;

    #[test]
    fn asks_about_each_document_alone() {
        let windows = pointwise().next(&Evidence::none(3));
        assert_eq!(windows.len(), 3);
        assert!(windows.iter().enumerate().all(|(at, window)| window.members == [at]));
    }
}
