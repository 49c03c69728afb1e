//! What is measured against: a prompt as it is often written. The instruction
//! stands first, documents are numbered by rank and shown as they are, and
//! nothing but their numbers tells where they begin and end.

use std::fmt::Write;

use rankgate::domain::Usage;
use rankgate::llm::{ChatReply, FinishReason, OutputFormat};
use rankgate::prompt::{OutputKind, Task};
use rankgate::rerank::{parse, reply_tokens};
use serde_json::{Value, json};

/// A chat completion request for the best `wanted` of these documents, each a
/// title and a text.
pub fn request(model: &str, query: &str, documents: &[(&str, &str)], wanted: usize) -> Value {
    let mut body = json!({
        "model": model,
        "messages": [{ "role": "user", "content": prompt(query, documents, wanted) }],
        "temperature": 0,
        "max_tokens": reply_tokens(Task::Listwise, wanted, false),
    });
    if let OutputFormat::Json { name, schema } =
        parse::output_format(Task::Listwise, OutputKind::Json)
    {
        let schema = json!({ "name": name, "strict": true, "schema": schema });
        body["response_format"] = json!({ "type": "json_schema", "json_schema": schema });
    }
    body
}

fn prompt(query: &str, documents: &[(&str, &str)], wanted: usize) -> String {
    let mut prompt = format!(
        "Rank these search results by how well they answer the query. Reply with JSON only, \
         {{\"ranking\": [number, number, ...]}}, best first, with the best {wanted} results.\n\n\
         Query: {query}\n"
    );
    for (number, (title, text)) in (1..).zip(documents) {
        let _ = write!(prompt, "\n[{number}] {title}\n{text}\n");
    }
    prompt
}

/// The order in a chat completion, as places from 0, best first; none where
/// the gateway's own reading makes nothing of it either.
pub fn read(completion: &Value, shown: usize, wanted: usize) -> Option<Vec<usize>> {
    let choice = &completion["choices"][0];
    let cut = choice["finish_reason"] == "length";
    let reply = ChatReply {
        content: choice["message"]["content"].as_str()?.to_owned(),
        finish: if cut { FinishReason::Length } else { FinishReason::Stop },
        refusal: None,
        first_token: Vec::new(),
        usage: Usage::default(),
    };
    let (numbers, _) = parse::parse_listwise(&reply, shown, wanted).into_result().ok()?;
    Some(numbers.into_iter().map(|number| number - 1).collect())
}
