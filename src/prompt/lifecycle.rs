//! Releasing and retiring: the two changes that the lock knows. Neither can be
//! taken back by a command. A release is for good; a retired version comes back
//! when its line is removed from the lock.

use std::io;
use std::path::Path;

use super::PromptId;
use super::file::Prompt;
use super::folder::{self, Files};
use super::lint::lint;
use super::lock::{self, LOCK_FILE, Lock, lock_line, retired_line, with_released, with_retired};
use super::lock_file::Replacement;
use super::problem::PromptProblem;
use super::reference::{PromptRef, VersionRef};
use super::registry::{Registry, UnknownPrompt, unchanged};

/// How a version stands after a change of the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whether the lock was written; else it said so before.
    pub written: bool,
    /// The line of the lock that says so.
    pub line: String,
    /// Whether the version is retired.
    pub retired: bool,
    /// The version that `@latest` means now.
    pub latest: Option<PromptId>,
}

/// Why the lock was left as it was.
#[derive(Debug, thiserror::Error)]
pub enum NotChanged {
    /// There is no such version.
    #[error(transparent)]
    Unknown(#[from] UnknownPrompt),
    /// The version or the lock has faults.
    #[error("the lock was left as it was")]
    Faults(Vec<PromptProblem>),
    /// The folder can't be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Releases a version: from now on it never changes.
///
/// # Errors
/// When there is no such version, when it or the lock has faults, when it was
/// released with another content, or when the lock can't be written.
pub fn release(dir: &Path, id: &PromptId) -> Result<Change, NotChanged> {
    let desk = Desk::open(dir)?;
    let prompt = desk.prompt(id)?;
    if let Some(released) = desk.lock.released.get(id) {
        let retired = released.retired;
        unchanged(id, prompt.sha256(), &desk.lock).map_err(|problem| desk.changed(id, problem))?;
        return Ok(desk.as_it_was(id, lock_line(id, prompt.sha256()), retired));
    }
    let errors = lint(std::iter::once(&prompt)).errors;
    if !errors.is_empty() {
        return Err(NotChanged::Faults(errors));
    }
    let text = with_released(&desk.text, id, prompt.sha256());
    desk.write(id, &text, lock_line(id, prompt.sha256()), false)
}

/// Takes a released version out of `@latest`; who pins it still gets it.
///
/// # Errors
/// When there is no such version, when it was never released, when the lock
/// has faults or can't be written.
pub fn retire(dir: &Path, id: &PromptId) -> Result<Change, NotChanged> {
    let desk = Desk::open(dir)?;
    let line = retired_line(id);
    let Some(released) = desk.lock.released.get(id) else {
        desk.prompt(id)?;
        return Err(NotChanged::Faults(vec![PromptProblem::new(
            id.file(),
            None,
            "this is a draft, which @latest never picks",
            "there is nothing to retire: remove the file if it is no longer wanted",
        )]));
    };
    if released.retired {
        return Ok(desk.as_it_was(id, line, true));
    }
    let text = with_retired(&desk.text, released, id);
    desk.write(id, &text, line, true)
}

/// A folder with its lock held.
struct Desk {
    replacement: Replacement,
    files: Files,
    text: String,
    lock: Lock,
}

impl Desk {
    fn open(dir: &Path) -> Result<Self, NotChanged> {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", dir.display()));
        let root = dir.canonicalize().map_err(named)?;
        let replacement = Replacement::begin(&root)?;
        let (files, mut problems) = folder::read(&root);
        // What is wrong with other prompts is for `check` to say.
        problems.retain(|problem| [".", LOCK_FILE].contains(&problem.file.as_str()));
        let text = String::from_utf8_lossy(&files.lock).into_owned();
        let (lock, found) = lock::parse(&text);
        problems.extend(found);
        if problems.is_empty() {
            Ok(Self { replacement, files, text, lock })
        } else {
            Err(NotChanged::Faults(problems))
        }
    }

    /// The version, whatever the lock says of it.
    fn prompt(&self, id: &PromptId) -> Result<Prompt, NotChanged> {
        let file = self.files.prompts.iter().find(|(known, _)| known == id);
        let Some((_, bytes)) = file else {
            // The registry knows what there is instead.
            self.registry(&self.text).get(&PromptRef::from(id.clone()))?;
            return Err(io::Error::other(format!("{}: there is no such file", id.file())).into());
        };
        Prompt::read(id.clone(), bytes).map_err(NotChanged::Faults)
    }

    /// The problem of a released version that has changed, with a name for the
    /// new one.
    fn changed(&self, id: &PromptId, problem: PromptProblem) -> NotChanged {
        let versions = self.files.prompts.iter().filter(|(known, _)| known.name == id.name);
        let last = versions.map(|(known, _)| known.version).max().unwrap_or(id.version);
        let next = PromptId { name: id.name.clone(), version: last.saturating_add(1) };
        let remedy = format!("{}; the next free one is {}", problem.remedy, next.file());
        NotChanged::Faults(vec![PromptProblem { remedy, ..problem }])
    }

    fn registry(&self, lock: &str) -> Registry {
        let files = Files { prompts: self.files.prompts.clone(), lock: lock.into() };
        Registry::build(files, Vec::new()).unwrap_or_else(|(registry, _)| registry)
    }

    fn latest(&self, id: &PromptId, lock: &str) -> Option<PromptId> {
        let wanted = PromptRef { name: id.name.clone(), version: VersionRef::Latest };
        self.registry(lock).get(&wanted).ok().map(|prompt| prompt.id().clone())
    }

    fn as_it_was(&self, id: &PromptId, line: String, retired: bool) -> Change {
        let latest = self.latest(id, &self.text);
        Change { written: false, line, retired, latest }
    }

    fn write(
        self,
        id: &PromptId,
        text: &str,
        line: String,
        retired: bool,
    ) -> Result<Change, NotChanged> {
        let latest = self.latest(id, text);
        self.replacement.finish(text)?;
        Ok(Change { written: true, line, retired, latest })
    }
}

#[cfg(test)]
mod tests;
