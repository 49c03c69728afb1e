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
    format!("{sha256}  {}", file_of(id))
}

/// The file of a version, relative to the prompts folder.
pub(super) fn file_of(id: &PromptId) -> String {
    format!("{}/v{}.md", id.name, id.version)
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
