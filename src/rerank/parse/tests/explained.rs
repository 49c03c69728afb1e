//! Claims with quotes.

use test_case::test_case;

use super::*;

fn claimed(label: usize, claim: &str, quotes: &[&str]) -> Claimed {
    let quotes = quotes.iter().map(|&quote| quote.to_owned()).collect();
    Claimed { label, claim: claim.to_owned(), quotes }
}

#[test_case(
    r#"{"items": [{"id": 1, "claim": "light", "quotes": ["900 g"]},
                  {"id": 2, "claim": "heavy", "quotes": []}]}"#
    ; "as asked")]
#[test_case(
    "Here it is:\n```json\n[{\"id\": \"[1]\", \"claim\": \"light\", \"quotes\": \"900 g\"}, \
     {\"id\": \"2\", \"explanation\": \"heavy\"}]\n```"
    ; "a fenced list")]
#[test_case(
    r#"Sure. {"explanations": [{"label": 1, "reason": " light ", "evidence": [{"text": "900 g"}]},
              {"id": 2, "why": "heavy", "quotes": [7]}]} Anything else?"#
    ; "other names in prose")]
#[test_case(
    r#"{"items": [{"id": 1, "claim": "light", "quotes": ["900 g"]}, {"id": 2, "claim": "heavy",
        "quotes": []}, {"id": 2, "claim": "agai"#
    ; "cut off")]
fn reads_what_was_claimed(content: &str) {
    let (read, _) = parse_explained(&reply(content), 2).into_result().unwrap();
    assert_eq!(read, [claimed(1, "light", &["900 g"]), claimed(2, "heavy", &[])]);
}

#[test_case(r#"{"items": [{"claim": "light", "quotes": ["900 g"]}]}"# ; "no label")]
#[test_case(r#"{"id": 7, "claim": "light", "quotes": ["900 g"]}"# ; "another label, no list")]
fn one_document_needs_no_label(content: &str) {
    let (read, _) = parse_explained(&reply(content), 1).into_result().unwrap();
    assert_eq!(read, [claimed(1, "light", &["900 g"])]);
}

#[test]
fn labels_that_were_not_shown_do_not_count() {
    let content = r#"{"items": [{"id": 3, "claim": "a"}, {"id": 0, "claim": "b"},
        {"id": 2, "claim": "c"}, {"id": 2, "claim": "d"}]}"#;
    let (read, repairs) = parse_explained(&reply(content), 2).into_result().unwrap();
    assert_eq!(read, [claimed(2, "c", &[])]);
    assert_eq!((repairs.missing, repairs.duplicate, repairs.unknown), (1, 1, 2));
}

#[test]
fn punctuation_of_other_scripts_stays() {
    let content = r#"{"items": [{"id": 1, "claim": "轻，防水", "quotes": ["重量：900克"]}]}"#;
    let (read, _) = parse_explained(&reply(content), 1).into_result().unwrap();
    assert_eq!(read, [claimed(1, "轻，防水", &["重量：900克"])]);
}

#[test_case("It fits because it is light." ; "prose")]
#[test_case(r#"{"items": []}"# ; "nothing")]
#[test_case(r#"{"items": [{"id": 1, "claim": "  ", "quotes": ["900 g"]}]}"# ; "blank claim")]
#[test_case(r#"{"items": [{"id": 1, "quotes": ["900 g"]}]}"# ; "no claim")]
#[test_case(r#"{"ranking": [1, 2]}"# ; "another task's reply")]
fn nothing_claimed_is_malformed(content: &str) {
    assert_eq!(parse_explained(&reply(content), 1), Reading::Unusable(Unusable::Malformed));
}

#[test]
fn a_refusal_is_told() {
    let refusal = reply("I'm sorry, but I can't help with that.");
    assert_eq!(parse_explained(&refusal, 1), Reading::Unusable(Unusable::Refused));
}
