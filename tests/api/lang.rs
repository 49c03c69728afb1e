//! Prompts are told the language of the documents that they are about.

use serde_json::{Value, json};
use test_case::test_case;

use crate::app::TestApp;
use crate::fake_llm::FakeLlm;

const PROMPT: &str = "+++
task = \"rerank.listwise\"
summary = \"names the language\"
+++
{% block system %}{% endblock %}
{% block user %}Query: {{ query }}
{% for p in passages %}
{{ nonce }} [{{ p.label }}] {{ p.text }}
{% endfor %}
{{ nonce }} end
Query: {{ query }}
The documents are in <{{ lang }}>. Reply with {\"ranking\": [label, ...]}.{% endblock %}
";

fn config(upstream: &FakeLlm) -> String {
    format!(
        r#"
[prompts]
dir = "{{dir}}/prompts"
[retrieval]
data_dir = "{{dir}}/data"
[collections.zelte]
language = "german"
[collections.mixed]
language = "none"
[upstreams.fake]
base_url = "{}"
[models.fake]
upstreams = ["fake"]
model = "fake-1"
[pipelines.default]
prompt = "shop@v1"
model = "fake"
deadline_ms = 20000
[pipelines.german]
collection = ["zelte", "mixed"]
prompt = "shop@v1"
model = "fake"
deadline_ms = 20000
[pipelines.mixed]
collection = "mixed"
prompt = "shop@v1"
model = "fake"
deadline_ms = 20000
[pipelines.unnamed]
collection = "tents"
prompt = "shop@v1"
model = "fake"
deadline_ms = 20000
"#,
        upstream.base_url()
    )
}

async fn start() -> (FakeLlm, TestApp) {
    let upstream = FakeLlm::competent(|text| if text.contains("Zelt") { 0.9 } else { 0.1 }).await;
    let app = TestApp::prepared(&config(&upstream), |dir| {
        std::fs::create_dir_all(dir.join("prompts/shop")).unwrap();
        std::fs::write(dir.join("prompts/shop/v1.md"), PROMPT).unwrap();
    })
    .await;
    (upstream, app)
}

async fn rank(app: &TestApp, pipeline: &str) -> Value {
    let documents = ["Becher", "Zelt für zwei", "Wollsocken"];
    let body = json!({"model": pipeline, "query": "shelter", "documents": documents});
    let (status, answer) = app.ask("/v2/rerank", &body).await;
    assert_eq!((status.as_u16(), &answer["x_rankgate"]["status"]), (200, &json!("llm")));
    answer
}

#[test_case("german", "de" ; "of the first collection")]
#[test_case("unnamed", "en" ; "of a collection by the defaults")]
#[test_case("mixed", "" ; "none where there are several")]
#[test_case("default", "" ; "none without a collection")]
#[tokio::test]
async fn a_prompt_is_told_the_language(pipeline: &str, tag: &str) {
    let (upstream, app) = start().await;
    rank(&app, pipeline).await;
    let received = upstream.received();
    assert!(!received.is_empty());
    let told = format!("The documents are in <{tag}>.");
    assert!(received.iter().all(|request| request.user().contains(&told)), "{received:?}");
}

#[tokio::test]
async fn what_was_ranked_under_another_language_is_asked_anew() {
    let (upstream, app) = start().await;
    rank(&app, "german").await;
    assert_eq!(rank(&app, "german").await["x_rankgate"]["cache"], "hit");
    // Nothing else of the request or of its documents' scores changes.
    let moved = config(&upstream).replace("[\"zelte\", \"mixed\"]", "[\"tents\"]");
    app.rewrite(&moved.replace("[pipelines.unnamed]", "[pipelines.renamed]"));
    app.eventually("/v1/pipelines", |text| text.contains("renamed")).await;
    assert_eq!(rank(&app, "german").await["x_rankgate"]["cache"], "miss");
    assert!(upstream.received().last().unwrap().user().contains("<en>"));
}
