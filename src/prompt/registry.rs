//! All prompts of one load: immutable, and replaced as a whole.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::file::{Prompt, PromptInfo, PromptStatus, sha256};
use super::folder::{self, Files};
use super::lint::{Findings, lint};
use super::lock::{self, LOCK_FILE, Lock, lock_line};
use super::problem::{InvalidPrompts, PromptProblem};
use super::reference::{PromptRef, VersionRef};
use super::{PromptId, builtin};

/// The prompts that can be asked for.
#[derive(Debug, Default)]
pub struct Registry {
    prompts: BTreeMap<String, BTreeMap<u32, Arc<Prompt>>>,
}

/// What a check of a folder found.
#[derive(Clone, Debug, Serialize)]
pub struct FolderCheck {
    /// The prompts that are right.
    pub prompts: Vec<PromptInfo>,
    /// Everything that has to be mended; empty where the folder can be served
    /// and its drafts can be released.
    pub problems: Vec<PromptProblem>,
    /// What could be better.
    pub warnings: Vec<PromptProblem>,
    /// Lines that release the drafts when they are appended to the lock.
    pub lines_to_release: Vec<String>,
}

impl Registry {
    /// Loads a folder, all or nothing.
    ///
    /// # Errors
    /// With every fault of every file.
    pub fn load(dir: &Path) -> Result<Self, InvalidPrompts> {
        let (files, problems) = folder::read(dir);
        Self::build(files, problems)
            .map_err(|(_, problems)| InvalidPrompts { folder: dir.to_owned(), problems })
    }

    /// What a load of a folder depends on, in short: as long as this is the
    /// same, a load has the same result, faults included.
    #[must_use]
    pub fn digest(dir: &Path) -> blake3::Hash {
        folder::digest(dir)
    }

    /// The prompts that the binary carries, for where there is no folder.
    ///
    /// # Errors
    /// When the binary was built from prompts that don't check.
    pub fn builtin() -> Result<Self, InvalidPrompts> {
        Self::build(builtin::files(), Vec::new())
            .map_err(|(_, problems)| InvalidPrompts { folder: "(built in)".into(), problems })
    }

    /// What is right in a folder, and everything that is wrong with the rest:
    /// for those who work on its prompts.
    #[must_use]
    pub fn survey(dir: &Path) -> (Self, Vec<PromptProblem>) {
        let (files, problems) = folder::read(dir);
        match Self::build(files, problems) {
            Ok(registry) => (registry, Vec::new()),
            Err(found) => found,
        }
    }

    /// Looks for faults in a folder without using it, and for what could be
    /// better.
    #[must_use]
    pub fn check(dir: &Path) -> FolderCheck {
        let (registry, mut problems) = Self::survey(dir);
        let Findings { errors, warnings } = lint(registry.iter().map(AsRef::as_ref));
        let releasable = |prompt: &&Arc<Prompt>| {
            let file = prompt.id().file();
            prompt.status() == PromptStatus::Draft && errors.iter().all(|error| error.file != file)
        };
        let lines_to_release = registry.iter().filter(releasable);
        let lines_to_release = lines_to_release.map(|p| lock_line(p.id(), p.sha256())).collect();
        problems.extend(errors);
        FolderCheck { prompts: registry.list(), problems, warnings, lines_to_release }
    }

