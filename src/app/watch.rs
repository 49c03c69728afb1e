//! Notices that the configuration or the prompts may have changed.
//!
//! The system's notifications only say when to look: what counts is the
//! content, so that a touched file or a log beside it reloads nothing.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::prompt::Registry;

/// More of a configuration than this is not looked at.
const MAX_BYTES: u64 = 1 << 20;

/// Hashes of everything that a reload would read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    config: blake3::Hash,
    /// None where the prompts of the program are used.
    pub prompts: Option<blake3::Hash>,
}

impl Fingerprint {
    /// Reads the files.
    pub fn of(config: &Path, prompts: Option<&Path>) -> Self {
        Self { config: digest(config), prompts: prompts.map(Registry::digest) }
    }
}

fn digest(file: &Path) -> blake3::Hash {
    let mut content = Vec::new();
    let read = File::open(file).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut content));
    // Whether it can be read is part of what is seen.
    blake3::Hasher::new().update(&[u8::from(read.is_ok())]).update(&content).finalize()
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
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| !may_change(event.kind)) {
                return;
            }
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

    /// Waits for a change and then until nothing has changed for `quiet`, at
    /// most for `patience` in all: a folder may have a file that never rests.
    /// Whether something has changed and is quiet now.
    pub async fn changed(&mut self, quiet: Duration, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        match timeout_at(until, self.events.recv()).await {
            Ok(Some(())) => {}
            Ok(None) => {
                // Without a watcher there are no events to wait for.
                sleep_until(until).await;
                return false;
            }
            Err(_) => return false,
        }
        while Instant::now() < until {
            if !matches!(timeout(quiet, self.events.recv()).await, Ok(Some(()))) {
                return true;
            }
        }
        false
    }
}

/// Whether files may be others after this: not when somebody reads them, as we
/// do after each event.
const fn may_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => matches!(access, AccessKind::Close(AccessMode::Write)),
        _ => true,
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
    use notify::event::{CreateKind, ModifyKind, RemoveKind};
    use test_case::test_case;

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
        std::fs::write(link.join("p/README.md"), "notes").unwrap();
        std::fs::write(link.join("p/v2.md~"), "an editor's").unwrap();
        assert!(!look(), "what no load reads");
        std::fs::write(link.join("prompts.lock"), "rubbish").unwrap();
        assert!(look(), "the lock");
    }

    #[test_case(EventKind::Access(AccessKind::Open(AccessMode::Any)), false ; "opened")]
    #[test_case(EventKind::Access(AccessKind::Read), false ; "read")]
    #[test_case(EventKind::Access(AccessKind::Close(AccessMode::Read)), false ; "read to the end")]
    #[test_case(EventKind::Access(AccessKind::Close(AccessMode::Write)), true ; "written to the end")]
    #[test_case(EventKind::Create(CreateKind::File), true ; "made")]
    #[test_case(EventKind::Modify(ModifyKind::Any), true ; "written")]
    #[test_case(EventKind::Remove(RemoveKind::Any), true ; "removed")]
    #[test_case(EventKind::Any, true ; "unknown")]
    fn reading_is_no_change(kind: EventKind, expected: bool) {
        assert_eq!(may_change(kind), expected);
    }

    /// Never reached where the test has to pass.
    const LONG: Duration = Duration::from_mins(1);
    const SHORT: Duration = Duration::from_millis(5);

    #[tokio::test]
    async fn a_change_counts_once_it_is_quiet_and_a_restless_folder_in_the_end() {
        let (sender, events) = mpsc::channel(1);
        let mut watch = Watch { _watcher: None, events };
        sender.send(()).await.unwrap();
        assert!(watch.changed(SHORT, LONG).await, "one change and then nothing");
        assert!(!watch.changed(LONG, SHORT).await, "no change");
        tokio::spawn(async move { while sender.send(()).await.is_ok() {} });
        let never_quiet = timeout(LONG, watch.changed(LONG, SHORT)).await;
        assert_eq!(never_quiet.ok(), Some(false), "patience ends");
    }

    #[tokio::test]
    async fn without_notifications_files_are_looked_at_now_and_then() {
        let (_, events) = mpsc::channel(1);
        assert!(!Watch { _watcher: None, events }.changed(SHORT, SHORT).await);
    }
}
