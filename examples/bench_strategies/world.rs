//! What strategies are measured on: the best candidates of each query by BM25,
//! with their grades and their length in tokens.

use rankgate::llm::tokens;
use rankgate::retrieve::Lexical;

use super::data::{DocIndex, Judged, Set};
use super::inverted::Inverted;

/// A query with its candidates in classical order.
pub struct Question {
    pub judged: Judged,
    pub candidates: Vec<Shown>,
    /// How far the first score is above the second, as a share of the first.
    pub margin: f64,
}

/// A candidate.
pub struct Shown {
    pub place: DocIndex,
    pub id: String,
    pub grade: i32,
    /// Of its passage, as it is cut.
    pub tokens: u64,
}

/// The questions of a set that have two candidates or more.
pub fn questions(set: Set, depth: usize, passage_tokens: usize) -> Result<Vec<Question>, String> {
    let lexical = Lexical::default();
    let index = Inverted::new(lexical, &set.documents).map_err(|error| error.to_string())?;
    let Set { documents, queries, .. } = set;
    let questions = queries.into_iter().map(|judged| {
        let found = index.search(lexical.shape, &judged.text, depth);
        let margin = match found.as_slice() {
            [(_, first), (_, second), ..] => f64::from((first - second) / first),
            _ => 1.0,
        };
        let candidates = found
            .into_iter()
            .map(|(place, _)| {
                let document = &documents[place as usize];
                let text = format!("{} {}", document.title, document.text);
                #[expect(clippy::cast_possible_truncation, reason = "grades are small integers")]
                let grade = judged.grades.get(&place).map_or(0, |grade| grade.max(0.0) as i32);
                Shown {
                    place,
                    id: document.id.to_string(),
                    grade,
                    tokens: tokens::count(tokens::truncate(&text, passage_tokens)) as u64,
                }
            })
            .collect();
        Question { judged, candidates, margin }
    });
    Ok(questions.filter(|question: &Question| question.candidates.len() > 1).collect())
}
