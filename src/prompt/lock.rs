//! `prompts.lock`: which versions are released, with their hashes.
//!
//! Lines are as `sha256sum` writes them. A comment `# retired NAME/vN.md`
//! takes a released version out of `@latest`; `sha256sum -c` skips it, so the
//! file can be checked with that alone.

use std::collections::BTreeMap;

use super::PromptId;
use super::problem::PromptProblem;
use super::reference::{is_name, version_number};

/// The lock's name in the prompts folder.
pub const LOCK_FILE: &str = "prompts.lock";

const LINE_REMEDY: &str = "write it as sha256sum does: 64 hexadecimal digits, two spaces, \
     name/vN.md; comments begin with #, and \"# retired name/vN.md\" retires a version";

/// The released versions.
#[derive(Debug, Default)]
pub(super) struct Lock {
    pub released: BTreeMap<PromptId, Released>,
}

/// One line of the lock.
#[derive(Debug)]
pub(super) struct Released {
    /// Hash of the file in lower-case hexadecimal.
    pub sha256: String,
    pub retired: bool,
    /// Where the lock says so.
    pub line: usize,
}

/// The line that releases a version.
pub(super) fn lock_line(id: &PromptId, sha256: &str) -> String {
    format!("{sha256}  {}", id.file())
}

/// The line that takes a released version out of `@latest`.
pub(super) fn retired_line(id: &PromptId) -> String {
    format!("# retired {}", id.file())
}

/// The lock with one more line, before the first of a file that sorts after
/// it: locks are sorted by file as `sort` does it, byte by byte.
pub(super) fn with_released(lock: &str, id: &PromptId, sha256: &str) -> String {
    let file = id.file();
    let mut lines: Vec<&str> = lock.lines().collect();
    let after = |line: &&str| fields(line.trim_end()).is_some_and(|(_, path)| *path > *file);
    let at = lines.iter().position(after).unwrap_or(lines.len());
    let line = lock_line(id, sha256);
    lines.insert(at, &line);
    joined(&lines)
}

/// The lock with a line that retires a version, behind that which released it.
pub(super) fn with_retired(lock: &str, released: &Released, id: &PromptId) -> String {
    let mut lines: Vec<&str> = lock.lines().collect();
    let line = retired_line(id);
    lines.insert(released.line.min(lines.len()), &line);
    joined(&lines)
}

fn joined(lines: &[&str]) -> String {
    lines.join("\n") + "\n"
}

/// The version that a relative path means.
pub(super) fn id_of(path: &str) -> Option<PromptId> {
    let (name, file) = path.split_once('/')?;
    let version = version_number(file.strip_prefix('v')?.strip_suffix(".md")?)?;
    is_name(name).then(|| PromptId { name: name.to_owned(), version })
}

/// Reads a lock; lines that can't be read are reported, the others count.
pub(super) fn parse(text: &str) -> (Lock, Vec<PromptProblem>) {
    let mut lock = Lock::default();
    let mut retired = Vec::new();
    let mut problems = Vec::new();
    let mut wrong = |line: usize, reason: String, remedy: &str| {
        problems.push(PromptProblem::new(LOCK_FILE, line, reason, remedy));
    };
    for (index, text) in text.lines().enumerate() {
        let (line, text) = (index + 1, text.trim_end());
        if let Some(comment) = text.strip_prefix('#') {
            if let Some(path) = comment.trim_start().strip_prefix("retired ") {
                retired.push((line, path.trim()));
            }
            continue;
        }
        if text.is_empty() {
            continue;
        }
        let Some((sha256, path)) = fields(text) else {
            wrong(line, "this is no line of a lock".into(), LINE_REMEDY);
            continue;
        };
        let Some(id) = id_of(path) else {
            wrong(line, format!("{path:?} is no prompt file"), LINE_REMEDY);
            continue;
        };
        if let Some(first) = lock.released.get(&id) {
            wrong(
                line,
                format!("{path} is released twice, first on line {}", first.line),
                "keep the line that was there first",
            );
            continue;
        }
        lock.released.insert(id, Released { sha256, retired: false, line });
    }
    for (line, path) in retired {
        match id_of(path).and_then(|id| lock.released.get_mut(&id)) {
            Some(released) => released.retired = true,
            None => wrong(
                line,
                format!("{path:?} is retired and was never released"),
                "name a file that has its hash in this lock, or drop the line",
            ),
        }
    }
    (lock, problems)
}

