//! What agents and routes change of a head: checked once, applied where the head goes on.
//!
//! Nobody can change what belongs to one hop, says where a message ends or is the WebSocket
//! handshake's own: those are left as they are. A name or a value that HTTP does not allow makes
//! the agent's answer one of no use.

use agent_proto::HeaderOp;
use gate_config::model::HeaderEdit;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::inspect::agent::error::AgentError;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes(Vec<Change>);

#[derive(Clone, Debug)]
enum Change {
    Set(HeaderName, HeaderValue),
    Add(HeaderName, HeaderValue),
    Remove(HeaderName),
}

impl Changes {
    /// Those of an answer, as far as they may be made; the others are named.
    ///
    /// # Errors
    /// A name or value is none.
    pub(super) fn read(operations: &[HeaderOp]) -> Result<(Self, Vec<HeaderName>), AgentError> {
        let (mut changes, mut ignored) = (Vec::new(), Vec::new());
        for operation in operations {
            let change = match operation {
                HeaderOp::Set { name, value: text } => Change::Set(field(name)?, hidden(value(name, text)?)),
                HeaderOp::Add { name, value: text } => Change::Add(field(name)?, hidden(value(name, text)?)),
                HeaderOp::Remove { name } => Change::Remove(field(name)?),
            };
            match change.name() {
                name if is_protected(name) => ignored.push(name.clone()),
                _ => changes.push(change),
            }
        }
        Ok((Self(changes), ignored))
    }

    /// Those of a route, which were looked at when it was read.
    pub(crate) fn of_route(edits: &[HeaderEdit]) -> Self {
        let change = |edit: &HeaderEdit| match edit.clone() {
            HeaderEdit::Set(name, value) => Change::Set(name, value),
            HeaderEdit::Add(name, value) => Change::Add(name, value),
            HeaderEdit::Remove(name) => Change::Remove(name),
        };
        Self(edits.iter().map(change).collect())
    }

    /// Others behind these.
    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Makes them. What is set or removed goes in every spelling: to many backends `x_user` is
    /// `X-User`, and a client could otherwise say the one where an agent says the other.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        for change in &self.0 {
            match change {
                Change::Set(name, value) => {
                    remove_all_spellings(headers, name);
                    headers.insert(name, value.clone());
                }
                Change::Add(name, value) => {
                    headers.append(name, value.clone());
                }
                Change::Remove(name) => remove_all_spellings(headers, name),
            }
        }
    }
}

impl Change {
    fn name(&self) -> &HeaderName {
        match self {
            Self::Set(name, _) | Self::Add(name, _) | Self::Remove(name) => name,
        }
    }
}

/// The name of a field.
pub(super) fn field(name: &str) -> Result<HeaderName, AgentError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        let name: String = name.chars().take(NAME_SHOWN).collect();
        AgentError::Invalid(format!("it names a header {name:?}, which HTTP does not allow"))
    })
}

/// The value of a field, in UTF-8 where it is not ASCII.
pub(super) fn value(name: &str, value: &str) -> Result<HeaderValue, AgentError> {
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
        AgentError::Invalid(format!("its value of the header {name} has characters that HTTP does not allow"))
    })
}

/// What an agent tells backends may be what they know it by: whatever prints it must not.
fn hidden(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

/// Whether a field is none of an agent's business.
pub(super) fn is_protected(name: &HeaderName) -> bool {
    !HeaderEdit::may_change(name)
}

fn remove_all_spellings(headers: &mut HeaderMap, name: &HeaderName) {
    headers.remove(name);
    let other_spellings: Vec<HeaderName> =
        headers.keys().filter(|other| is_same(other.as_str(), name.as_str())).cloned().collect();
    for other in other_spellings {
        headers.remove(other);
    }
}

/// Whether two names differ in nothing but hyphens and underscores.
fn is_same(one: &str, other: &str) -> bool {
    let alike = |byte: u8| if byte == b'_' { b'-' } else { byte };
    one.len() == other.len() && one.bytes().map(alike).eq(other.bytes().map(alike))
}

/// Characters of a name in a message.
const NAME_SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> HeaderOp {
        HeaderOp::Set { name: name.to_owned(), value: value.to_owned() }
    }

    fn add(name: &str, value: &str) -> HeaderOp {
        HeaderOp::Add { name: name.to_owned(), value: value.to_owned() }
    }

    fn remove(name: &str) -> HeaderOp {
        HeaderOp::Remove { name: name.to_owned() }
    }

    #[track_caller]
    fn check(before: &[(&str, &str)], operations: &[HeaderOp], after: &[(&str, &str)]) {
        let mut headers = HeaderMap::new();
        for (name, value) in before {
            headers.append(field(name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        Changes::read(operations).unwrap().0.apply(&mut headers);
        let is_before =
            |name: &str, value: &HeaderValue| before.iter().any(|(b, v)| *b == name && value == v);
        let told =
            headers.iter().find(|(name, value)| !value.is_sensitive() && !is_before(name.as_str(), value));
        assert_eq!(told, None, "{operations:?}");
        let mut left: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        left.sort_unstable();
        assert_eq!(left, after, "{operations:?}");
    }

    #[test]
    fn changes_are_made_in_order() {
        check(&[("x-a", "1"), ("x-a", "2")], &[set("X-A", "3")], &[("x-a", "3")]);
        check(&[("x-a", "1")], &[add("x-a", "2")], &[("x-a", "1"), ("x-a", "2")]);
        check(&[("x-a", "1"), ("x-b", "1")], &[remove("X-A")], &[("x-b", "1")]);
        check(&[], &[set("x-a", "1"), add("x-a", "2"), remove("x-a"), add("x-a", "3")], &[("x-a", "3")]);
    }

    #[test]
    fn a_client_cannot_say_in_another_spelling_what_an_agent_sets() {
        let before = [("x-user", "eve"), ("x_user", "eve"), ("x-users", "kept")];
        check(&before, &[set("X-User", "ann")], &[("x-user", "ann"), ("x-users", "kept")]);
        check(&before, &[remove("x-user")], &[("x-users", "kept")]);
    }

    #[test]
    fn what_holds_the_message_together_is_not_an_agents_to_change() {
        let names = [
            "Host",
            "connection",
            "Upgrade",
            "transfer-encoding",
            "Content-Length",
            "Sec-WebSocket-Key",
            "sec-websocket-protocol",
            "te",
            "X-Request-Id",
        ];
        for name in names {
            for operation in [set(name, "x"), add(name, "x"), remove(name)] {
                let (changes, ignored) = Changes::read(&[operation]).unwrap();
                assert!(changes.0.is_empty(), "{name}");
                assert_eq!(ignored, [field(name).unwrap()]);
            }
        }
    }

    #[test]
    fn names_and_values_that_http_does_not_allow_are_refused() {
        for operation in [
            set("", "x"),
            set("a b", "x"),
            set("a:b", "x"),
            add("x", "a\r\nb: c"),
            set("x", "a\0"),
            remove("x\r\ny"),
        ] {
            assert!(Changes::read(std::slice::from_ref(&operation)).is_err(), "{operation:?}");
        }
        assert!(Changes::read(&[set("x", "grün")]).is_ok());
    }
}
