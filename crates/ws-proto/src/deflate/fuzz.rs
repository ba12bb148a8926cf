//! Entry point for fuzzing the negotiation of permessage-deflate.
//!
//! What holds for every input: nothing panics, every accepted offer is read back from its own
//! spelling, and every answer that is accepted is permitted by one of the offers.

use super::{answer, offers, offers_to_header_value};
use crate::handshake::extension;
use http::header::HeaderValue;

/// Reads the first line of `data` as offers and the second as an answer to them.
///
/// # Panics
/// One of the invariants does not hold: that is a bug to be found.
pub fn fuzz_offers(data: &[u8]) {
    let mut lines = data.split(|&byte| byte == b'\n').map(HeaderValue::from_bytes);
    let Some(Ok(offered)) = lines.next() else { return };
    let Ok(extensions) = extension::list([&offered]) else { return };
    let offers = offers(&extensions);
    assert!(offers.len() <= extensions.len());

    let spelled = offers_to_header_value(&offers);
    let again = extension::list(&spelled).expect("a spelling of ours is legal");
    assert_eq!(super::offers(&again), offers);

    let Some(Ok(answered)) = lines.next() else { return };
    let Ok(answers) = extension::list([&answered]) else { return };
    let Ok(Some(agreed)) = answer(&answers, &offers) else { return };
    assert!(offers.iter().any(|offer| offer.permits(&agreed)));
    let spelled = [agreed.to_header_value()];
    let again = extension::list(&spelled).expect("a spelling of ours is legal");
    assert_eq!(answer(&again, &offers), Ok(Some(agreed)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::mutate::mutations;

    #[test]
    fn every_mutated_negotiation_keeps_the_invariants() {
        for seed in [
            "permessage-deflate\npermessage-deflate",
            "permessage-deflate; client_max_window_bits\n\
             permessage-deflate; client_max_window_bits=9; server_no_context_takeover",
            "foo;a=b, permessage-deflate;server_max_window_bits=\"1\\0\";\
             server_no_context_takeover, permessage-deflate;client_no_context_takeover\n\
             permessage-deflate; server_no_context_takeover;server_max_window_bits=8",
        ] {
            fuzz_offers(seed.as_bytes());
            mutations(seed.as_bytes(), fuzz_offers);
        }
    }
}
