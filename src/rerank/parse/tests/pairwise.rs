//! The better of two.

use test_case::test_case;

use super::*;

#[test_case(r#"{"better": 2}"# ; "strict")]
#[test_case("\u{feff}{\"better\": 2}" ; "byte_order_mark")]
#[test_case(r#"{"better": "2"}"# ; "text")]
#[test_case(r#"{"better": "[2]"}"# ; "text_in_brackets")]
#[test_case(r#"{"better": "Passage 2"}"# ; "passage_in_json")]
#[test_case(r#"{"better": 2.0}"# ; "float")]
#[test_case(r#"{"better": [2]}"# ; "list_of_one")]
#[test_case(r#"{"better": {"id": 2, "title": "[1] in the title"}}"# ; "object")]
#[test_case(r#"[{"better": 2}]"# ; "object_in_a_list")]
#[test_case(r#"{"Better": 2}"# ; "other_case")]
#[test_case(r#"{"winner": 2, "loser": 1}"# ; "other_key")]
#[test_case(r#"{"label": 2}"# ; "only_a_label")]
#[test_case(r#"{"result": {"better": 2}}"# ; "nested")]
#[test_case(r#"{"reason": "[1] is better known", "better": 2}"# ; "reason_first")]
#[test_case(r#"{"better": 2, "better": 1}"# ; "repeated_key")]
#[test_case(r#""{\"better\": 2}""# ; "json_in_a_string")]
#[test_case("```json\n{\"better\": 2}\n```" ; "fenced")]
#[test_case("```\n2\n```" ; "fenced_number")]
#[test_case("Comparing [1] and [2]: {\"better\": 2}. [1] breaks the limit." ; "prose_around")]
#[test_case("[1] is better, I thought.\n{\"better\": 2}" ; "json_before_words")]
#[test_case("{\"a\": 1} {\"better\": 2}" ; "other_object_first")]
#[test_case("{'better': 2}" ; "single_quotes")]
#[test_case("{better: 2, why: \"1 is dear\"}" ; "no_quotes")]
#[test_case(r#"{"better": 2"# ; "no_end")]
#[test_case(r#"{"better": 2, "why": "[1] breaks"# ; "cut_reason")]
#[test_case("<think>[1] is better.</think>{\"better\": 2}" ; "thoughts")]
#[test_case("2" ; "number")]
#[test_case("２" ; "full_width_number")]
#[test_case("2." ; "number_with_a_dot")]
#[test_case("2\n\nIt meets the limit of 120." ; "number_and_reason")]
#[test_case("[2]" ; "brackets")]
#[test_case("［２］" ; "full_width_brackets")]
#[test_case("\"[2]\"" ; "quoted")]
#[test_case("**[2]**" ; "bold")]
#[test_case("[2]<|im_end|>" ; "markup")]
#[test_case("[2]. It has 1 pole and costs 94." ; "brackets_and_reason")]
#[test_case("Passage 2" ; "passage")]
#[test_case("Document 2." ; "document")]
#[test_case("#2" ; "hash")]
#[test_case("[2] is better" ; "sentence")]
#[test_case("[2] is clearly the better match, as [1] costs too much." ; "sentence_with_reason")]
#[test_case("Passage 2 is better than Passage 1." ; "passages_compared")]
#[test_case("[2] is more relevant than [1]" ; "more_relevant")]
#[test_case("Document [2] answers the query better." ; "answers_better")]
#[test_case("[1] is not cheap, but [2] is better." ; "other_one_is_not")]
#[test_case("The better one is [2]." ; "the_better_one_is")]
#[test_case("I'd pick [2] over [1]." ; "pick_over")]
#[test_case("The answer isn't [1], I choose [2]" ; "not_one_but_the_other")]
#[test_case("[1]: a tent\n[2]: a tarp\n\n**Better:** [2]" ; "discussion_and_verdict")]
#[test_case("Better: 2" ; "introduced_number")]
#[test_case("Final answer: **2**." ; "final_answer")]
#[test_case("Better document: 2" ; "introduced_document")]
#[test_case("[2] > [1]" ; "chain")]
#[test_case("2 > 1" ; "plain_chain")]
#[test_case("Ranking: 2 > 1." ; "introduced_chain")]
#[test_case("Passage 2 > Passage 1" ; "passage_chain")]
#[test_case("I cannot be sure, but: [2] > [1]" ; "hedged_chain")]
#[test_case("I'm sorry for the wait. {\"better\": 2}" ; "apology_then_answer")]
fn reads_the_better_one(content: &str) {
    let read = Reading::Usable { value: 2, repairs: Repairs::default() };
    assert_eq!(parse_pairwise(&reply(content)), read);
    // The same words for the other label: no position is preferred.
    let swapped: String = content.chars().map(swapped).collect();
    let read = Reading::Usable { value: 1, repairs: Repairs::default() };
    assert_eq!(parse_pairwise(&reply(&swapped)), read, "{swapped}");
}

fn swapped(c: char) -> char {
    match c {
        '1' => '2',
        '2' => '1',
        '２' => '１',
        c => c,
    }
}

