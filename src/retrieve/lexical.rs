//! Settings of BM25: checked, so that no weight can come out as no number.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Language;

/// Everything that decides what BM25 makes of a text. A collection stores it
/// (see [`Bm25Params`]), since it is part of every stored vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lexical {
    /// Stemming and stop words.
    pub language: Language,
    /// k1 and b.
    #[serde(rename = "bm25")]
    pub shape: Bm25Shape,
    /// How much title and text count.
    pub fields: FieldWeights,
}

/// k1 and b of BM25: `{ k1 = 1.2, b = 0.75 }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "ShapeTable")]
pub struct Bm25Shape {
    k1: f64,
    b: f64,
}

/// What an occurrence of a term counts by field: `{ title = 1.0, text = 1.0 }`.
/// At least one of the two is above 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "FieldTable")]
pub struct FieldWeights {
    title: f64,
    text: f64,
}

/// What the BM25 vectors of a collection are made with, besides its language.
///
/// The weight of a term in a document is the simple form of BM25F (Robertson,
/// Zaragoza and Taylor, "Simple BM25 Extension to Multiple Weighted Fields",
/// 2004): occurrences and lengths are summed over the fields by weight, and
/// only then saturated, so that a term in the title and in the text isn't
/// saturated twice. With weights of 1 it is BM25 over title and text in one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bm25Params {
    /// k1 and b.
    pub shape: Bm25Shape,
    /// How much title and text count.
    pub fields: FieldWeights,
    /// Average length of the documents in terms, counted by these weights.
    pub average_length: f64,
}

/// A setting that can't be. `key` is its name in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum InvalidSetting {
    /// Below or above what makes sense, or no number.
    #[error("{key} is {value}: use a number from 0 to {max}")]
    OutOfRange {
        /// Which setting.
        key: &'static str,
        /// What it is.
        value: f64,
        /// The most that it can be.
        max: f64,
    },
    /// Nothing would count.
    #[error(
        "{first} and {second} are both 0, so nothing counts: give one of them a weight above 0"
    )]
    NoWeight {
        /// One of the two.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
}

/// The most of k1 and of a weight. Far beyond what is useful, and far below
/// what would overflow.
const MOST: f64 = 1000.0;

impl Lexical {
    /// The parameters of a collection whose documents have this average
    /// length in terms, counted by [`Lexical::fields`]. One that isn't above 0
    /// (an empty corpus has none) is taken as 1.
    #[must_use]
    pub fn params(&self, average_length: f64) -> Bm25Params {
        let usable = average_length.is_finite() && average_length > 0.0;
        Bm25Params {
            shape: self.shape,
            fields: self.fields,
            average_length: if usable { average_length } else { 1.0 },
        }
    }
}

impl std::fmt::Display for Lexical {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { language, shape: Bm25Shape { k1, b }, fields: FieldWeights { title, text } } =
            self;
        write!(
            f,
            "language = \"{language}\", bm25 = {{ k1 = {k1}, b = {b} }}, \
             fields = {{ title = {title}, text = {text} }}"
        )
    }
}

impl Bm25Shape {
    /// How soon repetition of a term stops counting (`k1`, 0 to 1000), and how
    /// much long documents are held back (`b`, 0 to 1).
    ///
    /// # Errors
    /// When one of them is out of its range.
    pub fn new(k1: f64, b: f64) -> Result<Self, InvalidSetting> {
        Ok(Self { k1: within("k1", k1, MOST)?, b: within("b", b, 1.0)? })
    }

    /// How soon repetition of a term stops counting: at 0, at once.
    #[must_use]
    pub const fn k1(self) -> f64 {
        self.k1
    }

    /// How much long documents are held back: at 0, not at all; at 1, in
    /// proportion to their length.
    #[must_use]
    pub const fn b(self) -> f64 {
        self.b
    }
}

impl Default for Bm25Shape {
    fn default() -> Self {
        Self { k1: 1.2, b: 0.75 }
    }
}

impl FieldWeights {
    /// What an occurrence counts in the title and in the text, 0 to 1000. A
    /// field of weight 0 isn't searched at all.
    ///
    /// # Errors
    /// When a weight is out of its range, or both are 0.
    pub fn new(title: f64, text: f64) -> Result<Self, InvalidSetting> {
        let [title, text] = weights(("title", title), ("text", text))?;
        Ok(Self { title, text })
    }

    /// What an occurrence in the title counts.
    #[must_use]
    pub const fn title(self) -> f64 {
        self.title
    }

    /// What an occurrence in the text counts.
    #[must_use]
    pub const fn text(self) -> f64 {
        self.text
    }
}

impl Default for FieldWeights {
    fn default() -> Self {
        Self { title: 1.0, text: 1.0 }
    }
}

impl Bm25Params {
    /// The settings that these are parameters of, together with the language
    /// that they are stored beside.
    #[must_use]
    pub const fn lexical(&self, language: Language) -> Lexical {
        Lexical { language, shape: self.shape, fields: self.fields }
    }

    /// Weight of a term that occurs `count` times in a document of `length`
    /// terms, both counted by the weights of the fields. Without IDF.
    #[must_use]
    pub fn weight(&self, count: f64, length: f64) -> f64 {
        if count <= 0.0 {
            return 0.0;
        }
        let Bm25Shape { k1, b } = self.shape;
        count * (k1 + 1.0) / (count + k1 * (1.0 - b + b * length / self.average_length))
    }
}

