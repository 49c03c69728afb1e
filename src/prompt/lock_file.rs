//! The lock on the disk: replaced as a whole, by one writer at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::lock::LOCK_FILE;

/// A lock about to be replaced. While it exists nobody else can replace it;
/// one that is dropped leaves everything as it was.
#[derive(Debug)]
pub(super) struct Replacement {
    target: PathBuf,
    path: PathBuf,
    file: File,
    finished: bool,
}

impl Replacement {
    /// Opens the file that is to take the place of the lock in `folder`, whose
    /// path has no links. Only what is read after this may be written.
    pub fn begin(folder: &Path) -> io::Result<Self> {
        let target = folder.join(LOCK_FILE);
        // A link to the lock stays a link.
        let target = target.canonicalize().unwrap_or(target);
        if !target.starts_with(folder) {
            return Err(io::Error::other(format!(
                "{}: this link leads out of the prompts folder; put the lock itself there",
                folder.join(LOCK_FILE).display()
            )));
        }
        let path = target.with_file_name(format!(".{LOCK_FILE}.new"));
        let file =
            OpenOptions::new().write(true).create_new(true).open(&path).map_err(|error| {
                let why = match error.kind() {
                io::ErrorKind::AlreadyExists => {
                    "it is there already: another release is under way, or one was interrupted; \
                     if none is, remove it"
                        .to_owned()
                }
                _ => error.to_string(),
            };
                io::Error::new(error.kind(), format!("{}: {why}", path.display()))
            })?;
        Ok(Self { target, path, file, finished: false })
    }

    /// Puts `text` in the lock's place, all at once.
    pub fn finish(mut self, text: &str) -> io::Result<()> {
        self.write(text).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", self.target.display()))
        })
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())?;
        if let Ok(before) = fs::metadata(&self.target) {
            self.file.set_permissions(before.permissions())?;
        }
        self.file.sync_all()?;
        fs::rename(&self.path, &self.target)?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // After the renaming it may be somebody else's.
        if !self.finished {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn names(dir: &TempDir) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn one_writer_at_a_time_and_nothing_is_left_behind() {
        let dir = TempDir::new().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let first = Replacement::begin(&root).unwrap();
        let error = Replacement::begin(&root).unwrap_err().to_string();
        assert!(error.contains(".prompts.lock.new") && error.contains("remove it"), "{error}");
        drop(first);
        assert_eq!(names(&dir), [""; 0]);
        Replacement::begin(&root).unwrap().finish("one\n").unwrap();
        Replacement::begin(&root).unwrap().finish("two\n").unwrap();
        assert_eq!(names(&dir), [LOCK_FILE]);
        assert_eq!(fs::read_to_string(dir.path().join(LOCK_FILE)).unwrap(), "two\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = TempDir::new().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let real = root.join("..data/lock");
        fs::create_dir(root.join("..data")).unwrap();
        fs::write(&real, "one\n").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("..data/lock", root.join(LOCK_FILE)).unwrap();
        Replacement::begin(&root).unwrap().finish("two\n").unwrap();
        assert!(root.join(LOCK_FILE).is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "two\n");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_where_a_link_leads_out() {
        let (dir, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let root = dir.path().canonicalize().unwrap();
        let real = elsewhere.path().join("lock");
        fs::write(&real, "one\n").unwrap();
        std::os::unix::fs::symlink(&real, root.join(LOCK_FILE)).unwrap();
        let error = Replacement::begin(&root).unwrap_err().to_string();
        assert!(error.contains("leads out of the prompts folder"), "{error}");
        assert_eq!(names(&elsewhere), ["lock"]);
        assert_eq!(fs::read_to_string(&real).unwrap(), "one\n");
    }
}
