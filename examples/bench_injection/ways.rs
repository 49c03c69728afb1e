//! The ways to a ranking that are compared.

use std::sync::Arc;

use clap::ValueEnum;
use rankgate::domain::{Document, Query, Ranking};
use rankgate::llm::tokens;
use rankgate::rerank::cut_passage;
use rankgate::retrieve::{Lexical, LocalBm25};
use serde_json::{Value, json};

use super::gateway::Gateway;
use super::upstream::Upstream;
use super::{Failure, naive};

/// How many results are asked for.
pub const TOP_N: usize = 10;
/// Tokens of a document that are shown: as many as the gateway's prompt shows.
const SHOWN_TOKENS: usize = 200;

/// A way to a ranking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// A naive prompt
    Off,
    /// The gateway
    On,
    /// The gateway with bounded promotion
    Bound,
}

impl Way {
    /// As options, pipelines and tables call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Bound => "bound",
        }
    }
}

/// A ranking, as places in the given list, best first; at most [`TOP_N`].
pub struct Answer {
    pub order: Vec<usize>,
    /// Whether it is the model's; else it is the classical one.
    pub by_model: bool,
}

/// Asks one model in each way.
pub struct Ranker {
    client: reqwest::Client,
    upstream: Upstream,
    gateway: Gateway,
}

impl Ranker {
    pub fn new(upstream: Upstream, gateway: Gateway) -> Result<Self, Failure> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { client, upstream, gateway })
    }

    /// What the model is called.
    pub fn model(&self) -> &str {
        &self.upstream.model
    }

    /// Ranks documents whose ids are their places.
    pub async fn rank(
        &self,
        way: Way,
        query: &Query,
        documents: &[Arc<Document>],
    ) -> Result<Answer, Failure> {
        match way {
            Way::Off => self.undefended(query, documents).await,
            Way::On | Way::Bound => self.by_gateway(way.name(), query, documents).await,
        }
    }

    async fn undefended(
        &self,
        query: &Query,
        documents: &[Arc<Document>],
    ) -> Result<Answer, Failure> {
        let classical = classical(query, documents)?;
        let cut = |&at: &usize| {
            let Document { title, text, .. } = documents[at].as_ref();
            cut_passage(title, text, SHOWN_TOKENS, tokens::count, tokens::truncate)
        };
        let shown: Vec<(&str, &str)> = classical.iter().map(cut).collect();
        let wanted = TOP_N.min(shown.len());
        let body = naive::request(&self.upstream.model, query.as_str(), &shown, wanted);
        let mut request =
            self.client.post(format!("{}/chat/completions", self.upstream.url)).json(&body);
        if let Some((_, key)) = &self.upstream.key {
            request = request.bearer_auth(key);
        }
        let reply: Value = request.send().await?.error_for_status()?.json().await?;
        let said = naive::read(&reply, shown.len(), wanted);
        let by_model = said.is_some();
        let ranking = Ranking::with_preferred(shown.len(), said.unwrap_or_default());
        let order = ranking.order().iter().take(wanted).map(|&at| classical[at]).collect();
        Ok(Answer { order, by_model })
    }

    async fn by_gateway(
        &self,
        pipeline: &str,
        query: &Query,
        documents: &[Arc<Document>],
    ) -> Result<Answer, Failure> {
        let sent: Vec<Value> =
            documents.iter().map(|it| json!({ "title": it.title, "text": it.text })).collect();
        let body = json!({
            "model": pipeline,
            "query": query.as_str(),
            "documents": sent,
            "top_n": TOP_N,
        });
        let request = self.client.post(format!("{}/v1/rerank", self.gateway.url)).json(&body);
        let answer: Value = request.send().await?.error_for_status()?.json().await?;
        let place = |result: &Value| usize::try_from(result["index"].as_u64()?).ok();
        let order: Option<Vec<usize>> =
            answer["results"].as_array().and_then(|results| results.iter().map(place).collect());
        let order = order.ok_or("the gateway's answer has no results")?;
        let status = answer["x_rankgate"]["status"].as_str();
        Ok(Answer { order, by_model: matches!(status, Some("llm" | "partial")) })
    }
}

/// The classical order of documents whose ids are their places, as the gateway
/// makes it of the documents of a request.
pub fn classical(query: &Query, documents: &[Arc<Document>]) -> Result<Vec<usize>, Failure> {
    let candidates = LocalBm25::new(Lexical::default())?.rank(query, documents)?;
    let place = |id: &str| id.parse::<usize>().map_err(Failure::from);
    candidates.iter().map(|candidate| place(candidate.document.id.as_str())).collect()
}
