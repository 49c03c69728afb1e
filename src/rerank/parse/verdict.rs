//! Which of two labels a text in words calls the better one. Only what is said
//! in so many words counts: better no verdict, and the call asked again, than
//! one that was guessed.

use super::collect::{digits, shown_label};
use super::mentions::leading_label;
use super::pairwise::SHOWN;

/// Longest text that is read as words, in bytes: a verdict is short.
const MOST_TEXT: usize = 4096;
/// Most words between a label and its verdict.
const MOST_WORDS: usize = 6;

/// What makes a label the better one behind it: "[2] is clearly better".
const PRAISE: &str = "better best wins winner preferred superior";
/// What may stand between a label and its praise. "Not" may not.
const TO_PRAISE: &str = "is the a clearly much far slightly definitely overall looks seems appears \
                         to be clear answers matches fits query it";
/// What may follow praise. "[1] is better known" and "[1] is better if" say
/// something else.
const AFTER_PRAISE: &str = "than because since as match fit answer choice document passage one \
                            result overall";
/// What makes a label the better one before it: "Better: [2]", "I choose [2]".
const CHOICE: &str = "better best winner preferred choice answer verdict choose pick prefer select";
/// What may stand between that and the label. "Than" may not.
const TO_CHOICE: &str = "is the one would be clearly document passage result";
/// What turns a verdict around or leaves it open, in the words before it.
const OPEN: &str = "not no never cannot neither nor or hardly less if whether";
/// What puts another label beside one.
const BESIDE: &str = "or and nor vs versus";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// `[2]`, `Passage 2`, `#2`; none for a label that was not shown.
    Label(Option<usize>),
    /// Digits alone, which may be anything.
    Number(Option<usize>),
    Word(&'a str),
    /// `>`
    Above,
    /// `:` or `=`
    Link,
    /// The end of a sentence that states something.
    Dot,
    Line,
    /// Anything else.
    Other,
}

use Token::{Above, Dot, Label, Line, Link, Number, Other, Word};

impl Token<'_> {
    fn is_word_of(&self, words: &str) -> bool {
        let known = |word: &str| words.split(' ').any(|known| known.eq_ignore_ascii_case(word));
        matches!(self, Word(word) if known(word))
    }

    const fn is_label(&self) -> bool {
        matches!(self, Label(_) | Number(_))
    }

    fn leaves_open(&self) -> bool {
        self.is_word_of(OPEN) || matches!(self, Word(word) if word.to_lowercase().ends_with("n't"))
    }
}

/// The better label by all that the text says; none where it says nothing or
/// contradicts itself.
pub(super) fn stated(text: &str) -> Option<usize> {
    let tokens = tokens(text)?;
    let is_verdict = |at| {
        is_above(&tokens, at)
            || is_praised(&tokens, at)
            || is_chosen(&tokens, at)
            || is_chosen_number(&tokens, at)
    };
    if (0..tokens.len()).any(is_verdict) { one(&tokens, is_verdict) } else { alone(&tokens) }
}

/// The better label by an order such as `[2] > [1]` alone.
pub(super) fn ordered(text: &str) -> Option<usize> {
    let tokens = tokens(text)?;
    one(&tokens, |at| is_above(&tokens, at))
}

/// The label at all of the verdicts; none where there are several.
fn one(tokens: &[Token], is_verdict: impl Fn(usize) -> bool) -> Option<usize> {
    let mut found = (0..tokens.len()).filter(|&at| is_verdict(at)).map(|at| match tokens[at] {
        Label(label) | Number(label) => label,
        _ => None,
    });
    let first = found.next()??;
    found.all(|other| other == Some(first)).then_some(first)
}

/// `[2] > [1]`; on a line of their own, `2 > 1`.
fn is_above(tokens: &[Token], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| tokens[before]);
    match &tokens[at..] {
        [Label(better), Above, Label(other), ..] => better != other,
        [Number(better), Above, Number(other), rest @ ..] => {
            better != other
                && matches!(before, None | Some(Line | Link | Dot))
                && matches!(rest.first(), None | Some(Line | Dot))
        }
        _ => false,
    }
}

/// "[2] is clearly better", "[2] wins".
fn is_praised(tokens: &[Token], at: usize) -> bool {
    if !matches!(tokens[at], Label(_)) {
        return false;
    }
    let after = &tokens[at + 1..];
    let words = after.iter().take(MOST_WORDS).take_while(|token| token.is_word_of(TO_PRAISE));
    let (praise, rest) = match &after[words.count()..] {
        [Word(more), Word(relevant), rest @ ..] if more.eq_ignore_ascii_case("more") => {
            (relevant.eq_ignore_ascii_case("relevant"), rest)
        }
        [praise, rest @ ..] => (praise.is_word_of(PRAISE), rest),
        [] => return false,
    };
    let ends = rest.first().is_none_or(|next| match next {
        Word(_) => next.is_word_of(AFTER_PRAISE),
        _ => !next.is_label(),
    });
    praise && ends && !is_open(&tokens[..at])
}

