//! The part of a prompt file between the `+++` lines.

use serde::Deserialize;

use super::problem::PromptProblem;
use super::{OutputKind, Task};

/// Fewest and most tokens that a prompt may allow a passage.
const PASSAGE_TOKENS: std::ops::RangeInclusive<usize> = 32..=100_000;
const DEFAULT_PASSAGE_TOKENS: usize = 200;

/// What a prompt says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FrontMatter {
    pub task: Task,
    pub summary: String,
    pub output: OutputKind,
    pub max_passage_tokens: usize,
    pub context: Vec<String>,
}

/// A file cut at its `+++` lines.
pub(super) struct Parts<'a> {
    front: &'a str,
    /// The template.
    pub body: &'a str,
    /// Lines of the file before the template's first.
    pub lines_before_body: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    task: Task,
    summary: String,
    output: Option<OutputKind>,
    max_passage_tokens: Option<usize>,
    #[serde(default)]
    context: Vec<String>,
}

/// Cuts a file into its front matter and its template.
pub(super) fn split<'a>(file: &str, text: &'a str) -> Result<Parts<'a>, PromptProblem> {
    let mut offset = 0;
    let mut front_start = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let is_fence = line.trim_end() == "+++";
        if index == 0 && !is_fence {
            return Err(PromptProblem::new(
                file,
                1,
                "the file does not begin with its front matter",
                "begin it with a line +++, then TOML keys such as task = \"rerank.listwise\", \
                 then another line +++",
            ));
        }
        offset += line.len();
        if index == 0 {
            front_start = offset;
        } else if is_fence {
            return Ok(Parts {
                front: &text[front_start..offset - line.len()],
                body: &text[offset..],
                lines_before_body: index + 1,
            });
        }
    }
    Err(PromptProblem::new(
        file,
        1,
        "the front matter does not end",
        "close it with a line +++ before the template",
    ))
}

/// Reads the keys. `file` is only for the messages.
pub(super) fn parse(file: &str, parts: &Parts<'_>) -> Result<FrontMatter, Vec<PromptProblem>> {
    let raw: Raw = toml::from_str(parts.front).map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(parts.front, span.start));
        vec![PromptProblem::new(
            file,
            // The opening +++ is the file's first line.
            line + 1,
            error.message().lines().collect::<Vec<_>>().join(", "),
            "the keys are task and summary, and, where the default is not wanted, output, \
             max_passage_tokens and context",
        )]
    })?;
    let mut problems = Vec::new();
    let mut wrong = |key: &str, reason: String, remedy: &str| {
        problems.push(PromptProblem::new(file, key_line(parts.front, key), reason, remedy));
    };

    let summary = raw.summary.trim();
    if summary.is_empty() || summary.contains(char::is_control) {
        wrong("summary", "summary is not one line of text".into(), "say what changed and why");
    }
    let by_task = if raw.task == Task::Pointwise { OutputKind::Text } else { OutputKind::Json };
    let output = raw.output.unwrap_or(by_task);
    if raw.task == Task::Pointwise && output == OutputKind::Json {
        wrong(
            "output",
            "a pointwise prompt is answered with the word Yes or No, not with JSON".into(),
            "write output = \"text\"",
        );
    }
    let max_passage_tokens = raw.max_passage_tokens.unwrap_or(DEFAULT_PASSAGE_TOKENS);
    if !PASSAGE_TOKENS.contains(&max_passage_tokens) {
        wrong(
            "max_passage_tokens",
            format!("max_passage_tokens is {max_passage_tokens}"),
            "choose 32 to 100000; 160 to 256 suits most models",
        );
    }
    for (index, name) in raw.context.iter().enumerate() {
        if !is_identifier(name) {
            wrong(
                "context",
                format!("context names {name:?}, which a template can't read"),
                "use names of a-z, 0-9 and underscores that begin with a letter",
            );
        } else if raw.context[..index].contains(name) {
            wrong("context", format!("context names {name:?} twice"), "name it once");
        }
    }
    if problems.is_empty() {
        Ok(FrontMatter {
            task: raw.task,
            summary: summary.to_owned(),
            output,
            max_passage_tokens,
            context: raw.context,
        })
    } else {
        Err(problems)
    }
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// The line, from 1, of a byte offset that may lie past the end.
fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}

