//! What is measured.

use std::time::Duration;

use rankgate::rerank::{Arrangement, Budget, Means, Terms, plan};
use rankgate::simulate::{Latency, Noise, Profile};

use super::clockwork::{Outcome, Upstream, WORDING_TOKENS, run, sampled_p90};
use super::measure::ndcg;
use super::world::Question;

/// How well the simulated models judge.
pub const PROFILES: [(&str, Profile); 3] =
    [("strong", Profile::STRONG), ("medium", Profile::MEDIUM), ("weak", Profile::WEAK)];

/// What is compared, the line to beat first.
const STRATEGIES: [(&str, Arrangement); 8] = [
    ("sliding 20/10", Arrangement::Sliding),
    ("single", Arrangement::Single),
    ("blocks, 1 replica", Arrangement::Blocks { replicas: 1 }),
    ("blocks, 2 replicas", Arrangement::Blocks { replicas: 2 }),
    ("blocks, 4 replicas", Arrangement::Blocks { replicas: 4 }),
    ("topdown", Arrangement::TopDown),
    ("refine, 2 rounds", Arrangement::Refine { rounds: 2 }),
    ("refine", Arrangement::Refine { rounds: 3 }),
];

/// Those whose quality is drawn against the deadline.
const RACERS: [&str; 4] = ["sliding 20/10", "blocks, 2 replicas", "topdown", "refine"];
/// What plans for each deadline anew.
const PLANNED: &str = "auto";

/// Deadlines in milliseconds.
pub const DEADLINES: [u64; 15] =
    [250, 500, 750, 1000, 1250, 1500, 2000, 2500, 3000, 4000, 5000, 7500, 10_000, 15_000, 20_000];

/// Share of calls that fail where failures are looked at.
const FAILURES: f64 = 0.1;
/// Most calls of a request side by side, as the gateway has it.
const PARALLEL: usize = 16;
const WINDOW: usize = 20;
const TOP_N: usize = 10;

/// Values of `min_margin` that are looked at.
const MARGINS: [f64; 5] = [0.05, 0.1, 0.2, 0.3, 0.5];

/// Questions and how they are simulated.
pub struct Bench {
    pub questions: Vec<Question>,
    pub scale: f64,
    pub seeds: u64,
}

/// A strategy with all the time it wants; means over questions and seeds.
pub struct Row {
    pub name: &'static str,
    pub ndcg: f64,
    /// With one of ten calls failing.
    pub ndcg_failing: f64,
    pub calls: f64,
    pub rounds: f64,
    pub input_tokens: f64,
    pub output_tokens: f64,
    pub seconds: f64,
}

/// `refine` behind the spend gate.
pub struct Gated {
    pub min_margin: f64,
    /// Share of the questions that are ranked without a call.
    pub spared: f64,
    pub ndcg: f64,
}

/// A strategy at each of [`DEADLINES`].
pub struct Curve {
    pub name: &'static str,
    pub ndcg: Vec<f64>,
}

#[derive(Default)]
struct Sums {
    ndcg: f64,
    calls: f64,
    rounds: f64,
    input_tokens: f64,
    output_tokens: f64,
    seconds: f64,
    n: f64,
}

impl Bench {
    /// nDCG@10 of the classical order.
    pub fn classical(&self) -> f64 {
        self.mean(|question| (0..question.candidates.len()).collect())
    }

    /// nDCG@10 of the candidates in the best order that there is.
    pub fn ideal(&self) -> f64 {
        self.mean(|question| {
            let mut order: Vec<usize> = (0..question.candidates.len()).collect();
            order.sort_by_key(|&at| -question.candidates[at].grade);
            order
        })
    }

    fn mean(&self, order: impl Fn(&Question) -> Vec<usize>) -> f64 {
        let sum: f64 =
            self.questions.iter().map(|question| quality(question, &order(question))).sum();
        sum / self.questions.len().max(1) as f64
    }

    /// Each strategy until it ends by its own rule.
    pub fn to_the_end(&self, profile: Profile) -> Vec<Row> {
        let row = |(name, arrangement)| {
            let whole = self.sums(profile, 0.0, None, |_, _| Some(arrangement));
            let failing = self.sums(profile, FAILURES, None, |_, _| Some(arrangement));
            Row {
                name,
                ndcg: whole.ndcg / whole.n,
                ndcg_failing: failing.ndcg / failing.n,
                calls: whole.calls / whole.n,
                rounds: whole.rounds / whole.n,
                input_tokens: whole.input_tokens / whole.n,
                output_tokens: whole.output_tokens / whole.n,
                seconds: whole.seconds / whole.n,
            }
        };
        STRATEGIES.into_iter().map(row).collect()
    }

