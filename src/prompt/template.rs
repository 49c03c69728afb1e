//! The template of one prompt: compiled, checked against what it may use, and
//! tried on sample input, so that what can go wrong goes wrong at load.

use std::collections::HashSet;

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};

use super::problem::PromptProblem;
use super::sample;
use super::variables::{self, Variables};
use super::{Messages, PromptInput};

/// Instructions that one rendering may take. The largest sensible prompt (a
/// thousand passages, twice) takes about forty thousand.
const FUEL: u64 = 1_000_000;

/// Functions that templates may call; `debug` is left out because it prints
/// every variable.
const FUNCTIONS: [&str; 3] = ["range", "dict", "namespace"];

/// A template that passed its checks.
#[derive(Debug)]
pub(super) struct Template {
    environment: Environment<'static>,
}

impl Template {
    /// Compiles and checks the template of `file`. `source` is padded so that
    /// its line numbers are the file's.
    pub fn compile(
        file: &str,
        source: String,
        declared: &[String],
    ) -> Result<Self, Vec<PromptProblem>> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment.remove_global("debug");
        // While only sample input is rendered, errors may name what they met.
        environment.set_debug(true);
        if let Err(error) = environment.add_template_owned(file.to_owned(), source) {
            return Err(vec![described(file, &error)]);
        }
        let mut template = Self { environment };
        let mut problems = template.unknown_names(file, declared);
        if problems.is_empty() {
            // Only then: the same fault is not reported twice.
            problems = template.trial(file, declared);
        }
        template.environment.set_debug(false);
        if problems.is_empty() { Ok(template) } else { Err(problems) }
    }

    /// Names that it reads, with their fields: `context.profile`.
    pub fn names(&self) -> HashSet<String> {
        let template = self.environment.templates().next();
        template.map(|(_, template)| template.undeclared_variables(true)).unwrap_or_default()
    }

    /// Renders both blocks.
    pub fn render(&self, variables: &Variables<'_>) -> Result<Messages, minijinja::Error> {
        let (messages, _) = self.render_with_rest(variables)?;
        Ok(messages)
    }

    /// Renders both blocks, and the whole file as it would come out in one.
    fn render_with_rest(
        &self,
        variables: &Variables<'_>,
    ) -> Result<(Messages, String), minijinja::Error> {
        let Some((_, template)) = self.environment.templates().next() else {
            return Err(minijinja::Error::from(ErrorKind::TemplateNotFound));
        };
        // Blocks can only be rendered in the state that the whole file leaves:
        // its definitions outside of them count.
        let mut whole = template.render_captured(Value::from(Serde(variables)))?;
        let (system, user) = whole.with_state_mut(|state| {
            Ok::<_, minijinja::Error>((state.render_block("system")?, state.render_block("user")?))
        })?;
        let messages = Messages { system: trimmed(&system), user: trimmed(&user) };
        Ok((messages, whole.into_output()))
    }

    /// Names that the template reads and nobody will give it.
    fn unknown_names(&self, file: &str, declared: &[String]) -> Vec<PromptProblem> {
        let Some((_, template)) = self.environment.templates().next() else { return Vec::new() };
        let mut names: Vec<String> = self.names().into_iter().collect();
        names.sort_unstable();
        names
            .into_iter()
            .filter_map(|name| {
                let (reason, remedy) = why_unknown(&name, declared)?;
                Some(PromptProblem::new(file, line_of(template.source(), &name), reason, remedy))
            })
            .collect()
    }

    /// Renders sample input, once with every field filled and once with as few
    /// as a request may have.
    fn trial(&self, file: &str, declared: &[String]) -> Vec<PromptProblem> {
        for input in [sample::full(declared), sample::sparse()] {
            let variables = Variables::of(&input, declared);
            match self.render_with_rest(&variables) {
                Err(error) => return vec![described(file, &error)],
                Ok((messages, rest)) => {
                    if let Some(problem) = unsent(file, &messages, &rest) {
                        return vec![problem];
                    }
                }
            }
        }
        self.trial_without_passages(file, declared).into_iter().collect()
    }

    /// Serving counts the prompt's own words before it knows how many passages
    /// fit, so the template has to do without any.
    fn trial_without_passages(&self, file: &str, declared: &[String]) -> Option<PromptProblem> {
        let input = PromptInput { query: "a query".into(), ..sample::bare() };
        let error = self.render(&Variables::of(&input, declared)).err()?;
        let remedy = "its own tokens are counted without any: loop over passages, or guard what \
                      needs one with {% if passages %}";
        let reason = format!("the template can't do without passages: {}", error.kind());
        Some(PromptProblem::new(file, error.line(), reason, remedy))
    }
}

