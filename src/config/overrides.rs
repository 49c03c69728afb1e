//! Keys that environment variables set: `RANKGATE__SECTION__KEY=value`.
//!
//! Names are compared without case, and `_` also stands for `-`, so that every
//! key that the file has can be named. A value is read as TOML where it is
//! TOML and as a plain string otherwise; where a key wants a string, a value
//! such as `7` or `true` is taken as one.

use toml::{Table, Value};

use super::document::KeyPath;
use super::environment::Environment;
use super::error::{Place, Problem};

const PREFIX: &str = "RANKGATE__";

/// A key that a variable has set.
#[derive(Clone, Debug)]
pub(super) struct Override {
    pub variable: String,
    pub path: KeyPath,
    keys: Vec<String>,
    text: String,
    is_text: bool,
}

impl Override {
    /// The problem of this variable's key.
    pub fn problem(&self, path: &KeyPath, message: impl Into<String>) -> Problem {
        Problem {
            place: Place::Variable(self.variable.clone()),
            key: path.to_string(),
            message: message.into(),
        }
    }

    /// Sets the key to the variable's text as it is. Says whether that is
    /// something else than before.
    pub fn retry_as_text(&mut self, table: &mut Table) -> bool {
        if self.is_text {
            return false;
        }
        self.is_text = true;
        set(table, &self.keys, Value::String(self.text.clone())).is_ok()
    }
}

/// Sets every key that a variable names.
///
/// # Errors
/// When a variable names no key, or a key inside something that isn't a table.
pub(super) fn apply(table: &mut Table, env: &Environment) -> Result<Vec<Override>, Problem> {
    let mut overrides = Vec::new();
    for (variable, text) in env.with_prefix(PREFIX) {
        let segments: Vec<&str> = variable[PREFIX.len()..].split("__").collect();
        if segments.iter().any(|segment| segment.is_empty()) {
            return Err(Problem {
                place: Place::Variable(variable.into()),
                key: String::new(),
                message: "it names no key: write it like RANKGATE__SERVER__LISTEN".into(),
            });
        }
        let keys = resolve(table, &segments);
        let value = parse(text);
        let is_text = matches!(&value, Value::String(string) if string == text);
        let path = KeyPath::of(keys.iter().map(String::as_str));
        let made = Override { variable: variable.into(), path, keys, text: text.into(), is_text };
        if let Err(parent) = set(table, &made.keys, value) {
            let message = format!("\"{parent}\" is not a table, so nothing can be set inside it");
            return Err(made.problem(&made.path, message));
        }
        overrides.push(made);
    }
    Ok(overrides)
}

/// The keys that segments of a variable's name mean: those that exist where
/// they match, lower case otherwise.
fn resolve(table: &Table, segments: &[&str]) -> Vec<String> {
    let mut keys = Vec::with_capacity(segments.len());
    let mut here = Some(table);
    for segment in segments {
        let wanted = normalised(segment);
        let existing = here.and_then(|table| table.keys().find(|key| normalised(key) == wanted));
        let key = existing.cloned().unwrap_or(wanted);
        here = here.and_then(|table| table.get(&key)?.as_table());
        keys.push(key);
    }
    keys
}

fn normalised(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

/// The variable's text as TOML, or as a string where it isn't.
fn parse(text: &str) -> Value {
    let wrapped = toml::from_str::<Table>(&format!("value = {text}")).ok();
    // A line break could have brought further keys.
    wrapped
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Sets a key, making the tables on the way to it. The error is the key on the
/// way that is something else than a table.
fn set(table: &mut Table, keys: &[String], value: Value) -> Result<(), String> {
    let Some((last, parents)) = keys.split_last() else { return Ok(()) };
    let mut here = table;
    for key in parents {
        let next = here.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()));
        here = next.as_table_mut().ok_or_else(|| key.clone())?;
    }
    here.insert(last.clone(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(file: &str, variables: &[(&str, &str)]) -> Result<Table, Problem> {
        let mut table: Table = toml::from_str(file).unwrap();
        apply(&mut table, &variables.iter().copied().collect()).map(|_| table)
    }

    #[test]
    fn reads_toml_and_plain_text() {
        let table = applied(
            "",
            &[
                ("RANKGATE__A__NUMBER", "7"),
                ("RANKGATE__A__WORD", "qwen"),
                ("RANKGATE__A__LIST", "[\"x\", \"y\"]"),
                ("RANKGATE__A__URL", "http://127.0.0.1:1/v1"),
                ("RANKGATE__A__LINES", "1\nother = 2"),
                ("RANKGATE_MODEL", "not an override"),
            ],
        )
        .unwrap();
        let expected: Table = toml::from_str(
            "[a]\nnumber = 7\nword = \"qwen\"\nlist = [\"x\", \"y\"]\n\
             url = \"http://127.0.0.1:1/v1\"\nlines = \"1\\nother = 2\"",
        )
        .unwrap();
        assert_eq!(table, expected);
    }

    #[test]
    fn finds_keys_that_have_other_case_or_hyphens() {
        let file = "[models.My-Model]\nmodel = \"a\"";
        let table = applied(file, &[("RANKGATE__MODELS__MY_MODEL__MODEL", "b")]).unwrap();
        let models = table["models"].as_table().unwrap();
        assert_eq!(models.len(), 1);
        assert_eq!(models["My-Model"]["model"].as_str(), Some("b"));
    }

    #[test]
    fn names_the_variable_that_can_not_be_used() {
        let error = applied("a = 1", &[("RANKGATE__A__B", "2")]).unwrap_err().to_string();
        assert!(error.starts_with("environment variable RANKGATE__A__B: a.b: "), "{error}");
        let error = applied("", &[("RANKGATE__", "2")]).unwrap_err().to_string();
        assert!(error.contains("RANKGATE__SERVER__LISTEN"), "{error}");
    }
}
