//! The page: a table for each section of the file.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::value::{default, description, kind, resolved, words};

/// What stands above the sections.
const PREFACE: &str = "\
# Configuration

Every key of `config/rankgate.toml`, as the program reads it. [The file in the repository](../config/rankgate.toml) is a commented example to start from.

- An unknown key and a wrong value are errors that name the line; `rankgate config check` finds them without a server, `rankgate config show` prints what is in force.
- The environment overrides any key: `RANKGATE__SECTION__KEY`, such as `RANKGATE__LOG__FORMAT=json` or `RANKGATE__PIPELINES__DEFAULT__DEADLINE_MS=800`.
- A running server takes a changed file over, whole or, where it has an error, not at all. `server.listen`, `[log]`, `[retrieval]`, `[embedding]`, `[collections]` and `[cache]` need a restart.
- A limit that is absent is off; 0 means that none is allowed.
- `rankgate config schema` prints the same as JSON Schema. Editors that know TOML's schemas complete and check the file when it begins with `#:schema ./rankgate.schema.json`.

This page is made from the program's types by `make docs`.
";

/// The reference of every key, in Markdown.
#[must_use]
pub fn page() -> String {
    let root = super::schema().to_value();
    let mut page = PREFACE.to_owned();
    for (name, section) in properties(&root) {
        let (title, table) = match resolved(&root, section).get("additionalProperties") {
            Some(of_each @ Value::Object(_)) => (format!("{name}.NAME"), resolved(&root, of_each)),
            _ => (name.clone(), resolved(&root, section)),
        };
        // Writing to a string can't fail.
        let _ = write!(page, "\n## `[{title}]`\n\n{}\n\n", prose(description(table)));
        page.push_str("| key | value | default | |\n|---|---|---|---|\n");
        rows(&root, table, "", &mut page);
    }
    page
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

/// A row for each key; those of a table within the table after its own name,
/// and where it may be left out, after a row of its own.
fn rows(root: &Value, table: &Value, prefix: &str, page: &mut String) {
    let required = table.get("required").and_then(Value::as_array);
    for (key, property) in properties(table) {
        let inner = resolved(root, property);
        let path = format!("{prefix}{key}");
        if is_table(inner) {
            if property.get("default").is_none() {
                row(&path, "table", "", &meaning(root, property), page);
            }
            rows(root, inner, &format!("{path}."), page);
            continue;
        }
        let is_required = required.is_some_and(|keys| keys.iter().any(|it| it == key));
        let default = match default(property) {
            _ if is_required && prefix.is_empty() => "required".into(),
            _ if is_required => format!("required in `{}`", prefix.trim_end_matches('.')),
            Some(default) => default,
            None => String::new(),
        };
        row(&path, &kind(root, property), &default, &meaning(root, property), page);
    }
}

fn row(path: &str, kind: &str, default: &str, meaning: &str, page: &mut String) {
    let cells = [kind, default, meaning].map(|cell| cell.replace('|', "\\|"));
    // Writing to a string can't fail.
    let _ = writeln!(page, "| `{path}` | {} |", cells.join(" | "));
}

/// Whether its keys get rows of their own.
fn is_table(schema: &Value) -> bool {
    let has_keys = schema
        .get("properties")
        .and_then(Value::as_object)
        .is_some_and(|it: &Map<_, _>| !it.is_empty());
    has_keys && schema.get("maxProperties").is_none()
}

/// What is said of the key, and of each word that it may be.
fn meaning(root: &Value, property: &Value) -> String {
    let said = description(property).or_else(|| description(resolved(root, property)));
    let words = words(root, property)
        .into_iter()
        .filter_map(|(word, meaning)| Some(format!("`\"{word}\"`: {}", prose(Some(meaning?)))));
    let words: Vec<String> = words.collect();
    let separator = if words.is_empty() { "" } else { "<br>" };
    format!("{}{separator}{}", prose(said), words.join("<br>"))
}

/// A doc comment as one line, without links into the code.
fn prose(text: Option<&str>) -> String {
    let line = text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace("[`", "`").replace("`]", "`")
}
