//! Measures strategies against the simulated model, in simulated time.
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use rankgate::rerank::{Arrangement, Terms};
use rankgate::simulate::{Latency, Noise, Profile};

mod clockwork;
#[path = "../bench_classical/data.rs"]
mod data;
#[path = "../bench_classical/inverted.rs"]
mod inverted;
#[path = "../bench_classical/measure.rs"]
mod measure;
mod world;

#[derive(Parser)]
struct Args {
    set: PathBuf,
    #[arg(long, default_value = "3")]
    seeds: u64,
    #[arg(long, default_value = "1")]
    scale: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let questions = world::questions(
        data::Set::read(&args.set)?,
        std::env::var("DEPTH").map_or(100, |d| d.parse().unwrap()),
        80,
    )?;
    let toks: u64 = questions.iter().flat_map(|q| &q.candidates).map(|c| c.tokens).sum();
    let n: usize = questions.iter().map(|q| q.candidates.len()).sum();
    println!(
        "{} questions, {:.1} candidates, {:.1} tokens",
        questions.len(),
        n as f64 / questions.len() as f64,
        toks as f64 / n as f64
    );
    let ndcg = |q: &world::Question, order: &[usize]| {
        let order: Vec<u32> = order.iter().map(|&at| q.candidates[at].place).collect();
        measure::ndcg(&order, &q.judged)
    };
    let classical: f64 = questions
        .iter()
        .map(|q| ndcg(q, &(0..q.candidates.len()).collect::<Vec<_>>()))
        .sum::<f64>()
        / questions.len() as f64;
    let ideal: f64 = questions
        .iter()
        .map(|q| {
            let mut o: Vec<usize> = (0..q.candidates.len()).collect();
            o.sort_by_key(|&a| -q.candidates[a].grade);
            ndcg(q, &o)
        })
        .sum::<f64>()
        / questions.len() as f64;
    println!("classical {classical:.4}, ideal of 100 {ideal:.4}");
    for (pname, profile) in
        [("medium", Profile::MEDIUM), ("strong", Profile::STRONG), ("weak", Profile::WEAK)]
    {
        print!("\n{pname}: ");
        for fail in [0.0] {
            for a in [
                Arrangement::Single,
                Arrangement::Sliding,
                Arrangement::Blocks { replicas: 1 },
                Arrangement::Blocks { replicas: 2 },
                Arrangement::Blocks { replicas: 4 },
                Arrangement::Refine { rounds: 2 },
                Arrangement::Refine { rounds: 3 },
                Arrangement::TopDown,
            ] {
                let (mut s, mut calls, mut rounds, mut inp, mut out, mut took) =
                    (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
                for seed in 0..args.seeds {
                    let up = clockwork::Upstream {
                        noise: Noise { profile, scale: args.scale, seed },
                        latency: Latency::default(),
                        failures: fail,
                        parallel: 16,
                        p90: Duration::from_millis(900),
                    };
                    for q in &questions {
                        let terms = Terms {
                            window: 20,
                            top_n: Some(10),
                            max_calls: None,
                            seed: seed * 1000 + 7,
                        };
                        let st = a.strategy(&terms);
                        let o = clockwork::run(st.as_ref(), q, &up, None);
                        s += ndcg(q, o.standing.ranking.order());
                        calls += f64::from(o.calls);
                        rounds += f64::from(o.rounds);
                        inp += o.input_tokens as f64;
                        out += o.output_tokens as f64;
                        took += o.took.as_secs_f64();
                    }
                }
                let n = (questions.len() as u64 * args.seeds) as f64;
                print!(
                    "{}{} {:.4} ({:.1}/{:.2}) ",
                    a.name(),
                    a.setting(),
                    s / n,
                    calls / n,
                    rounds / n
                );
                let _ = (inp, out, took);
            }
        }
    }
    Ok(())
}
