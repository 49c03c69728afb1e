//! Long documents in parts that a model reads whole.
//!
//! Each part is the prefix of the model, the title, and a slice of the text.
//! Slices follow each other from the head of the text on, overlap nowhere, and
//! end where a sentence or at least a word ends. What doesn't fit into the
//! parts that are allowed is cut, and the bytes of it are counted.

use std::borrow::Cow;

use crate::domain::Document;

/// How many bytes of `text` a model reads after `before`. Where it reads all of
/// it, that is the length of `text`.
pub(super) type Fits<'a> = &'a dyn Fn(&str, &str) -> usize;

/// A document as it is given to a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// Inputs of the model, from the head of the document on.
    pub(super) texts: Vec<String>,
    /// Bytes of the document that none of them holds.
    pub(super) cut_bytes: usize,
}

/// Makes the parts of a document, at most `most`. There is none where the
/// document has no text.
pub(super) fn split(document: &Document, prefix: &str, most: usize, fits: Fits) -> Parts {
    let (title, text) = (document.title.trim(), document.text.trim());
    let content: Cow<str> = match (title, text) {
        ("", only) | (only, "") => only.into(),
        (title, text) => format!("{title}\n{text}").into(),
    };
    let room = fits(prefix, &content);
    if room >= content.len() {
        let texts =
            if content.is_empty() { Vec::new() } else { vec![format!("{prefix}{content}")] };
        return Parts { texts, cut_bytes: 0 };
    }
    let (heading, rest) = content.split_at(heading_end(title, room));
    let before = match heading.trim_end() {
        "" => prefix.to_owned(),
        heading => format!("{prefix}{heading}\n"),
    };
    let (slices, cut) = slices(rest.trim_start(), &before, most, fits);
    let texts = slices.into_iter().map(|slice| format!("{before}{slice}")).collect();
    Parts { texts, cut_bytes: cut.len() }
}

/// How much of the title every part repeats: a third of the room at most, so
/// that most of it is left to the text. The rest of a longer title is read as
/// the beginning of the text.
fn heading_end(title: &str, room: usize) -> usize {
    let share = room / 3;
    if title.len() <= share {
        return title.len();
    }
    border(title, title.floor_char_boundary(share), false)
}

/// Slices of a text, and the rest for which there was no slice left. White
/// space between two slices is in neither.
fn slices<'a>(text: &'a str, before: &str, most: usize, fits: Fits) -> (Vec<&'a str>, &'a str) {
    let (mut slices, mut rest) = (Vec::new(), text);
    while !rest.is_empty() && slices.len() < most {
        let fitting = fits(before, rest);
        let end = if fitting >= rest.len() {
            rest.len()
        } else {
            // Nothing follows the last slice, so it may end within a sentence.
            let another_follows = slices.len() + 1 < most;
            border(rest, rest.floor_char_boundary(fitting), another_follows)
        };
        if end == 0 {
            // The model reads nothing after the title.
            break;
        }
        let (slice, after) = rest.split_at(end);
        slices.push(slice.trim_end());
        rest = after.trim_start();
    }
    (slices, rest)
}

/// Where to end a slice of at most `limit` bytes: after a sentence that ends in
/// the last quarter, else after a word that ends in the second half, else
/// within a word.
fn border(text: &str, limit: usize, at_sentence: bool) -> usize {
    let sentence = at_sentence.then(|| sentence_end(text, limit)).flatten();
    sentence.or_else(|| word_end(text, limit)).unwrap_or(limit)
}

fn sentence_end(text: &str, limit: usize) -> Option<usize> {
    let earliest = limit - limit / 4;
    let mut following = text[limit..].chars().next();
    for (position, c) in text[..limit].char_indices().rev() {
        let end = position + c.len_utf8();
        if end < earliest {
            return None;
        }
        let ends = match c {
            '.' | '!' | '?' | '…' => following.is_none_or(char::is_whitespace),
            '。' | '！' | '？' | '\n' => true,
            _ => false,
        };
        if ends {
            return Some(end);
        }
        following = Some(c);
    }
    None
}

