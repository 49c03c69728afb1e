//! Prompt files change while requests run: each request sees one whole set, and
//! what can't be used is told and never served.

mod faults;
mod traffic;

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::fake_llm::{FakeLlm, Received};
use crate::program::{Server, folder};

/// A listwise prompt that says in both of its messages of which set it is.
fn prompt(set: &str) -> String {
    format!(
        "+++\ntask = \"rerank.listwise\"\nsummary = \"set {set}\"\n+++\n\
         {{% block system %}}You rank. (set {set}){{% endblock %}}\n\
         {{% block user %}}Query: {{{{ query }}}}\n\
         {{% for p in passages %}}\n{{{{ nonce }}}} [{{{{ p.label }}}}] {{{{ p.title }}}}\n\
         {{{{ p.text }}}}\n{{% endfor %}}\n{{{{ nonce }}}} end\n\
         Query: {{{{ query }}}}\nOrder the documents. Reply with {{\"ranking\": [label, ...]}}. \
         (set {set}){{% endblock %}}\n"
    )
}

/// Its pairwise companion.
fn pairs(set: &str) -> String {
    prompt(set).replace("rerank.listwise", "rerank.pairwise").replace(
        "Order the documents. Reply with {\"ranking\": [label, ...]}.",
        "Which is better? Reply with {\"better\": 1} or {\"better\": 2}.",
    )
}

fn config(upstream: &FakeLlm) -> String {
    format!(
        r#"
[prompts]
dir = "{{dir}}/prompts"
[upstreams.fake]
base_url = "{}"
[models.fake]
upstreams = ["fake"]
model = "fake-1"
[pipelines.default]
strategy = "single"
prompt = "shop@v1"
model = "fake"
deadline_ms = 20000
[pipelines.pairs]
strategy = "pairwise"
prompt = {{ "rerank.pairwise" = "pairs@v1", "rerank.listwise" = "shop@v1" }}
model = "fake"
deadline_ms = 20000
"#,
        upstream.base_url()
    )
}

fn write(path: &Path, content: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    // As an editor saves: the new file takes the place of the old one.
    let new = path.with_extension("new");
    std::fs::write(&new, content).unwrap();
    std::fs::rename(&new, path).unwrap();
}

fn write_set(folder: &Path, set: &str) {
    write(&folder.join("shop/v1.md"), prompt(set));
    write(&folder.join("pairs/v1.md"), pairs(set));
}

/// A shop whose prompts are being worked on.
struct Desk {
    app: Arc<TestApp>,
    upstream: FakeLlm,
}

impl Desk {
    async fn open() -> Self {
        Self::prepared(|dir| write_set(&dir.join("prompts"), "A")).await
    }

    async fn prepared(prepare: impl FnOnce(&Path)) -> Self {
        let upstream =
            FakeLlm::competent(|text| if text.contains("tent") { 0.9 } else { 0.1 }).await;
        let app = Arc::new(TestApp::prepared(&config(&upstream), prepare).await);
        Self { app, upstream }
    }

    fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        write(&self.app.dir().join("prompts").join(file), content);
    }

    async fn prompts(&self) -> Value {
        self.app.get("/v1/prompts").await.json().await.unwrap()
    }

    /// The hash of a prompt as it is served.
    async fn sha256(&self, id: &str) -> String {
        let listed = self.prompts().await;
        let prompts = listed["prompts"].as_array().unwrap();
        let found = prompts.iter().find(|prompt| prompt["id"] == id).unwrap();
        found["sha256"].as_str().unwrap().to_owned()
    }

    async fn until_served(&self, summary: &str) {
        let says = format!("\"summary\":\"{summary}\"");
        self.app.eventually("/v1/prompts", |text| text.contains(&says)).await;
    }

    /// The first problem, once prompts are refused with this reason.
    async fn until_refused(&self, reason: &str) -> Value {
        let is_so = |text: &str| {
            let listed: Value = serde_json::from_str(text).unwrap();
            listed["refused"]["problems"].to_string().contains(reason)
        };
        self.app.eventually("/v1/prompts", is_so).await;
        let refused = self.prompts().await["refused"].clone();
        let at: jiff::Timestamp = refused["at"].as_str().unwrap().parse().unwrap();
        assert!(at <= jiff::Timestamp::now());
        refused["problems"][0].clone()
    }

    async fn until_accepted(&self) {
        self.app.eventually("/v1/prompts", |text| text.contains("\"refused\":null")).await;
    }

    /// Ranks by the LLM; gives the hash of the prompt.
    async fn rank(&self, query: &str) -> String {
        rank(&self.app, "default", query).await
    }

    async fn failures(&self) -> u64 {
        let text = self.app.get("/metrics").await.text().await.unwrap();
        let name = "rankgate_prompt_reload_failures_total ";
        text.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
    }
}

