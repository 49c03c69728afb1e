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

/// Space that has to be free before anything is written. The engine maps files
/// with holes into memory: where the disk has no room for a hole that is
/// written to, the system ends the process.
const LEAST_FREE: u64 = 256 << 20;

/// Refuses to write where the disk is nearly full.
pub(super) fn check_space(folder: &Path) -> Result<(), EngineError> {
    check_free(folder, LEAST_FREE)
}

fn check_free(folder: &Path, least: u64) -> Result<(), EngineError> {
    let free = fs4::available_space(folder).map_err(io(folder))?;
    if free >= least {
        return Ok(());
    }
    let (free, least) = (free >> 20, least >> 20);
    let problem = format!(
        "nothing is written while less than {least} MiB of the disk are free, and it has {free}: \
         make room; what is stored stays searchable"
    );
    Err(io(folder)(std::io::Error::new(std::io::ErrorKind::StorageFull, problem)))
}

/// For `map_err`: the error with its path.
pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> EngineError + '_ {
    move |source| EngineError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_nearly_full_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        check_free(folder.path(), 0).unwrap();
        let error = check_free(folder.path(), u64::MAX).unwrap_err().to_string();
        assert!(error.contains("make room") && error.contains("MiB"), "{error}");
        let gone = folder.path().join("gone");
        assert!(matches!(check_space(&gone), Err(EngineError::Io { .. })));
    }

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