/// The line of a file on which a key of its front matter stands.
pub(super) fn line_of_key(file: &str, key: &str) -> usize {
    key_line(file.split_once('\n').map_or("", |(_, front)| front), key)
}

/// The same, of the front matter alone.
fn key_line(front: &str, key: &str) -> usize {
    let named = |line: &str| {
        line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    front.lines().position(named).map_or(1, |index| index + 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    fn read(text: &str) -> Result<FrontMatter, Vec<PromptProblem>> {
        let parts = split("x/v1.md", text).map_err(|problem| vec![problem])?;
        parse("x/v1.md", &parts)
    }

    #[test]
    fn reads_every_key_and_knows_the_defaults() {
        let full = read(
            "+++\ntask = \"judge\"\nsummary = \" why \"\noutput = \"text\"\n\
             max_passage_tokens = 64\ncontext = [\"profile\"]\n+++\nbody",
        );
        assert_eq!(
            full.unwrap(),
            FrontMatter {
                task: Task::Judge,
                summary: "why".into(),
                output: OutputKind::Text,
                max_passage_tokens: 64,
                context: vec!["profile".into()],
            }
        );
        let short = read("+++\r\ntask = \"rerank.pointwise\"\r\nsummary = \"s\"\r\n+++\r\n");
        let short = short.unwrap();
        assert_eq!((short.output, short.max_passage_tokens), (OutputKind::Text, 200));
        assert_eq!(read("+++\ntask='explain'\nsummary='s'\n+++").unwrap().output, OutputKind::Json);
    }

    #[test]
    fn counts_the_lines_before_the_template() {
        let parts = split("x/v1.md", "+++\na = 1\n+++\nbody\n+++\n").ok().unwrap();
        assert_eq!((parts.lines_before_body, parts.body), (3, "body\n+++\n"));
    }

    #[test_case("task = 1", 1, "does not begin" ; "no_front_matter")]
    #[test_case("", 1, "does not end" ; "empty")]
    #[test_case("\u{feff}+++\n+++\n", 1, "does not begin" ; "byte_order_mark")]
    #[test_case("+++\ntask = \"judge\"\n", 1, "does not end" ; "unclosed")]
    #[test_case("+++\ntask='judge'\nsummary='s'\nsumary='s'\n+++\n", 4, "unknown field" ; "unknown_key")]
    #[test_case("+++\ntask='rerank.listwize'\nsummary='s'\n+++\n", 2, "rerank.listwise" ; "wrong_task")]
    #[test_case("+++\nsummary='s'\n+++\n", 2, "missing field `task`" ; "no_task")]
    #[test_case("+++\ntask='judge'\nsummary=s\n+++\n", 3, "" ; "not_toml")]
    #[test_case("+++\ntask='judge'\nsummary=7\n+++\n", 3, "string" ; "wrong_type")]
    #[test_case("+++\ntask='judge'\nsummary=' '\n+++\n", 3, "one line" ; "blank_summary")]
    #[test_case(
        "+++\ntask='judge'\nsummary='s'\nmax_passage_tokens=8\n+++\n",
        4,
        "max_passage_tokens is 8" ; "small_budget")]
    #[test_case("+++\ntask='judge'\nsummary='s'\nmax_passage_tokens=-8\n+++\n", 4, "" ; "negative")]
    #[test_case(
        "+++\ntask='rerank.pointwise'\nsummary='s'\noutput='json'\n+++\n",
        4,
        "Yes or No" ; "json_pointwise")]
    #[test_case("+++\ntask='judge'\nsummary='s'\ncontext=['a b']\n+++\n", 4, "a b" ; "context_name")]
    #[test_case("+++\ntask='judge'\nsummary='s'\ncontext=['a','a']\n+++\n", 4, "twice" ; "context_twice")]
    fn says_where_and_what(text: &str, line: usize, reason: &str) {
        let problems = read(text).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].line, Some(line), "{}", problems[0]);
        assert!(problems[0].reason.contains(reason), "{}", problems[0]);
        assert!(!problems[0].remedy.is_empty());
    }

    #[test]
    fn reports_all_wrong_values_at_once() {
        let text = "+++\ntask='judge'\nsummary=''\nmax_passage_tokens=1\ncontext=['A']\n+++\n";
        assert_eq!(read(text).unwrap_err().len(), 3);
    }
}