async fn rank(app: &TestApp, pipeline: &str, query: &str) -> String {
    let body = json!({
        "model": pipeline,
        "query": query,
        "documents": ["a mug", "a light tent", "wool socks"],
    });
    let (status, answer) = app.ask("/v2/rerank", &body).await;
    let ranking = &answer["x_rankgate"];
    assert_eq!((status.as_u16(), &ranking["status"]), (200, &json!("llm")), "{answer}");
    assert_eq!(answer["results"][0]["index"], 1, "{answer}");
    ranking["prompt_sha256"].as_str().unwrap().to_owned()
}

/// The set that all messages about a query are of.
fn set_of(received: &[Received], query: &str) -> String {
    let about = received.iter().filter(|request| request.user().contains(query));
    let mut sets: Vec<String> = about
        .flat_map(|request| [request.system(), request.user()])
        .map(|message| {
            let (_, rest) = message.rsplit_once("(set ").unwrap();
            rest.split(')').next().unwrap().to_owned()
        })
        .collect();
    sets.dedup();
    assert_eq!(sets.len(), 1, "{query}: a mixture of sets");
    sets.remove(0)
}

#[tokio::test]
async fn links_within_the_folder_are_followed() {
    // As a ConfigMap is mounted.
    let desk = Desk::prepared(|dir| {
        let prompts = dir.join("prompts");
        write_set(&prompts.join("..2026"), "A");
        std::os::unix::fs::symlink("..2026", prompts.join("..data")).unwrap();
        for name in ["shop", "pairs"] {
            std::os::unix::fs::symlink(format!("..data/{name}"), prompts.join(name)).unwrap();
        }
    })
    .await;
    desk.rank("one").await;
    let prompts = desk.app.dir().join("prompts");
    write_set(&prompts.join("..2027"), "B");
    std::os::unix::fs::symlink("..2027", prompts.join("..data_tmp")).unwrap();
    std::fs::rename(prompts.join("..data_tmp"), prompts.join("..data")).unwrap();
    desk.until_served("set B").await;
    desk.rank("two").await;
    assert_eq!(set_of(&desk.upstream.received(), "two"), "B");
}

#[tokio::test]
async fn a_released_file_changed_by_hand_is_refused_with_the_remedy() {
    let desk = Desk::open().await;
    let released = desk.sha256("shop@v1").await;
    desk.write("prompts.lock", format!("{released}  shop/v1.md\n"));
    desk.app.eventually("/v1/prompts", |text| text.contains("\"released\"")).await;
    desk.write("shop/v1.md", prompt("B"));
    let problem = desk.until_refused("this version is released").await;
    assert_eq!(problem["file"], "shop/v1.md");
    let remedy = problem["remedy"].as_str().unwrap();
    assert!(remedy.contains("restore the file and put the change into a new version"), "{remedy}");
    assert_eq!(desk.rank("one").await, released);
    // The remedy: the file as it was, the change as a new version.
    desk.write("shop/v2.md", prompt("B"));
    desk.write("shop/v1.md", prompt("A"));
    desk.until_served("set B").await;
    desk.until_accepted().await;
    assert_eq!(desk.rank("two").await, released);
}

#[tokio::test]
async fn a_set_that_no_longer_serves_a_pipeline_is_refused() {
    let desk = Desk::open().await;
    let (good, before) = (desk.rank("one").await, desk.failures().await);
    let file = desk.app.dir().join("prompts/shop/v1.md");
    std::fs::remove_file(&file).unwrap();
    let problem = desk.until_refused("pipelines.default.prompt").await;
    assert!(problem["file"].as_str().unwrap().ends_with("rankgate.toml"), "{problem}");
    assert!(problem["line"].as_u64().unwrap() > 1, "{problem}");
    assert!(problem["reason"].as_str().unwrap().contains("no prompt \"shop@v1\""), "{problem}");
    assert!(desk.failures().await > before);
    assert_eq!(desk.rank("two").await, good);
    // One that is for something else is no better.
    write(&file, pairs("A"));
    desk.until_refused("shop@v1 is for rerank.pairwise").await;
    assert_eq!(desk.rank("three").await, good);
    write(&file, prompt("A"));
    desk.until_accepted().await;
    assert_eq!(desk.rank("four").await, good);
}

