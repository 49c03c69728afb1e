//! JSON as models write it: found in prose, fenced, broken or cut.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// How many places an object is tried at before giving up: keeps the whole
/// search linear in the length of the text.
const MAX_TRIES: usize = 32;

/// A JSON value that keeps repeated keys, so that the first can count.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Other,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The first member of one of these names, the earlier name first,
    /// whatever their case.
    pub fn member(&self, names: &[&str]) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        names.iter().find_map(|name| {
            members.iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, v)| v)
        })
    }

    /// The only list among the members.
    pub fn only_list(&self) -> Option<&[Self]> {
        let Self::Object(members) = self else { return None };
        let mut lists = members.iter().filter_map(|(_, value)| match value {
            Self::List(items) => Some(items.as_slice()),
            _ => None,
        });
        let first = lists.next()?;
        lists.next().is_none().then_some(first)
    }
}

/// The whole text as JSON; a text that is a JSON string with JSON inside too.
pub(super) fn whole(text: &str) -> Option<Json> {
    match serde_json::from_str(text).ok()? {
        Json::Text(inner) => serde_json::from_str(&inner).ok(),
        json => Some(json),
    }
}

/// The first fenced block that is JSON.
pub(super) fn fenced(text: &str) -> Option<Json> {
    let mut blocks = text.split("```").skip(1).step_by(2).take(MAX_TRIES);
    blocks.find_map(|block| {
        let block = block.trim_start_matches(|c: char| c.is_ascii_alphanumeric()).trim();
        serde_json::from_str(block).ok()
    })
}

/// The first object anywhere in the text that `fits`.
pub(super) fn embedded(text: &str, fits: impl Fn(&Json) -> bool) -> Option<Json> {
    let mut rest = text;
    for _ in 0..MAX_TRIES {
        rest = &rest[rest.find('{')?..];
        match first_value(rest) {
            Some((json, _)) if fits(&json) => return Some(json),
            Some((_, length)) => rest = &rest[length..],
            None => rest = &rest[1..],
        }
    }
    None
}

/// The entries of a list inside an object that is broken or cut off. The list
/// is the one after the first of `keys`, or the first. A number at the very end
/// is dropped: it may have lost digits.
pub(super) fn salvaged(text: &str, keys: &[&str]) -> Vec<Json> {
    let mut entries = Vec::new();
    let Some(brace) = text.find('{') else { return entries };
    let inside = &text[brace..];
    let key = keys.iter().filter_map(|key| inside.find(&format!("\"{key}\""))).min().unwrap_or(0);
    let Some(open) = inside[key..].find('[') else { return entries };
    let mut rest = &inside[key + open + 1..];
    let mut skips = 0;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if rest.is_empty() || rest.starts_with(']') {
            return entries;
        }
        if let Some((entry, length)) = first_value(rest) {
            rest = &rest[length..];
            if rest.is_empty() && matches!(entry, Json::Number(_)) {
                return entries;
            }
            entries.push(entry);
            continue;
        }
        // A broken entry, such as one with NaN: go on with the next object.
        skips += 1;
        let next = rest.char_indices().skip(1).find(|(_, c)| *c == '{').map(|(at, _)| at);
        match next {
            Some(at) if skips <= MAX_TRIES => rest = &rest[at..],
            _ => return entries,
        }
    }
}

/// The JSON value that the text begins with, and its length in bytes.
fn first_value(text: &str) -> Option<(Json, usize)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter();
    let json = values.next()?.ok()?;
    Some((json, values.byte_offset()))
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = entries.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(entries: &[Json]) -> Vec<f64> {
        entries
            .iter()
            .filter_map(|entry| match entry {
                Json::Number(number) => Some(*number),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn the_first_of_repeated_keys_counts() {
        let json = whole(r#"{"a": 1, "A": 2, "a": 3}"#).unwrap();
        assert_eq!(json.member(&["a"]), Some(&Json::Number(1.0)));
    }

    #[test]
    fn saves_the_whole_entries_of_cut_json() {
        let cut = r#"{"why": ["x"], "ranking": [3, 1, 12"#;
        assert_eq!(numbers(&salvaged(cut, &["ranking"])), [3.0, 1.0]);
        let comma = r#"{"ranking": [3, 1, 2,"#;
        assert_eq!(numbers(&salvaged(comma, &["ranking"])), [3.0, 1.0, 2.0]);
        let objects = r#"{"scores": [{"id": 1}, {"id": NaN}, {"id": 3}, {"id""#;
        assert_eq!(salvaged(objects, &["scores"]).len(), 2);
        assert_eq!(salvaged("no object [1, 2]", &["ranking"]), []);
    }

    #[test]
    fn gives_up_on_depth_and_repetition() {
        let deep = "[".repeat(100_000);
        assert_eq!(whole(&deep), None);
        assert_eq!(embedded(&"{".repeat(100_000), |_| true), None);
        assert_eq!(embedded(&format!("{{\"a\":{deep}"), |_| true), None);
        assert_eq!(salvaged(&"{[".repeat(100_000), &["ranking"]), []);
    }
}
