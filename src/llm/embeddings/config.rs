//! What there is to say of an embedding model.

/// An embedding model behind an upstream: the keys of `[embedding]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddingsConfig {
    /// Name of the upstream in the config.
    pub upstream: String,
    /// The upstream's name for the model.
    pub model: String,
    /// Length of its vectors, 1 to 65536.
    pub dimensions: usize,
    /// Whether to ask for vectors of that length. Models that can't shorten
    /// theirs refuse the question.
    pub send_dimensions: bool,
    /// Most texts of a request, 1 to 2048.
    pub max_batch: usize,
    /// Most tokens of a request, at least `max_tokens`.
    pub max_batch_tokens: usize,
    /// Most tokens of one text, at least 1; the rest is cut off.
    pub max_tokens: usize,
    /// Requests of indexing at a time, 1 to 256, over all callers. Queries have
    /// sixteen places of their own for each of these.
    pub max_in_flight: usize,
}

impl EmbeddingsConfig {
    /// Default of `max_batch`.
    pub const MAX_BATCH: usize = 256;
    /// Default of `max_batch_tokens`.
    pub const MAX_BATCH_TOKENS: usize = 100_000;
    /// Default of `max_tokens`: what `OpenAI`'s models take.
    pub const MAX_TOKENS: usize = 8191;
    /// Default of `max_in_flight`.
    pub const MAX_IN_FLIGHT: usize = 4;

    /// A model with defaults for the rest; its vectors have `dimensions` numbers
    /// without being asked.
    #[must_use]
    pub fn of(upstream: &str, model: &str, dimensions: usize) -> Self {
        Self {
            upstream: upstream.to_owned(),
            model: model.to_owned(),
            dimensions,
            send_dimensions: false,
            max_batch: Self::MAX_BATCH,
            max_batch_tokens: Self::MAX_BATCH_TOKENS,
            max_tokens: Self::MAX_TOKENS,
            max_in_flight: Self::MAX_IN_FLIGHT,
        }
    }
}
