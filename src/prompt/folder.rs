//! Reads a prompts folder into memory, once, so that a load sees one set.
//!
//! The folder itself may be a link that is swapped whole. Links below it may
//! lead anywhere within it, as those of a mounted volume do, and nowhere
//! else: who may put files there is not to reach the rest of the disk. Only
//! plain files are opened, and of each only so much: a pipe would wait for its
//! writer, and a device may never end.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

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
    let names = dir.canonicalize().and_then(|root| Ok((sorted_names(&root)?, root)));
    let (names, root) = match names {
        Ok(found) => found,
        Err(error) => {
            let problem = PromptProblem::new(
                ".",
                None,
                format!("the folder can't be read: {error}"),
                "create it, or name another one as prompts.dir",
            );
            return (Files::default(), vec![problem]);
        }
    };
    let mut reading = Reading { root, files: Files::default(), problems: Vec::new() };
    for name in names {
        reading.entry(&name);
    }
    (reading.files, reading.problems)
}

/// What [`read`] makes of a folder, in short: as long as it is the same, so is
/// what is loaded, faults included.
pub(super) fn digest(dir: &Path) -> blake3::Hash {
    let (files, problems) = read(dir);
    let mut hasher = blake3::Hasher::new();
    let mut add = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    for (id, bytes) in &files.prompts {
        add(id.file().as_bytes());
        add(bytes);
    }
    add(&files.lock);
    for problem in &problems {
        add(problem.to_string().as_bytes());
    }
    hasher.finalize()
}

/// A folder being read.
struct Reading {
    /// Without a link in its path.
    root: PathBuf,
    files: Files,
    problems: Vec<PromptProblem>,
}

impl Reading {
    /// An entry of the folder: the lock, a prompt, or something else.
    fn entry(&mut self, name: &str) {
        let path = self.root.join(name);
        if name == LOCK_FILE {
            match self.file(&path) {
                Ok(bytes) => self.files.lock = bytes,
                Err(why) => self.problems.push(why.of(name)),
            }
        } else if !name.starts_with('.') && path.is_dir() {
            let versions = self.within(&path).and_then(|folder| {
                let names = sorted_names(&folder)?;
                Ok((folder, names))
            });
            match versions {
                Ok((folder, names)) => self.versions(name, &folder, names),
                Err(why) => self.problems.push(why.of(name)),
            }
        }
    }

    /// Reads the versions of one prompt.
    fn versions(&mut self, name: &str, folder: &Path, entries: Vec<String>) {
        for entry in entries {
            // What editors leave behind, and notes on the prompt, are not prompts.
            let is_text = Path::new(&entry).extension().is_some_and(|extension| extension == "md");
            if !is_text || entry.starts_with('.') || entry == "README.md" {
                continue;
            }
            let path = format!("{name}/{entry}");
            let Some(id) = id_of(&path) else {
                self.problems.push(PromptProblem::new(
                    path,
                    None,
                    "this is not the name of a prompt file",
                    "name it name/vN.md: a name of a-z, 0-9 and hyphens, and a number from 1",
                ));
                continue;
            };
            match self.file(&folder.join(&entry)) {
                Ok(bytes) => self.files.prompts.push((id, bytes)),
                Err(why) => self.problems.push(why.of(&path)),
            }
        }
    }

    /// The content of a plain file of the folder.
    fn file(&self, path: &Path) -> Result<Vec<u8>, Unusable> {
        let path = self.within(path)?;
        // Looked at before it is opened: that alone can hang.
        if !fs::metadata(&path)?.is_file() {
            return Err(Unusable::NoPlainFile);
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(Unusable::TooLarge);
        }
        Ok(bytes)
    }

    /// Where a path leads in the end, if that is in the folder.
    fn within(&self, path: &Path) -> Result<PathBuf, Unusable> {
        let path = path.canonicalize()?;
        if path.starts_with(&self.root) { Ok(path) } else { Err(Unusable::Outside) }
    }
}

/// Why something in the folder isn't read.
enum Unusable {
    Outside,
    NoPlainFile,
    TooLarge,
    Io(io::Error),
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Unusable {
    /// The problem of this file or folder.
    fn of(&self, file: &str) -> PromptProblem {
        let (reason, remedy) = match self {
            Self::Outside => (
                "this link leads out of the prompts folder".to_owned(),
                "put the file itself there; links within the folder may stay, and the folder as \
                 a whole may be a link",
            ),
            Self::NoPlainFile => (
                "this is no plain file".to_owned(),
                "put a text file there, or remove it: pipes, devices and folders are not read",
            ),
            Self::TooLarge => (
                format!("the file is larger than {MAX_FILE_BYTES} bytes"),
                "shorten it, or remove it",
            ),
            Self::Io(error) => (
                format!("the file can't be read: {error}"),
                "make it readable for the user that the gateway runs as, or remove it",
            ),
        };
        PromptProblem::new(file, None, reason, remedy)
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