fn trimmed(block: &str) -> String {
    block.trim().to_owned()
}

/// Text that no message would carry, or no message at all.
fn unsent(file: &str, messages: &Messages, whole: &str) -> Option<PromptProblem> {
    if messages.user.is_empty() {
        return Some(PromptProblem::new(
            file,
            None,
            "the block user is empty",
            "put the query, the passages and the instruction into it",
        ));
    }
    let squash = |text: &str| text.split_whitespace().collect::<String>();
    let (system, user, whole) = (squash(&messages.system), squash(&messages.user), squash(whole));
    let sent = whole == format!("{system}{user}") || whole == format!("{user}{system}");
    (!sent).then(|| {
        PromptProblem::new(
            file,
            None,
            "the template writes text outside of the blocks system and user, which is never sent",
            "move it into one of them, or make it a comment: {# … #}",
        )
    })
}

fn why_unknown(name: &str, declared: &[String]) -> Option<(String, String)> {
    let (root, rest) = name.split_once('.').unwrap_or((name, ""));
    if root == "context" {
        let field = rest.split('.').next().unwrap_or_default();
        if field.is_empty() || declared.iter().any(|known| known == field) {
            return None;
        }
        return Some((
            format!("context.{field} is read and not declared"),
            format!("add context = [\"{field}\"] to the front matter"),
        ));
    }
    if variables::NAMES.contains(&root) || FUNCTIONS.contains(&root) {
        return None;
    }
    Some((
        format!("there is no variable {root}"),
        format!("use one of: {}", variables::NAMES.join(", ")),
    ))
}

/// An error of sample input or of the syntax: nobody's data is in it, so its
/// details may be shown.
fn described(file: &str, error: &minijinja::Error) -> PromptProblem {
    let remedy = match error.kind() {
        ErrorKind::UnknownBlock => {
            "a prompt has {% block system %}…{% endblock %} and {% block user %}…{% endblock %}"
        }
        ErrorKind::UndefinedError => {
            "a passage has label, title, text, score and metadata; where a value may be absent, \
             as any metadata key may, write {{ value | default(\"\") }}"
        }
        ErrorKind::TemplateNotFound | ErrorKind::BadInclude => {
            "a prompt is one file: put the text here instead of including it"
        }
        ErrorKind::OutOfFuel => "make the loops smaller: rendering must stay quick",
        _ => "see https://docs.rs/minijinja for the template language",
    };
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    PromptProblem::new(file, error.line(), format!("{}{detail}", error.kind()), remedy)
}

/// The first line on which `name` stands inside a tag.
pub(super) fn line_of(source: &str, name: &str) -> Option<usize> {
    let mut offset = 0;
    while let Some(open) = find_any(source, offset, ["{{", "{%"]) {
        let close = find_any(source, open + 2, ["}}", "%}"]).unwrap_or(source.len());
        if let Some(at) = find_word(&source[open..close], name) {
            return Some(source[..open + at].matches('\n').count() + 1);
        }
        offset = close;
    }
    None
}

fn find_any(source: &str, from: usize, needles: [&str; 2]) -> Option<usize> {
    let rest = source.get(from..)?;
    needles.iter().filter_map(|needle| rest.find(needle)).min().map(|at| from + at)
}

