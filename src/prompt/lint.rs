//! What can be told of a prompt without asking a model: faults that make its
//! replies useless, and habits that are known to cost quality.
//!
//! Most rules look at what the template makes of a probe, not at how it is
//! written: a macro or a filter changes nothing then. A fault that makes
//! replies useless is an error, anything else a warning. Nobody can mend a
//! released version, so that all that is said of one is a warning; of retired
//! ones nothing is said.

mod probe;
mod tags;
#[cfg(test)]
mod tests;

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use self::probe::Probe;
use super::file::{Prompt, PromptStatus};
use super::front_matter::line_of_key;
use super::problem::PromptProblem;
use super::template::line_of;
use super::{OutputKind, Task};

/// Fewer words than this are a heading or a closing mark, not an instruction.
const INSTRUCTION_WORDS: usize = 4;

/// A rule of the linter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Passages are numbered by their place, and replies are read by label.
    OrderLabel,
    /// A passage is shown without its label.
    LabelMissing,
    /// Nothing is shown of the passages.
    PassageMissing,
    /// Nothing tells the model what to do after the last passage.
    InstructionLast,
    /// The query doesn't stand both before and after the passages.
    QueryBothSides,
    /// A passage could pretend to be the prompt.
    NoDelimiter,
    /// The reply's JSON key isn't named.
    ReplyKey,
    /// A declared field of `context` isn't read.
    UnusedContext,
}

impl Rule {
    /// The rule's name, as findings show it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrderLabel => "order-label",
            Self::LabelMissing => "label-missing",
            Self::PassageMissing => "passage-missing",
            Self::InstructionLast => "instruction-last",
            Self::QueryBothSides => "query-both-sides",
            Self::NoDelimiter => "no-delimiter",
            Self::ReplyKey => "reply-key",
            Self::UnusedContext => "unused-context",
        }
    }

    /// Whether a prompt that breaks it gives no usable replies.
    #[must_use]
    pub const fn is_error(self) -> bool {
        matches!(self, Self::OrderLabel | Self::LabelMissing)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was found in prompts.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Faults that have to be mended before a version is released.
    pub errors: Vec<PromptProblem>,
    pub warnings: Vec<PromptProblem>,
}

/// Looks at prompts by all rules.
pub(super) fn lint<'a>(prompts: impl Iterator<Item = &'a Prompt>) -> Findings {
    let mut findings = Findings::default();
    for prompt in prompts {
        if prompt.status() == PromptStatus::Retired {
            continue;
        }
        let may_change = prompt.status() == PromptStatus::Draft;
        for problem in look_at(prompt) {
            if may_change && problem.rule.is_some_and(Rule::is_error) {
                findings.errors.push(problem);
            } else {
                findings.warnings.push(problem);
            }
        }
    }
    findings
}

fn look_at(prompt: &Prompt) -> Vec<PromptProblem> {
    let mut look = Look { prompt, found: Vec::new() };
    // A template that fails on the probe was tried on more sensible input.
    if let Some(probe) = Probe::of(prompt) {
        look.labels(&probe);
        look.passages(&probe);
        look.reply_key(&probe);
    }
    look.unused_context();
    look.found.sort_by_key(|problem| (problem.line, problem.rule));
    look.found
}

/// A prompt being looked at.
struct Look<'a> {
    prompt: &'a Prompt,
    found: Vec<PromptProblem>,
}

