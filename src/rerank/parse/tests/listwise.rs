//! Orders.

use test_case::test_case;

use super::*;

/// Three labels shown, all three wanted, all three read.
#[test_case(r#"{"ranking": [3, 1, 2]}"# ; "strict")]
#[test_case("\u{feff}{\"ranking\": [3, 1, 2]}" ; "byte_order_mark")]
#[test_case("[3, 1, 2]" ; "bare_list")]
#[test_case(r#"{"answer": [3, 1, 2]}"# ; "other_key")]
#[test_case(r#"{"Ranking": [3, 1, 2]}"# ; "other_case")]
#[test_case(r#"{"ranking": ["3", "[1]", " 2 "]}"# ; "strings")]
#[test_case(r#"{"ranking": ["7f3a [3]", "[1] Tarp of 2024", "[ 2 ]"]}"# ; "headings")]
#[test_case(r#"{"ranking": [3.0, 1.0, 2.0]}"# ; "floats")]
#[test_case(r#"{"ranking": [{"id": 3, "grade": 9}, {"id": 1}, {"id": "2"}]}"# ; "objects")]
#[test_case(r#"{"scores": [{"id": 3, "grade": 9}, {"id": 1, "grade": 9}, {"id": 2, "grade": 0}]}"# ; "falling_grades")]
#[test_case(r#"[{"rank": 1, "id": 3}, {"rank": 2, "id": 1}, {"rank": 3, "id": 2}]"# ; "rising_ranks")]
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
#[test_case("[1] > [2] > [3] at first sight. {\"ranking\": [3, 1, 2]}" ; "json_before_a_chain")]
#[test_case(
    "Draft: {\"ranking\": [1, 2, 3]}\n```json\n{\"ranking\": [3, 1, 2]}\n```" ; "fence_before_json_in_prose")]
#[test_case("1. Passage 1\n2. Passage 2\n3. Passage 3\n\n[3] > [1] > [2]" ; "chain_before_a_list")]
#[test_case(
    "<tool_call>{\"name\": \"rank\", \"arguments\": {\"ranking\": [3, 1, 2]}}</tool_call>" ; "tool_call_as_text")]
fn reads_an_order(content: &str) {
    let (labels, mended) = parse_listwise(&reply(content), 3, 3).into_result().unwrap();
    assert_eq!(labels, [3, 1, 2]);
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
#[test_case(r#"{"ranking": [0, 5, 4, 1]}"#, &[4, 1], repairs(2, 0, 2) ; "just_outside_of_both_bounds")]
#[test_case("1. Passage 3\n2. Passage 0\n3. Passage 1", &[3, 1], repairs(2, 0, 1) ; "passage_zero")]
fn mends_an_order(content: &str, labels: &[usize], mended: Repairs) {
    let reading = parse_listwise(&reply(content), 4, 4);
    assert_eq!(reading.outcome(), "repaired");
    let (read, counted) = reading.into_result().unwrap();
    assert_eq!((read.as_slice(), counted), (labels, mended));
}

/// Digits that are no labels and would be labels that were shown.
#[test_case(
    "Here are the 5 passages ranked for 2024: [3] > [4] > [1] > [2] > [5]",
    &[3, 4, 1, 2, 5] ; "how_many_and_a_year")]
#[test_case("1. [3]\n2. [1]\n3. [2]\n4. [5]\n5. [4]", &[3, 1, 2, 5, 4] ; "numbering")]
#[test_case("1) Passage 3\n2) Passage 1\n3) Passage 2\n4) Passage 5\n5) Passage 4", &[3, 1, 2, 5, 4] ; "numbered_names")]
#[test_case("1. [3] 2-person tent, 4 kg\n2. [1] Rope, 5 m\n3. [2] Size 4", &[3, 1, 2] ; "titles")]
#[test_case("[3] > [11] > [2] > [1]", &[3, 2, 1] ; "eleven")]
#[test_case("Top 2 of 5: [3] > [1] > [4]", &[3, 1, 4] ; "top_two")]
fn digits_around_an_order_are_no_labels(content: &str, labels: &[usize]) {
    let (read, _) = parse_listwise(&reply(content), 5, 5).into_result().unwrap();
    assert_eq!(read, labels);
}

