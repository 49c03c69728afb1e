//! Replies as models, proxies and attackers write them, and what has to come
//! of each.

use proptest::prelude::*;
use test_case::test_case;

use super::*;
use crate::domain::Usage;
use crate::llm::{ChatReply, FinishReason, TokenProbability};

fn reply(content: &str) -> ChatReply {
    ending(content, FinishReason::Stop)
}

fn ending(content: &str, finish: FinishReason) -> ChatReply {
    ChatReply {
        content: content.into(),
        finish,
        refusal: None,
        first_token: Vec::new(),
        usage: Usage::default(),
    }
}

fn repairs(missing: u32, duplicate: u32, unknown: u32) -> Repairs {
    Repairs { missing, duplicate, unknown }
}

/// Three labels shown, all three wanted, all three read.
#[test_case(r#"{"ranking": [3, 1, 2]}"# ; "strict")]
#[test_case("\u{feff}{\"ranking\": [3, 1, 2]}" ; "byte_order_mark")]
#[test_case("[3, 1, 2]" ; "bare_list")]
#[test_case(r#"{"answer": [3, 1, 2]}"# ; "other_key")]
#[test_case(r#"{"Ranking": [3, 1, 2]}"# ; "other_case")]
#[test_case(r#"{"ranking": ["3", "[1]", " 2 "]}"# ; "strings")]
#[test_case(r#"{"ranking": [3.0, 1.0, 2.0]}"# ; "floats")]
#[test_case(r#"{"ranking": [{"id": 3, "grade": 9}, {"id": 1}, {"id": "2"}]}"# ; "objects")]
#[test_case(r#"{"result": {"ranking": [3, 1, 2]}}"# ; "nested")]
#[test_case("[[3], [1], [2]]" ; "nested_lists")]
#[test_case(r#"{"ranking": "[3] > [1] > [2]"}"# ; "text_in_json")]
#[test_case(r#""{\"ranking\": [3, 1, 2]}""# ; "json_in_a_string")]
#[test_case(r#"{"reason": "[1] and [2] look alike", "ranking": [3, 1, 2]}"# ; "reason_first")]
#[test_case(r#"{"ranking": [3, 1, 2], "ranking": [1, 2, 3]}"# ; "repeated_key")]
#[test_case("Here it is:\n```json\n{\"ranking\": [3, 1, 2]}\n```\nDone [1]." ; "fenced")]
#[test_case("```\n{\"ranking\": [3, 1, 2]}" ; "fence_without_end")]
#[test_case("Sure! The best is [2]? No: {\"ranking\": [3, 1, 2]} as [1] says." ; "prose_around")]
#[test_case("{x} {\"a\": 1} {\"ranking\": [3, 1, 2]}" ; "other_object_first")]
#[test_case(r#"{"ranking": [3, 1, 2]}}"# ; "trailing_brace")]
#[test_case(r#"{"ranking": [3, 1, 2,]}"# ; "trailing_comma")]
#[test_case("{'ranking': [3, 1, 2]}" ; "single_quotes")]
#[test_case("{ranking: [3, 1, 2]}" ; "no_quotes")]
#[test_case(r#"{"ranking": [3, 1, 2]"# ; "no_end")]
#[test_case("<think>Maybe [1] > [2] > [3]? {\"ranking\": [1]}</think>{\"ranking\": [3,1,2]}" ; "thoughts")]
#[test_case("[1] > [2] > [3]</think>\n[3] > [1] > [2]" ; "thoughts_opened_by_the_template")]
#[test_case("[3] > [1] > [2]" ; "chain")]
#[test_case("[3]>[1]>[2]." ; "chain_without_spaces")]
#[test_case("[3], [1], [2]" ; "chain_with_commas")]
#[test_case("Here are the 5 passages ranked for 2024: [3] > [1] > [2]" ; "chain_after_a_year")]
#[test_case("Passage [2] is off topic, [1] is fine.\n\n[3] > [1] > [2]" ; "chain_after_discussion")]
#[test_case("Ranking: [3, 1, 2]" ; "list_in_brackets")]
#[test_case("1. [3]\n2. [1]\n3. [2]" ; "numbered")]
#[test_case("1. [3] Tent for 2\n2. [1] Boots, size 43\n3. [2] Stove" ; "numbered_with_titles")]
#[test_case("- **[3]**\n- **[1]**\n- **[2]**" ; "bulleted")]
#[test_case("Rank 1: [3]\nRank 2: [1]\nRank 3: [2]" ; "ranked")]
#[test_case("1. Passage 3\n2. Passage 1\n3. Passage 2" ; "passages")]
#[test_case("Document 3: a tent\nDocument 1: boots\nDocument 2: a stove" ; "documents")]
#[test_case("3\n1\n2" ; "numbers_by_line")]
#[test_case("1. 3\n2. 1\n3. 2" ; "numbered_numbers")]
#[test_case("3 > 1 > 2" ; "plain_chain")]
#[test_case("Final ranking: 3 > 1 > 2" ; "introduced_chain")]
#[test_case("Passage 3 > Passage 1 > Passage 2" ; "passage_chain")]
#[test_case("I would take [3] first, then [1] and finally [2]." ; "prose")]
#[test_case("［３］ ＞ ［１］ ＞ ［２］" ; "full_width")]
#[test_case("{\"ranking\": [３, １, ２]}" ; "full_width_json")]
#[test_case("[٣] > [١] > [٢]" ; "arabic_digits")]
#[test_case("1. [3]\r\n2. [1]\r\n3. [2]\r\n" ; "windows_lines")]
#[test_case("I'm sorry for the wait. {\"ranking\": [3, 1, 2]}" ; "apology_then_answer")]
#[test_case("I cannot be sure, but: [3] > [1] > [2]" ; "hedged_answer")]
#[test_case("<|channel|>final<|message|>{\"ranking\": [3, 1, 2]}" ; "other_markup")]
fn reads_an_order(content: &str) {
    let (listing, mended) = parse_listwise(&reply(content), 3, 3).into_result().unwrap();
    assert_eq!(listing, Listing { labels: vec![3, 1, 2], identity: false });
    assert_eq!(mended, Repairs::default());
}

