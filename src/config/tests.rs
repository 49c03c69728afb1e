//! Whole configurations, as a user would write them.

use std::path::PathBuf;

use super::*;

const SMALL: &str = r#"
[upstreams.local]
base_url = "http://127.0.0.1:1/v1"

[models.small]
upstreams = ["local"]

[pipelines.default]
aliases = ["rerank-v3.5"]
model = "small"
prompt = "rerank-listwise@v1"
"#;

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("rankgate.toml");
    std::fs::write(&file, text).unwrap();
    let source = ConfigSource::new(Some(file), variables.iter().copied().collect());
    source.load().map(|loaded| loaded.config).map_err(|error| {
        // The folder has another name each time.
        error.to_string().replace(&format!("{}/", dir.path().display()), "")
    })
}

fn refused(text: &str, variables: &[(&str, &str)]) -> String {
    load(&format!("{SMALL}{text}"), variables).unwrap_err()
}

#[test]
fn a_small_file_gets_documented_defaults() {
    let config = load(SMALL, &[]).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.max_body, bytesize::ByteSize::mib(16));
    assert_eq!(config.limits, LimitsConfig::default());
    assert_eq!(config.limits.max_in_flight, None, "an absent limit is off");
    assert_eq!(config.log.format, LogFormat::Auto);
    assert!(config.llm.enabled);
    assert_eq!(config.pipelines["default"].deadline_ms, 3000);
}

#[test]
fn a_shown_configuration_reads_back() {
    let text = format!("{SMALL}[limits]\nmax_in_flight = 0\n[cache]\nttl = \"90s\"\n");
    let config = load(&text, &[]).unwrap();
    let shown = config.to_toml().unwrap();
    assert_eq!(load(&shown, &[]).unwrap(), config, "{shown}");
}

#[test]
fn a_shown_configuration_hides_header_values() {
    let text = SMALL.replace("[models.small]", "headers = { x = \"hidden\" }\n[models.small]");
    let shown = load(&text, &[]).unwrap().to_toml().unwrap();
    assert!(!shown.contains("hidden"), "{shown}");
}

#[test]
fn an_unknown_key_is_pointed_at() {
    let error = refused("windw = 5\n", &[]);
    insta::assert_snapshot!(error, @r"
    rankgate.toml:12:1: pipelines.default.windw: unknown field `windw`, expected one of `aliases`, `collection`, `retrieve`, `rerank_limit`, `strategy`, `window`, `max_calls`, `max_input_tokens`, `max_cost_usd`, `min_margin`, `promotion_below`, `promotion_top`, `prompt`, `model`, `deadline_ms`, `late_ms`, `explain`, `explain_model`, `returned_documents`
        |
     12 | windw = 5
        | ^^^^^
    ");
}

#[test]
fn a_wrong_type_is_pointed_at() {
    let error = refused("[limits]\nmax_in_flight = \"many\"\n", &[]);
    assert!(error.starts_with("rankgate.toml:13:17: limits.max_in_flight: "), "{error}");
    assert!(error.contains("expected usize") && error.ends_with("^^^^^^"), "{error}");
}

#[test]
fn broken_toml_is_pointed_at() {
    let error = refused("[limits\n", &[]);
    assert!(error.starts_with("rankgate.toml:12:"), "{error}");
}

#[test]
fn keys_to_come_are_refused() {
    for (text, key) in [
        ("[keys.a]\nsha256 = \"0\"", "keys"),
        ("[limits]\nrequests_per_second = 5", "limits.requests_per_second"),
        ("[limits]\nllm_usd_per_day = 5.0", "limits.llm_usd_per_day"),
    ] {
        let error = refused(text, &[]);
        assert!(error.contains(&format!(": {key}: ")), "{error}");
        assert!(error.contains("not built yet"), "{error}");
    }
}

#[test]
fn variables_override_and_are_named_in_errors() {
    let config = load(
        SMALL,
        &[
            ("RANKGATE__LOG__FORMAT", "json"),
            ("RANKGATE__MODELS__SMALL__MODEL", "7"),
            ("RANKGATE__LIMITS__MAX_IN_FLIGHT", "3"),
        ],
    )
    .unwrap();
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.models["small"].model.as_deref(), Some("7"), "a name may be digits");
    assert_eq!(config.limits.max_in_flight, Some(3));

    let error = refused("", &[("RANKGATE__LIMITS__MAX_IN_FLIGHT", "many")]);
    let start = "environment variable RANKGATE__LIMITS__MAX_IN_FLIGHT: limits.max_in_flight: ";
    assert!(error.starts_with(start), "{error}");
    let error = refused("", &[("RANKGATE__SERVR__LISTEN", "127.0.0.1:1")]);
    assert!(error.starts_with("environment variable RANKGATE__SERVR__LISTEN: servr"), "{error}");
    let error = refused("", &[("RANKGATE__KEYS__A__SHA256", "0")]);
    assert!(error.starts_with("environment variable RANKGATE__KEYS__A__SHA256"), "{error}");
}

