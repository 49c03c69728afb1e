//! Finds keys in the file's text, so that errors can point at them.

use std::fmt;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::error::{Place, Problem};

/// Lines with these words are never shown.
const SECRETIVE: [&str; 3] = ["api_key", "headers", "authorization"];

/// A way down into the configuration, from the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPath(pub(super) Vec<Step>);

/// One step of a [`KeyPath`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl KeyPath {
    /// A path of keys.
    pub fn of<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        Self(keys.into_iter().map(|key| Step::Key(key.to_owned())).collect())
    }

    /// The item of the list at this path.
    pub(super) fn item(mut self, index: usize) -> Self {
        self.0.push(Step::Index(index));
        self
    }

    /// Whether this path leads to `other` or through it.
    pub(super) fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl From<&serde_path_to_error::Path> for KeyPath {
    fn from(path: &serde_path_to_error::Path) -> Self {
        use serde_path_to_error::Segment;
        let steps = path.iter().filter_map(|segment| match segment {
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Enum { .. } | Segment::Unknown => None,
        });
        Self(steps.collect())
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if depth > 0 => write!(f, ".{key}")?,
                Step::Key(key) => f.write_str(key)?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A configuration file as it was read.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// The name that errors show.
    pub file: String,
    /// Its content.
    pub text: String,
}

impl Document {
    /// The problem of a key, at the key's place in the file. A path that goes
    /// further than the file does is shown where it leaves it.
    /// `at_key` points at the key's name instead of its value.
    pub fn problem_at(&self, path: &KeyPath, at_key: bool, message: impl Into<String>) -> Problem {
        let span =
            DeTable::parse(&self.text).ok().and_then(|root| find(root.get_ref(), &path.0, at_key));
        self.problem(span, path.to_string(), message.into())
    }

    /// The problem of a text that isn't TOML.
    pub fn syntax_problem(&self, error: &toml::de::Error) -> Problem {
        self.problem(error.span(), String::new(), error.message().to_owned())
    }

    fn problem(&self, span: Option<Range<usize>>, key: String, message: String) -> Problem {
        let place = match span {
            Some(span) => self.place(span),
            None => Place::File(self.file.clone()),
        };
        Problem { place, key, message }
    }

    fn place(&self, span: Range<usize>) -> Place {
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let text = self.text[start..].lines().next().unwrap_or_default().to_owned();
        let column = before[start..].chars().count() + 1;
        let marked = self.text.get(span).unwrap_or_default();
        let width = marked.lines().next().unwrap_or_default().chars().count().max(1);
        let line = before.matches('\n').count() + 1;
        // A key pasted into the file would be repeated in logs and terminals.
        let text = Some(text).filter(|text| !SECRETIVE.iter().any(|word| text.contains(word)));
        Place::Line { file: self.file.clone(), line, column, width, text }
    }
}

/// The place of the value at the end of `steps`, or of its key: a table is
/// named by its key, and `at_key` wants the key of anything.
fn find(table: &DeTable<'_>, steps: &[Step], at_key: bool) -> Option<Range<usize>> {
    let (Step::Key(name), rest) = steps.split_first()? else { return None };
    let (key, value) = table.get_key_value(name.as_str())?;
    let here = match value.get_ref() {
        DeValue::Table(_) => key.span(),
        _ if at_key => key.span(),
        _ => value.span(),
    };
    Some(find_in_value(value.get_ref(), rest, at_key).unwrap_or(here))
}

fn find_in_value(value: &DeValue<'_>, steps: &[Step], at_key: bool) -> Option<Range<usize>> {
    match (value, steps.split_first()?) {
        (DeValue::Table(table), _) => find(table, steps, at_key),
        (DeValue::Array(items), (Step::Index(index), rest)) => {
            let item = items.get(*index)?;
            Some(find_in_value(item.get_ref(), rest, at_key).unwrap_or_else(|| item.span()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[a.b]\none = 1\nlist = [\"ä\", { two = 22 }]\n";

    fn shown(keys: &[Step], at_key: bool) -> String {
        let document = Document { file: "f".into(), text: TEXT.into() };
        document.problem_at(&KeyPath(keys.to_vec()), at_key, "wrong").to_string()
    }

    fn key(name: &str) -> Step {
        Step::Key(name.into())
    }

    #[test]
    fn points_at_values_keys_and_tables() {
        let value = shown(&[key("a"), key("b"), key("one")], false);
        assert_eq!(value, "f:2:7: a.b.one: wrong\n   |\n 2 | one = 1\n   |       ^");
        let name = shown(&[key("a"), key("b"), key("one")], true);
        assert!(name.ends_with("   | ^^^"), "{name}");
        let table = shown(&[key("a"), key("b"), key("missing")], false);
        assert!(table.starts_with("f:1:4: a.b.missing: wrong"), "{table}");
    }

    #[test]
    fn counts_characters_and_goes_into_lists() {
        let path = [key("a"), key("b"), key("list"), Step::Index(1), key("two")];
        let problem = shown(&path, false);
        assert!(problem.starts_with("f:3:22: a.b.list[1].two: wrong"), "{problem}");
        assert!(problem.ends_with(&format!("| {}^^", " ".repeat(21))), "{problem}");
    }

    #[test]
    fn a_line_that_could_hold_a_secret_is_not_shown() {
        let document = Document { file: "f".into(), text: "api_key = \"sk-1\"".into() };
        let problem = document.problem_at(&KeyPath::of(["api_key"]), false, "wrong");
        assert_eq!(problem.to_string(), "f:1:11: api_key: wrong");
    }

    #[test]
    fn a_key_that_is_not_there_is_about_the_file() {
        assert_eq!(shown(&[key("x")], false), "f: x: wrong");
    }
}
