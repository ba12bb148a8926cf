//! Messages that can be inflated each by itself: neither side refers to what it compressed before
//! (RFC 7692 §7.1.1). Whoever stands between two peers that agree on this may read, drop or rewrite
//! a message without the ones behind it becoming unreadable.
//!
//! Refuses: nothing by itself. An answer that does not grant what was offered is a fault that
//! [`answer`](super::answer) finds.

use super::{Agreed, Offer};

/// Asks for independent messages in every offer. Offers that become alike are made once.
pub fn ask_for_independent_messages(offers: &mut Vec<Offer>) {
    let mut asked: Vec<Offer> = Vec::with_capacity(offers.len());
    for offer in offers.drain(..) {
        let offer = Offer {
            // Whoever accepts must grant this one (§7.1.1.1), so the server's messages are settled.
            server_no_context_takeover: true,
            // This one is a hint to the server only (§7.1.1.2).
            client_no_context_takeover: true,
            ..offer
        };
        if !asked.contains(&offer) {
            asked.push(offer);
        }
    }
    *offers = asked;
}

impl Agreed {
    /// What the client is to be told, so that its messages are independent too: it may be told to
    /// forget its window whatever it offered (§7.1.1.2), and a server that keeps its own for
    /// inflating is none the wiser.
    #[must_use]
    pub const fn with_independent_messages(self) -> Self {
        Self { server_no_context_takeover: true, client_no_context_takeover: true, ..self }
    }

    /// Whether each message can be inflated by itself.
    #[must_use]
    pub const fn has_independent_messages(&self) -> bool {
        self.server_no_context_takeover && self.client_no_context_takeover
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::{AnswerFault, answer, offers, offers_to_header_value};
    use crate::handshake::extension;
    use http::header::HeaderValue;

    /// What goes to the server for what a client offers, and what the client is told of its answer.
    fn negotiate(offered: &str, answered: &str) -> (String, Result<Option<String>, AnswerFault>) {
        let lines = [HeaderValue::from_str(offered).unwrap()];
        let mut asked = offers(&extension::list(&lines).unwrap());
        ask_for_independent_messages(&mut asked);
        let spelled = offers_to_header_value(&asked).map(|line| line.to_str().unwrap().to_owned());
        let lines: Vec<_> =
            (!answered.is_empty()).then(|| HeaderValue::from_str(answered).unwrap()).into_iter().collect();
        let agreed = answer(&extension::list(&lines).unwrap(), &asked);
        let told = agreed.map(|agreed| {
            let told = agreed.map(Agreed::with_independent_messages);
            assert!(told.iter().all(Agreed::has_independent_messages));
            told.map(|told| told.to_header_value().to_str().unwrap().to_owned())
        });
        (spelled.unwrap_or_default(), told)
    }

    const BOTH: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    #[test]
    fn every_offer_asks_for_them_and_keeps_the_rest() {
        for (offered, asked) in [
            ("permessage-deflate", BOTH.to_owned()),
            ("permessage-deflate; client_max_window_bits", format!("{BOTH}; client_max_window_bits")),
            (
                "permessage-deflate; server_max_window_bits=10, permessage-deflate",
                format!("{BOTH}; server_max_window_bits=10, {BOTH}"),
            ),
            ("permessage-deflate; server_no_context_takeover, permessage-deflate", BOTH.to_owned()),
            ("x-other", String::new()),
        ] {
            assert_eq!(negotiate(offered, "").0, asked, "{offered}");
        }
    }

    #[test]
    fn the_client_is_told_to_forget_even_where_the_server_does_not_say_so() {
        for (answered, told) in [
            (BOTH, BOTH.to_owned()),
            ("permessage-deflate; server_no_context_takeover", BOTH.to_owned()),
            (
                "permessage-deflate; server_no_context_takeover; client_max_window_bits=9",
                format!("{BOTH}; client_max_window_bits=9"),
            ),
        ] {
            let offered = "permessage-deflate; client_max_window_bits";
            assert_eq!(negotiate(offered, answered).1, Ok(Some(told)), "{answered}");
        }
    }

    #[test]
    fn a_server_that_accepts_and_does_not_forget_is_at_fault() {
        for answered in ["permessage-deflate", "permessage-deflate; client_no_context_takeover"] {
            assert_eq!(negotiate("permessage-deflate", answered).1, Err(AnswerFault::Misfit), "{answered}");
        }
    }

    #[test]
    fn a_server_may_decline_to_compress() {
        assert_eq!(negotiate("permessage-deflate", "").1, Ok(None));
    }

    #[test]
    fn messages_are_independent_only_when_both_sides_forget() {
        for (server, client, independent) in
            [(false, false, false), (true, false, false), (false, true, false), (true, true, true)]
        {
            let agreed = Agreed {
                server_no_context_takeover: server,
                client_no_context_takeover: client,
                ..Agreed::default()
            };
            assert_eq!(agreed.has_independent_messages(), independent);
        }
    }
}
