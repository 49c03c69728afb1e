//! Reads a prompts folder into memory, once, so that a load sees one set.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::PromptId;
use super::lock::{LOCK_FILE, id_of};
use super::problem::PromptProblem;

/// Largest prompt file and lock in bytes.
pub const MAX_FILE_BYTES: u64 = 256 * 1024;

/// The files of one load.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Prompt files in no particular order.
    pub prompts: Vec<(PromptId, Vec<u8>)>,
    /// The lock; empty where there is none.
    pub lock: Vec<u8>,
}

/// Reads the folder behind `dir`. A symlink is followed once, at the start: a
/// swap in the middle of a load doesn't mix two sets.
pub(super) fn read(dir: &Path) -> (Files, Vec<PromptProblem>) {
    let mut files = Files::default();
    let mut problems = Vec::new();
    let names = dir.canonicalize().and_then(|root| Ok((sorted_names(&root)?, root)));
    let (names, root) = match names {
        Ok(found) => found,
        Err(error) => {
            problems.push(PromptProblem::new(
                ".",
                None,
                format!("the folder can't be read: {error}"),
                "create it, or name another one as prompts.dir",
            ));
            return (files, problems);
        }
    };
    for name in names {
        if name == LOCK_FILE {
            match bounded(&root.join(&name)) {
                Ok(bytes) => files.lock = bytes,
                Err(error) => problems.push(unreadable(&name, &error)),
            }
        } else if !name.starts_with('.') && root.join(&name).is_dir() {
            read_prompt(&root, &name, &mut files, &mut problems);
        }
    }
    (files, problems)
}

/// Reads the versions of one prompt.
fn read_prompt(root: &Path, name: &str, files: &mut Files, problems: &mut Vec<PromptProblem>) {
    let folder = root.join(name);
    let entries = match sorted_names(&folder) {
        Ok(entries) => entries,
        Err(error) => return problems.push(unreadable(name, &error)),
    };
    for entry in entries {
        // What editors leave behind, and notes on the prompt, are not prompts.
        let is_text = Path::new(&entry).extension().is_some_and(|extension| extension == "md");
        if !is_text || entry.starts_with('.') || entry == "README.md" {
            continue;
        }
        let path = format!("{name}/{entry}");
        let Some(id) = id_of(&path) else {
            problems.push(PromptProblem::new(
                path,
                None,
                "this is not the name of a prompt file",
                "name it name/vN.md: a name of a-z, 0-9 and hyphens, and a number from 1",
            ));
            continue;
        };
        match bounded(&folder.join(&entry)) {
            Ok(bytes) => files.prompts.push((id, bytes)),
            Err(error) => problems.push(unreadable(&id.file(), &error)),
        }
    }
}

/// Names in a folder. One that isn't UTF-8 is shown as nearly as it can be and
/// is then no valid prompt name.
fn sorted_names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}

fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other(format!("it is larger than {MAX_FILE_BYTES} bytes")));
    }
    Ok(bytes)
}

fn unreadable(file: &str, error: &io::Error) -> PromptProblem {
    PromptProblem::new(
        file,
        None,
        format!("the file can't be used: {error}"),
        "make it a readable file of reasonable size, or remove it",
    )
}
