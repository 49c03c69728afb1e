//! The model that is asked.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rankgate::http::{ConnectionLimits, serve};
use rankgate::llm::tokens;
use rankgate::simulate::{
    Attacks, CorpusFiles, FaultRates, Latency, Noise, Profile, Settings, Simulator, router,
};
use tokio::net::TcpListener;

use super::Failure;

/// Errs in its beliefs and says what it believes: then a prompt's delimiter,
/// which is another one each time, changes nothing.
const STEADY: Profile = Profile { persistent: Profile::STRONG.persistent, call: 0.0, bias: 0.0 };

/// An OpenAI-compatible endpoint.
pub struct Upstream {
    /// With its `/v1`.
    pub url: String,
    /// What it calls the model.
    pub model: String,
    /// The key and the variable that it comes from.
    pub key: Option<(String, String)>,
}

impl Upstream {
    /// One that is there.
    pub fn at(url: &str, model: String, key: Option<String>) -> Result<Self, Failure> {
        let key = key
            .map(|name| match std::env::var(&name) {
                Ok(key) if !key.is_empty() => Ok((name, key)),
                _ => Err(format!("--api-key-env: {name} is not set; export it")),
            })
            .transpose()?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), model, key })
    }

    /// One in this process, which knows this set and obeys these attacks.
    pub async fn obedient(set: &Path, attacks: Attacks) -> Result<Self, Failure> {
        let files = CorpusFiles {
            corpus: set.join("corpus.jsonl"),
            queries: None,
            qrels: set.join("qrels/test.tsv"),
        };
        let none = Duration::ZERO;
        let settings = Settings {
            noise: Noise { profile: STEADY, scale: 1.0, seed: 1 },
            latency: Latency {
                base: none,
                per_input_token: none,
                per_output_token: none,
                spread: 0.0,
                stalls: 0.0,
                stall: none,
            },
            faults: FaultRates::default(),
            requests_per_minute: None,
            json_schema: true,
        };
        let simulator = Arc::new(Simulator::new(files.read()?, settings).obeying(attacks));
        tokio::task::spawn_blocking(tokens::warm).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/v1", listener.local_addr()?);
        let served = router(simulator);
        tokio::spawn(serve(listener, served, ConnectionLimits::default(), std::future::pending()));
        Ok(Self { url, model: "obedient".to_owned(), key: None })
    }
}
