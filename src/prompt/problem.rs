//! What is wrong with a prompt folder, for the person who has to mend it.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::lint::Rule;

/// One fault of one file: where, what is wrong, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PromptProblem {
    /// The file, relative to the prompts folder.
    pub file: String,
    /// The line in that file, from 1, where there is one.
    pub line: Option<usize>,
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
    /// The linter's rule that it breaks, where it is one of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
}

/// Most characters of one text of a problem: it may quote a name or a value
/// from a file, and is no way to bring the whole file into a log.
const MOST_CHARACTERS: usize = 400;

/// Most problems of one folder that are shown at a time.
const MOST_SHOWN: usize = 50;

impl PromptProblem {
    /// A problem of this file. Texts are shown on one line each, and cut where
    /// they are longer than any message of ours.
    #[must_use]
    pub fn new(
        file: impl AsRef<str>,
        line: impl Into<Option<usize>>,
        reason: impl AsRef<str>,
        remedy: impl AsRef<str>,
    ) -> Self {
        Self {
            file: short(file.as_ref()),
            line: line.into(),
            reason: short(reason.as_ref()),
            remedy: short(remedy.as_ref()),
            rule: None,
        }
    }
}

fn short(text: &str) -> String {
    let mut characters = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = characters.by_ref().take(MOST_CHARACTERS).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}

impl fmt::Display for PromptProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}; {}", self.reason, self.remedy)?;
        self.rule.map_or(Ok(()), |rule| write!(f, " [{rule}]"))
    }
}

/// A prompt folder that can't be used, with everything that is wrong in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPrompts {
    /// The folder as it was named.
    pub folder: PathBuf,
    /// At least one fault.
    pub problems: Vec<PromptProblem>,
}

impl InvalidPrompts {
    /// The first problems, for where not all of many can be shown, and how many
    /// there are besides.
    #[must_use]
    pub fn first(&self) -> (&[PromptProblem], usize) {
        let shown = self.problems.len().min(MOST_SHOWN);
        (&self.problems[..shown], self.problems.len() - shown)
    }
}

impl std::error::Error for InvalidPrompts {}

impl fmt::Display for InvalidPrompts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the prompts in {} can't be used:", self.folder.display())?;
        let (problems, more) = self.first();
        for problem in problems {
            write!(f, "\n  {problem}")?;
        }
        if more > 0 { write!(f, "\n  and {more} more") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_long_text_nor_many_problems_fill_a_log() {
        let long = "x".repeat(100_000);
        let problem = PromptProblem::new("a\nb/v1.md", 3, format!("no {long}"), "mend it");
        assert_eq!(problem.file, "a b/v1.md");
        assert_eq!(problem.reason.chars().count(), MOST_CHARACTERS + 1);
        assert!(problem.reason.ends_with("x…"), "{problem}");
        let error = InvalidPrompts { folder: "p".into(), problems: vec![problem; 120] };
        let shown = error.to_string();
        assert_eq!(shown.lines().count(), 1 + MOST_SHOWN + 1);
        assert!(shown.ends_with("\n  and 70 more"));
    }
}
