//! Grades.

use test_case::test_case;

use super::*;

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
#[test_case(r#"{"scores": [{"id": 1.0, "grade": 8.0}, {"id": "2", "grade": "0.0"}]}"# ; "floats_and_strings")]
#[test_case("[1]: 8 out of 10\n[2]: 0 out of 10, wrong" ; "out_of_ten_in_words")]
#[test_case("1. Relevance: 8\n2. Relevance: 0" ; "numbered_words")]
#[test_case(
    "<think>[1]: 2, [2]: 9?</think>{\"scores\": [{\"id\": 1, \"grade\": 8}, {\"id\": 2, \"grade\": 0}]}" ; "thoughts")]
#[test_case("In 2024 the 2 passages are:\n[1]: 8\n[2]: 0" ; "lines_after_digits")]
#[test_case("[1]: 3 at first sight.\n{\"scores\": [{\"id\": 1, \"grade\": 8}, {\"id\": 2, \"grade\": 0}]}" ; "json_before_lines")]
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
#[test_case("1. Relevance: high\n2. Relevance: 3",
    &[(2, 3.0)], repairs(1, 0, 0) ; "numbered_lines_with_a_word_shift_nothing")]
#[test_case("[1]: 8.9\n[2]: 1", &[(1, 8.9), (2, 1.0)], repairs(0, 0, 0) ; "fraction_in_a_line_stays")]
#[test_case(r#"{"scores": [{"id": 1, "grade": "8.9/10"}, {"id": 2, "grade": "1"}]}"#,
    &[(1, 8.9), (2, 1.0)], repairs(0, 0, 0) ; "fraction_in_text_stays")]
#[test_case(r#"{"scores": [{"id": -1, "grade": 9}, {"id": 9223372036854775808, "grade": 9}, {"id": 2, "grade": 1}]}"#,
    &[(2, 1.0)], repairs(1, 0, 2) ; "invented")]
#[test_case("[11]: 9\n[2]: 1", &[(2, 1.0)], repairs(1, 0, 1) ; "eleven_is_not_one")]
#[test_case("[²]: 9\n[2]: 1", &[(2, 1.0)], repairs(1, 0, 0) ; "superscript")]
#[test_case(r#"{"scores": [{"id": 1, "grade": "²"}, {"id": 2, "grade": 1}]}"#,
    &[(2, 1.0)], repairs(1, 0, 0) ; "superscript_for_a_grade")]
#[test_case(r#"{"scores": [{"id": 1, "grade": "85/100"}, {"id": 2, "grade": 1}]}"#,
    &[(2, 1.0)], repairs(1, 0, 0) ; "grade_of_another_scale")]
#[test_case("[1]: 80%\n[2]: 1", &[(2, 1.0)], repairs(1, 0, 0) ; "percentage")]
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
#[test_case(r#"{"scores": [{"id": 0, "grade": 7}, {"id": 1, "grade": 3}]}"#, Unusable::Malformed ; "two_counted_from_zero")]
#[test_case("Doc: 0 Score: 7\nDoc: 1 Score: 3", Unusable::Malformed ; "lines_counted_from_zero")]
#[test_case("Relevance: high\nRelevance: 3", Unusable::Malformed ; "words_without_labels")]
#[test_case("8\n3", Unusable::Malformed ; "grades_without_labels")]
#[test_case("These 2 passages get 8 of 10.", Unusable::Malformed ; "prose_with_digits")]
#[test_case(r#"{"better": 2}"#, Unusable::Malformed ; "choice_instead")]
#[test_case("", Unusable::Malformed ; "nothing")]
#[test_case("<think>[1]: 8\n[2]: 0", Unusable::Truncated ; "unclosed_thought")]
#[test_case("I cannot grade these 2 passages", Unusable::Refused ; "short_refusal")]
#[test_case("I cannot grade these 2 passages:\n[1]: 0\n[2]: 0", Unusable::Refused ; "refusal")]
fn says_why_there_are_no_grades(content: &str, why: Unusable) {
    assert_eq!(parse_graded(&reply(content), 2, GRADE_MAX), Reading::Unusable(why));
}

#[test]
fn filters_and_refusals_hold_grades_back() {
    let grades = r#"{"scores": [{"id": 1, "grade": 8}, {"id": 2, "grade": 0}]}"#;
    let read = |reply: &ChatReply| parse_graded(reply, 2, GRADE_MAX).into_result();
    let filtered = ending(grades, FinishReason::ContentFilter);
    assert_eq!(read(&filtered), Err(Unusable::Filtered));
    let refused = ChatReply { refusal: Some("No.".into()), ..reply(grades) };
    assert_eq!(read(&refused), Err(Unusable::Refused));
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
