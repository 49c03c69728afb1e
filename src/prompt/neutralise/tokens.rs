//! Which strings are broken up so that no model takes them for structure.

use super::names;

/// Longest label that could be taken for one of ours.
const LABEL_DIGITS: usize = 6;

/// What something may begin with that has to be broken up.
const STARTS: [char; 7] = ['<', '＜', '[', '［', '【', '"', '\''];
const SQUARE: [char; 3] = ['[', '［', '【'];
const SQUARE_END: [char; 3] = [']', '］', '】'];
const COLON: [char; 2] = [':', '：'];

/// Where scripts begin that have no indices such as `a[0]`: a label may follow
/// a letter of theirs without a space.
const EAST_ASIAN: char = '\u{2e80}';

/// Breaks up whatever could be taken for structure.
pub(super) fn break_up(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        match role_colon(line) {
            Some((before, after)) => {
                break_line(&line[..before], &mut out);
                push_dash(&line[after..], &mut out);
                break_line(&line[after..], &mut out);
            }
            None => break_line(line, &mut out),
        }
    }
    out
}

fn break_line(line: &str, out: &mut String) {
    let mut rest = line;
    while let Some(at) = rest.find(STARTS) {
        let (before, found) = rest.split_at(at);
        out.push_str(before);
        if let Some((digits, after)) = label(found).filter(|_| !ends_in_word(out)) {
            out.push('(');
            out.push_str(digits);
            out.push(')');
            rest = after;
            continue;
        }
        if let Some((key, after)) = reply_key(found) {
            out.push_str(key);
            push_dash(after, out);
            rest = after;
            continue;
        }
        let start = found.chars().next().map_or(0, char::len_utf8);
        out.push_str(&found[..start]);
        rest = &found[start..];
        if is_token(found) {
            out.push(' ');
        }
    }
    out.push_str(rest);
}

/// What a colon becomes, given what follows it.
fn push_dash(after: &str, out: &mut String) {
    out.push_str(" -");
    if after.starts_with(char::is_alphanumeric) {
        out.push(' ');
    }
}

/// Whether `text` begins with a token.
fn is_token(text: &str) -> bool {
    if let Some(inner) = text.strip_prefix(SQUARE) {
        let (name, after) = tag_name(inner);
        return after.starts_with(SQUARE_END) && names::is_bracketed(name);
    }
    let Some(inner) = text.strip_prefix(['<', '＜']) else { return false };
    if inner.starts_with(['|', '｜']) {
        return true;
    }
    match inner.strip_prefix('<') {
        Some(inner) => tag_name(inner).0.eq_ignore_ascii_case("SYS"),
        None => names::is_tag(tag_name(inner).0),
    }
}

/// The name of what a bracket opens or closes, and what follows it.
fn tag_name(inner: &str) -> (&str, &str) {
    let name = inner.strip_prefix('/').unwrap_or(inner);
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    name.split_at(end)
}

/// The digits of a leading `[12]` and what follows it.
fn label(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix(SQUARE)?;
    let inside = inside.strip_prefix(' ').unwrap_or(inside);
    let digits = inside.chars().take(LABEL_DIGITS + 1).take_while(|c| c.is_numeric());
    let (count, length) =
        digits.fold((0, 0), |(count, length), c| (count + 1, length + c.len_utf8()));
    let (digits, after) = inside.split_at(length);
    let after = after.strip_prefix(' ').unwrap_or(after).strip_prefix(SQUARE_END)?;
    (1..=LABEL_DIGITS).contains(&count).then_some((digits, after))
}

/// An index such as `a[0]` is no label.
fn ends_in_word(out: &str) -> bool {
    let is_of_word = |c: char| c == '_' || c.is_alphanumeric() && c < EAST_ASIAN;
    out.chars().next_back().is_some_and(is_of_word)
}

/// A leading key of our replies in its quotation marks, where a colon and
/// numbers or a list follow, and what follows the colon.
fn reply_key(text: &str) -> Option<(&str, &str)> {
    let mark = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inside = &text[mark.len_utf8()..];
    let (name, closed) = inside.split_at(inside.find(|c: char| !c.is_alphabetic())?);
    if !names::is_reply_key(name) {
        return None;
    }
    let closed = closed.strip_prefix('\\').unwrap_or(closed).strip_prefix(mark)?;
    let after = closed.trim_start_matches([' ', '\t']).strip_prefix(COLON)?;
    let value = after.trim_start_matches([' ', '\t', '\\', '"', '\'']);
    let is_reply = |c: char| c == '{' || SQUARE.contains(&c) || c.is_numeric();
    let replies = value.is_empty() || value.starts_with(is_reply);
    replies.then(|| (&text[..text.len() - closed.len()], after))
}

/// Where the colon after a leading role stands: its start, with the spaces
/// before it, and its end.
fn role_colon(line: &str) -> Option<(usize, usize)> {
    const MARKUP: [char; 9] = [' ', '\t', '#', '*', '_', '>', '-', '[', '('];
    let start = line.len() - line.trim_start_matches(MARKUP).len();
    let role = word(&line[start..]);
    let is_heading = line[..start].contains('#') && names::is_heading(role);
    if !names::is_role(role) && !is_heading {
        return None;
    }
    let mut end = start + role.len();
    let more = line[end..].trim_start_matches([' ', '_']);
    let follower = word(more);
    if names::is_follower(follower) {
        end = line.len() - more.len() + follower.len();
    }
    let tail = &line[end..];
    let colon = tail.len() - tail.trim_start_matches([' ', '\t', '*', '_', ']', ')']).len();
    let found = tail[colon..].chars().next().filter(|c| COLON.contains(c))?;
    let before = line[..end + colon].trim_end_matches([' ', '\t']).len();
    Some((before, end + colon + found.len_utf8()))
}

/// The letters that a text begins with.
fn word(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len())]
}
