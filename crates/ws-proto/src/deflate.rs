//! permessage-deflate, RFC 7692: the parameters that two peers may agree on, and the way back from
//! what they then send.
//!
//! Owns: typed offers and agreements, and their one canonical spelling, which is all that goes on
//! to the other side.
//! Refuses: nothing by itself; `negotiate` decides what is legal.

mod fuzz;
mod independent;
pub mod inflate;
mod negotiate;

pub use fuzz::fuzz_offers;
pub use independent::ask_for_independent_messages;
pub use negotiate::{AnswerFault, answer, offers};

use http::header::HeaderValue;
use std::fmt::{self, Write as _};

/// The name of the extension.
pub const NAME: &str = "permessage-deflate";

/// The base-2 logarithm of an LZ77 window in bytes, 8 to 15.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowBits(u8);

/// One offer of a client (RFC 7692 §7.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Offer {
    /// The server must forget its window after each message (§7.1.1.1).
    pub server_no_context_takeover: bool,
    /// The client says that it will forget its own (§7.1.1.2); only a hint.
    pub client_no_context_takeover: bool,
    /// The largest window that the server may use (§7.1.2.1); 15 if absent.
    pub server_max_window_bits: Option<WindowBits>,
    /// Whether the server may limit the client's window (§7.1.2.2).
    pub client_max_window_bits: ClientWindow,
}

/// What an offer says about the client's own window (RFC 7692 §7.1.2.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClientWindow {
    /// The parameter is absent: the server may not limit the window.
    #[default]
    Fixed,
    /// The parameter has no value: the server may limit the window as it likes.
    Limitable,
    /// The client will not use more than this anyway, and the server may limit it further.
    AtMost(WindowBits),
}

/// What the server answered, and both sides therefore do (RFC 7692 §7.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Agreed {
    /// The server forgets its window after each message.
    pub server_no_context_takeover: bool,
    /// The client forgets its window after each message.
    pub client_no_context_takeover: bool,
    /// The largest window of the server; 15 if absent.
    pub server_max_window_bits: Option<WindowBits>,
    /// The largest window of the client; 15 if absent.
    pub client_max_window_bits: Option<WindowBits>,
}

/// The value of a `Sec-WebSocket-Extensions` field that makes these offers, in this order; `None`
/// if there are none.
pub fn offers_to_header_value(offers: &[Offer]) -> Option<HeaderValue> {
    let (first, more) = offers.split_first()?;
    Some(header_value(|text| {
        write!(text, "{first}")?;
        more.iter().try_for_each(|offer| write!(text, ", {offer}"))
    }))
}

impl WindowBits {
    /// 256 bytes, the smallest.
    pub const MIN: Self = Self(8);
    /// 32 KiB, the largest, and what holds where nothing is said.
    pub const MAX: Self = Self(15);

    /// Reads a decimal without leading zeros (RFC 7692 §7.1.2); `None` if it is not 8 to 15.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "8" => Some(Self(8)),
            "9" => Some(Self(9)),
            "10" => Some(Self(10)),
            "11" => Some(Self(11)),
            "12" => Some(Self(12)),
            "13" => Some(Self(13)),
            "14" => Some(Self(14)),
            "15" => Some(Self(15)),
            _ => None,
        }
    }

    /// The number, 8 to 15.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Agreed {
    /// The value of a `Sec-WebSocket-Extensions` field that gives this answer.
    pub fn to_header_value(&self) -> HeaderValue {
        header_value(|text| write!(text, "{self}"))
    }
}

impl fmt::Display for WindowBits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(NAME)?;
        write_flag(formatter, SERVER_NO_CONTEXT_TAKEOVER, self.server_no_context_takeover)?;
        write_flag(formatter, CLIENT_NO_CONTEXT_TAKEOVER, self.client_no_context_takeover)?;
        write_bits(formatter, SERVER_MAX_WINDOW_BITS, self.server_max_window_bits)?;
        match self.client_max_window_bits {
            ClientWindow::Fixed => Ok(()),
            ClientWindow::Limitable => write_flag(formatter, CLIENT_MAX_WINDOW_BITS, true),
            ClientWindow::AtMost(bits) => write_bits(formatter, CLIENT_MAX_WINDOW_BITS, Some(bits)),
        }
    }
}

impl fmt::Display for Agreed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(NAME)?;
        write_flag(formatter, SERVER_NO_CONTEXT_TAKEOVER, self.server_no_context_takeover)?;
        write_flag(formatter, CLIENT_NO_CONTEXT_TAKEOVER, self.client_no_context_takeover)?;
        write_bits(formatter, SERVER_MAX_WINDOW_BITS, self.server_max_window_bits)?;
        write_bits(formatter, CLIENT_MAX_WINDOW_BITS, self.client_max_window_bits)
    }
}

fn write_flag(formatter: &mut fmt::Formatter<'_>, name: &str, present: bool) -> fmt::Result {
    if present { write!(formatter, "; {name}") } else { Ok(()) }
}

fn write_bits(formatter: &mut fmt::Formatter<'_>, name: &str, bits: Option<WindowBits>) -> fmt::Result {
    bits.map_or(Ok(()), |bits| write!(formatter, "; {name}={bits}"))
}

/// Makes a field value of what `write` writes: names and numbers from this file only.
fn header_value(write: impl FnOnce(&mut String) -> fmt::Result) -> HeaderValue {
    let mut text = String::with_capacity(64);
    write(&mut text).expect("a string takes everything");
    HeaderValue::try_from(text).expect("names and numbers are visible ASCII")
}

const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_21_window_bits_are_8_to_15_without_leading_zeros() {
        for bits in 8..=15 {
            assert_eq!(WindowBits::parse(&bits.to_string()).map(WindowBits::get), Some(bits));
        }
        for text in [
            "", "0", "7", "16", "17", "19", "20", "08", "010", "1", "+8", "-8", "8.0", "abc", "0x8", " 8",
            "1e1",
        ] {
            assert_eq!(WindowBits::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn offers_are_joined_in_their_order() {
        let plain = Offer::default();
        let full = Offer {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: Some(WindowBits::MIN),
            client_max_window_bits: ClientWindow::AtMost(WindowBits::MAX),
        };
        let spelled = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                       server_max_window_bits=8; client_max_window_bits=15";
        assert_eq!(offers_to_header_value(&[]), None);
        assert_eq!(offers_to_header_value(&[plain]).unwrap(), "permessage-deflate");
        assert_eq!(offers_to_header_value(&[full]).unwrap(), spelled);
        let both = offers_to_header_value(&[full, plain]).unwrap();
        assert_eq!(both, format!("{spelled}, permessage-deflate"));
    }

    #[test]
    fn an_agreement_is_spelled_like_an_offer() {
        assert_eq!(Agreed::default().to_header_value(), "permessage-deflate");
        let agreed = Agreed {
            client_no_context_takeover: true,
            client_max_window_bits: WindowBits::parse("10"),
            ..Agreed::default()
        };
        let spelled = "permessage-deflate; client_no_context_takeover; client_max_window_bits=10";
        assert_eq!(agreed.to_header_value(), spelled);
    }
}
