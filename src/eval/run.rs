//! Results of a system: for each query documents with scores.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use super::file::{InvalidFile, lines};

/// Ranked documents by query, in the order in which `trec_eval` reads them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run<'t> {
    by_query: BTreeMap<&'t str, Vec<&'t str>>,
}

impl<'t> Run<'t> {
    /// Reads TREC's six columns: query, `Q0`, document, rank, score, tag. As
    /// `trec_eval` does, the rank is passed over: documents are ordered by
    /// falling score in single precision, and equal ones by falling id.
    /// `file` is for messages.
    ///
    /// # Errors
    /// At the first line that is none, and at a document that is there twice.
    pub fn parse(text: &'t str, file: &str) -> Result<Self, InvalidFile> {
        let wrong = |line, problem| InvalidFile { file: file.to_owned(), line, problem };
        let mut scored: BTreeMap<&str, Vec<(f32, &str)>> = BTreeMap::new();
        // Lines of one query mostly stand together.
        let mut open: Option<(&str, Vec<(f32, &str)>)> = None;
        for (at, line) in lines(text) {
            let Some((query, document, score)) = fields(line) else {
                let problem = "this is no result: write query, Q0, document, rank, score and tag";
                return Err(wrong(at, problem.to_owned()));
            };
            let Some(score) = score.parse::<f32>().ok().filter(|score| !score.is_nan()) else {
                return Err(wrong(at, format!("{score:?} is no score: write a number")));
            };
            match &mut open {
                Some((same, documents)) if *same == query => documents.push((score, document)),
                _ => {
                    if let Some((query, documents)) = open.replace((query, vec![(score, document)]))
                    {
                        scored.entry(query).or_default().extend(documents);
                    }
                }
            }
        }
        if let Some((query, documents)) = open {
            scored.entry(query).or_default().extend(documents);
        }
        if let Some((query, twice)) = repeated(&scored) {
            let is_it = |line: &str| {
                fields(line).is_some_and(|(q, document, _)| q == query && document == twice)
            };
            let line = lines(text).filter(|(_, line)| is_it(line)).nth(1).map_or(1, |(at, _)| at);
            let problem = format!("{twice:?} is there twice for query {query:?}");
            return Err(wrong(line, format!("{problem}: keep one of the lines")));
        }
        Ok(Self { by_query: scored.into_iter().map(|(query, it)| (query, ordered(it))).collect() })
    }

    /// A run of orders that are known, best first; each document once.
    #[must_use]
    pub fn of_orders(by_query: BTreeMap<&'t str, Vec<&'t str>>) -> Self {
        Self { by_query }
    }

    /// The documents of a query, best first.
    #[must_use]
    pub fn of(&self, query: &str) -> Option<&[&'t str]> {
        self.by_query.get(query).map(Vec::as_slice)
    }

    /// Every query with its documents, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'t str, &[&'t str])> {
        self.by_query.iter().map(|(query, documents)| (*query, documents.as_slice()))
    }

    /// The run in TREC's six columns, with scores that fall strictly, so that
    /// every tool reads this order.
    #[must_use]
    pub fn to_trec(&self, tag: &str) -> String {
        let mut text = String::new();
        for (query, documents) in self.iter() {
            for (at, document) in documents.iter().enumerate() {
                let (rank, score) = (at + 1, documents.len() - at);
                // Writing to a string can't fail.
                let _ = writeln!(text, "{query} Q0 {document} {rank} {score} {tag}");
            }
        }
        text
    }
}

fn fields(line: &str) -> Option<(&str, &str, &str)> {
    let mut fields = line.split_ascii_whitespace();
    let (query, _, document) = (fields.next()?, fields.next()?, fields.next()?);
    let (_, score, _) = (fields.next()?, fields.next()?, fields.next()?);
    fields.next().is_none().then_some((query, document, score))
}

fn repeated<'t>(scored: &BTreeMap<&'t str, Vec<(f32, &'t str)>>) -> Option<(&'t str, &'t str)> {
    scored.iter().find_map(|(query, documents)| {
        let mut seen = HashSet::with_capacity(documents.len());
        let twice = documents.iter().find(|(_, document)| !seen.insert(*document))?;
        Some((*query, twice.1))
    })
}

fn ordered(mut documents: Vec<(f32, &str)>) -> Vec<&str> {
    documents.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| b.1.cmp(a.1)));
    documents.into_iter().map(|(_, document)| document).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use test_case::test_case;

    use super::*;

    #[test]
    fn order_is_by_score_then_by_falling_id_and_ranks_are_passed_over() {
        let text = "q Q0 a 1 1.0 t\nq Q0 b 2 3.0 t\nr Q0 a 1 1 t\nq Q0 c 3 1.0 t\n";
        let run = Run::parse(text, "f").unwrap();
        assert_eq!(run.of("q").unwrap(), ["b", "c", "a"]);
        assert_eq!(run.of("r").unwrap(), ["a"]);
        assert_eq!(run.of("s"), None);
    }

    #[test]
    fn scores_tie_in_single_precision() {
        let text = "q Q0 a 1 1.00000001 t\nq Q0 b 2 1.0 t\n";
        assert_eq!(Run::parse(text, "f").unwrap().of("q").unwrap(), ["b", "a"]);
    }

    #[test_case("q Q0 a 1 1.0 t\nq Q0 b 2 0.5 t\nq Q0 a 3 0.1 t\n", 3, "there twice" ; "twice")]
    #[test_case("q Q0 a 1 1.0\n", 1, "six|tag" ; "a column less")]
    #[test_case("q Q0 a 1 1.0 t x\n", 1, "tag" ; "a column more")]
    #[test_case("q Q0 a 1 high t\n", 1, "no score" ; "a word")]
    #[test_case("q Q0 a 1 NaN t\n", 1, "no score" ; "not a number")]
    fn says_where_and_what(text: &str, line: usize, problem: &str) {
        let error = Run::parse(text, "x.trec").unwrap_err();
        assert_eq!(error.line, line, "{error}");
        assert!(problem.split('|').any(|part| error.problem.contains(part)), "{error}");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_in_the_same_order(
            ids in prop::collection::hash_set("[a-z0-9]{1,4}", 0..30),
        ) {
            let documents: Vec<&str> = ids.iter().map(String::as_str).collect();
            let run = Run::of_orders(BTreeMap::from([("q", documents.clone())]));
            let text = run.to_trec("tag");
            let again = Run::parse(&text, "f").unwrap();
            prop_assert_eq!(again.of("q").unwrap_or_default(), documents);
        }
    }
}
