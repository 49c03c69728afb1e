//! Which words of a document a query matches, and where they stand.

use std::collections::HashSet;

use super::analyzer::{InvalidAnalyzer, TermCounter};
use super::lexical::Lexical;
use crate::domain::{Document, Field, Query, Quote};

/// Most words of a field that are looked at: enough for what is shown, and
/// quick however long the document.
const MOST_WORDS: usize = 2000;

/// Finds the words of documents that BM25 counts for one query.
pub struct Matcher {
    counter: TermCounter,
    terms: HashSet<u32>,
}

impl Matcher {
    /// A matcher with the settings of a collection.
    ///
    /// # Errors
    /// When the language has no analyzer.
    pub fn new(lexical: &Lexical, query: &Query) -> Result<Self, InvalidAnalyzer> {
        let counter = TermCounter::new(lexical)?;
        let terms = counter.query(query.as_str()).into_iter().collect();
        Ok(Self { counter, terms })
    }

    /// The first place of each matched term, the body's before the title's.
    #[must_use]
    pub fn places(&self, document: &Document) -> Vec<Quote> {
        let mut seen = HashSet::new();
        let mut places = Vec::new();
        for field in Field::ALL {
            for word in words(field.of(document)).take(MOST_WORDS) {
                if seen.len() == self.terms.len() {
                    return places;
                }
                let terms = self.counter.query(&word.text);
                let new = terms.iter().filter(|&term| self.terms.contains(term));
                if new.filter(|&&term| seen.insert(term)).count() > 0 {
                    places.push(Quote { field, ..word });
                }
            }
        }
        places
    }
}

/// Runs of letters and digits with their places.
fn words(text: &str) -> impl Iterator<Item = Quote> {
    let mut characters = text.chars().enumerate().peekable();
    std::iter::from_fn(move || {
        while characters.next_if(|(_, c)| !c.is_alphanumeric()).is_some() {}
        let start = characters.peek()?.0;
        let mut word = String::new();
        while let Some((_, c)) = characters.next_if(|(_, c)| c.is_alphanumeric()) {
            word.push(c);
        }
        let end = start + word.chars().count();
        Some(Quote { field: Field::Text, start, end, text: word })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::DocId;
    use crate::retrieve::Language;

    fn places(
        language: Language,
        query: &str,
        title: &str,
        text: &str,
    ) -> Vec<(Field, usize, String)> {
        let lexical = Lexical { language, ..Lexical::default() };
        let matcher = Matcher::new(&lexical, &Query::new(query).unwrap()).unwrap();
        let document = Document {
            id: DocId::new("d").unwrap(),
            title: title.into(),
            text: text.into(),
            metadata: serde_json::Map::new(),
        };
        let places = matcher.places(&document);
        places.into_iter().map(|it| (it.field, it.start, it.text)).collect()
    }

    #[test]
    fn finds_each_term_once_by_its_stem() {
        let found = places(
            Language::English,
            "the running shoes",
            "Shoe",
            "“Größe 42”: for runners who run in the rain, shoes for running.",
        );
        let expected = [(Field::Text, 28, "run".to_owned()), (Field::Text, 45, "shoes".to_owned())];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_title_counts_where_the_body_has_nothing() {
        let found = places(Language::German, "Zelte", "Ein Zelt", "Für zwei.");
        assert_eq!(found, [(Field::Title, 4, "Zelt".to_owned())]);
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(places(Language::English, "the", "The", "the and the"), []);
        assert_eq!(places(Language::None, "tent", "", ""), []);
    }
}
