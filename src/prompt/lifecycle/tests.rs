use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::super::PromptStatus;
use super::*;

const BODY: &str = "{% block system %}s{% endblock %}{% block user %}{{ query }}\
    {% for p in passages %}{{ nonce }} [{{ p.label }}] {{ p.text }}{% endfor %}{% endblock %}\n";

fn folder(files: &[&str]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for file in files {
        write(&dir, file, &text("first"));
    }
    dir
}

fn text(summary: &str) -> String {
    format!("+++\ntask = \"rerank.listwise\"\nsummary = \"{summary}\"\n+++\n{BODY}")
}

fn write(dir: &TempDir, file: &str, text: &str) {
    let path = dir.path().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn id(text: &str) -> PromptId {
    let (name, version) = text.split_once("@v").unwrap();
    PromptId { name: name.into(), version: version.parse().unwrap() }
}

fn lock(dir: &TempDir) -> String {
    fs::read_to_string(dir.path().join(LOCK_FILE)).unwrap_or_default()
}

fn status(dir: &TempDir, wanted: &str) -> PromptStatus {
    Registry::load(dir.path()).unwrap().get(&wanted.parse().unwrap()).unwrap().status()
}

/// What is wrong, in one text; fails where the lock was changed.
fn faults(dir: &TempDir, change: impl FnOnce() -> Result<Change, NotChanged>) -> String {
    let before = lock(dir);
    let Err(NotChanged::Faults(problems)) = change() else { panic!("no faults") };
    assert_eq!(lock(dir), before);
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn sha256sum_agrees(dir: &TempDir) -> bool {
    let mut command = Command::new("sha256sum");
    command.args(["--check", "--strict", "--status", LOCK_FILE]).current_dir(dir.path());
    command.status().unwrap().success()
}

#[test]
fn a_release_is_one_line_more_and_makes_a_latest() {
    let dir = folder(&["b/v1.md", "a/v1.md", "a/v2.md"]);
    for (wanted, latest) in [("b@v1", "b@v1"), ("a@v2", "a@v2"), ("a@v1", "a@v2")] {
        let change = release(dir.path(), &id(wanted)).unwrap();
        assert_eq!((change.written, change.latest), (true, Some(id(latest))));
        assert!(lock(&dir).contains(&change.line));
        assert_eq!(status(&dir, wanted), PromptStatus::Released);
    }
    let lock = lock(&dir);
    let files: Vec<_> = lock.lines().map(|line| &line[66..]).collect();
    assert_eq!(files, ["a/v1.md", "a/v2.md", "b/v1.md"]);
    assert!(sha256sum_agrees(&dir));
}

#[test]
fn a_second_release_changes_nothing() {
    let dir = folder(&["a/v1.md"]);
    let first = release(dir.path(), &id("a@v1")).unwrap();
    let before = lock(&dir);
    let second = release(dir.path(), &id("a@v1")).unwrap();
    assert_eq!(second, Change { written: false, ..first });
    assert_eq!(lock(&dir), before);
}

#[test]
fn what_was_released_with_another_content_is_refused() {
    let dir = folder(&["a/v1.md", "a/v2.md"]);
    release(dir.path(), &id("a@v1")).unwrap();
    write(&dir, "a/v1.md", &text("second"));
    let found = faults(&dir, || release(dir.path(), &id("a@v1")));
    assert!(found.contains("a/v1.md: this version is released"), "{found}");
    assert!(found.contains("the next free one is a/v3.md"), "{found}");
    assert_eq!(release(dir.path(), &id("a@v2")).unwrap().latest, Some(id("a@v2")));
}

#[test]
fn what_does_not_check_is_refused() {
    let dir = folder(&["a/v1.md", "b/v1.md"]);
    write(&dir, "a/v1.md", &text("first").replace("query", "qery"));
    let found = faults(&dir, || release(dir.path(), &id("a@v1")));
    assert!(found.contains("a/v1.md:5: there is no variable qery"), "{found}");
    write(&dir, "a/v1.md", &text("first").replace("p.label", "loop.index"));
    let found = faults(&dir, || release(dir.path(), &id("a@v1")));
    assert!(found.contains("[order-label]"), "{found}");
    // The other one has nothing to do with it.
    release(dir.path(), &id("b@v1")).unwrap();
    write(&dir, LOCK_FILE, "rubbish\n");
    let found = faults(&dir, || release(dir.path(), &id("b@v1")));
    assert!(found.contains("prompts.lock:1: "), "{found}");
}

#[test]
fn what_is_retired_is_pinned_and_no_longer_the_latest() {
    let dir = folder(&["a/v1.md", "a/v2.md", "a/v3.md"]);
    let found = faults(&dir, || retire(dir.path(), &id("a@v1")));
    assert!(found.contains("a/v1.md: this is a draft"), "{found}");
    for version in ["a@v1", "a@v2"] {
        release(dir.path(), &id(version)).unwrap();
    }
    let change = retire(dir.path(), &id("a@v2")).unwrap();
    assert_eq!((change.written, change.retired, change.latest), (true, true, Some(id("a@v1"))));
    assert_eq!(change.line, "# retired a/v2.md");
    assert_eq!(status(&dir, "a@v2"), PromptStatus::Retired);
    assert!(sha256sum_agrees(&dir));

    assert!(!retire(dir.path(), &id("a@v2")).unwrap().written);
    let again = release(dir.path(), &id("a@v2")).unwrap();
    assert_eq!((again.written, again.retired), (false, true));
    assert_eq!(retire(dir.path(), &id("a@v1")).unwrap().latest, None);

    write(&dir, LOCK_FILE, &lock(&dir).replace("# retired a/v2.md\n", ""));
    assert_eq!(status(&dir, "a@latest"), PromptStatus::Released);
}

#[test]
fn what_there_is_not_is_answered_with_what_there_is() {
    let dir = folder(&["a/v1.md"]);
    for change in [release, retire] {
        let error = change(dir.path(), &id("a@v2")).unwrap_err();
        assert!(matches!(error, NotChanged::Unknown(_)));
        assert!(error.to_string().contains("there are: a@v1 (draft)"), "{error}");
    }
    let error = release(&dir.path().join("none"), &id("a@v1")).unwrap_err().to_string();
    assert!(error.contains("none: "), "{error}");
}
