//! The filter language as a JSON Schema.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{Filter, MAX_BYTES, MAX_CONDITIONS, MAX_VALUES, NOT};

impl JsonSchema for Filter {
    fn schema_name() -> Cow<'static, str> {
        "Filter".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let condition = generator.subschema_for::<OneCondition>();
        let key = json!({ "minLength": 1, "maxLength": MAX_BYTES });
        json_schema!({
            "description": "Conditions on `metadata` keys, all of which hold; `not` holds those that exclude.",
            "type": "object",
            "maxProperties": MAX_CONDITIONS,
            "propertyNames": key,
            "properties": {
                NOT: {
                    "description": "What meets all of these is left out.",
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": MAX_CONDITIONS,
                    "propertyNames": key,
                    "properties": { NOT: false },
                    "additionalProperties": condition,
                },
            },
            "additionalProperties": condition,
        })
    }
}

/// A condition as it is written.
struct OneCondition;

impl JsonSchema for OneCondition {
    fn schema_name() -> Cow<'static, str> {
        "Condition".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = json!({ "type": ["string", "number", "boolean"], "maxLength": MAX_BYTES });
        let any = json!({ "type": "array", "items": one, "minItems": 1, "maxItems": MAX_VALUES });
        let date = json!({
            "type": "string",
            "anyOf": [{ "format": "date-time" }, { "format": "date" }],
        });
        json_schema!({
            "description": "Equal to a value, to one of several, or within bounds of numbers or RFC 3339 dates.",
            "anyOf": [one, any, bounds(&json!({ "type": "number" })), bounds(&date)],
        })
    }
}

/// Bounds of one kind.
fn bounds(bound: &Value) -> Value {
    json!({
        "type": "object",
        "properties": { "gt": bound, "gte": bound, "lt": bound, "lte": bound },
        "additionalProperties": false,
        "minProperties": 1,
    })
}
