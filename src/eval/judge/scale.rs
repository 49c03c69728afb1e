//! From the judge's grades to those of a set.

use crate::eval::Judgments;
use crate::rerank::parse::JUDGE_MAX;

/// The grades that a set uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    highest: i32,
}

impl Scale {
    /// The scale of these judgments, whose top is the highest grade in them.
    #[must_use]
    pub fn of(judgments: &Judgments<'_>) -> Self {
        let grades = judgments.iter().flat_map(|(_, documents)| documents.values().copied());
        Self { highest: grades.max().unwrap_or(1).max(1) }
    }

    /// The set's grade for one of the judge's: the same share of the top, so
    /// that the best there is means the same on both scales, rounded to a whole
    /// grade. In a set that knows only relevant or not, from 2 on is relevant:
    /// what helps, and not what is merely on the subject.
    #[must_use]
    pub fn grade(self, judged: f64) -> i32 {
        let most = f64::from(JUDGE_MAX);
        let share = judged.clamp(0.0, most) / most;
        #[expect(clippy::cast_possible_truncation, reason = "between 0 and an i32")]
        let grade = (share * f64::from(self.highest)).round() as i32;
        grade
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("q 0 a 1\nq 0 b 0\n", [0, 0, 1, 1] ; "relevant or not")]
    #[test_case("q 0 a 2\nr 0 a 1\n", [0, 1, 1, 2] ; "three grades")]
    #[test_case("q 0 a 3\n", [0, 1, 2, 3] ; "its own scale")]
    #[test_case("q 0 a 4\n", [0, 1, 3, 4] ; "five grades")]
    #[test_case("q 0 a -2\n", [0, 0, 1, 1] ; "nothing relevant in it")]
    #[test_case("", [0, 0, 1, 1] ; "nothing at all")]
    fn the_top_means_the_same_on_both(qrels: &str, grades: [i32; 4]) {
        let scale = Scale::of(&Judgments::parse(qrels, "f").unwrap());
        assert_eq!([0.0, 1.0, 2.0, 3.0].map(|grade| scale.grade(grade)), grades);
    }

    #[test]
    fn fractions_are_rounded_once_and_nothing_leaves_the_scale() {
        let scale = Scale::of(&Judgments::parse("q 0 a 1\n", "f").unwrap());
        let grades = [1.4, 1.6, 9.0, -1.0, f64::NAN].map(|grade| scale.grade(grade));
        assert_eq!(grades, [0, 1, 1, 0, 0]);
    }
}
