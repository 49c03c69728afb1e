//! `rankgate simulate`

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use tokio::net::TcpListener;

use super::ending::Signals;
use super::{Failure, Outcome, Verdict, runtime};
use crate::config::{Environment, ListenAddress, LogFormat};
use crate::http::{self, ConnectionLimits};
use crate::llm::tokens;
use crate::simulate::{
    Attacks, CorpusFiles, FaultRates, Latency, Noise, Profile, Settings, Simulator, router,
};
use crate::telemetry;

/// Calls wait for their time by the thousand, each on a connection.
const CONNECTIONS: usize = 65_536;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Documents: a file of lines with _id, title and text
    #[arg(long, value_name = "FILE")]
    corpus: PathBuf,
    /// Grades: BEIR's three columns by tabs, or TREC's four
    #[arg(long, value_name = "FILE")]
    qrels: PathBuf,
    /// Queries: a file of lines with _id and text [default: queries.jsonl beside
    /// the corpus]
    #[arg(long, value_name = "FILE")]
    queries: Option<PathBuf>,
    /// How well the model judges
    #[arg(long, value_enum, default_value_t = ProfileName::Medium)]
    profile: ProfileName,
    /// Address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8089")]
    listen: ListenAddress,
    /// What all errors, faults and times are drawn from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// What grades are multiplied by before errors are added; 4 suits sets
    /// whose only grade is 1
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor)]
    relevance_scale: f64,
    /// Attacks: rank first whatever has one of these in it, intact
    #[arg(long, value_name = "FILE")]
    obey: Option<PathBuf>,
    #[command(flatten)]
    latency: LatencyArgs,
    #[command(flatten)]
    faults: FaultArgs,
    /// Answer with status 429 beyond so many
    #[arg(long, value_name = "NUMBER")]
    requests_per_minute: Option<NonZeroU32>,
    /// Ignore JSON schemas and answer in prose with a fence
    #[arg(long)]
    no_json_schema: bool,
}

#[derive(Debug, clap::Args)]
struct LatencyArgs {
    /// Time of an empty call
    #[arg(long, value_name = "MS", default_value_t = 350)]
    latency_ms: u32,
    /// Time for each token read
    #[arg(long, value_name = "µS", default_value_t = 50)]
    input_us_per_token: u32,
    /// Time for each token written
    #[arg(long, value_name = "µS", default_value_t = 8000)]
    output_us_per_token: u32,
    /// Deviation of the logarithm of the factor that each call's time has; 0
    /// for none
    #[arg(long, value_name = "NUMBER", default_value_t = 0.25, value_parser = spread)]
    latency_spread: f64,
    /// Share of calls that stall
    #[arg(long, value_name = "SHARE", default_value_t = 0.02, value_parser = share)]
    stall_rate: f64,
    /// How much longer those take
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    stall_ms: u32,
}

#[derive(Debug, clap::Args)]
struct FaultArgs {
    /// Share of labels that orders and grades leave out
    #[arg(long = "omit-rate", value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    omit: f64,
    /// Share of replies that decline
    #[arg(long = "refuse-rate", value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    refuse: f64,
    /// Share of replies that can't be read: prose, a cut reply or unknown labels
    #[arg(long = "malformed-rate", value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    malformed: f64,
    /// Share of orders that only repeat what was shown
    #[arg(long = "echo-rate", value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    echo: f64,
    /// Share of replies in a fence with a remark behind it
    #[arg(long = "fenced-rate", value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    fenced: f64,
    /// Share of calls answered with status 500
    #[arg(long = "fail-rate", value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    fail: f64,
}

/// A profile by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ProfileName {
    /// Half of the usual errors
    Strong,
    /// Like a small hosted model
    Medium,
    /// Barely better than a first stage
    Weak,
}

impl ProfileName {
    const fn profile(self) -> Profile {
        match self {
            Self::Strong => Profile::STRONG,
            Self::Medium => Profile::MEDIUM,
            Self::Weak => Profile::WEAK,
        }
    }
}

/// A number within bounds.
fn number(text: &str, least: f64, most: f64) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("not a number from {least} to {most}")),
    }
}

