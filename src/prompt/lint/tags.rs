//! The tags of a template, as far as rules need them.

/// Names that tell a passage's place in its loop.
const PLACES: [&str; 4] = ["loop.index", "loop.index0", "loop.revindex", "loop.revindex0"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `{{ … }}`
    Print,
    /// `{% … %}`
    Statement,
    /// `{# … #}`
    Comment,
}

struct Tag<'a> {
    kind: Kind,
    /// Between the marks, without the signs that trim white space.
    inside: &'a str,
    line: usize,
}

/// Lines on which a loop over the passages prints the place of a passage.
pub(super) fn printed_places(source: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    // Whether each open loop goes over the passages.
    let mut loops: Vec<bool> = Vec::new();
    for tag in tags(source) {
        let mut words = tag.inside.split(|c: char| !(c.is_alphanumeric() || "_.".contains(c)));
        match tag.kind {
            Kind::Statement => match words.next() {
                Some("for") => loops.push(words.any(|word| word == "passages")),
                Some("endfor") => drop(loops.pop()),
                _ => {}
            },
            Kind::Print if loops.last() == Some(&true) => {
                if words.any(|word| PLACES.contains(&word)) {
                    lines.push(tag.line);
                }
            }
            Kind::Print | Kind::Comment => {}
        }
    }
    lines
}

fn tags(source: &str) -> Vec<Tag<'_>> {
    let marks =
        [(Kind::Print, "{{", "}}"), (Kind::Statement, "{%", "%}"), (Kind::Comment, "{#", "#}")];
    let mut tags = Vec::new();
    let mut offset = 0;
    loop {
        let rest = &source[offset..];
        let opened = marks.iter().filter_map(|mark| Some((rest.find(mark.1)?, mark)));
        let Some((at, &(kind, open, close))) = opened.min_by_key(|(at, _)| *at) else { break };
        let start = offset + at + open.len();
        let length = source[start..].find(close).unwrap_or(source.len() - start);
        let inside = source[start..start + length].trim_matches(['-', '+']).trim();
        let line = source[..start].matches('\n').count() + 1;
        offset = (start + length + close.len()).min(source.len());
        if kind == Kind::Statement && inside == "raw" {
            // What follows is text up to its end.
            offset = source[offset..].find("endraw").map_or(source.len(), |end| offset + end);
            continue;
        }
        tags.push(Tag { kind, inside, line });
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    #[test_case("{% for p in passages %}\n[{{ loop.index }}]{% endfor %}", &[2] ; "place")]
    #[test_case("{%- for p in passages|reverse -%}{{- loop.revindex0 -}}{% endfor %}", &[1] ; "trimmed")]
    #[test_case("{% for p in passages %}{{ p.label }}{% endfor %}{{ loop.index }}", &[] ; "outside")]
    #[test_case(
        "{% for p in passages %}{% for t in p.metadata.tags %}{{ loop.index }}{% endfor %}{% endfor %}",
        &[] ; "another loop")]
    #[test_case(
        "{% for p in passages %}{% if loop.index > 1 %}, {% endif %}{# {{ loop.index }} #}{% endfor %}",
        &[] ; "not printed")]
    #[test_case(
        "{% for p in passages %}{% raw %}{{ loop.index }}{% endraw %}\n{{ loop.index0 }}{% endfor %}",
        &[2] ; "raw")]
    #[test_case("{% for p in passages %}{{ loop.index", &[1] ; "not closed")]
    #[test_case("{% for p in passages %}{{ loop.last }}{% endfor %}", &[] ; "no place")]
    fn finds_printed_places(source: &str, lines: &[usize]) {
        assert_eq!(printed_places(source), lines);
    }
}
