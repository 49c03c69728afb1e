use proptest::prelude::*;
use test_case::test_case;

use super::*;
use crate::retrieve::lexical::Bm25Shape;

fn counter(language: Language) -> TermCounter {
    TermCounter::new(&Lexical { language, ..Lexical::default() }).unwrap()
}

/// A counter of English that weighs the fields.
fn weighted(title: f64, text: f64) -> TermCounter {
    let fields = FieldWeights::new(title, text).unwrap();
    TermCounter::new(&Lexical { fields, ..Lexical::default() }).unwrap()
}

fn bits(value: f64) -> u64 {
    value.to_bits()
}

#[test]
fn every_language_has_an_analyzer() {
    for language in Language::ALL {
        let params = Lexical::default().params(10.0);
        assert!(Analyzer::new(language, params).is_ok(), "{language}");
    }
}

#[test]
fn english_stems_and_drops_stop_words_and_none_does_neither() {
    let english = counter(Language::English);
    assert_eq!(english.query("the running runs"), english.query("run"));
    assert_eq!(counter(Language::None).query("the running runs").len(), 3);
}

#[test]
fn counts_are_whole_even_for_many_repetitions() {
    let counter = counter(Language::English);
    let text = "tent ".repeat(70_000);
    assert_eq!(bits(counter.length("warm tent", &text)), bits(70_002.0));
    assert_eq!(bits(counter.length("", "")), bits(0.0));
}

#[test]
fn title_and_text_do_not_run_together() {
    assert_eq!(counter(Language::None).document("a", "b").terms.len(), 2);
}

#[test]
fn fields_count_by_their_weight() {
    let counts = weighted(3.0, 0.5).document("warm tent", "tent tent, blue");
    let [warm, tent, blue] =
        ["warm", "tent", "blue"].map(|word| counts.terms[&weighted(1.0, 1.0).query(word)[0]]);
    assert_eq!([warm, tent, blue].map(bits), [3.0, 4.0, 0.5].map(bits));
    assert_eq!(bits(counts.length), bits(7.5));
}

#[test]
fn a_field_of_weight_zero_is_not_there() {
    let counts = weighted(0.0, 1.0).document("warm", "tent");
    assert_eq!(counts, weighted(1.0, 1.0).document("", "tent"));
    let fields = FieldWeights::new(1.0, 0.0).unwrap();
    let lexical = Lexical { fields, ..Lexical::default() };
    let analyzer = Analyzer::new(Language::English, lexical.params(1.0)).unwrap();
    assert!(analyzer.document("", "tent").indices.is_empty());
}

#[test]
fn the_weight_of_a_term_is_the_simple_form_of_bm25f() {
    let lexical = Lexical {
        shape: Bm25Shape::new(0.9, 0.4).unwrap(),
        fields: FieldWeights::new(2.0, 1.0).unwrap(),
        ..Lexical::default()
    };
    let analyzer = Analyzer::new(Language::English, lexical.params(8.0)).unwrap();
    let vector = analyzer.document("tent", "blue tent, red pegs");
    let tent = analyzer.query("tent").indices[0];
    let place = vector.indices.iter().position(|term| *term == tent).unwrap();
    // Twice 1 in the title and 1 in the text; twice 1 and 4 terms in all.
    let expected = 3.0 * 1.9 / (3.0 + 0.9 * (0.6 + 0.4 * 6.0 / 8.0));
    assert!((f64::from(vector.values[place]) - expected).abs() < 1e-6);
}

#[test]
fn an_impossible_average_length_is_refused() {
    for average_length in [f64::NAN, f64::INFINITY, 0.0, -1.0] {
        let params = Bm25Params { average_length, ..Lexical::default().params(1.0) };
        let error = Analyzer::new(Language::English, params).unwrap_err().to_string();
        assert!(error.contains("average length"), "{error}");
    }
}

proptest! {
    #[test]
    fn with_weights_of_one_it_is_the_engines_own_vector(
        title in "(Zelte?|warm|the|ab){0,3}( [a-d]{1,2}){0,5}",
        text in "([a-d]{1,2}[ ,.\n-]{1,2}){0,40}(running runs the)?",
        k1 in 0.0..3.0,
        b in 0.0..1.0,
        average_length in 0.5..50.0,
    ) {
        let lexical = Lexical { shape: Bm25Shape::new(k1, b).unwrap(), ..Lexical::default() };
        let analyzer = Analyzer::new(Language::English, lexical.params(average_length)).unwrap();
        let engine = EdgeBm25::new(EdgeBm25Config {
            k: NotNan::new(k1).unwrap(),
            b: NotNan::new(b).unwrap(),
            avg_len: NotNan::new(average_length).unwrap(),
            ..EdgeBm25Config::default()
        })
        .unwrap();
        let ours = analyzer.document(&title, &text);
        let theirs = engine.embed_document(&[title.as_str(), &text].join("\n"));
        prop_assert_eq!(&ours.indices, &theirs.indices);
        for (ours, theirs) in ours.values.iter().zip(&theirs.values) {
            prop_assert!((ours - theirs).abs() <= 1e-6 * theirs.abs(), "{} {}", ours, theirs);
        }
        let (ours, theirs) = (analyzer.query(&text), engine.embed_query(&text));
        prop_assert_eq!((ours.indices, ours.values), (theirs.indices, theirs.values));
    }
}