#[test_case(r#"{"ranking": [3, 1]}"#, &[3, 1], repairs(2, 0, 0) ; "missing")]
#[test_case(r#"{"ranking": [3, 1, 3, 2, 1, 4]}"#, &[3, 1, 2, 4], repairs(0, 2, 0) ; "duplicate")]
#[test_case(
    r#"{"ranking": [-1, 3, 0, 1, 5, 2, 9223372036854775808, 4, 99999999999999999999]}"#,
    &[3, 1, 2, 4],
    repairs(0, 0, 5) ; "unknown")]
#[test_case(r#"{"ranking": [3, null, "x", 2.5, true, [], {}, 1]}"#, &[3, 1], repairs(2, 0, 6) ; "not_labels")]
#[test_case("{\"ranking\": [3, \"²\", 1]}", &[3, 1], repairs(2, 0, 1) ; "superscript")]
#[test_case("[²] > [3] > [1]", &[3, 1], repairs(2, 0, 0) ; "superscript_label")]
#[test_case("[11] > [3] > [2]", &[3, 2], repairs(2, 0, 1) ; "eleven_is_not_one")]
#[test_case("[-1] > [3] > [2]", &[3, 2], repairs(2, 0, 1) ; "negative")]
#[test_case("[9223372036854775808] > [3] > [2]", &[3, 2], repairs(2, 0, 1) ; "huge")]
#[test_case("Doc: 3\nDoc: 0\nDoc: 1", &[3, 1], repairs(2, 0, 1) ; "document_zero")]
#[test_case("[4] > [4] > [9] > [2] > [1]", &[4, 2, 1], repairs(1, 1, 1) ; "all_wrong_at_once")]
fn mends_an_order(content: &str, labels: &[usize], mended: Repairs) {
    let reading = parse_listwise(&reply(content), 4, 4);
    assert_eq!(reading.outcome(), "repaired");
    let (listing, counted) = reading.into_result().unwrap();
    assert_eq!((listing.labels.as_slice(), counted), (labels, mended));
}