#[test_case("" ; "nothing")]
#[test_case("[1], [2]" ; "both")]
#[test_case("[2, 1]" ; "list_of_both")]
#[test_case(r#"{"better": [1, 2]}"# ; "json_of_both")]
#[test_case("2\n1" ; "both_by_line")]
#[test_case("1 and 2" ; "both_numbers")]
#[test_case("Better: [1] or [2]" ; "one_or_the_other")]
#[test_case("Better: 1, 2" ; "introduced_both")]
#[test_case("[1] = [2]" ; "equal")]
#[test_case("[1] > [1]" ; "better_than_itself")]
#[test_case("[1] > [2] > [1]" ; "circle")]
#[test_case("[1] is better, and [2] is better." ; "two_verdicts")]
#[test_case("It is a tie." ; "tie")]
#[test_case("Both are equally good: [1] and [2]." ; "tie_of_labels")]
#[test_case(r#"{"better": "tie"}"# ; "tie_in_json")]
#[test_case(r#"{"better": null}"# ; "none_in_json")]
#[test_case(r#"{"better": "neither"}"# ; "neither_in_json")]
#[test_case("Neither [1] nor [2] is better." ; "neither")]
#[test_case(r#"{"better": 0}"# ; "zero")]
#[test_case("0" ; "bare_zero")]
#[test_case("[0] is better than [1]" ; "counted_from_zero")]
#[test_case("[1] is better than [0]" ; "zero_is_worse")]
#[test_case(r#"{"better": 3}"# ; "invented")]
#[test_case("[3]" ; "invented_in_brackets")]
#[test_case(r#"{"better": -1}"# ; "negative")]
#[test_case(r#"{"better": 9223372036854775808}"# ; "huge")]
#[test_case(r#"{"better": 1.5}"# ; "fraction")]
#[test_case("1.5" ; "fraction_in_words")]
#[test_case(r#"{"better": "²"}"# ; "superscript")]
#[test_case("②" ; "circled")]
#[test_case("[11]" ; "eleven_is_not_one")]
#[test_case(r#"{"better": true}"# ; "not_a_label")]
#[test_case(r#"{"worse": 1}"# ; "the_worse_in_json")]
#[test_case("Worse: [1]" ; "the_worse")]
#[test_case("[1] is worse" ; "worse")]
#[test_case("[1] is not better" ; "not_better")]
#[test_case("[1] isn't better than [2]" ; "is_not_better")]
#[test_case("I don't think [1] is better." ; "not_thought_better")]
#[test_case("I would not pick [1]." ; "not_picked")]
#[test_case("The answer is not [1]." ; "not_the_answer")]
#[test_case("If [1] is better, then for its price." ; "conditional")]
#[test_case("[1] is better if it rains." ; "conditional_after")]
#[test_case("[1] is better known." ; "better_something")]
#[test_case("Better than [1]" ; "better_than")]
#[test_case("Better: 2-person tent" ; "number_in_a_word")]
#[test_case("2 better tents exist" ; "number_in_prose")]
#[test_case("Passage 2 is about tents." ; "topic")]
#[test_case("[1]: too expensive" ; "only_one_discussed")]
#[test_case("1. Tarp for one" ; "list_entry")]
#[test_case(r#"{"ranking": [2, 1]}"# ; "order_instead")]
#[test_case(r#"{"scores": [{"id": 1, "grade": 3}]}"# ; "grades_instead")]
#[test_case(r#"{"error": "code 2"}"# ; "error_object")]
#[test_case("The first one." ; "ordinal")]
fn nothing_but_a_verdict_counts(content: &str) {
    assert_eq!(parse_pairwise(&reply(content)), Reading::Unusable(Unusable::Malformed));
}

#[test_case("I cannot compare these 2 passages.", Unusable::Refused ; "refusal")]
#[test_case("I'm sorry, I won't say that [2] is better.", Unusable::Refused ; "refusal_with_a_label")]
#[test_case("As an AI I have no preference: [1].", Unusable::Refused ; "policy")]
#[test_case("<think>[2] is better", Unusable::Truncated ; "unclosed_thought")]
#[test_case("<think>[2] is better</think>", Unusable::Malformed ; "thought_only")]
fn says_why_there_is_no_choice(content: &str, why: Unusable) {
    assert_eq!(parse_pairwise(&reply(content)), Reading::Unusable(why));
}

#[test]
fn the_end_of_the_reply_counts() {
    let length = |content: &str| parse_pairwise(&ending(content, FinishReason::Length));
    for cut in ["", r#"{"better""#, r#"{"better": "#, "Passage 1 is a light"] {
        assert_eq!(length(cut), Reading::Unusable(Unusable::Truncated), "{cut}");
    }
    // Of two labels no digit can be missing.
    for content in [r#"{"better": 2"#, "[2] is better, because it"] {
        assert_eq!(length(content).into_result(), Ok((2, Repairs::default())), "{content}");
    }
    let filtered = ending(r#"{"better": 2}"#, FinishReason::ContentFilter);
    assert_eq!(parse_pairwise(&filtered), Reading::Unusable(Unusable::Filtered));
    let refused = ChatReply { refusal: Some("No.".into()), ..reply(r#"{"better": 2}"#) };
    assert_eq!(parse_pairwise(&refused), Reading::Unusable(Unusable::Refused));
}

#[test]
fn a_long_text_is_no_verdict_and_json_in_it_is() {
    let prose = "The tarp is light. ".repeat(1000);
    let words = format!("{prose}[2] is better.");
    assert_eq!(parse_pairwise(&reply(&words)), Reading::Unusable(Unusable::Malformed));
    let json = format!("{prose}{{\"better\": 2}}");
    assert_eq!(parse_pairwise(&reply(&json)).into_result(), Ok((2, Repairs::default())));
}
