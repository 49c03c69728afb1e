//! Writing the body of a chat completion request.

use serde_json::{Map, Value, json};

use super::config::Capabilities;
use super::{ChatRequest, OutputFormat};

/// The request body for `model`; `params` win over everything but the model
/// and the messages.
pub(super) fn body(
    request: &ChatRequest,
    model: &str,
    capabilities: &Capabilities,
    params: &Map<String, Value>,
) -> Map<String, Value> {
    let mut body = Map::new();
    let limit = capabilities.max_tokens.as_str();
    body.insert(limit.to_owned(), request.max_output_tokens.into());
    if capabilities.temperature {
        body.insert("temperature".to_owned(), 0.into());
    }
    if let Some(seed) = request.seed.filter(|_| capabilities.seed) {
        body.insert("seed".to_owned(), seed.into());
    }
    if let Some(alternatives) = request.top_logprobs.filter(|_| capabilities.logprobs) {
        body.insert("logprobs".to_owned(), true.into());
        body.insert("top_logprobs".to_owned(), alternatives.into());
    }
    if let OutputFormat::Json { name, schema } = &request.output
        && capabilities.json_schema
    {
        let schema = json!({ "name": name, "strict": true, "schema": schema });
        let format = json!({ "type": "json_schema", "json_schema": schema });
        body.insert("response_format".to_owned(), format);
    }
    // A limit under its other name would stand beside ours.
    if ["max_tokens", "max_completion_tokens"].iter().any(|name| params.contains_key(*name)) {
        body.remove(limit);
    }
    body.extend(params.clone());
    body.insert("model".to_owned(), model.into());
    body.insert("messages".to_owned(), messages(request));
    body
}

fn messages(request: &ChatRequest) -> Value {
    let user = json!({ "role": "user", "content": request.user });
    if request.system.is_empty() {
        json!([user])
    } else {
        json!([{ "role": "system", "content": request.system }, user])
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::MaxTokensName;
    use super::*;

    fn request() -> ChatRequest {
        ChatRequest {
            system: "sort".into(),
            user: "these".into(),
            output: OutputFormat::Json { name: "ranking", schema: json!({ "type": "object" }) },
            max_output_tokens: 50,
            top_logprobs: Some(5),
            seed: Some(7),
        }
    }

    fn all() -> Capabilities {
        Capabilities {
            json_schema: true,
            logprobs: true,
            seed: true,
            temperature: true,
            max_tokens: MaxTokensName::MaxTokens,
        }
    }

    #[test]
    fn sends_what_a_capable_model_takes() {
        let body = Value::from(body(&request(), "m", &all(), &Map::new()));
        assert_eq!(
            body,
            json!({
                "model": "m",
                "messages": [
                    { "role": "system", "content": "sort" }, { "role": "user", "content": "these" }
                ],
                "max_tokens": 50,
                "temperature": 0,
                "seed": 7,
                "logprobs": true,
                "top_logprobs": 5,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": { "name": "ranking", "strict": true, "schema": { "type": "object" } }
                }
            })
        );
    }

    #[test]
    fn leaves_out_what_it_does_not_take() {
        let none = Capabilities {
            json_schema: false,
            logprobs: false,
            seed: false,
            temperature: false,
            max_tokens: MaxTokensName::MaxCompletionTokens,
        };
        let request = ChatRequest { system: String::new(), ..request() };
        assert_eq!(
            Value::from(body(&request, "m", &none, &Map::new())),
            json!({
                "model": "m",
                "messages": [{ "role": "user", "content": "these" }],
                "max_completion_tokens": 50
            })
        );
    }

    #[test]
    fn params_win_but_not_over_model_and_messages() {
        let Value::Object(params) = json!({
            "temperature": 1, "max_completion_tokens": 9, "model": "x", "messages": [], "top_p": 0.5
        }) else {
            unreachable!()
        };
        let body = body(&request(), "m", &all(), &params);
        assert_eq!(body["temperature"], 1);
        assert_eq!(body["max_completion_tokens"], 9);
        assert!(!body.contains_key("max_tokens"));
        assert_eq!(body["top_p"], 0.5);
        assert_eq!(body["model"], "m");
        assert_eq!(body["messages"].as_array().unwrap().len(), 2);
    }
}
