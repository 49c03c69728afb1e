//! A prompt rendered with words that nothing else contains, so that it can be
//! told what stands where.

use std::ops::Range;

use super::super::file::Prompt;
use super::super::{Passage, PromptInput};

const QUERY: &str = "probequeryword";
const NONCE: &str = "4f0e9probe";
const TITLE: &str = "probetitle";
const TEXT: &str = "probetext";
/// Numbers that no wording has, in no order.
const LABELS: [usize; 3] = [4733, 4711, 4729];
const LETTERS: [&str; 3] = ["aqa", "bqb", "cqc"];

/// The messages as one text, in the order in which a model reads them.
pub(super) struct Probe {
    whole: String,
    passages: usize,
}

/// The passages in the text.
pub(super) struct Shown {
    /// What stands before the first.
    pub before: Range<usize>,
    /// What stands between each and the next.
    between: Vec<Range<usize>>,
    /// What stands after the last.
    pub after: Range<usize>,
}

impl Probe {
    /// None where the template can't work with such input.
    pub fn of(prompt: &Prompt) -> Option<Self> {
        let passages = prompt.task().most_passages().unwrap_or(LABELS.len());
        let passage = |at: usize| Passage {
            label: LABELS[at],
            title: format!("{TITLE}{}", LETTERS[at]),
            text: format!("{TEXT}{}", LETTERS[at]),
            score: Some(0.5),
            metadata: serde_json::Map::new(),
        };
        let input = PromptInput {
            query: QUERY.into(),
            passages: (0..passages).map(passage).collect(),
            top_k: passages,
            nonce: NONCE.into(),
            ..prompt.sample()
        };
        let messages = prompt.render(&input).ok()?;
        Some(Self { whole: format!("{}\n{}", messages.system, messages.user), passages })
    }

    pub fn shows_all_labels(&self) -> bool {
        LABELS[..self.passages].iter().all(|label| self.whole.contains(&label.to_string()))
    }

    /// Where the passages stand; none where one of them isn't shown.
    pub fn passages(&self) -> Option<Shown> {
        let mut places =
            (0..self.passages).map(|at| self.passage(at)).collect::<Option<Vec<Range<usize>>>>()?;
        places.sort_unstable_by_key(|place| place.start);
        let (first, last) = (places.first()?.start, places.iter().map(|place| place.end).max()?);
        Some(Shown {
            before: 0..first,
            between: places.windows(2).map(|pair| pair[0].end..pair[1].start).collect(),
            after: last..self.whole.len(),
        })
    }

    /// From the first to the last word of a passage. Its head may be shown in
    /// a list of its own: then the text is the passage.
    fn passage(&self, at: usize) -> Option<Range<usize>> {
        let find = |word: &str| {
            let word = format!("{word}{}", LETTERS[at]);
            self.whole.find(&word).map(|start| start..start + word.len())
        };
        match (find(TITLE), find(TEXT)) {
            (Some(title), Some(text)) => {
                let between = self.whole.get(title.end..text.start);
                let together = between
                    .is_some_and(|between| !between.contains(TITLE) && !between.contains(TEXT));
                Some(if together { title.start..text.end } else { text })
            }
            (one, other) => one.or(other),
        }
    }

    fn part(&self, range: &Range<usize>) -> &str {
        self.whole.get(range.clone()).unwrap_or_default()
    }

    pub fn query_in(&self, range: &Range<usize>) -> bool {
        self.part(range).contains(QUERY)
    }

    /// Words of the prompt's own, tags and what it was given left out.
    pub fn words_in(&self, range: &Range<usize>) -> usize {
        let mut in_tag = false;
        let outside = |c: char| {
            in_tag = (in_tag || c == '<') && c != '>';
            if in_tag || c == '>' { ' ' } else { c }
        };
        let part = self.part(range).replace(QUERY, " ").replace(NONCE, " ");
        let text: String = part.chars().map(outside).collect();
        text.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).count()
    }

    /// Whether the nonce stands before each passage and after the last.
    pub fn is_delimited(&self, shown: &Shown) -> bool {
        let around = [&shown.before, &shown.after].into_iter();
        around.chain(&shown.between).all(|range| self.part(range).contains(NONCE))
    }

    /// Whether the key is named in quotes.
    pub fn names_key(&self, key: &str) -> bool {
        ['"', '\'', '`'].iter().any(|quote| self.whole.contains(&format!("{quote}{key}{quote}")))
    }
}
