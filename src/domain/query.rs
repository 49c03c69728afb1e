//! What was asked.

use std::fmt;
use std::sync::Arc;

/// A search query with at least one visible character. Its text is the
/// caller's: it is never logged.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Query(Arc<str>);

impl Query {
    /// Takes a query as it came from outside; white space around it is dropped.
    ///
    /// # Errors
    /// When nothing but white space is left.
    pub fn new(text: impl AsRef<str>) -> Result<Self, EmptyQuery> {
        match text.as_ref().trim() {
            "" => Err(EmptyQuery),
            text => Ok(Self(Arc::from(text))),
        }
    }

    /// The query as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Query({} bytes)", self.0.len())
    }
}

/// The query is empty or only white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the query is empty or only white space")]
pub struct EmptyQuery;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trims_and_refuses_emptiness() {
        assert_eq!(Query::new("  tent \n").unwrap().as_str(), "tent");
        assert_eq!(Query::new(" \t\n"), Err(EmptyQuery));
    }

    #[test]
    fn debug_output_never_shows_the_text() {
        assert_eq!(format!("{:?}", Query::new("secret").unwrap()), "Query(6 bytes)");
    }
}
