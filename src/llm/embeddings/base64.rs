//! Base64, as some servers send vectors in.

/// The bytes of `text`, which is in the standard alphabet with its padding.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.as_bytes().chunks(4) {
        let mut bits = 0;
        for (place, digit) in group.iter().enumerate() {
            bits |= u32::from(six_bits(*digit)?) << (18 - 6 * place);
        }
        let [_, three @ ..] = bits.to_be_bytes();
        let (used, unused) = three.split_at(group.len() * 6 / 8);
        if unused.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend(used);
    }
    Some(bytes)
}

const fn six_bits(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use test_case::test_case;

    use super::*;

    #[test_case("", b"" ; "nothing")]
    #[test_case("Zg==", b"f" ; "one byte")]
    #[test_case("Zm8=", b"fo" ; "two bytes")]
    #[test_case("Zm9v", b"foo" ; "three bytes")]
    #[test_case("Zm9vYmFy", b"foobar" ; "six bytes")]
    #[test_case("+/+/", &[0xfb, 0xff, 0xbf] ; "the last two characters")]
    fn decodes(text: &str, bytes: &[u8]) {
        assert_eq!(decode(text).unwrap(), bytes);
    }

    #[test_case("Zg" ; "no padding")]
    #[test_case("Z===" ; "too much padding")]
    #[test_case("Zg==Zg==" ; "padding within")]
    #[test_case("Zh==" ; "bits beyond the end")]
    #[test_case("Zm9_" ; "the alphabet of URLs")]
    #[test_case("Zm 9v" ; "white space")]
    #[test_case("Zmü=" ; "no ASCII")]
    fn refuses(text: &str) {
        assert_eq!(decode(text), None);
    }

    /// Written the other way round, one character at a time.
    fn encode(bytes: &[u8]) -> String {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let bit = |position: usize| {
            bytes.get(position / 8).map_or(0, |byte| usize::from(byte >> (7 - position % 8) & 1))
        };
        let characters = (bytes.len() * 8).div_ceil(6);
        let index = |character: usize| (0..6).fold(0, |bits, i| bits << 1 | bit(character * 6 + i));
        let text: String = (0..characters).map(|at| char::from(ALPHABET[index(at)])).collect();
        text + &"=".repeat((4 - characters % 4) % 4)
    }

    proptest! {
        #[test]
        fn decodes_what_was_encoded(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn anything_is_decoded_or_refused(text in any::<String>()) {
            if let Some(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
