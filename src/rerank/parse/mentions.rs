//! Labels in text that isn't JSON: chains of bracketed labels, and lists with
//! one label a line.

use super::collect::digits;

/// A bracketed label and where it stands.
pub(super) struct Mention {
    /// None where the brackets hold a number that can't be a label, as -1.
    pub label: Option<f64>,
    start: usize,
    end: usize,
}

/// Labels that follow one another.
pub(super) struct Chain<'a> {
    pub mentions: &'a [Mention],
    /// Whether `>` stands between some of them, so that the order is meant.
    pub ordered: bool,
}

/// All of `[3]`, `[ 3 ]`, `[-1]` and `[3, 1, 2]`.
pub(super) fn bracketed(text: &str) -> Vec<Mention> {
    let mut mentions = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find('[').map(|at| from + at) {
        let inside = &text[open + 1..];
        let length = inside
            .bytes()
            .take_while(|b| b.is_ascii_digit() || matches!(b, b' ' | b',' | b'-'))
            .count();
        from = open + 1 + length;
        if inside[length..].starts_with(']') {
            let mut start = open;
            for part in inside[..length].split(',') {
                let end = start + 1 + part.len();
                let part = part.trim();
                let number = digits(part.strip_prefix('-').unwrap_or(part));
                if number.is_some() {
                    let label = number.filter(|_| !part.starts_with('-'));
                    mentions.push(Mention { label, start, end });
                }
                start = end;
            }
            from += 1;
            if let Some(last) = mentions.last_mut().filter(|last| last.start >= open) {
                last.end = from;
            }
        }
    }
    mentions
}

/// The longest run of mentions with nothing but separators in between; of
/// equally long ones the last, which is where an answer stands.
pub(super) fn longest_chain<'a>(text: &str, mentions: &'a [Mention]) -> Option<Chain<'a>> {
    let mut best: Option<Chain<'a>> = None;
    let mut start = 0;
    let mut ordered = false;
    for end in 1..=mentions.len() {
        let between = mentions.get(end).and_then(|next| {
            let gap = text.get(mentions[end - 1].end..next.start)?;
            separates(gap).then(|| gap.contains('>'))
        });
        if let Some(is_order) = between {
            ordered |= is_order;
            continue;
        }
        let run = &mentions[start..end];
        if best.as_ref().is_none_or(|best| run.len() >= best.mentions.len()) {
            best = Some(Chain { mentions: run, ordered });
        }
        start = end;
        ordered = false;
    }
    best
}

/// Whether a gap holds only what stands between the entries of a list,
/// numbering at the start of a line included.
fn separates(gap: &str) -> bool {
    gap.split('\n').enumerate().all(|(index, line)| {
        let line = if index == 0 { line } else { after_number(line).unwrap_or(line) };
        line.chars().all(|c| c.is_whitespace() || ">,;=|-*•._`\"'".contains(c))
    })
}

/// Labels of a list with one a line, or of lines such as `3 > 1 > 2`. Each
/// entry is a label or none where the place of one holds something else.
pub(super) fn by_line(text: &str) -> Vec<Option<f64>> {
    let mut labels = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        if let Some(chain) = plain_chain(line) {
            labels.extend(chain);
            continue;
        }
        let entry = without_numbering(line);
        if let Some((label, rest)) = leading_label(entry) {
            // "Passage 2 is about …" is a sentence; "[2] A title" is an entry.
            let is_sentence = rest.trim_start().starts_with(char::is_alphanumeric);
            if entry.contains(']') || !is_sentence {
                labels.push(Some(label));
            }
        } else if let Some(number) = digits(entry.trim_end_matches(['.', ',', ';'])) {
            labels.push(Some(number));
        }
    }
    labels
}

/// A line that is nothing but labels and one kind of separator, or has them
/// with `>` after a colon.
fn plain_chain(line: &str) -> Option<Vec<Option<f64>>> {
    let line = match line.rsplit_once(':') {
        Some((_, chain)) if chain.contains('>') => chain,
        _ => line,
    };
    let separator = ['>', ','].into_iter().find(|&separator| line.contains(separator))?;
    let labels: Vec<_> = line
        .trim_end_matches(['.', ','])
        .split(separator)
        .map(|part| {
            let part = part.trim();
            let named = leading_label(part).filter(|(_, rest)| rest.is_empty());
            named.map(|(label, _)| label).or_else(|| digits(part))
        })
        .collect();
    (labels.len() >= 2 && labels.iter().all(Option::is_some)).then_some(labels)
}

/// The label that an entry begins with, and the rest: `[3] …`, `Passage 3: …`,
/// `#3`. A bare number is none: it may be anything.
pub(super) fn leading_label(entry: &str) -> Option<(f64, &str)> {
    const NAMES: [&str; 8] =
        ["passage", "document", "doc", "item", "candidate", "result", "label", "id"];
    let entry = entry.trim_start_matches(['*', '_', '`', '"', ' ']);
    if let Some(inside) = entry.strip_prefix('[') {
        let (inside, rest) = inside.split_once(']')?;
        return Some((digits(inside.trim())?, rest));
    }
    let (tail, may_end_in_text) = if let Some(tail) = entry.strip_prefix('#') {
        (tail, false)
    } else {
        let name = NAMES.iter().find(|name| {
            entry.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        })?;
        (&entry[name.len()..], true)
    };
    let tail = tail.trim_start_matches([' ', ':', '#', '[', '*', '_', '=']);
    let length = tail.bytes().take_while(u8::is_ascii_digit).count();
    let rest = tail[length..].trim_start_matches([']', '*', '_', '`', '"']);
    // "Document 3.5" and "doc 3rd" name no label.
    let ends = match rest.chars().next() {
        None => true,
        Some('.') => !rest[1..].starts_with(|c: char| c.is_ascii_digit()),
        Some(c) => may_end_in_text && !c.is_alphanumeric(),
    };
    if ends { digits(&tail[..length]).map(|label| (label, rest)) } else { None }
}

/// An entry without its bullet and its number in the list.
pub(super) fn without_numbering(line: &str) -> &str {
    let entry = without_bullet(line);
    match after_number(line) {
        Some(rest) if !rest.trim().is_empty() => rest.trim_start(),
        _ => entry,
    }
}

fn without_bullet(line: &str) -> &str {
    line.trim_start_matches(['-', '*', '•', '>', ' ', '\t'])
}

/// What follows the number of a list's line: `2.`, `2)` or `Rank 2:`.
fn after_number(line: &str) -> Option<&str> {
    let line = without_bullet(line);
    let is_rank = line.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("rank "));
    let line = if is_rank { &line[5..] } else { line };
    let length = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest = line[length..].strip_prefix(['.', ')', ':'])?;
    (1..=4).contains(&length).then_some(rest)
}