#[test_case("", Unusable::Malformed ; "nothing")]
#[test_case(" \n\t", Unusable::Malformed ; "blank")]
#[test_case("These are all good products.", Unusable::Malformed ; "prose")]
#[test_case("Of the 4 passages, 3 cost 80 € and 1 costs 20.", Unusable::Malformed ; "prose_with_digits")]
#[test_case(r#"{"ranking": [7, 8, 9, 10]}"#, Unusable::Malformed ; "only_invented")]
#[test_case(r#"{"ranking": [3]}"#, Unusable::Malformed ; "too_little")]
#[test_case(r#"{"ranking": []}"#, Unusable::Malformed ; "empty_list")]
#[test_case(
    r#"{"why": "[1] > [2] > [3]", "ranking": []}"#,
    Unusable::Malformed ; "empty_list_with_reasons")]
#[test_case(r#"{"ranking": {"best": 3}}"#, Unusable::Malformed ; "wrong_schema")]
#[test_case(r#"{"error": "bad request 4 3 2 1"}"#, Unusable::Malformed ; "error_object")]
#[test_case("Passage 2 is about tents.\nPassage 1 is about 3 boots.", Unusable::Malformed ; "sentences")]
#[test_case("1. Tent\n2. Boots\n3. Stove\n4. Rope", Unusable::Malformed ; "numbered_titles")]
#[test_case(r#"{"ranking": [2, 0, 3, 1]}"#, Unusable::Malformed ; "shifted")]
#[test_case(r#"{"ranking": ["Tent", "Boots"]}"#, Unusable::Malformed ; "quoted_text")]
#[test_case(r#"{"ranking": ["\ud800", 1]}"#, Unusable::Malformed ; "lone_surrogate")]
#[test_case("<html><body>502 Bad Gateway 1 2 3 4</body></html>", Unusable::Malformed ; "html")]
#[test_case("I cannot rank these 2 passages", Unusable::Refused ; "refusal")]
#[test_case("I can’t rank [1], [2], [3] and [4].", Unusable::Refused ; "refusal_with_labels")]
#[test_case("I'm sorry, I won't rank:\n1\n2\n3\n4", Unusable::Refused ; "refusal_with_a_list")]
#[test_case("As an AI, ranking [1] and [2] and [3] is not for me.", Unusable::Refused ; "policy")]
#[test_case("<think>First [3] > [1] > [2] > [4]", Unusable::Truncated ; "unclosed_thought")]
#[test_case("<think>[3] > [1] > [2] > [4]</think>", Unusable::Malformed ; "thought_only")]
fn says_why_there_is_no_order(content: &str, why: Unusable) {
    assert_eq!(parse_listwise(&reply(content), 4, 4), Reading::Unusable(why));
}

