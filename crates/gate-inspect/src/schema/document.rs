//! JSON by the letter: one value, no key twice in an object, numbers that can be held, at most 127
//! objects and arrays within each other.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, Map, Number, Value};

/// Why bytes are no such document.
#[derive(Debug)]
pub(super) enum Fault {
    /// They are not JSON.
    NotJson(serde_json::Error),
    /// Which of the two a reader takes is its own choice.
    DuplicateKey {
        /// JSON pointer to the object.
        path: String,
        key: String,
    },
}

pub(super) fn read(bytes: &[u8]) -> Result<Value, Fault> {
    let duplicate = RefCell::new(None);
    let mut reader = Deserializer::from_slice(bytes);
    let seed = Seed { trail: None, duplicate: &duplicate };
    let value = seed.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match (value, duplicate.into_inner()) {
        (_, Some((path, key))) => Err(Fault::DuplicateKey { path, key }),
        (Ok(value), None) => Ok(value),
        (Err(error), None) => Err(Fault::NotJson(error)),
    }
}

/// The object or array that a value is in, and where there.
#[derive(Clone, Copy)]
struct Trail<'a> {
    outer: Option<&'a Self>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    trail: Option<&'a Trail<'a>>,
    duplicate: &'a RefCell<Option<(String, String)>>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        loop {
            let trail = Trail { outer: self.trail, step: Step::Index(array.len()) };
            match items.next_element_seed(Seed { trail: Some(&trail), duplicate: self.duplicate })? {
                Some(item) => array.push(item),
                None => return Ok(Value::Array(array)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                *self.duplicate.borrow_mut() = Some((pointer(self.trail), key));
                return Err(A::Error::custom("duplicate key"));
            }
            let trail = Trail { outer: self.trail, step: Step::Key(&key) };
            let value = entries.next_value_seed(Seed { trail: Some(&trail), duplicate: self.duplicate })?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// The JSON pointer (RFC 6901) that a trail is.
fn pointer(trail: Option<&Trail<'_>>) -> String {
    let mut steps = Vec::new();
    let mut at = trail;
    while let Some(Trail { outer, step }) = at {
        steps.push(match step {
            Step::Key(key) => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => format!("/{index}"),
        });
        at = *outer;
    }
    steps.into_iter().rev().collect()
}