fn find_word(text: &str, word: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).map(|(at, _)| at).find(|&at| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(|c| is_part(c) || c == '.') && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    fn compile(body: &str) -> Result<Template, Vec<PromptProblem>> {
        Template::compile("x/v1.md", body.to_owned(), &["profile".to_owned()])
    }

    const OK: &str = "{% block system %}s{% endblock %}\n\
        {% block user %}{{ query }}{{ lang }}{{ num }}{{ top_k }}{{ nonce }}{{ context.profile }}\
        {% for p in passages %}[{{ p.label }}] {{ p.title }} {{ p.text }} {{ p.score }} \
        {{ p.metadata.brand | default('') }}{{ loop.index }}{% endfor %}{% endblock %}\n";

    #[test]
    fn everything_of_the_contract_can_be_used() {
        compile(OK).unwrap();
        compile(
            "{# note #}{% macro m(p) %}[{{ p.label }}]{% endmacro %}\
                 {% block system %}{% endblock %}\
                 {% block user %}{{ query }}{% for p in passages %}{{ m(p) }}{% endfor %}\
                 {% for i in range(num) %}{{ i }}{% endfor %}{% endblock %}",
        )
        .unwrap();
    }

    #[test_case("{% block user %}{{ query }\n{% endblock %}", 1, "syntax error" ; "syntax")]
    #[test_case("{% block system %}{% endblock %}", 0, "block 'user' not found" ; "no_user")]
    #[test_case("{% block user %}{{ query }}{% endblock %}", 0, "'system' not found" ; "no_system")]
    #[test_case(
        "{% block user %}a{% endblock %}\n{% block user %}b{% endblock %}",
        2,
        "defined twice" ; "block_twice")]
    #[test_case(
        "{% block system %}{% endblock %}\n{% block user %}query {{ qery }}{% endblock %}",
        2,
        "no variable qery" ; "unknown_name")]
    #[test_case(
        "{% block system %}{% endblock %}\n{% block user %}\n{{ context.age }}{% endblock %}",
        3,
        "context.age" ; "undeclared_context")]
    #[test_case(
        "{% block system %}{% endblock %}\n{% block user %}\n{{ context['age'] }}{% endblock %}",
        3,
        "undefined" ; "undeclared_context_by_key")]
    #[test_case(
        "{% block system %}{% endblock %}{% block user %}\n{% for p in passages %}\n\
         {{ p.body }}{% endfor %}{% endblock %}",
        3,
        "undefined" ; "wrong_passage_field")]
    #[test_case(
        "{% block system %}{% endblock %}{% block user %}{% for p in passages %}\n\
         {{ p.metadata.brand }}{% endfor %}{% endblock %}",
        2,
        "undefined" ; "metadata_may_be_absent")]
    #[test_case(
        "{% block system %}{% endblock %}{% block user %}\n{{ query | shout }}{% endblock %}",
        2,
        "unknown filter" ; "unknown_filter")]
    #[test_case(
        "{% block system %}{% endblock %}{% block user %}{% for i in range(99999) %}\
         {% for j in range(99999) %}\nx{% endfor %}{% endfor %}{% endblock %}",
        0,
        "fuel" ; "endless")]
    #[test_case(
        "{% block system %}{% endblock %}{% block user %}\n{% include 'y' %}{% endblock %}",
        2,
        "template not found" ; "include")]
    #[test_case(
        "{% block system %}{% endblock %}{% block user %}\n{{ debug() }}{% endblock %}",
        2,
        "no variable debug" ; "debug")]
    #[test_case(
        "Hello\n{% block system %}{% endblock %}{% block user %}{{ query }}{% endblock %}",
        0,
        "never sent" ; "outside")]
    #[test_case(
        "{% block system %}x{% endblock %}{% block user %} {% endblock %}",
        0,
        "empty" ; "empty_user")]
    fn says_where_and_what(body: &str, line: usize, reason: &str) {
        let problems = compile(body).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].reason.contains(reason), "{}", problems[0]);
        if line > 0 {
            assert_eq!(problems[0].line, Some(line), "{}", problems[0]);
        }
        assert!(!problems[0].remedy.is_empty());
    }

    #[test]
    fn a_template_has_to_do_without_passages() {
        let body = "{% block system %}{% endblock %}{% block user %}{{ query }}\n\
                    [{{ passages[0].label }}]{% endblock %}";
        let problems = compile(body).unwrap_err();
        assert_eq!(problems[0].line, Some(2), "{problems:?}");
        assert!(problems[0].reason.contains("without passages"), "{}", problems[0]);
        let guarded = body.replace("[{{", "{% if passages %}[{{").replace("}}]", "}}]{% endif %}");
        compile(&guarded).unwrap();
        compile(
            "{% block system %}{% endblock %}\
             {% block user %}{% for p in passages %}{{ p.text }}{% endfor %}{% endblock %}",
        )
        .unwrap();
    }

    #[test]
    fn every_unknown_name_is_reported() {
        let body = "{% block system %}{{ a }}{% endblock %}\n{% block user %}{{ b }}{% endblock %}";
        let problems = compile(body).unwrap_err();
        let lines: Vec<_> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [Some(1), Some(2)], "{problems:?}");
    }

    #[test]
    fn a_name_in_plain_text_or_inside_another_is_not_its_place() {
        let source = "qery\n{{ aqery }} {{ x.qery }}\n{% if qery %}";
        assert_eq!(line_of(source, "qery"), Some(3));
    }
}