#[test]
fn the_end_of_the_reply_counts() {
    let length = |content: &str| parse_listwise(&ending(content, FinishReason::Length), 4, 4);
    assert_eq!(length(""), Reading::Unusable(Unusable::Truncated));
    assert_eq!(length(r#"{"ranking": [3"#), Reading::Unusable(Unusable::Truncated));
    // The 1 may have been 12.
    assert_eq!(length(r#"{"ranking": [3, 1"#), Reading::Unusable(Unusable::Truncated));
    let (listing, mended) = length(r#"{"ranking": [3, 1, 2"#).into_result().unwrap();
    assert_eq!((listing.labels, mended), (vec![3, 1], repairs(2, 0, 0)));
    assert_eq!(length(r#"{"ranking": [3, 1, 2, 4]}"#).outcome(), "ok");
    assert_eq!(length("[3] > [1] > [").outcome(), "repaired");

    let filtered = ending(r#"{"ranking": [3, 1, 2, 4]}"#, FinishReason::ContentFilter);
    assert_eq!(parse_listwise(&filtered, 4, 4), Reading::Unusable(Unusable::Filtered));
    let refused = ChatReply { refusal: Some("No.".into()), ..reply("") };
    assert_eq!(parse_listwise(&refused, 4, 4), Reading::Unusable(Unusable::Refused));
    let not_refused = ChatReply { refusal: Some(String::new()), ..reply("[2] > [1]") };
    assert_eq!(parse_listwise(&not_refused, 2, 2).outcome(), "ok");
}

#[test]
fn what_was_not_asked_for_is_not_missing() {
    let read = |content: &str| parse_listwise(&reply(content), 20, 2).into_result().unwrap();
    let (listing, mended) = read(r#"{"ranking": [7, 3]}"#);
    assert_eq!((listing.labels, mended), (vec![7, 3], Repairs::default()));
    let (listing, mended) = read("[7] > [3] > [9]");
    assert_eq!((listing.labels, mended), (vec![7, 3, 9], Repairs::default()));
    let (listing, mended) = read(r#"{"ranking": [7]}"#);
    assert_eq!((listing.labels, mended), (vec![7], repairs(1, 0, 0)));
    let best = parse_listwise(&reply("The best one is [4]."), 20, 1).into_result().unwrap();
    assert_eq!(best.0.labels, [4]);
    // More wanted than shown can't be missing.
    assert_eq!(parse_listwise(&reply("[2] > [1]"), 2, 10).outcome(), "ok");
    assert_eq!(parse_listwise(&reply("[1]"), 0, 0), Reading::Unusable(Unusable::Malformed));
}

#[test]
fn an_echo_of_the_shown_order_is_flagged() {
    let identity =
        |content: &str| parse_listwise(&reply(content), 3, 3).into_result().unwrap().0.identity;
    assert!(identity("[1] > [2] > [3]"));
    assert!(identity("{\"ranking\": [1, 2]}"));
    assert!(!identity("[1] > [3] > [2]"));
}

#[test_case(r#"{"scores": [{"id": 1, "grade": 8}, {"id": 2, "grade": 0}]}"# ; "strict")]
#[test_case(r#"{"scores": [{"grade": 0, "id": 2}, {"id": 1, "grade": 8}]}"# ; "any_order")]
#[test_case(r#"[{"id": 1, "grade": 8}, {"id": 2, "grade": 0}]"# ; "bare_list")]
#[test_case(r#"{"results": [{"label": 1, "score": 8}, {"label": "2", "score": "0"}]}"# ; "other_names")]
#[test_case(r#"{"scores": [{"id": "[1]", "grade": "8/10"}, {"id": 2, "grade": "0 / 10"}]}"# ; "out_of_ten")]
#[test_case(r#"{"1": 8, "2": 0}"# ; "map")]
#[test_case(r#"{"scores": {"[1]": 8, "[2]": {"grade": 0}}}"# ; "map_of_labels")]
#[test_case(
    "```json\n{\"scores\": [{\"id\": 1, \"grade\": 8}, {\"id\": 2, \"grade\": 0}]}\n```" ; "fenced")]
#[test_case(
    r#"Grades: {"scores": [{"id": 1, "grade": 8}, {"id": 2, "grade": 0}]}. [1] is best."# ; "prose_around")]
#[test_case(r#"{"scores": [{"id": 1, "grade": 8}, {"id": 2, "grade": 0}"# ; "no_end")]
#[test_case("[1]: 8\n[2]: 0" ; "lines")]
#[test_case("[1] Grade: 8/10 (fits)\n[2] - score 0, wrong" ; "lines_with_words")]
#[test_case("1. [1]: 8\n2. [2]: 0" ; "numbered_lines")]
#[test_case("Passage 1: 8\nPassage 2: 0" ; "passages")]
#[test_case("**[1]**: **8**\n**[2]**: **0**" ; "bold")]
#[test_case("1: 8\n2: 0" ; "plain_lines")]
#[test_case("[1] 8\n[2] 0" ; "spaced")]
#[test_case("［１］：８\n［２］：０" ; "full_width")]
fn reads_grades(content: &str) {
    let (mut grades, mended) = parse_graded(&reply(content), 2, GRADE_MAX).into_result().unwrap();
    grades.sort_by_key(|(label, _)| *label);
    assert_eq!(grades, [(1, 8.0), (2, 0.0)]);
    assert_eq!(mended, Repairs::default());
}

#[test_case(r#"{"scores": [{"id": 1, "grade": 8.9}, {"id": 2, "grade": 1}]}"#,
    &[(1, 8.9), (2, 1.0)], repairs(0, 0, 0) ; "fraction_stays")]
#[test_case(r#"{"scores": [{"id": 2, "grade": 1}]}"#, &[(2, 1.0)], repairs(1, 0, 0) ; "missing")]
#[test_case(
    r#"{"scores": [{"id": 1, "grade": 9}, {"id": 1, "grade": 2}, {"id": 2, "grade": 1}]}"#,
    &[(1, 9.0), (2, 1.0)], repairs(0, 1, 0) ; "duplicate")]
#[test_case(r#"{"scores": [{"id": 1, "id": 2, "grade": 9, "grade": 1}]}"#,
    &[(1, 9.0)], repairs(1, 0, 0) ; "repeated_keys")]
#[test_case(
    r#"{"scores": [{"id": 0, "grade": 9}, {"id": 3, "grade": 9}, {"id": 2, "grade": 1}]}"#,
    &[(2, 1.0)], repairs(1, 0, 2) ; "unknown")]