#[tokio::test]
async fn prompts_that_wait_for_a_configuration_say_so_without_its_values() {
    let desk = Desk::open().await;
    let good = desk.rank("one").await;
    let bad = config(&desk.upstream).replacen("strategy = \"single\"", "strategy = \"sekret\"", 1);
    desk.app.rewrite(&bad);
    desk.write("shop/v1.md", prompt("B"));
    let problem = desk.until_refused("pipelines.default.strategy").await;
    assert!(problem["file"].as_str().unwrap().ends_with("rankgate.toml"), "{problem}");
    assert!(problem["remedy"].as_str().unwrap().contains("config check"), "{problem}");
    assert!(!problem.to_string().contains("sekret"), "{problem}");
    assert_eq!(desk.rank("two").await, good);
    desk.app.rewrite(&config(&desk.upstream));
    desk.until_served("set B").await;
    desk.until_accepted().await;
}

#[tokio::test]
async fn a_folder_that_was_refused_is_watched_until_it_is_mended() {
    let desk = Desk::open().await;
    let elsewhere = desk.app.dir().join("elsewhere");
    write_set(&elsewhere, "B");
    write(&elsewhere.join("shop/v2.md"), "not yet a prompt");
    desk.app.rewrite(&config(&desk.upstream).replace("{dir}/prompts", "{dir}/elsewhere"));
    let problem = desk.until_refused("does not begin with its front matter").await;
    assert_eq!(problem["file"], "shop/v2.md");
    desk.rank("one").await;
    assert_eq!(set_of(&desk.upstream.received(), "one"), "A");
    std::fs::remove_file(elsewhere.join("shop/v2.md")).unwrap();
    desk.until_served("set B").await;
    desk.until_accepted().await;
}

/// In a process of its own, where nothing else counts.
#[tokio::test]
async fn every_refused_set_of_prompts_is_counted_once() {
    let config = "[pipelines.default]\nstrategy = \"none\"\nprompt = \"shop@v1\"\n";
    let dir = folder(Some(config));
    let (file, prompts) = (dir.path().join("config/rankgate.toml"), dir.path().join("prompts"));
    write_set(&prompts, "A");
    let mut server = Server::start(dir.path());
    let url = server.url();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = async |path: &str| {
        client.get(format!("{url}{path}")).send().await.unwrap().text().await.unwrap()
    };
    let failures = async || {
        let text = get("/metrics").await;
        let name = "rankgate_prompt_reload_failures_total ";
        text.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(failures().await, 0);

    // A pinned version is gone.
    std::fs::remove_file(prompts.join("shop/v1.md")).unwrap();
    let line = server.line("not taken over")["error"].as_str().unwrap().to_owned();
    assert!(line.contains("rankgate.toml:3") && line.contains("no prompt \"shop@v1\""), "{line}");
    assert_eq!(failures().await, 1);
    write(&prompts.join("shop/v1.md"), prompt("A"));
    server.line("\"reloaded\"");
    assert!(get("/v1/prompts").await.contains("\"refused\":null"));

    // The folder is gone: the program's own prompts are not what was meant.
    std::fs::rename(&prompts, dir.path().join("away")).unwrap();
    let line = server.line("not taken over")["error"].as_str().unwrap().to_owned();
    assert!(line.contains("the folder can't be read"), "{line}");
    assert_eq!(failures().await, 2);
    std::fs::rename(dir.path().join("away"), &prompts).unwrap();
    server.line("\"reloaded\"");

    // A mistake in the configuration is none of the prompts.
    write(&file, config.replace("shop@v1", "shop@v9"));
    server.line("not taken over");
    assert!(get("/v1/prompts").await.contains("\"refused\":null"));
    server.signal("-HUP");
    server.line("not taken over");
    assert_eq!(failures().await, 2);
    write(&file, config);
    server.line("\"reloaded\"");
    let log = server.end();
    assert!(!log.contains("You rank"), "no prompt is in the log: {log}");
}