/// Hash and path of a line, in text or binary mode.
fn fields(line: &str) -> Option<(String, &str)> {
    let (hash, path) = line.split_at_checked(64)?;
    let path = path.strip_prefix("  ").or_else(|| path.strip_prefix(" *"))?;
    let path = path.strip_prefix("./").unwrap_or(path);
    hash.bytes().all(|b| b.is_ascii_hexdigit()).then(|| (hash.to_ascii_lowercase(), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn id(name: &str, version: u32) -> PromptId {
        PromptId { name: name.into(), version }
    }

    #[test]
    fn reads_what_sha256sum_writes_and_what_is_retired() {
        let text = format!(
            "# a comment\n# retired a/v2.md\n\n{HASH}  a/v1.md\r\n{HASH} *a/v2.md\n{}  ./b/v10.md\n",
            HASH.to_uppercase()
        );
        let (lock, problems) = parse(&text);
        assert_eq!(problems, []);
        let read: Vec<_> = lock.released.iter().map(|(id, r)| (id.clone(), r.retired)).collect();
        assert_eq!(read, [(id("a", 1), false), (id("a", 2), true), (id("b", 10), false)]);
        assert_eq!(lock.released[&id("b", 10)].sha256, HASH);
    }

    #[test]
    fn the_line_to_paste_reads_back() {
        let (lock, problems) = parse(&lock_line(&id("a-b", 3), HASH));
        assert_eq!(problems, []);
        assert!(lock.released.contains_key(&id("a-b", 3)));
    }

    #[test]
    fn a_lock_stays_sorted_and_keeps_its_comments() {
        let mut lock = String::from("# released prompts");
        for (name, version) in [("b", 1), ("a", 2), ("a-b", 1), ("c", 1), ("a", 10), ("a", 1)] {
            lock = with_released(&lock, &id(name, version), HASH);
        }
        let (read, _) = parse(&lock);
        lock = with_retired(&lock, &read.released[&id("a", 10)], &id("a", 10));
        lock = with_released(&lock, &id("a", 11), HASH);
        let files: Vec<_> = lock.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
        let expected = [
            "prompts",
            "a-b/v1.md",
            "a/v1.md",
            "a/v10.md",
            "a/v10.md",
            "a/v11.md",
            "a/v2.md",
            "b/v1.md",
            "c/v1.md",
        ];
        assert_eq!(files, expected);
        assert_eq!(lock.lines().nth(4), Some("# retired a/v10.md"));
        assert!(lock.ends_with(".md\n"));
        let (read, problems) = parse(&lock);
        assert_eq!((read.released.len(), problems.len()), (7, 0));
        let retired: Vec<_> = read.released.iter().filter(|(_, it)| it.retired).collect();
        assert_eq!(retired.len(), 1);
        assert_eq!(retired[0].0, &id("a", 10));
    }

    #[test]
    fn a_first_line_needs_no_lock_and_an_unsorted_one_keeps_its_order() {
        assert_eq!(with_released("", &id("a", 1), HASH), format!("{HASH}  a/v1.md\n"));
        let lock = format!("{HASH}  c/v1.md\n{HASH}  a/v1.md");
        let more = with_released(&lock, &id("d", 1), HASH);
        assert_eq!(more, format!("{lock}\n{HASH}  d/v1.md\n"));
    }

    #[test]
    fn reports_each_bad_line_by_number_and_keeps_the_others() {
        let text = format!(
            "{HASH}  a/v1.md\n{HASH} a/v2.md\n{HASH}  ../v1.md\n{HASH}  a/v1.md\nrubbish\n\
             # retired a/v9.md\n{HASH}  a/v01.md\n\u{e9}{HASH}"
        );
        let (lock, problems) = parse(&text);
        let mut lines: Vec<_> = problems.iter().filter_map(|problem| problem.line).collect();
        lines.sort_unstable();
        assert_eq!(lines, [2, 3, 4, 5, 6, 7, 8], "{problems:?}");
        assert_eq!(lock.released.len(), 1);
    }
}