#[test_case(
    r#"{"scores": [{"id": 1, "grade": "high"}, {"id": 2, "grade": 1}]}"#,
    &[(2, 1.0)], repairs(1, 0, 0) ; "word_for_a_grade_shifts_nothing")]
#[test_case("[1] Relevance: high\n[2] Relevance: 3",
    &[(2, 3.0)], repairs(1, 0, 0) ; "lines_with_a_word_shift_nothing")]
#[test_case(r#"{"scores": [{"id": 1, "grade": NaN}, {"id": 2, "grade": 1}]}"#,
    &[(2, 1.0)], repairs(1, 0, 0) ; "not_a_number")]
#[test_case(r#"{"scores": [{"id": 1, "grade": 11}, {"id": 2, "grade": 1}]}"#,
    &[(2, 1.0)], repairs(1, 0, 0) ; "off_the_scale")]
#[test_case(r#"{"scores": [{"id": 1, "grade": -1}, {"id": 2, "grade": 1e0}]}"#,
    &[(2, 1.0)], repairs(1, 0, 0) ; "below_the_scale")]
#[test_case(r#"{"scores": [{"id": 1}, {"id": 2, "grade": 1}]}"#, &[(2, 1.0)], repairs(1, 0, 1) ; "no_grade")]
#[test_case(
    r#"{"scores": [{"id": 1, "grade": null}, {"id": 1, "grade": 4}, {"id": 2, "grade": 1}]}"#,
    &[(1, 4.0), (2, 1.0)], repairs(0, 0, 0) ; "second_try_counts")]
fn mends_grades(content: &str, grades: &[(usize, f64)], mended: Repairs) {
    let (read, counted) = parse_graded(&reply(content), 2, GRADE_MAX).into_result().unwrap();
    assert_eq!((read.as_slice(), counted), (grades, mended));
}

#[test_case(r#"{"scores": [7, 3]}"#, Unusable::Malformed ; "by_position")]
#[test_case(r#"{"ranking": [2, 1]}"#, Unusable::Malformed ; "order_instead")]
#[test_case(
    r#"{"scores": [{"id": 1, "grade": 85}, {"id": 2, "grade": 70}]}"#,
    Unusable::Malformed ; "wrong_scale")]
