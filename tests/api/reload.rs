//! A running gateway takes changes over, all or nothing.

use crate::app::{CLASSICAL, TestApp};

#[tokio::test]
async fn a_changed_file_is_taken_over() {
    let app = TestApp::classical().await;
    app.rewrite(&CLASSICAL.replace("pipelines.second", "pipelines.third"));
    app.eventually("/v1/pipelines", |text| text.contains("third")).await;
    let text = app.get("/v1/pipelines").await.text().await.unwrap();
    assert!(!text.contains("second"), "{text}");
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_a_good_one_after_it_does() {
    let app = TestApp::classical().await;
    let bad = format!("{CLASSICAL}\nwindow = 0\n").replace("pipelines.second", "pipelines.bad");
    app.rewrite(&bad);
    // The good one can only be seen after the bad one was read and refused, or
    // in its stead: never is a part of the bad one served.
    app.rewrite(&CLASSICAL.replace("pipelines.second", "pipelines.good"));
    app.eventually("/v1/pipelines", |text| {
        assert!(!text.contains("\"bad\""), "{text}");
        text.contains("good")
    })
    .await;
}

#[tokio::test]
async fn limits_change_without_a_restart() {
    let app = TestApp::classical().await;
    let body = serde_json::json!({"query": "tent", "documents": ["a"]});
    assert_eq!(app.post("/v2/rerank", &body).await.status(), 200);
    let third = CLASSICAL.replace("pipelines.second", "pipelines.third");
    app.rewrite(&format!("{third}\n[limits]\nmax_in_flight = 0\n"));
    app.eventually("/v1/pipelines", |text| text.contains("third")).await;
    // The limit is set right after the pipelines are.
    let mut status = 200;
    for _ in 0..100 {
        status = app.post("/v2/rerank", &body).await.status().as_u16();
        if status == 429 {
            break;
        }
    }
    assert_eq!(status, 429);
}

#[tokio::test]
async fn bad_prompts_are_counted_and_the_good_set_stays() {
    let app = TestApp::classical().await;
    let failures = |text: &str| -> u64 {
        let line = text
            .lines()
            .find(|line| line.starts_with("rankgate_prompt_reload_failures_total"))
            .unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let before = failures(&app.get("/metrics").await.text().await.unwrap());
    std::fs::create_dir(app.dir().join("prompts/broken")).unwrap();
    std::fs::write(app.dir().join("prompts/broken/v1.md"), "no front matter").unwrap();
    app.eventually("/metrics", |text| failures(text) > before).await;
    let body = serde_json::json!({"query": "tent", "documents": ["a"]});
    assert_eq!(app.post("/v2/rerank", &body).await.status(), 200);
}
