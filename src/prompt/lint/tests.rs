use test_case::test_case;

use super::super::{PromptId, Registry};
use super::*;

const GOOD: &str = "+++
task = \"rerank.listwise\"
summary = \"s\"
context = [\"profile\"]
+++
{% block system %}You rank search results for {{ context.profile }}.{% endblock %}
{% block user %}Query: {{ query }}
{% for p in passages %}
{{ nonce }} [{{ p.label }}] {{ p.title }}
{{ p.text }}
{% endfor %}
{{ nonce }} end
Query: {{ query }}
Order the documents by relevance. Reply with {\"ranking\": [label, ...]}.
{% endblock %}
";

fn read(text: &str) -> Prompt {
    let id = PromptId { name: "x".into(), version: 1 };
    Prompt::read(id, text.as_bytes()).unwrap()
}

/// Rules that a text breaks, with their lines.
fn broken(text: &str) -> Vec<(&'static str, usize)> {
    let found = look_at(&read(text));
    assert!(found.iter().all(|problem| !problem.remedy.is_empty()));
    found
        .iter()
        .map(|problem| (problem.rule.unwrap().as_str(), problem.line.unwrap_or(0)))
        .collect()
}

#[test]
fn a_prompt_that_keeps_the_rules_has_no_findings() {
    assert_eq!(broken(GOOD), []);
}

#[test]
fn the_released_prompts_of_this_repository_keep_them() {
    let registry = Registry::builtin().unwrap();
    let found = lint(registry.iter().map(AsRef::as_ref));
    assert_eq!((found.errors, found.warnings), (vec![], vec![]));
}

#[test_case("[{{ p.label }}]", "[{{ loop.index }}]", &[("order-label", 9)] ; "place for label")]
#[test_case(
    "[{{ p.label }}]", "{{ loop.index }}. [{{ p.label }}]",
    &[("order-label", 9)] ; "place beside label")]
#[test_case("[{{ p.label }}]", "-", &[("label-missing", 8)] ; "no label")]
#[test_case(
    " {{ p.title }}\n{{ p.text }}", "",
    &[("passage-missing", 8)] ; "no passage")]
#[test_case("\nQuery: {{ query }}\nOrder", "\nOrder", &[("query-both-sides", 7)] ; "query before")]
#[test_case(
    "Query: {{ query }}\n{% for", "{% for",
    &[("query-both-sides", 12)] ; "query after")]
#[test_case("{{ nonce }} [", "[", &[("no-delimiter", 8)] ; "no delimiter before")]
#[test_case("{{ nonce }} end", "end", &[("no-delimiter", 8)] ; "no delimiter after")]
#[test_case("\"ranking\"", "\"order\"", &[("reply-key", 7)] ; "another key")]
#[test_case("\"ranking\"", "`ranking`", &[] ; "key in other quotes")]
#[test_case("{{ context.profile }}", "people", &[("unused-context", 4)] ; "unused")]
#[test_case("{{ context.profile }}", "{{ context }}", &[] ; "whole context")]
#[test_case("{{ context.profile }}", "{{ context['profile'] }}", &[] ; "field by key")]
#[test_case(
    "{{ context.profile }}", "{% if context.profile %}me{% endif %}",
    &[] ; "field in a condition")]
#[test_case(
    "{{ nonce }} [{{ p.label }}] {{ p.title }}\n{{ p.text }}",
    "{{ nonce }} <doc id='{{ p.label }}'>{{ p.text }}</doc>",
    &[] ; "another form")]
fn each_rule_finds_its_fault_and_no_other(from: &str, to: &str, rules: &[(&str, usize)]) {
    assert!(GOOD.contains(from));
    assert_eq!(broken(&GOOD.replace(from, to)), rules);
}

#[test]
fn an_instruction_only_before_the_passages_is_told() {
    let (head, _) = GOOD.split_once("Order the").unwrap();
    let text =
        format!("{head}{{% endblock %}}").replace("system %}You", "system %}\"ranking\" You");
    assert_eq!(broken(&text), [("instruction-last", 8)]);
    let closed = text.replace("{{ nonce }} end", "{{ nonce }} </documents of the shop> END LIST");
    assert_eq!(broken(&closed), [("instruction-last", 8)], "a closing mark is no instruction");
}

#[test]
fn titles_may_be_listed_apart_from_the_texts() {
    let listed = GOOD.replace(
        "{% for p in passages %}",
        "{% for p in passages %}[{{ p.label }}] {{ p.title }}, {% endfor %}\n\
         {% for p in passages %}",
    );
    assert_eq!(broken(&listed.replace("}}] {{ p.title }}\n", "}}]\n")), []);
}

#[test]
fn one_document_needs_no_label_and_text_no_key() {
    let text = GOOD
        .replace("rerank.listwise", "rerank.pointwise")
        .replace(" [{{ p.label }}]", "")
        .replace("Reply with {\"ranking\": [label, ...]}.", "Answer Yes or No.");
    assert_eq!(broken(&text), []);
}

#[test]
fn of_what_nobody_can_mend_nothing_is_an_error() {
    let text = GOOD.replace("p.label", "loop.index").replace("{{ context.profile }}", "us");
    let counted = |status| {
        let prompt = read(&text).with_status(status);
        let found = lint(std::iter::once(&prompt));
        (found.errors.len(), found.warnings.len())
    };
    assert_eq!(counted(PromptStatus::Draft), (1, 1));
    assert_eq!(counted(PromptStatus::Released), (0, 2));
    assert_eq!(counted(PromptStatus::Retired), (0, 0));
}

#[test]
fn a_finding_names_place_remedy_and_rule() {
    let found = look_at(&read(&GOOD.replace("[{{ p.label }}]", "")));
    let shown = found[0].to_string();
    assert!(shown.starts_with("x/v1.md:8: ") && shown.ends_with(" [label-missing]"), "{shown}");
    let json = serde_json::to_value(&found[0]).unwrap();
    assert_eq!(json["rule"], "label-missing");
}
