//! Yes and No.

use test_case::test_case;

use super::*;
use crate::llm::TokenProbability;

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
fn filters_and_refusals_hold_the_word_back() {
    let sure = vec![token("Yes", 0.9), token("No", 0.1)];
    let filtered = ChatReply { first_token: sure, ..ending("Yes", FinishReason::ContentFilter) };
    assert_eq!(parse_pointwise(&filtered), Reading::Unusable(Unusable::Filtered));
    let refused = ChatReply { refusal: Some("No.".into()), ..reply("Yes") };
    assert_eq!(parse_pointwise(&refused), Reading::Unusable(Unusable::Refused));
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