fn share(text: &str) -> Result<f64, String> {
    number(text, 0.0, 1.0)
}

fn spread(text: &str) -> Result<f64, String> {
    number(text, 0.0, 3.0)
}

fn factor(text: &str) -> Result<f64, String> {
    number(text, 0.01, 100.0)
}

impl Args {
    fn files(&self) -> CorpusFiles {
        CorpusFiles {
            corpus: self.corpus.clone(),
            queries: self.queries.clone(),
            qrels: self.qrels.clone(),
        }
    }

    fn settings(&self) -> Settings {
        let (latency, faults) = (&self.latency, &self.faults);
        Settings {
            noise: Noise {
                profile: self.profile.profile(),
                scale: self.relevance_scale,
                seed: self.seed,
            },
            latency: Latency {
                base: Duration::from_millis(latency.latency_ms.into()),
                per_input_token: Duration::from_micros(latency.input_us_per_token.into()),
                per_output_token: Duration::from_micros(latency.output_us_per_token.into()),
                spread: latency.latency_spread,
                stalls: latency.stall_rate,
                stall: Duration::from_millis(latency.stall_ms.into()),
            },
            faults: FaultRates {
                omit: faults.omit,
                refuse: faults.refuse,
                malformed: faults.malformed,
                echo: faults.echo,
                fenced: faults.fenced,
                fail: faults.fail,
            },
            requests_per_minute: self.requests_per_minute,
            json_schema: !self.no_json_schema,
        }
    }
}

pub(super) fn run(args: &Args) -> Outcome {
    // There is no configuration to say how to log.
    let env = Environment::of_process();
    telemetry::init_logging(LogFormat::Auto, env.get("RUST_LOG"), "info")?;
    let corpus = args.files().read()?;
    let (documents, queries) = (corpus.documents(), corpus.queries());
    let judgments = corpus.judgments();
    let attacks = args.obey.as_deref().map(Attacks::read).transpose()?.unwrap_or_default();
    let obeys = attacks.len();
    let simulator = Arc::new(Simulator::new(corpus, args.settings()).obeying(attacks));
    tokens::warm();
    runtime()?.block_on(async {
        let signals = Signals::new()?;
        let wanted = args.listen.0;
        let taken = |error| {
            Failure(format!("--listen: {wanted} can't be listened on: {error}; name another one"))
        };
        let listener = TcpListener::bind(wanted).await.map_err(taken)?;
        let address = listener.local_addr()?;
        tracing::info!(%address, documents, queries, judgments, obeys, "listening");
        let limits = ConnectionLimits { connections: CONNECTIONS, ..ConnectionLimits::default() };
        signals
            .serve(async |asked| {
                http::serve(listener, router(simulator), limits, asked.wait()).await;
            })
            .await;
        tracing::info!("stopped");
        Ok(Verdict::Good)
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use test_case::test_case;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(more: &[&str]) -> Result<Args, clap::Error> {
        let files = ["simulate", "--corpus", "c", "--qrels", "q"];
        Line::try_parse_from(files.iter().chain(more)).map(|line| line.args)
    }

    #[test]
    fn says_nothing_else_than_the_defaults() {
        let settings = parse(&[]).unwrap().settings();
        let noise = Noise { profile: Profile::MEDIUM, scale: 1.0, seed: 1 };
        let expected = Settings {
            noise,
            latency: Latency::default(),
            faults: FaultRates::default(),
            requests_per_minute: None,
            json_schema: true,
        };
        assert_eq!(settings, expected);
    }

    #[test_case(&["--omit-rate", "1.1"])]
    #[test_case(&["--fail-rate", "-0.1"])]
    #[test_case(&["--stall-rate", "nan"])]
    #[test_case(&["--latency-spread", "inf"])]
    #[test_case(&["--relevance-scale", "0"])]
    #[test_case(&["--requests-per-minute", "0"])]
    #[test_case(&["--profile", "perfect"])]
    fn refuses_what_cannot_be(more: &[&str]) {
        assert!(parse(more).is_err());
    }
}