#[test_case(r#"{"ranking": [0, 1]}"# ; "json")]
#[test_case(r#"{"ranking": [1, 0]}"# ; "json_backwards")]
#[test_case("[0] > [1]" ; "chain")]
#[test_case("Doc: 1\nDoc: 0" ; "list")]
fn two_labels_counted_from_zero_are_not_taken_for_others(content: &str) {
    assert_eq!(parse_listwise(&reply(content), 2, 2), Reading::Unusable(Unusable::Malformed));
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
#[test_case(
    r#"{"scores": [{"id": 1, "grade": 2}, {"id": 2, "grade": 0}, {"id": 3, "grade": 9}]}"#,
    Unusable::Malformed ; "grades_instead")]
#[test_case(
    r#"{"ranking": [{"id": 1, "rank": 3}, {"id": 2, "rank": 1}, {"id": 3, "rank": 2}]}"#,
    Unusable::Malformed ; "ranks_by_label")]
#[test_case(
    r#"{"ranking": [{"id": 1, "score": 0.2}, {"id": 2, "score": 0.9}, {"id": 3"#,
    Unusable::Malformed ; "cut_scores_by_label")]
#[test_case(r#"{"better": 2}"#, Unusable::Malformed ; "choice_instead")]
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
    let cut = length(r#"{"ranking": [3, 1, 2"#).into_result();
    assert_eq!(cut, Ok((vec![3, 1], repairs(2, 0, 0))));
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
    let read = |content: &str| parse_listwise(&reply(content), 20, 2).into_result();
    assert_eq!(read(r#"{"ranking": [7, 3]}"#), Ok((vec![7, 3], Repairs::default())));
    assert_eq!(read("[7] > [3] > [9]"), Ok((vec![7, 3, 9], Repairs::default())));
    assert_eq!(read(r#"{"ranking": [7]}"#), Ok((vec![7], repairs(1, 0, 0))));
    let best = parse_listwise(&reply("The best one is [4]."), 20, 1).into_result().unwrap();
    assert_eq!(best.0, [4]);
    // More wanted than shown can't be missing.
    assert_eq!(parse_listwise(&reply("[2] > [1]"), 2, 10).outcome(), "ok");
    assert_eq!(parse_listwise(&reply("[1]"), 0, 0), Reading::Unusable(Unusable::Malformed));
}

#[test]
fn less_than_half_is_no_order() {
    let read = |content: &str| parse_listwise(&reply(content), 5, 5).into_result();
    assert_eq!(read(r#"{"ranking": [4, 2, 5]}"#), Ok((vec![4, 2, 5], repairs(2, 0, 0))));
    assert_eq!(read(r#"{"ranking": [4, 2]}"#), Err(Unusable::Malformed));
    // What comes twice or was never shown fills no gap.
    assert_eq!(read(r#"{"ranking": [4, 2, 2, 4, 9, 7]}"#), Err(Unusable::Malformed));
}

#[test_case("{\"ranking\": [2, 1]}", FinishReason::Stop, "ok")]
#[test_case("{\"ranking\": [2]}", FinishReason::Stop, "repaired")]
#[test_case("{}", FinishReason::Stop, "malformed_output")]
#[test_case("I cannot rank these 2 passages", FinishReason::Stop, "refused")]
#[test_case("{\"ranking\": [", FinishReason::Length, "truncated")]
#[test_case("{\"ranking\": [2, 1]}", FinishReason::ContentFilter, "filtered")]
fn a_reply_has_one_of_six_outcomes(content: &str, finish: FinishReason, outcome: &str) {
    assert_eq!(parse_listwise(&ending(content, finish), 2, 2).outcome(), outcome);
}

#[test_case(r#"{"ranking": ["[3] or [1]", "[2] > [1]", "2024"]}"# ; "several labels in an entry")]
#[test_case(r#"{"ranking": ["Tarp 3", "Tent 1", "Sock 2"]}"# ; "bare digits beside words")]
fn an_entry_that_names_no_label_alone_is_none(content: &str) {
    assert_eq!(parse_listwise(&reply(content), 3, 3).outcome(), "malformed_output");
}
