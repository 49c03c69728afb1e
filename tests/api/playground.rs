//! The playground's files, as a browser gets them.

use crate::app::TestApp;

const FILES: [(&str, &str); 3] = [
    ("/", "text/html; charset=utf-8"),
    ("/playground.css", "text/css; charset=utf-8"),
    ("/playground.js", "text/javascript; charset=utf-8"),
];

#[tokio::test]
async fn its_files_allow_nothing_from_outside_and_name_nothing_there() {
    let app = TestApp::classical().await;
    for (path, kind) in FILES {
        let response = app.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], kind);
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let text = response.text().await.unwrap();
        for outside in ["http://", "https://", "//cdn", "@import", "innerHTML", "eval("] {
            assert!(!text.contains(outside), "{path} has {outside}");
        }
    }
}

#[tokio::test]
async fn what_the_page_needs_is_served() {
    let app = TestApp::classical().await;
    let page = app.get("/").await.text().await.unwrap();
    for file in ["/playground.css", "/playground.js"] {
        assert!(page.contains(&format!("\"{file}\"")), "{file}");
    }
    let script = app.get("/playground.js").await.text().await.unwrap();
    for route in ["/v1/search", "/v1/pipelines", "/v1/prompts"] {
        assert!(script.contains(&format!("\"{route}\"")), "{route}");
    }
    // Every element that the script looks up is on the page.
    for name in script.split("$(\"").skip(1).filter_map(|it| it.split('"').next()) {
        assert!(page.contains(&format!("id=\"{name}\"")), "{name}");
    }
}
