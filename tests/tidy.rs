//! Rules of the house that the compiler doesn't know. The code is read as
//! text: good enough for code that is formatted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What each module may use. One that is missing here may be used by nobody,
/// so that a new one has to find its place first.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("secret", &[]),
    ("prompt", &["domain"]),
    ("llm", &["domain", "secret"]),
    ("retrieve", &["domain", "secret"]),
    ("rerank", &["domain", "prompt", "llm"]),
    ("explain", &["domain", "prompt", "llm", "rerank"]),
    // A model for measuring, reached over HTTP like any other.
    ("simulate", &["domain", "llm", "retrieve"]),
    ("cache", &["domain", "rerank", "explain"]),
    ("pipeline", &["domain", "prompt", "llm", "retrieve", "rerank", "explain", "cache"]),
    // Asks pipelines, as clients do, with recordings around their models, and an
    // LLM that judges.
    ("eval", &["domain", "prompt", "llm", "retrieve", "rerank", "explain", "pipeline"]),
    // The types of sections live in the modules that read them.
    ("config", &["llm", "retrieve", "pipeline", "cache", "secret"]),
    ("telemetry", &["config", "llm", "rerank", "explain", "retrieve"]),
    // `prompt` for what lists show, `retrieve` for filters and documents.
    ("http", &["domain", "pipeline", "prompt", "retrieve", "telemetry"]),
];

/// What puts everything together, innermost first: each may use all of
/// [`MAY_USE`] and what stands before it here.
const COMPOSE: &[&str] = &["app", "cli"];

/// What a module may use; none where it has no place in the tables.
fn allowed(module: &str) -> Option<Vec<&'static str>> {
    if let Some((_, uses)) = MAY_USE.iter().find(|(name, _)| *name == module) {
        return Some(uses.to_vec());
    }
    let place = COMPOSE.iter().position(|name| *name == module)?;
    Some(MAY_USE.iter().map(|(name, _)| *name).chain(COMPOSE[..place].iter().copied()).collect())
}

/// Most lines of a file, its tests not counted.
const MAX_LINES: usize = 500;

/// Words that don't stand in code outside of tests, who may use them all the
/// same, and what to do instead.
const FORBIDDEN: &[(&str, &[&str], &str)] = &[
    (".unwrap()", &[], "return an error that says what to do"),
    (".expect(", &[], "return an error that says what to do"),
    ("panic!(", &[], "return an error that says what to do"),
    ("todo!(", &[], "finish it"),
    ("unimplemented!(", &[], "finish it"),
    ("dbg!(", &[], "use tracing"),
    ("println!(", &[], "use tracing, or the command line's output module"),
    ("std::env::var", &["src/config/environment.rs"], "read it in config"),
    ("std::env::vars", &["src/config/environment.rs"], "read it in config"),
];

struct Source {
    /// Relative to the package.
    path: String,
    /// Without its tests.
    code: String,
}

impl Source {
    /// The first part of the path below `src`.
    fn module(&self) -> &str {
        let below = self.path.trim_start_matches("src/");
        below.split(['/', '.']).next().unwrap()
    }

    /// Lines of code with their numbers, comments left out.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.code.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    files.sort_unstable();
    let sources: Vec<Source> = files
        .into_iter()
        .filter(|file| !is_test(file))
        .map(|file| Source {
            path: file.strip_prefix(root).unwrap().to_str().unwrap().to_owned(),
            code: without_tests(&std::fs::read_to_string(&file).unwrap()),
        })
        .collect();
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn is_test(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name == "tests.rs")
        || file.components().any(|part| part.as_os_str() == "tests")
}

/// Everything before the tests, which stand at the end of a file. A module of
/// tests in a file of its own (`mod tests;`) ends nothing.
fn without_tests(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let inline = |next: &&&str| next.starts_with("mod ") && next.ends_with('{');
        if line == "#[cfg(test)]" && lines.peek().as_ref().is_some_and(inline) {
            break;
        }
        code.push_str(line);
        code.push('\n');
    }
    code
}

/// Names of the modules that a text mentions as `crate::NAME`, also within
/// `use crate::{NAME, …}`.
fn used(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (position, start) in code.match_indices("crate::") {
        // `$crate::` and names that end in `crate` are something else.
        let before = code[..position].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[position + start.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(heads(group)),
            None => names.extend(head(rest)),
        }
    }
    names
}

fn head(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// The first name of each item of a group in braces.
fn heads(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut depth, mut expected) = (0, true);
    for (position, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expected = true,
            c if expected && depth == 0 && c.is_alphanumeric() => {
                names.extend(head(&group[position..]));
                expected = false;
            }
            _ => {}
        }
    }
    names
}

/// Fails with all findings, not only the first.
fn none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn dependencies_between_modules_point_one_way() {
    let mut findings = Vec::new();
    for source in sources() {
        let module = source.module();
        if matches!(module, "lib" | "main") {
            continue;
        }
        let Some(allowed) = allowed(module) else {
            findings.push(format!("{}: module {module} has no place in MAY_USE", source.path));
            continue;
        };
        let code = source.lines().map(|(_, line)| line).collect::<Vec<_>>().join("\n");
        for name in used(&code) {
            if name != module && !allowed.contains(&name.as_str()) {
                findings.push(format!(
                    "{}: {module} may not use {name}; it may use: {}",
                    source.path,
                    allowed.join(", ")
                ));
            }
        }
    }
    none(&findings);
}

#[test]
fn the_table_itself_has_no_way_back() {
    for (position, (module, uses)) in MAY_USE.iter().enumerate() {
        for used in *uses {
            let place = MAY_USE.iter().position(|(name, _)| name == used);
            assert!(place.is_some_and(|place| place < position), "{module} uses {used}");
        }
    }
}

#[test]
fn files_are_short_enough_to_read() {
    let too_long = sources().into_iter().filter_map(|source| {
        let lines = source.code.lines().count();
        (lines > MAX_LINES).then(|| format!("{}: {lines} lines, {MAX_LINES} at most", source.path))
    });
    none(&too_long.collect::<Vec<_>>());
}

#[test]
fn forbidden_words_stand_nowhere() {
    let mut findings = Vec::new();
    for source in sources() {
        for (number, line) in source.lines() {
            for (word, exempt, instead) in FORBIDDEN {
                if line.contains(word) && !exempt.contains(&source.path.as_str()) {
                    findings.push(format!("{}:{number}: {word} – {instead}", source.path));
                }
            }
        }
    }
    none(&findings);
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = sources().into_iter().filter(|source| !source.code.starts_with("//!"));
    none(&silent.map(|source| format!("{}: begin with //!", source.path)).collect::<Vec<_>>());
}

#[test]
fn the_checks_see_what_they_are_to_see() {
    let code = "use crate::llm::Chat;\nuse crate::{cache::A, domain::{B, C}, http};\n\
                fn f() { crate::cli::main(); $crate::no(); mycrate::no() }";
    let expected = ["cache", "cli", "domain", "http", "llm"].map(str::to_owned);
    assert_eq!(used(code), BTreeSet::from(expected));
    let text = "a\n#[cfg(test)]\nmod tests;\nb\n#[cfg(test)]\nmod tests {\nc\n}\n";
    assert_eq!(without_tests(text), "a\n#[cfg(test)]\nmod tests;\nb\n");
}
