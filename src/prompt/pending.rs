//! Stand-in for the prompt registry.

use std::path::Path;

use serde::Serialize;

/// One version of a prompt.
#[derive(Debug)]
pub struct Prompt(PromptInfo);

impl Prompt {
    /// The prompt as lists show it.
    #[must_use]
    pub fn info(&self) -> PromptInfo {
        self.0.clone()
    }
}

/// A prompt as lists show it.
#[derive(Clone, Debug, Serialize)]
pub struct PromptInfo {
    /// `name@vN`.
    pub id: String,
    /// What its replies mean.
    pub task: super::Task,
    /// What it says of itself, on one line.
    pub summary: String,
    /// Where it stands in its life.
    pub status: PromptStatus,
}

/// Where a version stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PromptStatus {
    /// Immutable; `@latest` may pick it.
    Released,
    /// Not in the lock.
    Draft,
}

/// The prompts that can be asked for.
#[derive(Debug, Default)]
pub struct Registry(());

/// What a check of a folder found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FolderCheck {
    /// The prompts that are right.
    pub prompts: Vec<PromptInfo>,
    /// Everything that is wrong.
    pub problems: Vec<PromptProblem>,
    /// Lines that release the drafts when they are appended to the lock.
    pub lines_to_release: Vec<String>,
}

/// One fault of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{file}: wrong")]
pub struct PromptProblem {
    /// The file.
    pub file: String,
}

/// A prompt folder that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the prompts can't be used")]
pub struct InvalidPrompts {
    /// At least one fault.
    pub problems: Vec<PromptProblem>,
}

impl Registry {
    /// Loads a folder, all or nothing.
    ///
    /// # Errors
    /// Where the folder has a file `broken`.
    pub fn load(dir: &Path) -> Result<Self, InvalidPrompts> {
        let check = Self::check(dir);
        if check.problems.is_empty() {
            Ok(Self::default())
        } else {
            Err(InvalidPrompts { problems: check.problems })
        }
    }

    /// The prompts that the binary carries.
    ///
    /// # Errors
    /// Never.
    pub fn builtin() -> Result<Self, InvalidPrompts> {
        Ok(Self::default())
    }

    /// Looks for faults in a folder without using it.
    #[must_use]
    pub fn check(dir: &Path) -> FolderCheck {
        let mut check = FolderCheck::default();
        if dir.join("broken").exists() {
            check.problems.push(PromptProblem { file: "broken".into() });
        }
        check
    }

    /// All prompts as lists show them.
    #[must_use]
    pub fn list(&self) -> Vec<PromptInfo> {
        Vec::new()
    }
}
