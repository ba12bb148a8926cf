//! Which offers of permessage-deflate are legal, and which answers to them: RFC 7692 §5.1, §7.1.
//!
//! Refuses: an offer with an impossible parameter is declined, which is to say left out; an answer
//! with one, or that grants what nobody offered, is a fault of the server.
//! Not here: the grammar of the field (`handshake::extension`).

use super::{
    Agreed, CLIENT_MAX_WINDOW_BITS, CLIENT_NO_CONTEXT_TAKEOVER, ClientWindow, NAME, Offer,
    SERVER_MAX_WINDOW_BITS, SERVER_NO_CONTEXT_TAKEOVER, WindowBits,
};
use crate::handshake::extension::Extension;

/// Why the server's choice of extensions cannot be what was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerFault {
    /// An extension of another name.
    #[error("it names an extension that was not offered")]
    Unknown,
    /// More than one extension; permessage-deflate can be agreed on only once.
    #[error("it names more than one extension")]
    Several,
    /// A parameter that is unknown, repeated, or whose value is impossible.
    #[error("it has an impossible parameter")]
    Parameter,
    /// Legal, but no answer to any of the offers.
    #[error("it fits none of the offers")]
    Misfit,
}

/// The offers of permessage-deflate that a server may accept, in the client's order. Everything
/// else in the list is declined, as RFC 7692 §5.1 and RFC 6455 §9.1 let a server do.
pub fn offers(extensions: &[Extension<'_>]) -> Vec<Offer> {
    extensions.iter().filter(|extension| extension.name == NAME).filter_map(read_offer).collect()
}

/// What a server's answer means, if it is one to any of `offers`.
///
/// # Errors
/// The answer is not legal, or answers none of the offers.
pub fn answer(extensions: &[Extension<'_>], offers: &[Offer]) -> Result<Option<Agreed>, AnswerFault> {
    let extension = match extensions {
        [] => return Ok(None),
        [one] => one,
        [_, _, ..] => return Err(AnswerFault::Several),
    };
    if extension.name != NAME || offers.is_empty() {
        return Err(AnswerFault::Unknown);
    }
    let agreed = read_answer(extension).ok_or(AnswerFault::Parameter)?;
    // The answer does not say which offer it takes.
    if offers.iter().any(|offer| offer.permits(&agreed)) {
        Ok(Some(agreed))
    } else {
        Err(AnswerFault::Misfit)
    }
}

impl Offer {
    /// Whether a server may give this answer to this offer.
    pub fn permits(&self, answer: &Agreed) -> bool {
        // §7.1.1.1: accepting means granting. Unasked for, it may be granted all the same, and so
        // may the client be told to forget its window (§7.1.1.2).
        let takeover = answer.server_no_context_takeover || !self.server_no_context_takeover;
        // §7.1.2.1: the same or a smaller window; unasked for, any. To say nothing is to say 15.
        let largest = |bits: Option<WindowBits>| bits.unwrap_or(WindowBits::MAX);
        let server_window = largest(answer.server_max_window_bits) <= largest(self.server_max_window_bits);
        // §7.1.2.2: only a client that offered it can have its window limited.
        let client_window = match (self.client_max_window_bits, answer.client_max_window_bits) {
            (_, None) | (ClientWindow::Limitable, Some(_)) => true,
            (ClientWindow::Fixed, Some(_)) => false,
            (ClientWindow::AtMost(offered), Some(answered)) => answered <= offered,
        };
        takeover && server_window && client_window
    }
}

/// One offer, or `None` if it must be declined: RFC 7692 §7.1, "a server MUST decline".
fn read_offer(extension: &Extension<'_>) -> Option<Offer> {
    let mut offer = Offer::default();
    for param in &extension.params {
        let absent = match (param.name, param.value.as_deref()) {
            (SERVER_NO_CONTEXT_TAKEOVER, None) => set_flag(&mut offer.server_no_context_takeover),
            (CLIENT_NO_CONTEXT_TAKEOVER, None) => set_flag(&mut offer.client_no_context_takeover),
            (SERVER_MAX_WINDOW_BITS, Some(bits)) => {
                offer.server_max_window_bits.replace(WindowBits::parse(bits)?).is_none()
            }
            (CLIENT_MAX_WINDOW_BITS, bits) => {
                let window = match bits {
                    None => ClientWindow::Limitable,
                    Some(bits) => ClientWindow::AtMost(WindowBits::parse(bits)?),
                };
                std::mem::replace(&mut offer.client_max_window_bits, window) == ClientWindow::Fixed
            }
            (_, _) => return None,
        };
        if !absent {
            return None;
        }
    }
    Some(offer)
}

/// The answer, or `None` if the connection must fail: RFC 7692 §7.1, "a client MUST fail". It has
/// the parameters of an offer, but the client's window needs a value (§7.1.2.2).
fn read_answer(extension: &Extension<'_>) -> Option<Agreed> {
    let read = read_offer(extension)?;
    Some(Agreed {
        server_no_context_takeover: read.server_no_context_takeover,
        client_no_context_takeover: read.client_no_context_takeover,
        server_max_window_bits: read.server_max_window_bits,
        client_max_window_bits: match read.client_max_window_bits {
            ClientWindow::Fixed => None,
            ClientWindow::Limitable => return None,
            ClientWindow::AtMost(bits) => Some(bits),
        },
    })
}

/// Sets a flag; whether it was not set before.
const fn set_flag(flag: &mut bool) -> bool {
    !std::mem::replace(flag, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{deflate::offers_to_header_value, handshake::extension};
    use http::header::HeaderValue;

    /// The offers of one line that are not declined.
    fn offered(line: &str) -> Vec<Offer> {
        let line = [HeaderValue::from_str(line).unwrap()];
        offers(&extension::list(&line).unwrap())
    }

    fn answered(line: &str, offers: &[Offer]) -> Result<Option<Agreed>, AnswerFault> {
        let line = [HeaderValue::from_str(line).unwrap()];
        answer(&extension::list(&line).unwrap(), offers)
    }

    #[test]
    fn a_legal_offer_is_spelled_canonically() {
        for (params, canonical) in [
            ("", ""),
            ("; client_max_window_bits", "; client_max_window_bits"),
            (";client_max_window_bits = \"1\\0\"", "; client_max_window_bits=10"),
            ("; client_max_window_bits=8", "; client_max_window_bits=8"),
            ("; server_max_window_bits=15", "; server_max_window_bits=15"),
            (
                ";client_max_window_bits;server_max_window_bits=9;client_no_context_takeover;\
                 server_no_context_takeover",
                "; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=9; client_max_window_bits",
            ),
        ] {
            let read = offered(&format!("permessage-deflate{params}"));
            assert_eq!(read.len(), 1, "{params}");
            let spelled = format!("permessage-deflate{canonical}");
            assert_eq!(offers_to_header_value(&read).unwrap(), spelled);
            assert_eq!(offered(&spelled), read);
        }
    }

    #[test]
    fn row_21_an_offer_with_an_impossible_parameter_is_declined() {
        for params in [
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=abc",
            "server_max_window_bits=08",
            "server_max_window_bits=010",
            "server_max_window_bits=+9",
            "server_max_window_bits=99999999999999999999",
            "client_max_window_bits=7",
            "client_max_window_bits=16",
            "client_max_window_bits=true",
            "client_max_window_bits=-8",
            "server_no_context_takeover=1",
            "client_no_context_takeover=true",
            "server_no_context_takeover; server_no_context_takeover",
            "client_no_context_takeover; client_no_context_takeover",
            "server_max_window_bits=10; server_max_window_bits=10",
            "client_max_window_bits; client_max_window_bits",
            "client_max_window_bits=10; client_max_window_bits",
            "client_max_window_bits; client_max_window_bits=10",
            "unknown",
            "unknown=1",
            "Server_No_Context_Takeover",
            "constructor",
        ] {
            assert_eq!(offered(&format!("permessage-deflate; {params}")), [], "{params}");
            // The next offer of the same client is not touched by that.
            let line = format!("permessage-deflate; {params}, permessage-deflate");
            assert_eq!(offered(&line), [Offer::default()], "{params}");
        }
    }

    #[test]
    fn row_20_other_extensions_are_ignored_whatever_their_name() {
        for line in ["constructor", "__proto__; x=1", "x-webkit-deflate-frame", "Permessage-Deflate"] {
            assert_eq!(offered(line), []);
            assert_eq!(offered(&format!("{line}, permessage-deflate")), [Offer::default()]);
        }
    }

    #[test]
    fn row_5_an_answer_fits_an_offer_or_is_a_fault() {
        // (offered, answered, whether it fits); RFC 7692 §7.1.1.1 to §7.1.2.2 and their examples.
        for (offer, answer, fits) in [
            ("", "", true),
            ("", "; server_no_context_takeover", true),
            ("", "; client_no_context_takeover", true),
            ("", "; server_max_window_bits=8", true),
            ("", "; client_max_window_bits=15", false),
            ("; server_no_context_takeover", "", false),
            ("; server_no_context_takeover", "; server_no_context_takeover", true),
            ("; client_no_context_takeover", "", true),
            ("; server_max_window_bits=10", "", false),
            ("; server_max_window_bits=10", "; server_max_window_bits=11", false),
            ("; server_max_window_bits=10", "; server_max_window_bits=10", true),
            ("; server_max_window_bits=10", "; server_max_window_bits=9", true),
            ("; server_max_window_bits=15", "", true),
            ("; client_max_window_bits", "", true),
            ("; client_max_window_bits", "; client_max_window_bits=15", true),
            ("; client_max_window_bits=10", "", true),
            ("; client_max_window_bits=10", "; client_max_window_bits=10", true),
            ("; client_max_window_bits=10", "; client_max_window_bits=11", false),
            // The answer must fit one offer as a whole, not several in parts.
            (
                "; server_max_window_bits=10, permessage-deflate; client_max_window_bits",
                "; client_max_window_bits=9",
                true,
            ),
            (
                "; server_max_window_bits=10, permessage-deflate; server_no_context_takeover; \
                 client_max_window_bits",
                "; server_max_window_bits=10; client_max_window_bits=9",
                false,
            ),
        ] {
            let offers = offered(&format!("permessage-deflate{offer}"));
            let answer = format!("permessage-deflate{answer}");
            match answered(&answer, &offers) {
                Ok(Some(agreed)) => {
                    assert!(fits, "{offer:?} {answer:?}");
                    assert_eq!(agreed.to_header_value(), answer);
                }
                verdict => {
                    assert_eq!(verdict, Err(AnswerFault::Misfit), "{offer:?} {answer:?}");
                    assert!(!fits, "{offer:?} {answer:?}");
                }
            }
        }
    }

    #[test]
    fn row_5_an_answer_names_nothing_that_was_not_offered() {
        let offers = [Offer { client_max_window_bits: ClientWindow::Limitable, ..Offer::default() }];
        for (line, fault) in [
            ("foo", AnswerFault::Unknown),
            ("Permessage-Deflate", AnswerFault::Unknown),
            ("permessage-deflate, permessage-deflate", AnswerFault::Several),
            ("permessage-deflate, foo", AnswerFault::Several),
        ] {
            assert_eq!(answered(line, &offers), Err(fault), "{line}");
        }
        assert_eq!(answered("permessage-deflate", &[]), Err(AnswerFault::Unknown));
        assert_eq!(answer(&[], &[]), Ok(None));
        assert_eq!(answer(&[], &offers), Ok(None));
    }

    #[test]
    fn row_21_an_answer_with_an_impossible_parameter_is_a_fault() {
        let offers = [Offer { client_max_window_bits: ClientWindow::Limitable, ..Offer::default() }];
        for params in [
            "client_max_window_bits",
            "client_max_window_bits=7",
            "client_max_window_bits=16",
            "client_max_window_bits=010",
            "client_max_window_bits=9; client_max_window_bits=9",
            "server_max_window_bits",
            "server_max_window_bits=abc",
            "server_max_window_bits=9; server_max_window_bits=9",
            "server_no_context_takeover=1",
            "server_no_context_takeover; server_no_context_takeover",
            "client_no_context_takeover=0",
            "client_no_context_takeover; client_no_context_takeover",
            "unknown",
        ] {
            let verdict = answered(&format!("permessage-deflate; {params}"), &offers);
            assert_eq!(verdict, Err(AnswerFault::Parameter), "{params}");
        }
    }
}