#[test]
fn a_variable_may_bring_what_the_file_lacks() {
    let text = SMALL.replace("base_url = \"http://127.0.0.1:1/v1\"", "");
    let error = load(&text, &[]).unwrap_err();
    assert!(error.contains("base_url"), "{error}");
    load(&text, &[("RANKGATE__UPSTREAMS__LOCAL__BASE_URL", "http://127.0.0.1:2/v1")]).unwrap();
}

#[test]
fn an_address_that_others_reach_is_refused() {
    let error = refused("[server]\nlisten = \"0.0.0.0:8080\"\n", &[]);
    assert!(error.starts_with("rankgate.toml:13:10: server.listen: 0.0.0.0:8080"), "{error}");
}

#[test]
fn names_have_to_fit_together() {
    for (text, key, part) in [
        ("[pipelines.\"rerank-v3.5\"]", "pipelines.default.aliases[0]", "already names"),
        ("[pipelines.\"two words\"]", "pipelines.two words", "visible ASCII"),
        ("[pipelines.b]\naliases = [\"default\"]", "pipelines.b.aliases[0]", "already names"),
        ("[pipelines.b]\nmodel = \"big\"", "pipelines.b.model", "there are: small"),
        ("[server]\ndefault_pipeline = \"x\"", "server.default_pipeline", "there are: default"),
        ("[models.m]\nupstreams = [\"no\"]", "models.m.upstreams[0]", "there are: local"),
        ("deadline_ms = 0", "pipelines.default.deadline_ms", "1 to 600000"),
        ("deadline_ms = 600001", "pipelines.default.deadline_ms", "1 to 600000"),
        ("window = 0", "pipelines.default.window", "1 or more"),
    ] {
        let error = refused(text, &[]);
        assert!(error.contains(key) && error.contains(part), "{error}");
    }
    assert!(load("", &[]).unwrap_err().contains("add a table [pipelines.default]"));
}

#[test]
fn settings_of_the_classical_ranking_are_checked() {
    for (text, key, part) in [
        ("retrieve = { rrf_k = 60 }", "pipelines.default.retrieve.rrf_k", "fusion = \"rrf\""),
        ("retrieve = { fusion = \"sum\" }", "pipelines.default.retrieve.fusion", "`rrf`"),
        (
            "retrieve = { weights = { bm25 = -1, dense = 1 } }",
            "pipelines.default.retrieve.weights",
            "bm25 is -1: use a number from 0 to 1000",
        ),
        ("[collections.c]\nbm25 = { b = 2 }", "collections.c.bm25", "b is 2: use a number"),
        (
            "[collections.c]\nfields = { title = 0, text = 0 }",
            "collections.c.fields",
            "give one of them a weight above 0",
        ),
    ] {
        let error = refused(text, &[]);
        assert!(error.contains(key) && error.contains(part), "{error}");
    }
    let text = format!("{SMALL}retrieve = {{ fusion = \"rrf\" }}\n[collections.c]\n");
    let variables = [
        ("RANKGATE__PIPELINES__DEFAULT__RETRIEVE__RRF_K", "10"),
        ("RANKGATE__COLLECTIONS__C__FIELDS__TITLE", "3"),
        ("RANKGATE__COLLECTIONS__C__BM25__K1", "0.9"),
    ];
    let config = load(&text, &variables).unwrap();
    let retrieve = config.pipelines["default"].retrieve;
    assert_eq!(retrieve.rrf_k, crate::retrieve::RrfK::new(10).ok());
    let collection = &config.collections["c"];
    assert_eq!(collection.fields.title().to_bits(), 3.0_f64.to_bits());
    assert_eq!(collection.bm25.k1().to_bits(), 0.9_f64.to_bits());
    let shown = config.to_toml().unwrap();
    assert_eq!(load(&shown, &[]).unwrap(), config, "{shown}");
}

#[test]
fn every_problem_of_a_configuration_is_told() {
    let error = refused("window = 0\ndeadline_ms = 0\n", &[]);
    assert!(error.contains("window") && error.contains("deadline_ms"), "{error}");
}

#[test]
fn a_file_that_is_named_has_to_exist() {
    let env: Environment = [("OPENAI_API_KEY", "k")].into_iter().collect();
    let error = ConfigSource::new(Some(PathBuf::from("/no/such.toml")), env).load().unwrap_err();
    assert!(error.to_string().starts_with("/no/such.toml: the file can't be read"), "{error}");
}
