//! JSON schemas of replies, by the lowest common denominator of what models
//! enforce: everything required, nothing additional, no bounds.

use serde_json::{Value, json};

use crate::llm::OutputFormat;
use crate::prompt::{OutputKind, Task};

/// What a prompt's replies have to look like.
#[must_use]
pub fn output_format(task: Task, output: OutputKind) -> OutputFormat {
    let (name, schema) = match (output, task) {
        (OutputKind::Text, _) | (_, Task::Pointwise) => return OutputFormat::Text,
        (_, Task::Listwise) => ("ranking", object(&json!({"ranking": list(&integer())}))),
        (_, Task::Graded | Task::Judge) => {
            let entry = object(&json!({"id": integer(), "grade": integer()}));
            ("scores", object(&json!({"scores": list(&entry)})))
        }
        (_, Task::Pairwise) => ("better", object(&json!({"better": integer()}))),
        (_, Task::Explain | Task::Contrast) => {
            let string = json!({"type": "string"});
            let item = object(&json!({"id": integer(), "claim": string, "quotes": list(&string)}));
            ("items", object(&json!({"items": list(&item)})))
        }
    };
    OutputFormat::Json { name, schema }
}

fn integer() -> Value {
    json!({"type": "integer"})
}

fn list(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

fn object(properties: &Value) -> Value {
    let required: Vec<String> =
        properties.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every object requires all of its properties and allows no others.
    fn check(schema: &Value) {
        assert!(
            ["minimum", "maximum", "uniqueItems", "minItems"]
                .iter()
                .all(|k| schema.get(k).is_none())
        );
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            assert_eq!(schema["additionalProperties"], false);
            let names: Vec<_> = properties.keys().map(String::as_str).collect();
            let required: Vec<_> =
                schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            assert_eq!(names, required);
            properties.values().for_each(check);
        }
        if let Some(items) = schema.get("items") {
            check(items);
        }
    }

    #[test]
    fn schemas_keep_to_what_all_models_know() {
        for (task, member) in [
            (Task::Listwise, "ranking"),
            (Task::Graded, "scores"),
            (Task::Judge, "scores"),
            (Task::Pairwise, "better"),
            (Task::Explain, "items"),
            (Task::Contrast, "items"),
        ] {
            let OutputFormat::Json { schema, .. } = output_format(task, OutputKind::Json) else {
                panic!("{task:?} has a schema");
            };
            assert!(schema["properties"].get(member).is_some());
            check(&schema);
        }
    }

    #[test]
    fn text_is_not_constrained() {
        assert_eq!(output_format(Task::Listwise, OutputKind::Text), OutputFormat::Text);
        assert_eq!(output_format(Task::Pointwise, OutputKind::Text), OutputFormat::Text);
    }
}
