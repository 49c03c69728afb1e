//! The playground's files, as a browser gets them.

use rankgate::domain::StrategyName;

use crate::app::TestApp;

const SCRIPTS: [&str; 7] =
    ["main.js", "dom.js", "pickers.js", "stream.js", "results.js", "account.js", "code.js"];

async fn text(app: &TestApp, path: &str) -> String {
    let response = app.get(path).await;
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.unwrap()
}

async fn scripts(app: &TestApp) -> String {
    let mut all = String::new();
    for name in SCRIPTS {
        all += &text(app, &format!("/playground/{name}")).await;
    }
    all
}

#[tokio::test]
async fn its_files_allow_nothing_from_outside_and_name_nothing_there() {
    let app = TestApp::classical().await;
    let parts = SCRIPTS.iter().chain(&["style.css"]);
    let paths = parts.map(|name| format!("/playground/{name}"));
    for path in std::iter::once("/".to_owned()).chain(paths) {
        let response = app.get(&path).await;
        assert_eq!(response.status(), 200, "{path}");
        let kind = match path.rsplit('.').next() {
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(response.headers()["content-type"], kind);
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let text = response.text().await.unwrap();
        for outside in ["http://", "https://", "//cdn", "@import", "innerHTML", "eval("] {
            assert!(!text.contains(outside), "{path} has {outside}");
        }
    }
    assert_eq!(app.get("/playground/mod.rs").await.status(), 404);
}

#[tokio::test]
async fn what_the_page_needs_is_served() {
    let app = TestApp::classical().await;
    let (page, script) = (text(&app, "/").await, scripts(&app).await);
    for file in ["style.css", "main.js"] {
        assert!(page.contains(&format!("\"/playground/{file}\"")), "{file}");
    }
    for file in script.split("from \"./").skip(1).filter_map(|it| it.split('"').next()) {
        assert!(SCRIPTS.contains(&file), "{file}");
    }
    for route in ["/v1/search", "/v1/pipelines", "/v1/prompts"] {
        assert!(script.contains(&format!("\"{route}\"")), "{route}");
    }
    // Every element that the script looks up is on the page.
    for name in script.split("$(\"").skip(1).filter_map(|it| it.split('"').next()) {
        assert!(page.contains(&format!("id=\"{name}\"")), "{name}");
    }
    for strategy in StrategyName::ALL {
        assert!(script.contains(&format!("\"{}\"", strategy.as_str())), "{strategy}");
    }
}
