//! A variant against a baseline over the same queries: is the difference more
//! than chance, how large is it, and could it have been seen at all?
//!
//! Pure functions of numbers. [`compare`] puts all of them together for one
//! metric; [`adjust`] then judges all comparisons that are made at once.
//!
//! * The randomisation test decides ([`randomisation_test`]). It assumes only
//!   that each query's difference could as well have gone the other way, which
//!   suits metrics that are full of ties and far from normal. Student's t
//!   ([`t_test`]) stands beside it for readers who expect it; the two agree on
//!   most sets (Smucker, Allan & Carterette, CIKM 2007).
//! * The interval ([`bootstrap_interval`]) says how large the difference may
//!   be.
//! * [`minimum_detectable`] and [`queries_needed`] keep "no difference shown"
//!   from being read as "no difference".
//!
//! What is drawn is drawn from a seed, so the same values give the same result
//! on every machine.

mod bootstrap;
mod compare;
mod differences;
mod distribution;
mod holm;
mod power;
mod randomisation;
mod t_test;
mod verdict;

pub use bootstrap::{Interval, bootstrap_interval};
pub use compare::{Comparison, Settings, adjust, compare};
pub use differences::{Differences, NotComparable, TIE};
pub use holm::holm;
pub use power::{POWER, least_queries, minimum_detectable, queries_needed};
pub use randomisation::{Method, Randomisation, randomisation_test};
pub use t_test::{TTest, t_test};
pub use verdict::{Shown, Verdict};

/// Level of significance α: how often a difference is shown where there is
/// none. Tests are two-sided and intervals cover 1 − α.
pub const ALPHA: f64 = 0.05;