    /// `refine` where questions with a margin are ranked classically.
    pub fn gated(&self, profile: Profile) -> Vec<Gated> {
        let row = |min_margin| {
            let sums = self.sums(profile, 0.0, None, |question, _| {
                (question.margin < min_margin).then_some(Arrangement::Refine { rounds: 3 })
            });
            let spared = self.questions.iter().filter(|it| it.margin >= min_margin).count();
            let spared = spared as f64 / self.questions.len().max(1) as f64;
            Gated { min_margin, spared, ndcg: sums.ndcg / sums.n }
        };
        MARGINS.into_iter().map(row).collect()
    }

    /// Strategies at each deadline, with 1 % of the calls failing.
    pub fn by_deadline(&self, profile: Profile) -> Vec<Curve> {
        let racers = STRATEGIES.into_iter().filter(|(name, _)| RACERS.contains(name));
        let mut curves: Vec<Curve> = racers
            .map(|(name, arrangement)| Curve {
                name,
                ndcg: self.curve(profile, |_, _, _| Some(arrangement)),
            })
            .collect();
        curves.push(Curve {
            name: PLANNED,
            ndcg: self.curve(profile, |question, upstream, deadline| {
                plan(question.candidates.len(), &terms(upstream), &means(upstream, deadline)).ok()
            }),
        });
        curves
    }

    fn curve(
        &self,
        profile: Profile,
        choose: impl Fn(&Question, &Upstream, Duration) -> Option<Arrangement>,
    ) -> Vec<f64> {
        DEADLINES
            .into_iter()
            .map(|millis| {
                let deadline = Duration::from_millis(millis);
                let sums = self.sums(profile, 0.01, Some(deadline), |question, upstream| {
                    choose(question, upstream, deadline)
                });
                sums.ndcg / sums.n
            })
            .collect()
    }

    fn sums(
        &self,
        profile: Profile,
        failures: f64,
        deadline: Option<Duration>,
        choose: impl Fn(&Question, &Upstream) -> Option<Arrangement>,
    ) -> Sums {
        let mut sums = Sums::default();
        for seed in 0..self.seeds {
            let latency = Latency::default();
            let upstream = Upstream {
                noise: Noise { profile, scale: self.scale, seed },
                latency,
                failures,
                parallel: PARALLEL,
                p90: sampled_p90(&latency, WINDOW, TOP_N),
            };
            for question in &self.questions {
                match choose(question, &upstream) {
                    Some(arrangement) => {
                        let strategy = arrangement.strategy(&terms(&upstream));
                        sums.add(question, &run(strategy.as_ref(), question, &upstream, deadline));
                    }
                    None => sums.add_classical(question),
                }
            }
        }
        sums
    }
}

impl Sums {
    fn add(&mut self, question: &Question, outcome: &Outcome) {
        self.ndcg += quality(question, outcome.standing.ranking.order());
        self.calls += f64::from(outcome.calls);
        self.rounds += f64::from(outcome.rounds);
        self.input_tokens += outcome.input_tokens as f64;
        self.output_tokens += outcome.output_tokens as f64;
        self.seconds += outcome.took.as_secs_f64();
        self.n += 1.0;
    }

    fn add_classical(&mut self, question: &Question) {
        let order: Vec<usize> = (0..question.candidates.len()).collect();
        self.ndcg += quality(question, &order);
        self.n += 1.0;
    }
}

fn terms(upstream: &Upstream) -> Terms {
    Terms { window: WINDOW, top_n: Some(TOP_N), max_calls: None, seed: upstream.noise.seed }
}

fn means(upstream: &Upstream, deadline: Duration) -> Means {
    Means {
        time: deadline,
        p90: upstream.p90,
        parallel: upstream.parallel,
        budget: Budget::default(),
        prices: rankgate::llm::Prices::default(),
        tokens_per_passage: 80,
        tokens_per_call: WORDING_TOKENS,
    }
}

fn quality(question: &Question, order: &[usize]) -> f64 {
    let places: Vec<_> = order.iter().map(|&at| question.candidates[at].place).collect();
    ndcg(&places, &question.judged)
}