impl Look<'_> {
    fn add(&mut self, rule: Rule, line: Option<usize>, reason: impl AsRef<str>, remedy: &str) {
        let file = self.prompt.id().file();
        let problem = PromptProblem::new(file, line, reason, remedy);
        self.found.push(PromptProblem { rule: Some(rule), ..problem });
    }

    /// Where the passages stand in the template.
    fn passages_line(&self) -> Option<usize> {
        line_of(self.prompt.source(), "passages")
    }

    fn labels(&mut self, probe: &Probe) {
        // One document has nothing to be told apart from.
        if self.prompt.task() == Task::Pointwise {
            return;
        }
        let numbered = tags::printed_places(self.prompt.source());
        for &line in &numbered {
            self.add(
                Rule::OrderLabel,
                Some(line),
                "passages are numbered by loop.index, and the reply is read by label",
                "write {{ p.label }}: labels are shuffled so that they don't tell the first \
                 stage's order",
            );
        }
        // Where they aren't shown at all, that is the fault.
        let shown = probe.passages().is_some();
        if numbered.is_empty() && shown && !probe.shows_all_labels() {
            self.add(
                Rule::LabelMissing,
                self.passages_line(),
                "a passage is shown without its label, which the reply has to name",
                "write [{{ p.label }}] at the head of each passage",
            );
        }
    }

    fn passages(&mut self, probe: &Probe) {
        let Some(shown) = probe.passages() else {
            return self.add(
                Rule::PassageMissing,
                self.passages_line(),
                "neither title nor text of the passages is shown",
                "show them: {% for p in passages %}{{ nonce }} [{{ p.label }}] {{ p.title }} \
                 {{ p.text }}{% endfor %}",
            );
        };
        let query = line_of(self.prompt.source(), "query");
        let sides = "a query that stands before and after the passages is remembered better";
        match (probe.query_in(&shown.before), probe.query_in(&shown.after)) {
            (true, true) => {}
            (true, false) => self.add(
                Rule::QueryBothSides,
                query,
                "the query stands only before the passages",
                &format!("repeat it after them: {sides}"),
            ),
            (false, true) => self.add(
                Rule::QueryBothSides,
                query,
                "the query stands only after the passages",
                &format!("show it before them as well: {sides}"),
            ),
            (false, false) => self.add(
                Rule::QueryBothSides,
                None,
                "the query is shown neither before nor after the passages",
                "show {{ query }} in both places",
            ),
        }
        if probe.words_in(&shown.after) < INSTRUCTION_WORDS {
            self.add(
                Rule::InstructionLast,
                self.passages_line(),
                "nothing after the last passage says what to do",
                "put the instruction, or a short form of it, behind the passages: what is read \
                 last is followed best, and a passage is then never the last word",
            );
        }
        if !probe.is_delimited(&shown) {
            self.add(
                Rule::NoDelimiter,
                self.passages_line(),
                "the passages aren't all set apart by nonce, before each and after the last",
                "head each passage with {{ nonce }} and close the list with it: no document can \
                 know it, so that none can pretend to be the prompt",
            );
        }
    }

    fn reply_key(&mut self, probe: &Probe) {
        if self.prompt.output() != OutputKind::Json {
            return;
        }
        let key = match self.prompt.task() {
            Task::Listwise => "ranking",
            Task::Graded | Task::Judge => "scores",
            Task::Pairwise => "better",
            Task::Explain | Task::Contrast => "items",
            Task::Pointwise => return,
        };
        if !probe.names_key(key) {
            self.add(
                Rule::ReplyKey,
                line_of(self.prompt.source(), "user"),
                format!("the reply's key \"{key}\" is not named"),
                "show the form of the reply: models without JSON schemas know it from nowhere \
                 else",
            );
        }
    }

    fn unused_context(&mut self) {
        let names = self.prompt.template().names();
        // The whole of it may be printed, or read by a computed name.
        if names.contains("context") {
            return;
        }
        let reads = |field: &str| {
            let name = format!("context.{field}");
            let deeper = format!("{name}.");
            names.iter().any(|read| *read == name || read.starts_with(&deeper))
        };
        let unused: Vec<_> =
            self.prompt.context().iter().filter(|field| !reads(field)).cloned().collect();
        for field in unused {
            self.add(
                Rule::UnusedContext,
                Some(line_of_key(self.prompt.source(), "context")),
                format!("context.{field} is declared and never read"),
                "read it in the template, or take it out of context",
            );
        }
    }
}