#[test_case("[1] 7 nights tent\n[2] 2-person tent\n[1] 8 € rope", Unusable::Malformed ; "titles")]
#[test_case("I give 7 to the first and 3 to the second.", Unusable::Malformed ; "prose")]
#[test_case(r#"{"scores": [{"id": 1, "grade": 1e999}]}"#, Unusable::Malformed ; "infinite")]
#[test_case(r#"{"scores": [{"id":0,"grade":7}]}"#, Unusable::Malformed ; "shifted")]
#[test_case("I cannot grade these 2 passages:\n[1]: 0\n[2]: 0", Unusable::Refused ; "refusal")]
fn says_why_there_are_no_grades(content: &str, why: Unusable) {
    assert_eq!(parse_graded(&reply(content), 2, GRADE_MAX), Reading::Unusable(why));
}

#[test]
fn cut_grades_count_while_they_are_half() {
    let cut = |content: &str| {
        parse_graded(&ending(content, FinishReason::Length), 4, GRADE_MAX).into_result()
    };
    let two = r#"{"scores": [{"id": 1, "grade": 7}, {"id": 2, "grade": 3}, {"id": 3, "gr"#;
    assert_eq!(cut(two), Ok((vec![(1, 7.0), (2, 3.0)], repairs(2, 0, 0))));
    assert_eq!(cut(r#"{"scores": [{"id": 1, "grade": 7}, {"id""#), Err(Unusable::Truncated));
}

#[test]
fn shifted_grades_are_not_taken_for_the_next_document() {
    let shifted = r#"{"scores": [{"id":0,"grade":7},{"id":1,"grade":3},{"id":2,"grade":1}]}"#;
    let reading = parse_graded(&reply(shifted), 3, GRADE_MAX);
    assert_eq!(reading, Reading::Unusable(Unusable::Malformed));
}

#[test]
fn the_scale_is_the_prompts() {
    let judged = r#"{"scores": [{"id": 1, "grade": 3}, {"id": 2, "grade": 4}]}"#;
    let (grades, mended) = parse_graded(&reply(judged), 2, JUDGE_MAX).into_result().unwrap();
    assert_eq!((grades, mended), (vec![(1, 3.0)], repairs(1, 0, 0)));
}

fn token(token: &str, probability: f64) -> TokenProbability {
    TokenProbability { token: token.into(), logprob: probability.ln() }
}

fn pointwise(content: &str, alternatives: &[(&str, f64)]) -> Reading<f64> {
    let first_token = alternatives.iter().map(|(text, p)| token(text, *p)).collect();
    parse_pointwise(&ChatReply { first_token, ..ending(content, FinishReason::Length) })
}

#[test_case("Yes", &[("Yes", 0.6), ("No", 0.2)], 0.75 ; "plain")]
#[test_case("yes", &[("Yes", 0.3), (" yes", 0.2), ("YES", 0.1), (" No", 0.2)], 0.75 ; "spellings")]
#[test_case("No", &[("ĠYes", 0.1), ("▁No", 0.2), ("No.", 0.1)], 0.25 ; "tokenizer_marks")]
#[test_case("Yes", &[("Yes", 0.3), ("Maybe", 0.4), ("No", 0.1)], 0.75 ; "others_do_not_count")]
#[test_case(" ", &[("Yes", 0.3), ("No", 0.1)], 0.75 ; "only_white_space_came")]
#[test_case("Yes", &[("Yes", 1.0)], 1.0 ; "sure")]
#[test_case("Yes", &[("Yes", 0.9)], 0.9 / 0.95 ; "other_half_of_the_rest")]
#[test_case("No", &[("No", 0.5), ("Maybe", 0.02)], 0.01 / 0.51 ; "other_half_of_the_least")]
fn reads_a_probability(content: &str, alternatives: &[(&str, f64)], expected: f64) {
    let (probability, _) = pointwise(content, alternatives).into_result().unwrap();
    assert!((probability - expected).abs() < 1e-9, "{probability}");
}

#[test]
fn less_sure_is_less_even_where_no_is_not_listed() {
    let p = |yes| pointwise("Yes", &[("Yes", yes)]).into_result().unwrap().0;
    assert!(p(0.7) < p(0.9) && p(0.9) < p(0.99));
}

#[test_case("Yes", true)]
#[test_case("no", false)]
#[test_case(" \"YES\" ", true)]
#[test_case("**No**", false)]
#[test_case("Yes.", true)]
#[test_case("Yes, it meets all of them.", true)]
#[test_case("No\n\nThe document is about boots.", false)]
#[test_case("No - wrong price", false)]
#[test_case("Answer: Yes", true)]
#[test_case("Final answer: **No**", false)]
#[test_case("{\"answer\": \"Yes\"}", true)]
#[test_case("{\"relevant\": false}", false)]
#[test_case("<think>No, wait.</think>Yes", true)]
#[test_case("Yes<|im_end|>", true)]
fn reads_the_word_where_there_are_no_probabilities(content: &str, yes: bool) {
    let expected = f64::from(u8::from(yes));
    for alternatives in [&[][..], &[("The", 0.9), ("Yes", 1e-9)][..]] {
        let (probability, _) = pointwise(content, alternatives).into_result().unwrap();
        assert!((probability - expected).abs() < f64::EPSILON, "{content}: {probability}");
    }
}

#[test_case("Yesterday", Unusable::Truncated)]
#[test_case("No document matches", Unusable::Truncated)]
#[test_case("No-one", Unusable::Truncated)]
#[test_case("Yes and no", Unusable::Truncated)]
#[test_case("Yes/No", Unusable::Truncated)]
#[test_case("Maybe", Unusable::Truncated)]
#[test_case("1", Unusable::Truncated)]
#[test_case("", Unusable::Truncated)]
#[test_case("<think>Yes", Unusable::Truncated)]
#[test_case("I'm sorry, I can't say.", Unusable::Refused)]
fn takes_no_word_out_of_a_sentence(content: &str, why: Unusable) {
    assert_eq!(pointwise(content, &[]), Reading::Unusable(why));
}

#[test]
fn probabilities_that_are_none_do_no_harm() {
    let odd = |logprobs: &[f64]| {
        let first_token = logprobs
            .iter()
            .zip(["Yes", "No", "x"])
            .map(|(&logprob, token)| TokenProbability { token: token.into(), logprob })
            .collect();
        parse_pointwise(&ChatReply { first_token, ..reply("Yes") }).into_result().unwrap().0
    };
    for logprobs in [
        &[f64::NAN, f64::NAN][..],
        &[f64::INFINITY, f64::NEG_INFINITY],
        &[f64::NEG_INFINITY, f64::NEG_INFINITY],
        &[-9999.0, -9999.0, 5.0],
        &[3.0, -1.0],
    ] {
        assert!((0.0..=1.0).contains(&odd(logprobs)), "{logprobs:?}");
    }
    let prose = ChatReply {
        first_token: vec![token("I", 0.9), token("Yes", 0.05), token("No", 0.01)],
        ..reply("I'm sorry, but I can't judge this.")
    };
    assert_eq!(parse_pointwise(&prose), Reading::Unusable(Unusable::Refused));
}

/// Every way of reading one text: none panics, and none gives what can't be.
fn check_all(content: &str, finish: FinishReason, shown: usize, wanted: usize) {
    let given = ending(content, finish);
    if let Ok((listing, _)) = parse_listwise(&given, shown, wanted).into_result() {
        let mut labels = listing.labels.clone();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), listing.labels.len(), "a label twice in {content:?}");
        assert!(labels.iter().all(|label| (1..=shown).contains(label)), "{content:?}");
        assert!(labels.len() * 2 >= wanted.min(shown), "too few from {content:?}");
    }
    if let Ok((grades, _)) = parse_graded(&given, shown, GRADE_MAX).into_result() {
        let mut labels: Vec<_> = grades.iter().map(|(label, _)| *label).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), grades.len(), "a label twice in {content:?}");
        assert!(labels.iter().all(|label| (1..=shown).contains(label)), "{content:?}");
        assert!(grades.iter().all(|(_, grade)| (0.0..=10.0).contains(grade)), "{content:?}");
    }
    if let Ok((probability, _)) = parse_pointwise(&given).into_result() {
        assert!((0.0..=1.0).contains(&probability), "{content:?}");
    }
}

