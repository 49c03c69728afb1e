//! What a key's value may be and what it is by default, in words.

use serde_json::Value;

/// Follows references to definitions.
pub(super) fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema.get("$ref").and_then(Value::as_str);
    match reference.and_then(|reference| root.pointer(reference.trim_start_matches('#'))) {
        Some(definition) => resolved(root, definition),
        None => schema,
    }
}

/// The words of a closed set with what each means, if the value is one.
pub(super) fn words<'a>(root: &'a Value, schema: &'a Value) -> Vec<(&'a str, Option<&'a str>)> {
    let schema = resolved(root, schema);
    let forms = schema.get("oneOf").or_else(|| schema.get("anyOf"));
    let forms = forms.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let word = |form: &'a Value| Some((form.get("const")?.as_str()?, description(form)));
    let described = forms.iter().flat_map(|form| match word(form) {
        Some(word) => vec![word],
        None => words(root, form),
    });
    let plain = schema.get("enum").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    described.chain(plain.iter().filter_map(|word| Some((word.as_str()?, None)))).collect()
}

/// What is said of it.
pub(super) fn description(schema: &Value) -> Option<&str> {
    schema.get("description").and_then(Value::as_str)
}

/// What may be written.
pub(super) fn kind(root: &Value, schema: &Value) -> String {
    let schema = resolved(root, schema);
    if let Some(word) = schema.get("const") {
        return format!("`{word}`");
    }
    for several in ["oneOf", "anyOf", "enum"] {
        if let Some(forms) = schema.get(several).and_then(Value::as_array) {
            let kinds = forms.iter().map(|form| match several {
                "enum" => format!("`{form}`"),
                _ => kind(root, form),
            });
            return joined(kinds.collect());
        }
    }
    let types = match schema.get("type") {
        Some(Value::Array(types)) => types.as_slice(),
        Some(only) => std::slice::from_ref(only),
        None => &[],
    };
    let kinds = types.iter().filter_map(Value::as_str);
    joined(kinds.map(|type_name| of_type(root, schema, type_name)).collect())
}

fn of_type(root: &Value, schema: &Value, type_name: &str) -> String {
    match type_name {
        "string" => "text".into(),
        "boolean" => "`true`, `false`".into(),
        "integer" => format!("whole number{}", range(schema)),
        "number" => format!("number{}", range(schema)),
        "array" => {
            let items = schema.get("items").map_or_else(|| "values".into(), |it| kind(root, it));
            format!("list of: {items}")
        }
        _ => table(root, schema),
    }
}

/// Each form once.
fn joined(mut kinds: Vec<String>) -> String {
    let mut seen = std::collections::BTreeSet::new();
    kinds.retain(|kind| seen.insert(kind.clone()));
    kinds.join(", ")
}

fn table(root: &Value, schema: &Value) -> String {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let alternatives = schema.get("maxProperties").and_then(Value::as_u64) == Some(1);
        let keys: Vec<String> = properties.keys().map(|key| format!("{key} = …")).collect();
        return if alternatives {
            let keys: Vec<String> = keys.iter().map(|key| format!("`{{ {key} }}`")).collect();
            keys.join(", ")
        } else {
            format!("`{{ {} }}`", keys.join(", "))
        };
    }
    match schema.get("additionalProperties") {
        Some(values @ Value::Object(_)) => format!("table of: {}", kind(root, values)),
        _ => "table".into(),
    }
}

fn range(schema: &Value) -> String {
    let number = |key: &str| schema.get(key).filter(|bound| bound.is_number());
    // The types' own bounds say nothing to people.
    let least = number("minimum").filter(|least| least.as_f64() != Some(0.0));
    let above = number("exclusiveMinimum");
    let most = number("maximum");
    match (least, above, most) {
        (Some(least), _, Some(most)) => format!(", {least} to {most}"),
        (Some(least), ..) => format!(", at least {least}"),
        (None, Some(above), Some(most)) => format!(", above {above}, at most {most}"),
        (None, Some(above), None) => format!(", above {above}"),
        (None, None, Some(most)) => format!(", 0 to {most}"),
        (None, None, None) => String::new(),
    }
}

/// A default as it would be written; none for tables, whose keys have theirs.
pub(super) fn default(schema: &Value) -> Option<String> {
    let value = schema.get("default")?;
    let inline = toml::Value::try_from(value).ok()?;
    Some(format!("`{inline}`"))
}