/// Two weights of which at least one is above 0.
pub(super) fn weights(
    first: (&'static str, f64),
    second: (&'static str, f64),
) -> Result<[f64; 2], InvalidSetting> {
    let checked = [within(first.0, first.1, MOST)?, within(second.0, second.1, MOST)?];
    if checked.iter().all(|weight| *weight <= 0.0) {
        return Err(InvalidSetting::NoWeight { first: first.0, second: second.0 });
    }
    Ok(checked)
}

fn within(key: &'static str, value: f64, max: f64) -> Result<f64, InvalidSetting> {
    if (0.0..=max).contains(&value) {
        // The sum turns -0.0 into 0.0, which is how it is shown and compared.
        return Ok(value + 0.0);
    }
    Err(InvalidSetting::OutOfRange { key, value, max })
}

/// [`Bm25Shape`] as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct ShapeTable {
    /// How soon further occurrences of a term stop to count.
    #[schemars(range(min = 0, max = 1000))]
    k1: f64,
    /// How much long documents are held back, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    b: f64,
}

impl Default for ShapeTable {
    fn default() -> Self {
        let Bm25Shape { k1, b } = Bm25Shape::default();
        Self { k1, b }
    }
}

impl TryFrom<ShapeTable> for Bm25Shape {
    type Error = InvalidSetting;

    fn try_from(ShapeTable { k1, b }: ShapeTable) -> Result<Self, Self::Error> {
        Self::new(k1, b)
    }
}

/// [`FieldWeights`] as they are written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct FieldTable {
    /// An occurrence in the title.
    #[schemars(range(min = 0, max = 1000))]
    title: f64,
    /// An occurrence in the text.
    #[schemars(range(min = 0, max = 1000))]
    text: f64,
}

impl Default for FieldTable {
    fn default() -> Self {
        let FieldWeights { title, text } = FieldWeights::default();
        Self { title, text }
    }
}

impl TryFrom<FieldTable> for FieldWeights {
    type Error = InvalidSetting;

    fn try_from(FieldTable { title, text }: FieldTable) -> Result<Self, Self::Error> {
        Self::new(title, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    #[test]
    fn what_is_left_out_has_its_default() {
        let shape: Bm25Shape = toml::from_str("k1 = 2").unwrap();
        assert_eq!(shape, Bm25Shape::new(2.0, 0.75).unwrap());
        let fields: FieldWeights = toml::from_str("title = 3").unwrap();
        assert_eq!(fields, FieldWeights::new(3.0, 1.0).unwrap());
    }

    #[test_case("k1 = -0.1", "k1 is -0.1: use a number from 0 to 1000" ; "below zero")]
    #[test_case("k1 = inf", "k1 is inf" ; "infinite")]
    #[test_case("k1 = nan", "k1 is NaN" ; "no number")]
    #[test_case("b = 1.5", "b is 1.5: use a number from 0 to 1" ; "b above one")]
    #[test_case("k = 1.2", "unknown field `k`" ; "another name")]
    fn shapes_that_can_not_be_are_refused(text: &str, message: &str) {
        let error = toml::from_str::<Bm25Shape>(text).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test_case("title = -1", "title is -1: use a number from 0 to 1000" ; "below zero")]
    #[test_case("text = inf", "text is inf" ; "infinite")]
    #[test_case("title = 0\ntext = 0", "give one of them a weight above 0" ; "nothing counts")]
    #[test_case("text = 0\ntitle = -0.0", "title and text are both 0" ; "nothing counts, signed")]
    #[test_case("body = 1", "unknown field `body`" ; "another name")]
    fn weights_that_can_not_be_are_refused(text: &str, message: &str) {
        let error = toml::from_str::<FieldWeights>(text).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let lexical = Lexical {
            language: Language::German,
            shape: Bm25Shape::new(0.9, 0.4).unwrap(),
            fields: FieldWeights::new(2.5, 0.0).unwrap(),
        };
        let params = lexical.params(12.25);
        let json = serde_json::to_string(&params).unwrap();
        assert_eq!(serde_json::from_str::<Bm25Params>(&json).unwrap(), params);
        assert_eq!(params.lexical(Language::German), lexical);
    }

    #[test]
    fn an_average_length_that_is_none_is_taken_as_one() {
        for none in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Lexical::default().params(none).average_length.to_bits(), 1.0_f64.to_bits());
        }
        let short = Lexical::default().params(0.5).average_length;
        assert_eq!(short.to_bits(), 0.5_f64.to_bits());
    }

    #[test]
    fn extremes_give_numbers() {
        for k1 in [0.0, MOST] {
            for b in [0.0, 1.0] {
                let lexical =
                    Lexical { shape: Bm25Shape::new(k1, b).unwrap(), ..Lexical::default() };
                let params = lexical.params(1e-9);
                assert_eq!(params.weight(0.0, 0.0).to_bits(), 0.0_f64.to_bits());
                for (count, length) in [(1e-300, 1.0), (1.0, 1.0), (1e12, 1e12)] {
                    let weight = params.weight(count, length);
                    assert!((0.0..=k1 + 1.0).contains(&weight), "{k1} {b} {count} {weight}");
                }
            }
        }
    }

    #[test]
    fn it_is_shown_as_it_is_written() {
        assert_eq!(
            Lexical::default().to_string(),
            "language = \"english\", bm25 = { k1 = 1.2, b = 0.75 }, \
             fields = { title = 1, text = 1 }"
        );
    }
}