#[test_case("[" ; "lists")]
#[test_case("{" ; "objects")]
#[test_case("{\"ranking\":[" ; "nested_lists")]
#[test_case("[{\"id\":" ; "nested_entries")]
#[test_case("[1] " ; "labels")]
#[test_case("1," ; "numbers")]
#[test_case("1. [1]\n" ; "lines")]
#[test_case("1\n" ; "numbers_by_line")]
#[test_case("```" ; "fences")]
#[test_case("<think>" ; "thoughts")]
#[test_case("</think>" ; "ended_thoughts")]
#[test_case("\"" ; "quotes")]
#[test_case("［" ; "wide")]
#[test_case("{\"id\":1,\"grade\":1}," ; "entries")]
#[test_case("9" ; "digits")]
#[test_case("[   " ; "blanks")]
fn length_and_depth_do_no_harm(piece: &str) {
    let mut content = piece.repeat(100_000);
    check_all(&content, FinishReason::Stop, 20, 20);
    content.insert_str(0, "{\"ranking\": [2, 1, ");
    check_all(&content, FinishReason::Length, 20, 20);
}

#[test]
fn ten_megabytes_are_read_or_refused() {
    let long = format!("{{\"ranking\": [2, 1], \"why\": \"{}\"}}", "x".repeat(10_000_000));
    assert_eq!(parse_listwise(&reply(&long), 2, 2).outcome(), "ok");
    check_all(&long[..9_000_000], FinishReason::Length, 2, 2);
}

