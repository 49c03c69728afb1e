mod error_page;

use super::*;
use crate::http::router;

fn whole() -> Value {
    document(&router::described())
}

#[test]
fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = whole();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[test]
fn every_type_has_one_form() {
    let mut schemas = Schemas::new();
    for described in router::described() {
        let _ = (described.describe)(&mut schemas);
    }
    let definitions = schemas.into_definitions().unwrap();
    // A second type of the same name gets a number.
    let numbered = definitions.keys().filter(|name| name.ends_with(|c: char| c.is_ascii_digit()));
    assert_eq!(numbered.collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn operations_have_names_of_their_own() {
    let document = whole();
    let operations = document["paths"].as_object().unwrap().values();
    let mut names: Vec<_> = operations
        .flat_map(|methods| methods.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), all), (16, 16));
}

#[test]
fn a_problem_is_what_its_schema_says() {
    use crate::http::error::ApiError;
    let error = ApiError::invalid("top_n", "write a number");
    let written = serde_json::to_value(error.as_problem("id")).unwrap();
    let mut schemas = Schemas::new();
    let _ = Dialect::Native.error_schema(&mut schemas);
    let definitions = schemas.into_definitions().unwrap();
    let described = definitions["Problem"]["properties"].as_object().unwrap();
    let mut described: Vec<_> = described.keys().collect();
    let mut members: Vec<_> = written.as_object().unwrap().keys().collect();
    described.sort();
    members.sort();
    assert_eq!(members, described);
}
