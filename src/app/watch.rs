//! Notices that the configuration or the prompts may have changed.
//!
//! The system's notifications only say when to look: what counts is the
//! content, so that a touched file or a log beside it reloads nothing.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// More of a file than this is not looked at.
const MAX_BYTES: u64 = 1 << 20;

/// A hash of everything that a reload would read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint(blake3::Hash);

impl Fingerprint {
    pub fn of(config: &Path, prompts: Option<&Path>) -> Self {
        let mut hasher = blake3::Hasher::new();
        add_file(&mut hasher, config);
        // Prompts are one folder deep.
        for entry in prompts.map(entries).unwrap_or_default() {
            if entry.is_dir() {
                for file in entries(&entry) {
                    add_file(&mut hasher, &file);
                }
            } else {
                add_file(&mut hasher, &entry);
            }
        }
        Self(hasher.finalize())
    }
}

fn add_file(hasher: &mut blake3::Hasher, path: &Path) {
    hasher.update(path.as_os_str().as_encoded_bytes());
    let mut content = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut content));
    // Whether it can be read is part of what is seen.
    hasher.update(&[u8::from(read.is_ok())]);
    hasher.update(&(content.len() as u64).to_le_bytes());
    hasher.update(&content);
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    entries.sort_unstable();
    entries
}

/// Notifications of one set of folders.
pub(super) struct Watch {
    /// Ends the notifications when it is dropped.
    _watcher: Option<RecommendedWatcher>,
    events: mpsc::Receiver<()>,
}

impl Watch {
    /// Watches the folders of the file and of the prompts: an editor replaces
    /// files, and a sync tool the link to the whole folder.
    pub fn start(config: &Path, prompts: Option<PathBuf>) -> Self {
        let (sender, events) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |_| {
            // Full means that a change is to be looked at already.
            let _ = sender.try_send(());
        });
        let mut watcher = match watcher {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                tracing::debug!(%error, "no notifications of changed files");
                None
            }
        };
        let mut watch = |folder: &Path| {
            if let Some(watcher) = &mut watcher
                && let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive)
            {
                tracing::debug!(%error, "no notifications of changes in a folder");
            }
        };
        watch(parent(config));
        if let Some(prompts) = prompts {
            watch(parent(&prompts));
            watch(&prompts);
            entries(&prompts).iter().filter(|entry| entry.is_dir()).for_each(|dir| watch(dir));
        }
        Self { _watcher: watcher, events }
    }

    /// Waits for a change and then until nothing has changed for `quiet`; at
    /// most for `patience`.
    pub async fn changed(&mut self, quiet: Duration, patience: Duration) {
        let noticed = timeout(patience, self.events.recv()).await;
        // Without a watcher there are no events to wait for.
        if matches!(noticed, Ok(None)) {
            sleep(patience).await;
            return;
        }
        if noticed.is_ok() {
            while matches!(timeout(quiet, self.events.recv()).await, Ok(Some(()))) {}
        }
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_content_names_and_swapped_folders() {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("rankgate.toml");
        std::fs::write(&config, "a").unwrap();
        for set in ["one", "two"] {
            std::fs::create_dir_all(dir.path().join(set).join("p")).unwrap();
            std::fs::write(dir.path().join(set).join("p/v1.md"), set).unwrap();
        }
        let link = dir.path().join("prompts");
        std::os::unix::fs::symlink("one", &link).unwrap();
        let mut seen = vec![Fingerprint::of(&config, Some(&link))];
        let mut look = || {
            let now = Fingerprint::of(&config, Some(&link));
            let new = seen.last() != Some(&now);
            seen.push(now);
            new
        };
        assert!(!look(), "nothing has changed");
        std::fs::write(&config, "b").unwrap();
        assert!(look(), "the file");
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("two", &link).unwrap();
        assert!(look(), "the folder");
        std::fs::rename(link.join("p/v1.md"), link.join("p/v2.md")).unwrap();
        assert!(look(), "a name");
    }
}