/// Text in which what parsers look for is likely.
fn likely() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        "[1]",
        "[2] > ",
        "[ 3 ]",
        "[-1]",
        "\"ranking\"",
        "\"scores\"",
        ":",
        "\"id\"",
        "\"grade\"",
        ",",
        "1",
        "2",
        "3",
        "20",
        "21",
        "0",
        "7.5",
        "1e9",
        "\n",
        "\r\n",
        "1. ",
        "Passage 2",
        "Rank 3: ",
        " > ",
        "```",
        "```json\n",
        "<think>",
        "</think>",
        "Yes",
        "No",
        "I cannot ",
        "null",
        "NaN",
        "\"",
        "\\",
        "\\ud800",
        "²",
        "３",
        "［",
        "é",
        "/10",
        "- ",
        " ",
    ]);
    prop::collection::vec(prop_oneof![4 => piece.prop_map(String::from), 1 => "\\PC{0,3}"], 0..24)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn any_text_gives_only_labels_that_were_shown(
        content in prop_oneof![likely(), any::<String>()],
        shown in 0_usize..25,
        wanted in 0_usize..25,
        cut in any::<bool>(),
    ) {
        let finish = if cut { FinishReason::Length } else { FinishReason::Stop };
        check_all(&content, finish, shown, wanted);
    }

    #[test]
    fn a_valid_order_reads_back(order in Just((1..=20).collect::<Vec<usize>>()).prop_shuffle()) {
        let json = serde_json::json!({"ranking": order}).to_string();
        let chain = order.iter().map(|l| format!("[{l}]")).collect::<Vec<_>>().join(" > ");
        let list: String =
            order.iter().zip(1..).map(|(l, i)| format!("{i}. Passage {l}\n")).collect();
        for content in [json, chain, list] {
            let (listing, mended) = parse_listwise(&reply(&content), 20, 20).into_result().unwrap();
            prop_assert_eq!((&listing.labels, mended), (&order, Repairs::default()), "{}", content);
        }
    }
}