/// Whether a query finds a document: all of its terms occur there.
fn finds(language: Language, query: &str, document: &str) -> bool {
    let counter = counter(language);
    let found = counter.document("", document).terms;
    let terms = counter.query(query);
    !terms.is_empty() && terms.iter().all(|term| found.contains_key(term))
}

#[test_case("Häuser", "Haus" ; "plural with umlaut")]
#[test_case("Hauses", "Haus" ; "genitive")]
#[test_case("Zelte", "Zelt" ; "plural in e")]
#[test_case("Zelten", "Zelt" ; "dative plural")]
#[test_case("Bücher", "Buch" ; "plural in er")]
#[test_case("Bäume", "Baum" ; "plural in e with umlaut")]
#[test_case("wasserdichte", "wasserdichtes" ; "adjective")]
#[test_case("wasserdichter", "wasserdicht" ; "adjective against its stem")]
#[test_case("Jacken", "Jacke" ; "plural in n")]
#[test_case("JACKE", "jacken" ; "capitals")]
#[test_case("große", "grosse" ; "sharp s")]
#[test_case("GRÖSSE", "Größe" ; "sharp s in capitals")]
#[test_case("Schlafsäcke", "Schlafsack" ; "plural of a compound")]
#[test_case("Taschenlampen für Kinder", "Taschenlampe, Kinder" ; "stop word")]
fn german_inflections_meet(one: &str, other: &str) {
    assert!(finds(Language::German, one, other));
}

#[test_case("Zelt", "Zeltplane" ; "first part of a compound")]
#[test_case("Plane", "Zeltplane" ; "last part of a compound")]
#[test_case("Schlaf Sack", "Schlafsack" ; "written apart")]
#[test_case("Haeuser", "Häuser" ; "umlaut written as two letters")]
#[test_case("ging", "gehen" ; "irregular verb")]
#[test_case("Mu\u{308}ller", "Müller" ; "umlaut as a combining mark")]
fn german_words_that_do_not_meet(one: &str, other: &str) {
    // What the doc comment of `Language` says: should one of these begin to
    // work, it has to change.
    assert!(!finds(Language::German, one, other));
}

#[test]
fn german_stop_words_are_no_terms() {
    let german = counter(Language::German);
    assert!(german.query("Der, die und das für über während nicht").is_empty());
    assert_eq!(german.query("ein Zelt für den Winter").len(), 2);
}

#[test_case("Łódź", "ŁÓDŹ", true ; "capitals of any script fold")]
#[test_case("ŻÓŁĆ", "żółć", true ; "all of them")]
#[test_case("iPhone", "IPHONE", true ; "mixed case")]
#[test_case("wi-fi", "Wi Fi", true ; "hyphens separate")]
#[test_case("Łódź", "Lodz", false ; "accents stay")]
#[test_case("namioty", "namiot", false ; "no stems")]
#[test_case("café", "cafe", false ; "no folding")]
#[test_case("ΣΊΣΥΦΟΣ", "σίσυφος", true ; "final sigma")]
fn without_a_language_words_meet_as_they_are_spelled(one: &str, other: &str, meet: bool) {
    assert_eq!(finds(Language::None, one, other), meet);
}

#[test]
fn without_a_language_every_word_counts() {
    let none = counter(Language::None);
    assert_eq!(none.query("w górach i na plaży").len(), 5);
    assert_eq!(none.query("to be or not to be").len(), 4);
}

#[test_case(Language::English, "café", "cafe", false ; "English keeps accents")]
#[test_case(Language::German, "Müller", "Muller", true ; "the German stemmer folds umlauts")]
#[test_case(Language::French, "été", "ete", false ; "French keeps accents")]
#[test_case(Language::Spanish, "camión", "camion", true ; "the Spanish stemmer folds accents")]
#[test_case(Language::Swedish, "gräs", "gras", false ; "Swedish keeps its letters")]
fn accents(language: Language, one: &str, other: &str, meet: bool) {
    assert_eq!(finds(language, one, other), meet);
}