/// "The better one is [2]", "I would pick [2] over [1]".
fn is_chosen(tokens: &[Token], at: usize) -> bool {
    matches!(tokens[at], Label(_))
        && !has_one_beside(&tokens[at + 1..])
        && follows_choice(tokens, at)
}

/// `Better: 2`, with nothing behind it that makes the number another one.
fn is_chosen_number(tokens: &[Token], at: usize) -> bool {
    matches!(tokens[at], Number(_))
        && matches!(at.checked_sub(1).map(|before| tokens[before]), Some(Link))
        && matches!(tokens.get(at + 1), None | Some(Dot | Line | Other))
        && !has_one_beside(&tokens[at + 1..])
        && follows_choice(tokens, at)
}

fn follows_choice(tokens: &[Token], at: usize) -> bool {
    let between = |token: &&Token| matches!(token, Link | Above) || token.is_word_of(TO_CHOICE);
    let skipped = tokens[..at].iter().rev().take(MOST_WORDS).take_while(between).count();
    let Some((choice, before)) = tokens[..at - skipped].split_last() else { return false };
    choice.is_word_of(CHOICE) && !is_open(before)
}

/// Whether the words just before a verdict keep it from being one: "I don't
/// think [2] is better".
fn is_open(before: &[Token]) -> bool {
    let words = before.iter().rev().take_while(|token| matches!(token, Word(_)));
    words.take(MOST_WORDS).any(Token::leaves_open)
}

/// Whether another label follows as an equal: "[1] or [2]", "1, 2".
fn has_one_beside(after: &[Token]) -> bool {
    match after {
        [joint, next, ..] => (*joint == Other || joint.is_word_of(BESIDE)) && next.is_label(),
        _ => false,
    }
}

/// A label on a line or in a sentence of its own, at the start, if no other
/// is named anywhere.
fn alone(tokens: &[Token]) -> Option<usize> {
    let start = tokens.iter().position(|token| *token != Line)?;
    let (first, rest) = tokens[start..].split_first()?;
    let (label, ends) = match first {
        Label(label) => (label, matches!(rest.first(), None | Some(Line | Dot))),
        // "1. It fits" is an entry of a list.
        Number(label) => (label, matches!(rest, [] | [Line, ..] | [Dot] | [Dot, Line, ..])),
        _ => return None,
    };
    let names_another = |token: &Token| match token {
        Label(other) => other != label,
        Number(Some(other)) => matches!(first, Number(_)) && Some(*other) != *label,
        _ => false,
    };
    label.filter(|_| ends && !rest.iter().any(names_another))
}

/// The tokens of a text; none where it is too long for a verdict, or names a
/// label that was not shown: then its labels can't be trusted, as those of a
/// model that counts from 0.
fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    if text.len() > MOST_TEXT {
        return None;
    }
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (token, length) = token(rest, c);
        tokens.extend(token);
        rest = &rest[length..];
    }
    (!tokens.contains(&Label(None))).then_some(tokens)
}

/// The token that a text begins with, none for what says nothing, and its
/// length in bytes.
fn token(text: &str, c: char) -> (Option<Token<'_>>, usize) {
    let token = match c {
        '\n' => Line,
        '>' => Above,
        ':' | '=' => Link,
        '.' | '!' | '。' => Dot,
        _ if c.is_alphanumeric() || matches!(c, '[' | '#') => match leading_label(text) {
            Some((label, rest)) => {
                return (Some(Label(shown_label(label, SHOWN))), text.len() - rest.len());
            }
            None if c.is_alphanumeric() => return word(text),
            None => Other,
        },
        '<' if text.starts_with("<|") && text.contains("|>") => {
            return (None, text.find("|>").map_or(1, |at| at + 2));
        }
        _ if c.is_whitespace() || "*_`\"')]".contains(c) => return (None, c.len_utf8()),
        _ => Other,
    };
    (Some(token), c.len_utf8())
}

/// A word with the hyphens, apostrophes and decimals inside: "2-person" and
/// "2.5" are no 2.
fn word(text: &str) -> (Option<Token<'_>>, usize) {
    let mut inside = text.char_indices().zip(text.chars().skip(1).map(Some).chain([None]));
    let end = inside.find(|&((_, c), next)| {
        let joins = matches!(c, '\'' | '-' | '.') && next.is_some_and(char::is_alphanumeric);
        !c.is_alphanumeric() && !joins
    });
    let length = end.map_or(text.len(), |((at, _), _)| at);
    let word = &text[..length];
    let token = digits(word).map_or(Word(word), |number| Number(shown_label(number, SHOWN)));
    (Some(token), length)
}
