//! From a reply to the text that is its answer.

use std::borrow::Cow;

use super::Unusable;
use crate::llm::{ChatReply, FinishReason};

/// What models wrap their thoughts in.
const THOUGHTS: [(&str, &str); 3] =
    [("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<thought>", "</thought>")];

/// How far into an answer a refusal is looked for, in bytes.
const REFUSAL_WITHIN: usize = 240;

/// What a refusal says, in lower case.
const REFUSALS: [&str; 20] = [
    "i cannot",
    "i can't",
    "i can not",
    "i am unable",
    "i'm unable",
    "i am not able",
    "i'm not able",
    "i won't",
    "i will not",
    "i must decline",
    "i have to decline",
    "i'm sorry",
    "i am sorry",
    "i apologize",
    "as an ai",
    "cannot assist",
    "can't assist",
    "cannot help with",
    "can't help with",
    "unable to comply",
];

/// A reply's answer, with what is known of how it ended.
pub(super) struct Answer<'a> {
    /// The answer without thoughts, its digits and brackets folded.
    pub text: Cow<'a, str>,
    /// The same as the model wrote it.
    pub plain: &'a str,
    truncated: bool,
}

impl<'a> Answer<'a> {
    /// Finds the answer in a reply.
    pub fn of(reply: &'a ChatReply) -> Result<Self, Unusable> {
        if reply.finish == FinishReason::ContentFilter {
            return Err(Unusable::Filtered);
        }
        if reply.refusal.as_deref().is_some_and(|refusal| !refusal.trim().is_empty()) {
            return Err(Unusable::Refused);
        }
        let truncated = reply.finish == FinishReason::Length;
        let content = reply.content.trim_start_matches('\u{feff}').trim();
        let text = without_thoughts(content).ok_or(Unusable::Truncated)?;
        if text.is_empty() {
            return Err(if truncated { Unusable::Truncated } else { Unusable::Malformed });
        }
        Ok(Self { text: fold(text), plain: text, truncated })
    }

    /// Whether it begins like a refusal. Only meaningful once no attempt found
    /// anything: an apology may well precede an answer.
    pub fn is_refusal(&self) -> bool {
        let mut end = self.text.len().min(REFUSAL_WITHIN);
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let start = self.text[..end].to_lowercase();
        REFUSALS.iter().any(|refusal| start.contains(refusal)) || start.starts_with("sorry")
    }

    /// Why it is of no use, given that it is.
    pub fn why_unusable(&self) -> Unusable {
        if self.is_refusal() {
            Unusable::Refused
        } else if self.truncated {
            Unusable::Truncated
        } else {
            Unusable::Malformed
        }
    }
}

/// What follows the last closed thought; none if a thought never ends.
fn without_thoughts(content: &str) -> Option<&str> {
    let mut answer = content;
    for (_, close) in THOUGHTS {
        // Some templates open the thought in the prompt: the end is enough.
        if let Some(at) = answer.rfind(close) {
            answer = &answer[at + close.len()..];
        }
    }
    let unclosed = THOUGHTS.iter().any(|(open, _)| answer.contains(open));
    (!unclosed).then(|| answer.trim())
}

/// Writes decimal digits of any script as ASCII, and the full-width and
/// typographic forms of what stands around labels as the plain ones.
fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(fold_character).collect())
}

fn fold_character(c: char) -> char {
    match c {
        '［' | '【' => '[',
        '］' | '】' => ']',
        '＞' | '≻' | '›' | '»' | '→' => '>',
        '，' | '、' => ',',
        '：' => ':',
        '’' => '\'',
        '\u{a0}' | '\u{3000}' => ' ',
        _ => decimal_digit(c).unwrap_or(c),
    }
}

/// The ASCII digit for a decimal digit of another script or style. Not for
/// superscripts and circled numbers, which count as no digits.
fn decimal_digit(c: char) -> Option<char> {
    let code = u32::from(c);
    let zero = match code {
        0x660..=0x669 => 0x660,
        0x6f0..=0x6f9 => 0x6f0,
        0x966..=0x96f => 0x966,
        0x9e6..=0x9ef => 0x9e6,
        0xe50..=0xe59 => 0xe50,
        0xff10..=0xff19 => 0xff10,
        0x1d7ce..=0x1d7ff => 0x1d7ce + (code - 0x1d7ce) / 10 * 10,
        _ => return None,
    };
    char::from_digit(code - zero, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_digits_of_other_scripts_and_no_superscripts() {
        assert_eq!(fold("［１２］＞【３】 ² ① ٣ ۴ १ 𝟗"), "[12]>[3] ² ① 3 4 1 9");
    }

    #[test]
    fn finds_what_follows_the_thoughts() {
        for (content, answer) in [
            ("plain", Some("plain")),
            ("<think>a [1] > [2]</think>\nb", Some("b")),
            ("a</think>b", Some("b")),
            ("<think>a</think><think>b</think>c", Some("c")),
            ("<think>a <think>b</think> c", Some("c")),
            ("<think>a", None),
            ("<think>a</think><think>b", None),
            ("Let me see. <think>a", None),
            ("<thinking>a</thinking>b", Some("b")),
            ("", Some("")),
        ] {
            assert_eq!(without_thoughts(content), answer, "{content}");
        }
    }
}
