//! Bounded promotion over HTTP: whatever the model says.

use serde_json::{Value, json};
use test_case::test_case;

use crate::app::TestApp;
use crate::fake_llm::FakeLlm;

const CONFIG: &str = r#"
[upstreams.fake]
base_url = "{base_url}"

[models.fake]
upstreams = ["fake"]
model = "fake-1"
capabilities = { json_schema = true, seed = true }

[pipelines.default]
strategy = "{strategy}"
prompt = "{prompt}"
window = 12
model = "fake"
deadline_ms = 20000
promotion_below = 8
promotion_top = 3
"#;

/// Twelve documents; the model likes the last ones best.
fn body() -> Value {
    let documents: Vec<String> = (0..12).map(|worth| format!("tent worth {worth}")).collect();
    json!({"query": "tent", "documents": documents})
}

fn worth(text: &str) -> f64 {
    let last = text.trim().rsplit(' ').next();
    last.and_then(|worth| worth.parse::<f64>().ok()).unwrap_or(0.0) / 12.0
}

#[test_case("single", "rerank-listwise@v1" ; "an order")]
#[test_case("graded", "rerank-graded@v1" ; "grades")]
#[tokio::test]
async fn nothing_from_below_enters_the_best(strategy: &str, prompt: &str) {
    let server = FakeLlm::competent(worth).await;
    let config = CONFIG.replace("{base_url}", &server.base_url());
    let config = config.replace("{strategy}", strategy).replace("{prompt}", prompt);
    let app = TestApp::start(&config).await;
    for cache in ["miss", "hit"] {
        let (status, answer) = app.ask("/v2/rerank", &body()).await;
        assert_eq!(status, 200, "{answer}");
        let results = answer["results"].as_array().unwrap();
        let order: Vec<_> = results.iter().map(|it| it["index"].as_u64().unwrap()).collect();
        assert_eq!(order[..3], [7, 6, 5], "{order:?}");
        assert_eq!(order[3], 11, "what was held back follows: {order:?}");
        let scores: Vec<_> =
            results.iter().map(|it| it["relevance_score"].as_f64().unwrap()).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
        let ranking = &answer["x_rankgate"];
        assert_eq!((&ranking["status"], &ranking["cache"]), (&json!("llm"), &json!(cache)));
        assert_eq!(ranking["held_back"], 3);
    }
}
