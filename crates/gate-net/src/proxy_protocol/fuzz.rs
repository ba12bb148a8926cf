//! The entry point for fuzzing the parser of headers.
//!
//! What holds for every input: a header is the same with anything behind it, each of its
//! beginnings is incomplete, and no more bytes make a fault good.

use super::{LENGTH_MAX, Parsed, parse};

/// Reads `data` as the first bytes of a connection.
///
/// # Panics
/// One of the invariants does not hold: that is a bug to be found.
pub fn fuzz_header(data: &[u8]) {
    let whole = parse(data);
    if let Ok(Parsed::Header { length, .. }) = whole {
        assert!(length <= data.len() && length <= LENGTH_MAX, "a header is of bytes that are there");
    }
    assert!(whole != Ok(Parsed::Incomplete) || data.len() < LENGTH_MAX, "there is an end to a header");

    for end in 0..data.len().min(LENGTH_MAX + 1) {
        let beginning = data.get(..end).unwrap_or_default();
        match (parse(beginning), whole) {
            (Ok(Parsed::Incomplete), Ok(Parsed::Header { length, .. })) => {
                assert!(end < length, "a whole header is complete");
            }
            (Ok(Parsed::Incomplete), Ok(Parsed::Incomplete) | Err(_)) => {}
            (Ok(header @ Parsed::Header { .. }), _) => {
                assert_eq!(whole, Ok(header), "what follows a header does not change it");
            }
            (Err(_), _) => assert!(whole.is_err(), "more bytes do not make a fault good"),
        }
    }
}
