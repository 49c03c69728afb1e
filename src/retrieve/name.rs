//! Names of collections.

use super::EngineError;

/// What every engine can use as a name: nothing that could lead out of a
/// folder, or needs quoting anywhere.
pub(super) fn check_name(name: &str) -> Result<(), EngineError> {
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if begins_well && name.len() <= 64 && name.chars().all(allowed) {
        return Ok(());
    }
    Err(EngineError::InvalidName(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("docs", true ; "plain")]
    #[test_case("2024_Q1.en-us", true ; "every kind of character")]
    #[test_case("", false ; "empty")]
    #[test_case("..", false ; "the folder above")]
    #[test_case("a/b", false ; "two folders")]
    #[test_case("_a", false ; "not beginning with a letter or digit")]
    #[test_case("a b", false ; "a space")]
    fn names(name: &str, good: bool) {
        assert_eq!(check_name(name).is_ok(), good);
        let (longest, longer) = ("a".repeat(64), "a".repeat(65));
        assert!(check_name(&longest).is_ok() && check_name(&longer).is_err());
    }
}
