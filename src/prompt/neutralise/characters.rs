//! Which characters text may keep.

/// Drops characters that a reader can't see but a model can, and writes every
/// line break as `\n`.
pub(super) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().filter(|&c| !is_invisible(c)).peekable();
    let mut last = None;
    while let Some(c) = characters.next() {
        let kept = match c {
            '\r' => {
                if characters.peek() == Some(&'\n') {
                    continue;
                }
                '\n'
            }
            '\u{85}' | '\u{b}' | '\u{c}' | '\u{2028}' | '\u{2029}' => '\n',
            ZERO_WIDTH_NON_JOINER | ZERO_WIDTH_JOINER => {
                let next = characters.peek().copied();
                let joins = |before| before == EMOJI_STYLE || is_joined(before);
                if !(last.is_some_and(joins) && next.is_some_and(is_joined)) {
                    continue;
                }
                c
            }
            TEXT_STYLE | EMOJI_STYLE => {
                if !last.is_some_and(takes_style) {
                    continue;
                }
                c
            }
            other => other,
        };
        out.push(kept);
        last = Some(kept);
    }
    out
}

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
const TEXT_STYLE: char = '\u{fe0e}';
const EMOJI_STYLE: char = '\u{fe0f}';

/// Characters that go wherever they stand.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c,
        // Controls, but for tabs and what breaks a line.
        '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}'
        // Soft hyphen, combining grapheme joiner, fillers, vowel inherents.
        | '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{3164}' | '\u{ffa0}'
        // Bidirectional marks, embeddings, overrides and isolates.
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        // Zero-width space, word joiner, invisible operators, old format characters.
        | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
        // Annotations, shorthand and music format characters.
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        // Variation selectors other than the two styles; tags.
        | '\u{fe00}'..='\u{fe0d}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a zero-width joiner or non-joiner next to it can mean something:
/// letters of joining scripts (Arabic to Mongolian) and emoji.
fn is_joined(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{109f}' | '\u{1780}'..='\u{18af}' | '\u{1b00}'..='\u{1bff}'
        | '\u{a840}'..='\u{a87f}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}'
        | '\u{10a00}'..='\u{11fff}' | '\u{1e900}'..='\u{1e95f}')
        || takes_style(c)
}

/// Whether a style selector after it can mean something.
fn takes_style(c: char) -> bool {
    matches!(c, '#' | '*' | '0'..='9' | '©' | '®' | '\u{203c}' | '\u{2049}'
        | '\u{2100}'..='\u{2bff}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}'
        | '\u{1f000}'..='\u{1faff}')
}
