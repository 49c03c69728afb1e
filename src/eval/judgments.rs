//! Which documents are relevant to which queries, and how much.

use std::collections::{BTreeMap, HashMap};

use super::file::{InvalidFile, lines};

/// Grades by query and document. Zero is judged and not relevant; a negative
/// grade counts as judged and gains nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgments<'t> {
    by_query: BTreeMap<&'t str, HashMap<&'t str, i32>>,
}

/// The parts of a line: query, document, grade.
type Parts<'t> = Option<(&'t str, &'t str, &'t str)>;

impl<'t> Judgments<'t> {
    /// Reads BEIR's TSV (with its header `query-id corpus-id score`) or TREC's
    /// qrels (query, iteration, document, grade), told apart by the first line.
    /// `file` is for messages.
    ///
    /// # Errors
    /// At the first line that is neither, or that judges a document twice.
    pub fn parse(text: &'t str, file: &str) -> Result<Self, InvalidFile> {
        let wrong = |line, problem| InvalidFile { file: file.to_owned(), line, problem };
        let mut rows = lines(text).peekable();
        let header = rows.next_if(|(_, line)| is_header(line)).is_some();
        let tabs = header || rows.peek().is_some_and(|(_, line)| line.split('\t').count() == 3);
        let parts = if tabs { tabbed } else { spaced };
        let mut by_query = BTreeMap::new();
        // Lines of one query mostly stand together.
        let mut open: (&str, HashMap<&str, i32>) = ("", HashMap::new());
        for (at, line) in rows {
            let Some((query, document, grade)) = parts(line) else {
                let shape = if tabs {
                    "three fields with tabs between them: query, document, grade"
                } else {
                    "four fields: query, iteration, document, grade"
                };
                return Err(wrong(at, format!("this is no judgment: write {shape}")));
            };
            let Ok(grade) = grade.parse::<i32>() else {
                return Err(wrong(at, format!("{grade:?} is no grade: write a whole number")));
            };
            if query != open.0 {
                let as_many = || HashMap::with_capacity(open.1.len());
                let reopened = by_query.remove(query).unwrap_or_else(as_many);
                let (before, documents) = std::mem::replace(&mut open, (query, reopened));
                by_query.insert(before, documents);
            }
            if open.1.insert(document, grade).is_some() {
                let problem = format!("{document:?} is judged twice for query {query:?}");
                return Err(wrong(at, format!("{problem}: keep one of the lines")));
            }
        }
        by_query.insert(open.0, open.1);
        // No query is called so: nothing was open before the first.
        by_query.remove("");
        Ok(Self { by_query })
    }

    /// These with more grades for documents that have none: what is judged
    /// stays as it is.
    #[must_use]
    pub fn filled<'s>(
        &self,
        more: impl IntoIterator<Item = (&'s str, &'s str, i32)>,
    ) -> Judgments<'s>
    where
        't: 's,
    {
        let mut filled: Judgments<'s> = self.clone();
        for (query, document, grade) in more {
            filled.by_query.entry(query).or_default().entry(document).or_insert(grade);
        }
        filled
    }

    /// Every query with its grades, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'t str, &HashMap<&'t str, i32>)> {
        self.by_query.iter().map(|(query, documents)| (*query, documents))
    }

    /// The grades of a query's documents.
    #[must_use]
    pub fn of(&self, query: &str) -> Option<&HashMap<&'t str, i32>> {
        self.by_query.get(query)
    }
}

/// The first line of BEIR's files, which names the columns.
fn is_header(line: &str) -> bool {
    let mut fields = line.split(['\t', ' ']).filter(|field| !field.is_empty());
    fields.next().is_some_and(|first| {
        ["query-id", "query_id", "qid"].iter().any(|name| first.eq_ignore_ascii_case(name))
    })
}

fn tabbed(line: &str) -> Parts<'_> {
    let mut fields = line.split('\t').map(str::trim);
    let parts = (fields.next()?, fields.next()?, fields.next()?);
    (fields.next().is_none() && !parts.0.is_empty() && !parts.1.is_empty()).then_some(parts)
}

fn spaced(line: &str) -> Parts<'_> {
    let mut fields = line.split_ascii_whitespace();
    let (query, _, document, grade) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    fields.next().is_none().then_some((query, document, grade))
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("query-id\tcorpus-id\tscore\nq 1\td1\t2\nq 1\td2\t0\n" ; "BEIR")]
    #[test_case("\u{feff}q 1\td1\t2\r\n\r\nq 1\td2\t0\r\n" ; "no header, other line ends")]
    fn reads_tabs(text: &str) {
        let judgments = Judgments::parse(text, "f").unwrap();
        let of = judgments.of("q 1").unwrap();
        assert_eq!((of.len(), of["d1"], of["d2"]), (2, 2, 0));
    }

    #[test]
    fn reads_trec_with_any_blanks() {
        let judgments = Judgments::parse("7 0 d1 1\n7\t0\td2\t-1\n", "f").unwrap();
        assert_eq!(judgments.of("7").unwrap()["d2"], -1);
        assert_eq!(judgments.of("8"), None);
    }

    #[test]
    fn lines_of_a_query_need_not_stand_together() {
        let judgments = Judgments::parse("q 0 a 1\nr 0 a 2\nq 0 b 3\n", "f").unwrap();
        assert_eq!((judgments.iter().count(), judgments.of("q").unwrap().len()), (2, 2));
        assert_eq!((judgments.of("q").unwrap()["a"], judgments.of("r").unwrap()["a"]), (1, 2));
        assert_eq!(Judgments::parse("", "f").unwrap(), Judgments::default());
    }

    #[test]
    fn what_is_judged_is_never_judged_again() {
        let judgments = Judgments::parse("q 0 a 2\nq 0 b 0\n", "f").unwrap();
        let more = [("q", "a", 0), ("q", "b", 3), ("q", "c", 1), ("r", "a", 3), ("q", "c", 3)];
        let filled = judgments.filled(more);
        let of = filled.of("q").unwrap();
        assert_eq!((of["a"], of["b"], of["c"], of.len()), (2, 0, 1, 3));
        assert_eq!(filled.of("r").unwrap()["a"], 3);
        assert_eq!(judgments.of("q").unwrap().len(), 2);
    }

    #[test_case("q 0 d 1\nq 0 d 1\n", 2, "judged twice" ; "twice")]
    #[test_case("q 0 d 1\nr 0 d 1\nq 0 d 1\n", 3, "judged twice" ; "twice, apart")]
    #[test_case("q 0 d 1\n\nq 0 d\n", 3, "four fields" ; "a field less")]
    #[test_case("q 0 d 1 x\n", 1, "four fields" ; "a field more")]
    #[test_case("query-id\tcorpus-id\tscore\nq\td\n", 2, "three fields" ; "a tab less")]
    #[test_case("q 0 d high\n", 1, "whole number" ; "a word")]
    #[test_case("q\td\t1.5\n", 1, "whole number" ; "a fraction")]
    fn says_where_and_what(text: &str, line: usize, problem: &str) {
        let error = Judgments::parse(text, "qrels.tsv").unwrap_err();
        assert_eq!(error.line, line, "{error}");
        assert!(error.to_string().starts_with(&format!("qrels.tsv:{line}: ")), "{error}");
        assert!(error.problem.contains(problem), "{error}");
    }
}
