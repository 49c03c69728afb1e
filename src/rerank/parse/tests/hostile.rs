//! Text of any kind, length and depth.

use proptest::prelude::*;
use test_case::test_case;

use super::*;

/// Every way of reading one text: none panics, and none gives what can't be.
fn check_all(content: &str, finish: FinishReason, shown: usize, wanted: usize) {
    let given = ending(content, finish);
    if let Ok((order, _)) = parse_listwise(&given, shown, wanted).into_result() {
        let mut labels = order.clone();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), order.len(), "a label twice in {content:?}");
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
    if let Ok((grades, _)) = parse_graded(&given, shown, JUDGE_MAX).into_result() {
        assert!(grades.iter().all(|(_, grade)| (0.0..=3.0).contains(grade)), "{content:?}");
    }
    if let Ok((probability, _)) = parse_pointwise(&given).into_result() {
        assert!((0.0..=1.0).contains(&probability), "{content:?}");
    }
    if let Ok((claimed, _)) = parse_explained(&given, shown).into_result() {
        let mut labels: Vec<_> = claimed.iter().map(|claimed| claimed.label).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), claimed.len(), "a label twice in {content:?}");
        assert!(labels.iter().all(|label| (1..=shown).contains(label)), "{content:?}");
        assert!(claimed.iter().all(|claimed| !claimed.claim.trim().is_empty()), "{content:?}");
    }
    if let Ok((better, mended)) = parse_pairwise(&given).into_result() {
        assert!((1..=2).contains(&better), "{content:?}");
        assert!(mended.is_none(), "{content:?}");
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
#[test_case("passage " ; "names")]
#[test_case("[2] > " ; "chain")]
#[test_case("better: " ; "verdicts")]
#[test_case("{\"better\":" ; "nested_choices")]
#[test_case("<|" ; "markup")]
#[test_case("²" ; "superscripts")]
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
        "\"better\"",
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
        "is better ",
        "than ",
        "not ",
        "or ",
        "Answer: ",
        "<|",
        "|>",
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

/// At least 10,000 cases; more where `PROPTEST_CASES` says so, as for the other
/// properties.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases.max(10_000), ..default }
}

proptest! {
    #![proptest_config(config())]

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
}

proptest! {
    #[test]
    fn a_valid_order_reads_back(order in Just((1..=20).collect::<Vec<usize>>()).prop_shuffle()) {
        let json = serde_json::json!({"ranking": order}).to_string();
        let chain = order.iter().map(|l| format!("[{l}]")).collect::<Vec<_>>().join(" > ");
        let list: Vec<_> =
            order.iter().zip(1..).map(|(l, i)| format!("{i}. Passage {l}")).collect();
        let list = list.join("\n");
        for content in [json, chain, list] {
            let (labels, mended) = parse_listwise(&reply(&content), 20, 20).into_result().unwrap();
            prop_assert_eq!((&labels, mended), (&order, Repairs::default()), "{}", content);
        }
    }

    #[test]
    fn valid_grades_read_back(tenths in prop::collection::vec(0..=100_u32, 1..20)) {
        let grades: Vec<_> = (1..).zip(tenths.iter().map(|&g| f64::from(g) / 10.0)).collect();
        let entries: Vec<_> =
            grades.iter().map(|(l, g)| serde_json::json!({"id": l, "grade": g})).collect();
        let json = serde_json::json!({"scores": entries}).to_string();
        let prose = format!("Of the {} passages in 2024:\n```json\n{json}\n```\n", grades.len());
        let lines: Vec<_> = grades.iter().map(|(l, g)| format!("[{l}]: {g}/10")).collect();
        for content in [json, prose, lines.join("\n")] {
            let (read, mended) =
                parse_graded(&reply(&content), grades.len(), GRADE_MAX).into_result().unwrap();
            prop_assert_eq!((&read, mended), (&grades, Repairs::default()), "{}", content);
        }
    }

    #[test]
    fn a_choice_reads_back_whatever_stands_around_it(
        better in 1_usize..=2,
        before in "[a-z ,.\\[\\]0-9]{0,40}",
        after in "[a-z ,.\\[\\]0-9]{0,40}",
    ) {
        let content = format!("{before}{{\"better\": {better}}}{after}");
        let read = parse_pairwise(&reply(&content)).into_result();
        prop_assert_eq!(read, Ok((better, Repairs::default())), "{}", content);
    }
}
