//! What is wrong with a file, and where.

use std::fmt;

/// A line of a file of judgments or results that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidFile {
    /// The file, as the caller names it.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl std::error::Error for InvalidFile {}

impl fmt::Display for InvalidFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.problem)
    }
}

/// Lines that hold anything, with their numbers from 1.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line))
        .filter(|(_, it)| !it.trim().is_empty())
}
