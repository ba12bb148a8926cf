//! The subprotocols a client offers: `Sec-WebSocket-Protocol`, RFC 6455 §4.1 (10) and §11.3.4.
//!
//! Kept as one string in the form in which they go on. Refuses: what is no token, and names that
//! stand twice; nothing a client writes here can become more than a list of tokens upstream.

use super::token::{self, ListFault};
use http::header::HeaderValue;

/// Offered subprotocols in the client's order of preference; at most
/// [`ELEMENTS_MAX`](token::ELEMENTS_MAX) of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subprotocols {
    /// The names, joined by [`SEPARATOR`], which no token contains. Empty if there are none.
    joined: String,
}

impl Subprotocols {
    /// Reads all lines of the field. No line at all is no offer.
    ///
    /// # Errors
    /// A list fault; [`ListFault::Repeated`] if a name stands twice.
    pub fn parse<'h>(lines: impl IntoIterator<Item = &'h HeaderValue>) -> Result<Self, ListFault> {
        let mut offered = Self::default();
        token::for_each(lines, |name| offered.push(name))?;
        Ok(offered)
    }

    /// An offer of this name alone; none if it is no token.
    #[must_use]
    pub fn one(name: &str) -> Self {
        let mut offered = Self::default();
        if let Ok(value) = HeaderValue::from_str(name) {
            offered = Self::parse([&value]).unwrap_or_default();
        }
        offered
    }

    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.joined.split(SEPARATOR).filter(|name| !name.is_empty())
    }

    /// Whether nothing was offered.
    pub const fn is_empty(&self) -> bool {
        self.joined.is_empty()
    }

    /// Whether `name` was offered. Subprotocols are compared with regard to case (RFC 6455 §4.1).
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|offered| offered == name)
    }

    /// Keeps only the names of which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        let kept: Vec<&str> = self.iter().filter(|name| keep(name)).collect();
        self.joined = kept.join(SEPARATOR);
    }

    /// The field value that offers the same names in the same order; `None` if there are none.
    pub fn to_header_value(&self) -> Option<HeaderValue> {
        (!self.is_empty()).then(|| HeaderValue::from_str(&self.joined).expect("tokens are visible ASCII"))
    }

    fn push(&mut self, name: &str) -> Result<(), ListFault> {
        if self.contains(name) {
            return Err(ListFault::Repeated);
        }
        if !self.is_empty() {
            self.joined.push_str(SEPARATOR);
        }
        self.joined.push_str(name);
        Ok(())
    }
}

const SEPARATOR: &str = ", ";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &[&'static str]) -> Result<Subprotocols, ListFault> {
        Subprotocols::parse(&lines.iter().copied().map(HeaderValue::from_static).collect::<Vec<_>>())
    }

    #[test]
    fn offers_keep_their_order_and_go_on_as_one_line() {
        for (lines, joined) in [
            (&[][..], None),
            (&["chat"], Some("chat")),
            (&["chat,superchat"], Some("chat, superchat")),
            (&["v2.chat", "v1.chat"], Some("v2.chat, v1.chat")),
            (&[",a ,\tb,", "", "c"], Some("a, b, c")),
            (&["Chat, chat"], Some("Chat, chat")),
        ] {
            let offered = parse(lines).unwrap();
            assert_eq!(offered.is_empty(), joined.is_none());
            assert_eq!(offered.to_header_value(), joined.map(HeaderValue::from_static));
            let names: Vec<_> = offered.iter().collect();
            assert_eq!(names.join(", "), joined.unwrap_or_default());
            assert!(names.iter().all(|name| offered.contains(name)));
        }
    }

    #[test]
    fn only_whole_names_in_the_same_case_were_offered() {
        let offered = parse(&["chat, superchat"]).unwrap();
        for name in ["", "Chat", "super", "chat, superchat", "chat,", " chat", ","] {
            assert!(!offered.contains(name), "{name:?}");
        }
        assert!(!parse(&[]).unwrap().contains(""));
    }

    #[test]
    fn row_11_offers_that_are_no_tokens_or_no_set_are_refused() {
        for (lines, fault) in [
            (&["chat, chat"][..], ListFault::Repeated),
            (&["chat", "other", "chat"], ListFault::Repeated),
            (&[""], ListFault::Empty),
            (&["a b"], ListFault::NotToken),
            (&["a/b"], ListFault::NotToken),
            (&["\"a\""], ListFault::NotToken),
            (&["a;q=1"], ListFault::NotToken),
        ] {
            assert_eq!(parse(lines), Err(fault), "{lines:?}");
        }
    }
}