fn word_end(text: &str, limit: usize) -> Option<usize> {
    if text[limit..].starts_with(char::is_whitespace) {
        return Some(limit);
    }
    text[..limit].rfind(char::is_whitespace).filter(|end| *end >= limit / 2 && *end > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::DocId;
    use proptest::prelude::*;
    use test_case::test_case;

    /// A model that reads so many bytes.
    fn bytes(room: usize) -> impl Fn(&str, &str) -> usize {
        move |before, text| room.saturating_sub(before.len()).min(text.len())
    }

    fn document(title: &str, text: &str) -> Document {
        let id = DocId::new("a").unwrap();
        Document { id, title: title.into(), text: text.into(), metadata: serde_json::Map::new() }
    }

    fn parts(title: &str, text: &str, most: usize, room: usize) -> (Vec<String>, usize) {
        let Parts { texts, cut_bytes } = split(&document(title, text), "", most, &bytes(room));
        (texts, cut_bytes)
    }

    #[test_case("", "", &[]; "nothing")]
    #[test_case(" ", "\n\t", &[]; "white space")]
    #[test_case("Tent", "", &["Tent"]; "a title alone")]
    #[test_case("", " For two. ", &["For two."]; "a text alone")]
    #[test_case("Tent", "For two.", &["Tent\nFor two."]; "both")]
    fn what_fits_is_one_part(title: &str, text: &str, expected: &[&str]) {
        assert_eq!(
            parts(title, text, 4, 30),
            (expected.iter().map(ToString::to_string).collect(), 0)
        );
    }

    #[test]
    fn slices_end_at_sentences_and_the_last_one_at_a_word() {
        let text = "One two three four. Five six seven. Eight nine ten eleven twelve.";
        let (texts, cut) = parts("", text, 2, 22);
        assert_eq!(texts, ["One two three four.", "Five six seven. Eight"]);
        assert_eq!(cut, "nine ten eleven twelve.".len());
    }

    #[test]
    fn a_full_stop_within_a_number_ends_no_sentence() {
        let (texts, _) = parts("", "It weighs about 3.5 kilograms with the bag", 3, 20);
        assert_eq!(texts, ["It weighs about 3.5", "kilograms with the", "bag"]);
    }

    #[test]
    fn the_title_stands_in_every_part() {
        let (texts, cut) = parts("Tent", "aaa bbb ccc ddd eee fff", 9, 13);
        assert_eq!(texts, ["Tent\naaa bbb", "Tent\nccc ddd", "Tent\neee fff"]);
        assert_eq!(cut, 0);
    }

    #[test]
    fn a_long_title_leaves_most_of_the_room_and_its_rest_is_read_as_text() {
        let (texts, cut) = parts("a b c d e f g h i j", "text", 9, 12);
        assert_eq!(texts, ["a b\nc d e f", "a b\ng h i j", "a b\ntext"]);
        assert_eq!(cut, 0);
    }

    #[test]
    fn a_word_longer_than_a_part_is_taken_apart() {
        assert_eq!(parts("", "ééééé", 2, 5), (vec!["éé".into(), "éé".into()], 2));
    }

    #[test]
    fn the_prefix_stands_before_every_part_and_takes_room() {
        let parts = split(&document("", "aaa bbb"), "p: ", 2, &bytes(6));
        assert_eq!(parts.texts, ["p: aaa", "p: bbb"]);
        let nothing = split(&document("", "aaa"), "prefix", 2, &bytes(6));
        assert_eq!(nothing, Parts { texts: Vec::new(), cut_bytes: 3 });
    }

    /// Without white space, which parts may drop at their borders.
    fn solid(text: &str) -> String {
        text.chars().filter(|c| !c.is_whitespace()).collect()
    }

    proptest! {
        #[test]
        fn parts_are_the_text_in_order_up_to_the_cut(
            text in "[a-zA-Zéß漢字😀0-9 .!?\n]{0,400}",
            title in "[a-zé😀 ]{0,40}",
            most in 1_usize..6,
            room in 16_usize..80,
        ) {
            let Parts { texts, cut_bytes } = split(&document(&title, &text), "", most, &bytes(room));
            prop_assert!(texts.len() <= most);
            prop_assert!(texts.iter().all(|text| text.len() <= room && !text.trim().is_empty()));
            let content = format!("{}\n{}", title.trim(), text.trim());
            let content = content.trim();
            let whole = texts.len() == 1 && cut_bytes == 0;
            let heading = heading_end(title.trim(), bytes(room)("", content));
            let (heading, rest) = content.split_at(if whole { 0 } else { heading });
            let mut held = String::new();
            for text in &texts {
                let slice = text.strip_prefix(heading.trim_end());
                prop_assert!(slice.is_some(), "{text:?} has no heading {heading:?}");
                held.push_str(slice.unwrap());
            }
            let expected = &rest[..rest.len() - cut_bytes];
            prop_assert_eq!(solid(&held), solid(expected));
        }

        #[test]
        fn slices_lie_one_after_the_other(
            text in "\\PC{0,300}", most in 1_usize..6, room in 4_usize..80,
        ) {
            let text = text.trim();
            let (slices, cut) = slices(text, "", most, &bytes(room));
            let mut position = 0;
            for slice in slices.iter().chain([&cut]) {
                let start = slice.as_ptr().addr() - text.as_ptr().addr();
                prop_assert!(position <= start && text[position..start].trim().is_empty());
                position = start + slice.len();
            }
            prop_assert_eq!(position, text.len());
            prop_assert!(cut.is_empty() || slices.len() == most);
        }
    }
}
