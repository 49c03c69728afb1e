//! What storing documents costs the searches beside it.
//!
//! Starts the real program, stores the quick-start set, and then searches it
//! at a steady rate, by turns alone and beside a client that keeps sending
//! changed documents. Arrivals don't wait for answers, so that a stall is
//! counted against every search that it delays. Prints percentiles of both and
//! their ratio.
//!
//! ```text
//! make bench-live
//! ```

#![allow(clippy::print_stdout, reason = "the table is what it is for")]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Documents of one request of the storing client.
const BATCH: usize = 32;

#[derive(Parser)]
struct Args {
    /// The program; the one beside this example by default
    #[arg(long)]
    bin: Option<PathBuf>,
    /// BEIR folder
    #[arg(long, default_value = "evals/data/outdoor")]
    data: PathBuf,
    /// Searches a second
    #[arg(long, default_value = "15")]
    rate: u32,
    /// Seconds of one turn
    #[arg(long, default_value = "20")]
    seconds: u64,
    /// Turns of each kind
    #[arg(long, default_value = "3")]
    rounds: usize,
    /// First stage: bm25, dense or hybrid
    #[arg(long, default_value = "hybrid")]
    mode: String,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    // The client wants one, for plain HTTP too.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let args = Args::parse();
    let documents = lines(&args.data.join("corpus.jsonl"))?;
    let queries: Vec<String> = lines(&args.data.join("queries.jsonl"))?
        .iter()
        .filter_map(|line| Some(line["text"].as_str()?.to_owned()))
        .collect();
    let gateway = Gateway::start(&args)?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    store(&client, &gateway.url, &documents).await?;
    search(&client, &gateway.url, &queries[0]).await?;

    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let stored = Arc::new(AtomicUsize::new(0));
    for round in 0..args.rounds {
        alone.extend(searches(&client, &gateway.url, &queries, &args).await?);
        let storing = Storing::start(&client, &gateway.url, &documents, round, &stored);
        beside.extend(searches(&client, &gateway.url, &queries, &args).await?);
        storing.stop().await?;
    }
    let seconds = (args.seconds * args.rounds as u64) as f64;
    report(&args, &mut alone, &mut beside, stored.load(Ordering::Relaxed) as f64 / seconds);
    Ok(())
}

fn lines(path: &PathBuf) -> Result<Vec<Value>, Failure> {
    let text = std::fs::read_to_string(path)?;
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

fn report(args: &Args, alone: &mut [Duration], beside: &mut [Duration], stored: f64) {
    alone.sort_unstable();
    beside.sort_unstable();
    println!(
        "{} searches a second for {} s, {} times each, mode {}; {stored:.1} documents a second \
         stored beside them",
        args.rate, args.seconds, args.rounds, args.mode
    );
    println!("| percentile | alone, ms | beside storing, ms | ratio |");
    println!("|---|---|---|---|");
    for percent in [50, 90, 99] {
        let (alone, beside) = (percentile(alone, percent), percentile(beside, percent));
        println!("| p{percent} | {alone:.1} | {beside:.1} | {:.2} |", beside / alone);
    }
}

/// The nearest rank, in milliseconds.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
}

/// One turn of searches; each is timed from the moment it was due.
async fn searches(
    client: &reqwest::Client,
    url: &str,
    queries: &[String],
    args: &Args,
) -> Result<Vec<Duration>, Failure> {
    let mut tick = interval(Duration::from_secs(1) / args.rate);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let total = args.rate as usize * usize::try_from(args.seconds)?;
    let mut running = Vec::with_capacity(total);
    for n in 0..total {
        let due = tick.tick().await;
        let (client, url) = (client.clone(), url.to_owned());
        let query = queries[n % queries.len()].clone();
        running.push(tokio::spawn(async move {
            search(&client, &url, &query).await.map(|()| due.elapsed())
        }));
    }
    let mut took = Vec::with_capacity(total);
    for search in running {
        took.push(search.await??);
    }
    Ok(took)
}

async fn search(client: &reqwest::Client, url: &str, query: &str) -> Result<(), Failure> {
    let body = json!({"query": query, "top_n": 10});
    let answer = client.post(format!("{url}/v1/search")).json(&body).send().await?;
    let answer: Value = answer.error_for_status()?.json().await?;
    match &answer["ranking"]["degraded"] {
        Value::Null => Ok(()),
        degraded => Err(format!("a search was answered without its {degraded}").into()),
    }
}

async fn store(client: &reqwest::Client, url: &str, documents: &[Value]) -> Result<(), Failure> {
    let body: Vec<String> = documents.iter().map(Value::to_string).collect();
    client
        .post(format!("{url}/v1/collections/bench/documents"))
        .header("content-type", "application/x-ndjson")
        .body(body.join("\n"))
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}

/// A client that sends changed documents until it is told to stop.
struct Storing {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Result<(), Failure>>,
}

impl Storing {
    fn start(
        client: &reqwest::Client,
        url: &str,
        documents: &[Value],
        round: usize,
        stored: &Arc<AtomicUsize>,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (client, url, documents) = (client.clone(), url.to_owned(), documents.to_vec());
        let (stopped, stored) = (Arc::clone(&stop), Arc::clone(stored));
        let task = tokio::spawn(async move {
            for lap in 0.. {
                for batch in documents.chunks(BATCH) {
                    if stopped.load(Ordering::Relaxed) {
                        return Ok(());
                    }
                    let changed: Vec<Value> =
                        batch.iter().map(|it| changed(it, round, lap)).collect();
                    store(&client, &url, &changed).await?;
                    stored.fetch_add(changed.len(), Ordering::Relaxed);
                }
            }
            Ok(())
        });
        Self { stop, task }
    }

    async fn stop(self) -> Result<(), Failure> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await?
    }
}

/// The document with another text, so that it is embedded again.
fn changed(document: &Value, round: usize, lap: usize) -> Value {
    let mut document = document.clone();
    let text = document["text"].as_str().unwrap_or_default();
    document["text"] = format!("Edition {round}.{lap}. {text}").into();
    document
}

/// The real program on a folder of its own; ends with this value.
struct Gateway {
    process: Child,
    url: String,
    folder: PathBuf,
}

impl Gateway {
    fn start(args: &Args) -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("rankgate-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let config = folder.join("rankgate.toml");
        let text = format!(
            "[retrieval]\ndata_dir = '{}'\n[pipelines.default]\ncollection = \"bench\"\n\
             retrieve = {{ mode = \"{}\" }}\nstrategy = \"none\"\n",
            folder.join("data").display(),
            args.mode
        );
        std::fs::write(&config, text)?;
        let beside = std::env::current_exe()?
            .parent()
            .and_then(|it| it.parent())
            .map(|it| it.join("rankgate"));
        let bin = args.bin.clone().or(beside).ok_or("name the program with --bin")?;
        let mut process = Command::new(&bin)
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(&config)
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", bin.display()))?;
        let mut log = BufReader::new(process.stderr.take().ok_or("it has no log")?).lines();
        let address = log
            .by_ref()
            .map_while(Result::ok)
            .filter_map(|line| serde_json::from_str::<Value>(&line).ok())
            .find(|line| line["message"] == "listening")
            .and_then(|line| Some(line["address"].as_str()?.to_owned()))
            .ok_or("it ended before it listened")?;
        // Its log is read on, or it would stand still once the pipe is full.
        std::thread::spawn(move || log.for_each(drop));
        Ok(Self { process, url: format!("http://{address}"), folder })
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
