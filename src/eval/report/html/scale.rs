//! Values onto pixels, with round numbers along the axis.

use serde::Serialize;

/// A range of values between two round ones, and where its ends are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    step: f64,
    from: f64,
    to: f64,
}

/// A mark on an axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Tick {
    /// Its pixel.
    pub at: f64,
    /// The value's number.
    pub label: String,
}

impl Scale {
    /// Holds all values, in about `steps` steps; `from` is the pixel of the
    /// lowest and `to` that of the highest.
    pub fn of(values: impl IntoIterator<Item = f64>, steps: u32, from: f64, to: f64) -> Self {
        let bounds = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
        let (low, high) = values
            .into_iter()
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), bounds);
        let (low, high) = match high - low {
            wide if wide.is_finite() && wide > 1e-9 => (low, high),
            // One value stands in the middle.
            small if small.is_finite() => (low - 0.05, high + 0.05),
            _ => (0.0, 1.0),
        };
        let step = round_step((high - low) / f64::from(steps.max(1)));
        // A round end stays where it is, however it was rounded.
        let low = (low / step + 1e-6).floor() * step;
        let high = (high / step - 1e-6).ceil() * step;
        Self { low, high, step, from, to }
    }

    /// The pixel of a value, to a tenth.
    pub fn at(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        tenth(self.from + share * (self.to - self.from))
    }

    /// The round values, each written by `label`, which is given the decimals
    /// that tell them apart.
    pub fn ticks(&self, label: impl Fn(f64, usize) -> String) -> Vec<Tick> {
        let decimals = decimals(self.step);
        let tick = |value: f64| {
            // What is left of a sum that is 0.
            let value = if value.abs() < self.step / 1e3 { 0.0 } else { value };
            Tick { at: self.at(value), label: label(value, decimals) }
        };
        (0..=50_u32)
            .map(|at| self.low + f64::from(at) * self.step)
            .take_while(|value| *value <= self.high + self.step / 2.0)
            .map(tick)
            .collect()
    }
}

/// A pixel to a tenth: more digits only make the page longer.
pub(super) fn tenth(pixel: f64) -> f64 {
    (pixel * 10.0).round() / 10.0
}

/// The number for an axis of values.
pub(super) fn plain(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}")
}

/// The number for an axis of differences: with its sign, but for 0.
pub(super) fn with_sign(value: f64, decimals: usize) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:+.decimals$}") }
}

/// The next 1, 2 or 5 times a power of ten.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let times = [1.0, 2.0, 5.0].into_iter().find(|times| times * power >= step * 0.999);
    times.unwrap_or(10.0) * power
}

fn decimals(step: f64) -> usize {
    let (mut decimals, mut shown) = (0, step);
    while shown < 0.999 && decimals < 12 {
        shown *= 10.0;
        decimals += 1;
    }
    decimals
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn labels(values: &[f64], label: fn(f64, usize) -> String) -> Vec<String> {
        let scale = Scale::of(values.iter().copied(), 4, 0.0, 100.0);
        scale.ticks(label).into_iter().map(|tick| tick.label).collect()
    }

    #[test_case(&[-0.031, 0.058], with_sign, &["-0.05", "0", "+0.05", "+0.10"] ; "differences")]
    #[test_case(&[0.0, 812.0], plain, &["0", "500", "1000"] ; "milliseconds")]
    #[test_case(&[0.4, 0.4], plain, &["0.35", "0.40", "0.45"] ; "one value")]
    #[test_case(&[], plain, &["0.0", "0.5", "1.0"] ; "none")]
    fn axes_have_round_numbers(values: &[f64], label: fn(f64, usize) -> String, expected: &[&str]) {
        assert_eq!(labels(values, label), expected);
    }

    #[test]
    fn values_stand_between_their_ticks() {
        // Pixels grow downwards.
        let scale = Scale::of([0.0, 1.0], 2, 100.0, 0.0);
        let pixels: Vec<f64> = [0.0, 0.25, 1.0].map(|value| scale.at(value)).into();
        assert_eq!(pixels, [100.0, 75.0, 0.0]);
        let odd = Scale::of([-0.013, 0.0871], 4, 22.0, 198.0);
        for value in [-0.013, 0.0, 0.0871] {
            assert!((22.0..=198.0).contains(&odd.at(value)), "{value}");
        }
    }

    #[test]
    fn what_is_no_number_breaks_nothing() {
        let scale = Scale::of([f64::NAN, f64::INFINITY, 0.2], 4, 0.0, 10.0);
        assert!(scale.at(0.2).is_finite());
        assert!(scale.ticks(plain).len() > 1);
    }
}