    /// Reads every file; on faults, what is right comes back with them.
    pub(super) fn build(
        files: Files,
        mut problems: Vec<PromptProblem>,
    ) -> Result<Self, (Self, Vec<PromptProblem>)> {
        let lock_text = String::from_utf8_lossy(&files.lock);
        let (lock, found) = lock::parse(&lock_text);
        problems.extend(found);
        problems.extend(gone(&lock, &files));
        let mut registry = Self::default();
        for (id, bytes) in files.prompts {
            // First: whatever else is wrong with a changed file, it is to be restored.
            let read = unchanged(&id, &sha256(&bytes), &lock)
                .map_err(|problem| vec![problem])
                .and_then(|()| Prompt::read(id, &bytes));
            match read.map(|prompt| by_lock(prompt, &lock)) {
                Ok(prompt) => {
                    let PromptId { name, version } = prompt.id().clone();
                    registry.prompts.entry(name).or_default().insert(version, Arc::new(prompt));
                }
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() { Ok(registry) } else { Err((registry, problems)) }
    }

    /// The prompt that a reference means.
    ///
    /// # Errors
    /// When there is none; the error lists what there is.
    pub fn get(&self, wanted: &PromptRef) -> Result<Arc<Prompt>, UnknownPrompt> {
        let versions = self.prompts.get(&wanted.name);
        let found = versions.and_then(|versions| match wanted.version {
            VersionRef::Pinned(version) => versions.get(&version),
            VersionRef::Latest => {
                versions.values().rfind(|prompt| prompt.status() == PromptStatus::Released)
            }
        });
        found.cloned().ok_or_else(|| UnknownPrompt {
            wanted: wanted.to_string(),
            known: match versions {
                Some(versions) => listed(versions.values()),
                None => listed(self.iter()),
            },
            latest: wanted.version == VersionRef::Latest && versions.is_some(),
        })
    }

    /// All prompts, by name and version.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Prompt>> {
        self.prompts.values().flat_map(BTreeMap::values)
    }

    /// All prompts as lists show them.
    #[must_use]
    pub fn list(&self) -> Vec<PromptInfo> {
        self.iter().map(|prompt| prompt.info()).collect()
    }
}

/// No such prompt is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPrompt {
    wanted: String,
    known: String,
    latest: bool,
}

impl std::error::Error for UnknownPrompt {}

impl std::fmt::Display for UnknownPrompt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { wanted, known, latest } = self;
        let known = if known.is_empty() { "none" } else { known };
        if *latest {
            write!(
                f,
                "\"{wanted}\" means a released prompt that is not retired; there are: {known}"
            )
        } else {
            write!(f, "there is no prompt \"{wanted}\"; there are: {known}")
        }
    }
}

fn listed<'a>(prompts: impl Iterator<Item = &'a Arc<Prompt>>) -> String {
    let names: Vec<String> = prompts
        .map(|prompt| match prompt.status() {
            PromptStatus::Released => prompt.id().to_string(),
            PromptStatus::Draft => format!("{} (draft)", prompt.id()),
            PromptStatus::Retired => format!("{} (retired)", prompt.id()),
        })
        .collect();
    names.join(", ")
}

/// Gives a prompt the status that the lock says.
fn by_lock(prompt: Prompt, lock: &Lock) -> Prompt {
    match lock.released.get(prompt.id()) {
        None => prompt,
        Some(released) if released.retired => prompt.with_status(PromptStatus::Retired),
        Some(_) => prompt.with_status(PromptStatus::Released),
    }
}

/// Makes sure that a file with this hash is what was released, if it was.
pub(super) fn unchanged(id: &PromptId, sha256: &str, lock: &Lock) -> Result<(), PromptProblem> {
    let Some(released) = lock.released.get(id) else { return Ok(()) };
    if released.sha256 == sha256 {
        return Ok(());
    }
    let [was, is] = [&released.sha256[..12], &sha256[..12]];
    Err(PromptProblem::new(
        id.file(),
        None,
        format!(
            "this version is released and its content has changed (the lock's line {} has {was}…, \
             the file {is}…)",
            released.line
        ),
        format!(
            "restore the file and put the change into a new version; if nobody changed it, look at \
             its line endings, which {LOCK_FILE} covers too"
        ),
    ))
}

/// Released versions without a file.
fn gone(lock: &Lock, files: &Files) -> Vec<PromptProblem> {
    lock.released
        .iter()
        .filter(|(id, _)| !files.prompts.iter().any(|(present, _)| present == *id))
        .map(|(id, released)| {
            PromptProblem::new(
                LOCK_FILE,
                released.line,
                format!("{} is released and can't be read", id.file()),
                "restore the file; a version that is no longer wanted is retired, not removed",
            )
        })
        .collect()
}
