//! Which strings are broken up so that no model takes them for structure.

/// What models' chat templates write in square brackets.
const BRACKETED: [&str; 8] = [
    "INST",
    "SYS",
    "SYSTEM_PROMPT",
    "AVAILABLE_TOOLS",
    "TOOL_CALLS",
    "TOOL_RESULTS",
    "TOOL_CONTENT",
    "THINK",
];

/// What models' chat templates, or people who imitate them, write as tags.
const TAGS: [&str; 26] = [
    "s",
    "bos",
    "eos",
    "pad",
    "unk",
    "sep",
    "cls",
    "mask",
    "endoftext",
    "start_of_turn",
    "end_of_turn",
    "system",
    "user",
    "assistant",
    "human",
    "developer",
    "instruction",
    "instructions",
    "think",
    "thinking",
    "tool",
    "tools",
    "tool_call",
    "tool_response",
    "function_call",
    "function_results",
];

/// Who may speak in a chat.
const ROLES: [&str; 7] =
    ["system", "user", "assistant", "human", "developer", "instruction", "instructions"];

/// Longest label that could be taken for one of ours.
const LABEL_DIGITS: usize = 6;

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
                out.push_str(" -");
                if line[after..].starts_with(char::is_alphanumeric) {
                    out.push(' ');
                }
                break_line(&line[after..], &mut out);
            }
            None => break_line(line, &mut out),
        }
    }
    out
}

fn break_line(line: &str, out: &mut String) {
    let mut rest = line;
    while let Some(at) = rest.find(['<', '[']) {
        let (before, found) = rest.split_at(at);
        out.push_str(before);
        if let Some((digits, after)) = label(found).filter(|_| !ends_in_word(out)) {
            out.push('(');
            out.push_str(digits);
            out.push(')');
            rest = after;
            continue;
        }
        out.push_str(&found[..1]);
        rest = &found[1..];
        if is_token(found) {
            out.push(' ');
        }
    }
    out.push_str(rest);
}

/// Whether `text`, which begins with `<` or `[`, begins with a token.
fn is_token(text: &str) -> bool {
    let inner = &text[1..];
    if text.starts_with('<') && inner.starts_with(['|', '｜']) {
        return true;
    }
    let name = inner.strip_prefix('<').unwrap_or(inner);
    let doubled = name.len() < inner.len();
    let name = name.strip_prefix('/').unwrap_or(name);
    let length = name.bytes().take_while(|&b| b.is_ascii_alphanumeric() || b == b'_').count();
    let (name, after) = name.split_at(length);
    let is_one_of = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    if text.starts_with('[') {
        return !doubled && after.starts_with(']') && is_one_of(&BRACKETED);
    }
    if doubled { is_one_of(&["SYS"]) } else { is_one_of(&TAGS) }
}

/// The digits of a leading `[12]` and what follows it.
fn label(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('[')?;
    let inside = inside.strip_prefix(' ').unwrap_or(inside);
    let length = inside.bytes().take_while(u8::is_ascii_digit).take(LABEL_DIGITS + 1).count();
    let (digits, after) = inside.split_at(length);
    let after = after.strip_prefix(' ').unwrap_or(after).strip_prefix(']')?;
    (1..=LABEL_DIGITS).contains(&length).then_some((digits, after))
}

/// An index such as `a[0]` is no label.
fn ends_in_word(out: &str) -> bool {
    out.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// Where the colon after a leading role stands: its start, with the spaces
/// before it, and its end.
fn role_colon(line: &str) -> Option<(usize, usize)> {
    const MARKUP: [char; 9] = [' ', '\t', '#', '*', '_', '>', '-', '[', '('];
    let start = line.len() - line.trim_start_matches(MARKUP).len();
    let word = line[start..].bytes().take_while(u8::is_ascii_alphabetic).count();
    let role = &line[start..start + word];
    if !ROLES.iter().any(|known| known.eq_ignore_ascii_case(role)) {
        return None;
    }
    let tail = &line[start + word..];
    let colon = tail.len() - tail.trim_start_matches([' ', '\t', '*', '_', ']', ')']).len();
    let found = tail[colon..].chars().next().filter(|c| matches!(c, ':' | '：'))?;
    let before = line[..start + word + colon].trim_end_matches([' ', '\t']).len();
    Some((before, start + word + colon + found.len_utf8()))
}
