//! One thing that can be asked for, as the document describes it.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::Schemas;
use crate::http::dialects::Dialect;
use crate::http::error::ErrorCode;

/// Media type of most bodies.
pub(in crate::http) const JSON: &str = "application/json";

/// The groups of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Tag {
    Search,
    Rerank,
    Collections,
    Lists,
    Probes,
}

impl Tag {
    pub(super) const ALL: [Self; 5] =
        [Self::Search, Self::Rerank, Self::Collections, Self::Lists, Self::Probes];

    /// Its name and what is in it.
    pub(super) const fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::Search => ("Search", "Retrieve, rank and explain documents of a collection."),
            Self::Rerank => (
                "Rerank",
                "Rank documents that the request brings, in the APIs that existing clients speak.",
            ),
            Self::Collections => ("Collections", "Documents come and go while the gateway serves."),
            Self::Lists => ("Lists", "What can be asked for."),
            Self::Probes => {
                ("Probes", "For orchestrators and monitoring. No limit applies to them.")
            }
        }
    }
}

/// One thing that can be asked for.
pub(in crate::http) struct Operation {
    object: Map<String, Value>,
    parameters: Vec<Value>,
    responses: BTreeMap<u16, Value>,
}

impl Operation {
    /// `id` names it in generated clients.
    pub fn new(id: &str, tag: Tag, summary: &str, description: &str) -> Self {
        let object = json!({
            "operationId": id,
            "tags": [tag.text().0],
            "summary": summary,
            "description": description,
        });
        let object = object.as_object().cloned().unwrap_or_default();
        Self { object, parameters: Vec::new(), responses: BTreeMap::new() }
    }

    /// A part of the path.
    pub fn in_path(self, name: &str, description: &str, schema: Value) -> Self {
        self.parameter("path", name, true, description, schema)
    }

    /// A query parameter.
    pub fn in_query(self, name: &str, required: bool, description: &str, schema: Value) -> Self {
        self.parameter("query", name, required, description, schema)
    }

    /// A header that may be sent.
    pub fn header(self, name: &str, description: &str, schema: Value) -> Self {
        self.parameter("header", name, false, description, schema)
    }

    fn parameter(
        mut self,
        place: &str,
        name: &str,
        required: bool,
        description: &str,
        schema: Value,
    ) -> Self {
        let mut parameter =
            json!({ "name": name, "in": place, "required": required, "description": description });
        parameter["schema"] = schema;
        self.parameters.push(parameter);
        self
    }

    /// The body that it reads.
    pub fn reads(mut self, media_type: &str, schema: Value, example: Value) -> Self {
        let mut content = json!({ media_type: {} });
        content[media_type]["schema"] = schema;
        content[media_type]["example"] = example;
        self.object.insert("requestBody".into(), json!({ "required": true, "content": content }));
        self
    }

    /// The same, where the body may be empty.
    pub fn reads_or_nothing(self, media_type: &str, schema: Value, example: Value) -> Self {
        let mut operation = self.reads(media_type, schema, example);
        if let Some(Value::Object(body)) = operation.object.get_mut("requestBody") {
            body.insert("required".into(), false.into());
        }
        operation
    }

    /// An answer, in one of the media types.
    pub fn answers(
        mut self,
        status: StatusCode,
        description: &str,
        content: &[(&str, Value)],
    ) -> Self {
        self.respond(status, description, content);
        self
    }

    fn respond(&mut self, status: StatusCode, description: &str, content: &[(&str, Value)]) {
        let content: Map<String, Value> = content
            .iter()
            .map(|(media_type, schema)| ((*media_type).into(), json!({ "schema": schema })))
            .collect();
        let request_id = json!({
            "description": "The id that the request sent or was given.",
            "required": true,
            "schema": { "type": "string" },
        });
        self.responses.insert(
            status.as_u16(),
            json!({
                "description": description,
                "headers": { "x-request-id": request_id },
                "content": content,
            }),
        );
    }

    /// A header of an answer that was described before.
    pub fn answers_header(mut self, status: StatusCode, name: &str, description: &str) -> Self {
        if let Some(headers) = self
            .responses
            .get_mut(&status.as_u16())
            .and_then(|response| response.get_mut("headers"))
            .and_then(Value::as_object_mut)
        {
            let header = json!({ "description": description, "schema": { "type": "string" } });
            headers.insert(name.into(), header);
        }
        self
    }

    /// The errors that it may answer, in the forms of these dialects.
    pub fn fails(
        mut self,
        dialects: &[Dialect],
        codes: &[ErrorCode],
        schemas: &mut Schemas,
    ) -> Self {
        let forms: Vec<Value> =
            dialects.iter().map(|dialect| dialect.error_schema(schemas)).collect();
        let form = match forms.as_slice() {
            [only] => only.clone(),
            several => json!({ "anyOf": several }),
        };
        let media_type =
            if dialects == [Dialect::Native] { "application/problem+json" } else { JSON };
        let mut by_status: BTreeMap<StatusCode, Vec<&str>> = BTreeMap::new();
        for dialect in dialects {
            for code in codes {
                let titles = by_status.entry(dialect.status(*code)).or_default();
                if !titles.contains(&code.title()) {
                    titles.push(code.title());
                }
            }
        }
        for (status, titles) in by_status {
            self.respond(status, &format!("{}.", titles.join(". ")), &[(media_type, form.clone())]);
            if status == StatusCode::TOO_MANY_REQUESTS {
                let wait = "Seconds to wait before another try.";
                self = self.answers_header(status, "retry-after", wait);
            }
        }
        self
    }

    pub(super) fn into_value(self) -> Value {
        let Self { mut object, parameters, responses } = self;
        if !parameters.is_empty() {
            object.insert("parameters".into(), parameters.into());
        }
        let responses: Map<String, Value> = responses
            .into_iter()
            .map(|(status, response)| (status.to_string(), response))
            .collect();
        object.insert("responses".into(), responses.into());
        object.into()
    }
}
