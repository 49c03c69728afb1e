//! What is wrong with a prompt folder, for the person who has to mend it.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::lint::Rule;

/// One fault of one file: where, what is wrong, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

impl PromptProblem {
    pub(super) fn new(
        file: impl Into<String>,
        line: impl Into<Option<usize>>,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            file: file.into(),
            line: line.into(),
            reason: reason.into(),
            remedy: remedy.into(),
            rule: None,
        }
    }
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

impl std::error::Error for InvalidPrompts {}

impl fmt::Display for InvalidPrompts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the prompts in {} can't be used:", self.folder.display())?;
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}
