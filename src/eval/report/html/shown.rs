//! How numbers and texts are written on the page.

/// A difference, with its sign.
pub(super) fn signed(value: f64) -> String {
    format!("{value:+.4}")
}

/// A mean.
pub(super) fn mean(value: f64) -> String {
    format!("{value:.4}")
}

/// How likely chance alone is, never as 0.
pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

/// A part of a whole in percent; a dash where there is no whole.
pub(super) fn share(part: usize, whole: usize) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    format!("{:.1} %", part as f64 / whole as f64 * 100.0)
}

/// US dollars. Something is never shown as nothing.
pub(super) fn dollars(usd: f64) -> String {
    match usd {
        usd if usd > 0.0 && usd < 0.0001 => "< $0.0001".to_owned(),
        usd if usd >= 100.0 => format!("${usd:.2}"),
        usd => format!("${usd:.4}"),
    }
}

/// Milliseconds.
pub(super) fn milliseconds(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

/// A count with its thousands apart.
pub(super) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A text in one line and at most `most` characters, with an ellipsis where
/// something is left out.
pub(super) fn cut(text: &str, most: usize) -> String {
    // No more of a long text is looked at than can be shown.
    let mut words = String::new();
    for word in text.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
        if words.chars().count() > most {
            let mut cut: String = words.chars().take(most.saturating_sub(1)).collect();
            cut.truncate(cut.trim_end().len());
            cut.push('…');
            return cut;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(0, "0")]
    #[test_case(999, "999")]
    #[test_case(1000, "1,000")]
    #[test_case(1_234_567, "1,234,567")]
    fn thousands_stand_apart(count: u64, text: &str) {
        assert_eq!(thousands(count), text);
    }

    #[test_case("a short one", 11, "a short one" ; "fits")]
    #[test_case("one word  more\nthan fits", 10, "one word…" ; "cut at a blank")]
    #[test_case("größenwahnsinnig", 6, "größe…" ; "cut within a word, by characters")]
    #[test_case(" \n ", 5, "" ; "nothing")]
    fn texts_are_cut_to_one_line(text: &str, most: usize, expected: &str) {
        assert_eq!(cut(text, most), expected);
    }

    #[test]
    fn small_is_not_nothing() {
        assert_eq!((p_value(0.0004).as_str(), p_value(0.0456).as_str()), ("< 0.001", "0.046"));
        assert_eq!((dollars(0.0).as_str(), dollars(0.000_01).as_str()), ("$0.0000", "< $0.0001"));
        assert_eq!((dollars(0.5).as_str(), dollars(123.456).as_str()), ("$0.5000", "$123.46"));
        assert_eq!((share(1, 3).as_str(), share(0, 0).as_str()), ("33.3 %", "–"));
        assert_eq!(
            (milliseconds(2.34).as_str(), milliseconds(834.5).as_str()),
            ("2.3 ms", "834 ms")
        );
    }
}
