//! What can be configured, from the types that read it: as a JSON Schema for
//! editors and checks, and as a page for people.

mod page;
mod value;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

pub use page::page;

use super::Config;

/// The JSON Schema (2020-12) of a configuration file.
#[must_use]
pub fn schema() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let mut schema = SchemaGenerator::new(settings).into_root_schema_for::<Config>();
    RecursiveTransform(without_null).transform(&mut schema);
    schema.insert("title".into(), "Configuration of rankgate".into());
    schema
}

/// TOML has no null: what is optional is left out.
fn without_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(forms)) = object.get_mut("anyOf") {
        forms.retain(|form| form.get("type").is_none_or(|kind| kind != "null"));
        if let [Value::Object(only)] = forms.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            for (key, value) in only {
                object.entry(key).or_insert(value);
            }
        }
    }
    if object.get("default") == Some(&Value::Null) {
        object.remove("default");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_every_section_and_refuses_others() {
        let schema = schema();
        let written = toml::Table::try_from(Config::default()).unwrap();
        let sections = schema.get("properties").and_then(Value::as_object).unwrap();
        for section in written.keys() {
            assert!(sections.contains_key(section), "{section}");
        }
        assert_eq!(schema.get("additionalProperties"), Some(&Value::Bool(false)));
    }

    #[test]
    fn the_page_in_the_repository_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
        let kept = std::fs::read_to_string(path).unwrap();
        assert!(kept == page(), "docs/configuration.md is another page: run make docs");
    }

    #[test]
    fn has_no_null() {
        let text = schema().to_value().to_string();
        assert!(!text.contains("null"), "{text}");
    }

    #[test]
    fn every_key_says_what_it_is() {
        fn silent(path: &str, schema: &Value, found: &mut Vec<String>) {
            let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
                return;
            };
            for (key, property) in properties {
                if property.get("description").is_none() {
                    found.push(format!("{path}.{key}"));
                }
            }
        }
        let schema = schema().to_value();
        let mut found = Vec::new();
        silent("", &schema, &mut found);
        for (name, definition) in schema["$defs"].as_object().unwrap() {
            silent(name, definition, &mut found);
        }
        assert!(found.is_empty(), "without a description: {}", found.join(", "));
    }
}
