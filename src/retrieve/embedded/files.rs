//! The folder's lock and files that are either old or new, never half.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::Path;

use super::EngineError;

/// Name of the lock file in the data folder.
const LOCK: &str = ".lock";

/// Held for the life of an engine: the system gives it back when the process
/// ends, however it ends.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Makes the folder if need be and takes its lock.
    pub(super) fn take(data_dir: &Path) -> Result<Self, EngineError> {
        fs::create_dir_all(data_dir).map_err(io(data_dir))?;
        let path = data_dir.join(LOCK);
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(EngineError::InUse { data_dir: data_dir.to_owned() })
            }
            Err(TryLockError::Error(source)) => Err(EngineError::Io { path, source }),
        }
    }
}

/// Puts `contents` into the place of the file at `path`. After a crash or a
/// loss of power the file is the old or the new one.
pub(super) fn replace(path: &Path, contents: &[u8]) -> Result<(), EngineError> {
    let part = path.with_extension("part");
    let mut file = File::create(&part).map_err(io(&part))?;
    file.write_all(contents).and_then(|()| file.sync_all()).map_err(io(&part))?;
    fs::rename(&part, path).map_err(io(path))?;
    match path.parent() {
        // The rename itself is only safe once the folder is.
        Some(folder) => File::open(folder).and_then(|it| it.sync_all()).map_err(io(folder)),
        None => Ok(()),
    }
}

/// For `map_err`: the error with its path.
pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> EngineError + '_ {
    move |source| EngineError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("made/on/demand");
        let first = FolderLock::take(&data_dir).unwrap();
        let error = FolderLock::take(&data_dir).unwrap_err();
        assert!(matches!(error, EngineError::InUse { .. }));
        assert!(error.to_string().contains("in use by another rankgate process"));
        drop(first);
        FolderLock::take(&data_dir).unwrap();
    }

    #[test]
    fn replacing_leaves_one_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        replace(&path, b"old").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
