//! MessagePack as JSON, so that what looks into JSON, and a schema, have something to look at.
//!
//! A message is one value and nothing behind it. Bytes and extensions become base64, as anything that is no
//! number becomes a string where it is a key. What comes out is at most five times as long as what goes in, but
//! for numbers and escapes, whose factor is as fixed.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Lists and maps within each other.
const DEPTH_MAX: u32 = 64;

/// Why bytes are no MessagePack, or none that can be looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MsgpackFault {
    #[error("it ends within a value")]
    Short,
    #[error("{0} bytes behind the value")]
    Behind(usize),
    #[error("the type byte 0xc1, which does not exist")]
    Type,
    #[error("a string that is not UTF-8")]
    Text,
    #[error("lists and maps more than {DEPTH_MAX} deep")]
    Deep,
    #[error("a list or map as a key")]
    Key,
}

/// The same as JSON.
///
/// # Errors
/// It is not one value of MessagePack.
pub(super) fn to_json(message: &[u8]) -> Result<Vec<u8>, MsgpackFault> {
    let mut writer = Writer { rest: message, json: Vec::with_capacity(message.len() + 16) };
    writer.value(DEPTH_MAX)?;
    match writer.rest.len() {
        0 => Ok(writer.json),
        behind => Err(MsgpackFault::Behind(behind)),
    }
}

/// A value as its first bytes tell it.
enum Head<'a> {
    Scalar(Scalar<'a>),
    /// So many values follow.
    List(u32),
    /// So many pairs follow.
    Map(u32),
}

enum Scalar<'a> {
    Nil,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

struct Writer<'a> {
    rest: &'a [u8],
    json: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn value(&mut self, depth: u32) -> Result<(), MsgpackFault> {
        let inner = || depth.checked_sub(1).ok_or(MsgpackFault::Deep);
        match self.head()? {
            Head::Scalar(scalar) => self.scalar(&scalar),
            Head::List(count) => {
                let inner = inner()?;
                self.json.push(b'[');
                for at in 0..count {
                    self.separate(at);
                    self.value(inner)?;
                }
                self.json.push(b']');
            }
            Head::Map(count) => {
                let inner = inner()?;
                self.json.push(b'{');
                for at in 0..count {
                    self.separate(at);
                    self.key()?;
                    self.json.push(b':');
                    self.value(inner)?;
                }
                self.json.push(b'}');
            }
        }
        Ok(())
    }

    fn separate(&mut self, at: u32) {
        if at > 0 {
            self.json.push(b',');
        }
    }

    fn key(&mut self) -> Result<(), MsgpackFault> {
        match self.head()? {
            Head::Scalar(scalar @ (Scalar::Text(_) | Scalar::Bytes(_))) => self.scalar(&scalar),
            Head::Scalar(scalar @ (Scalar::Nil | Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_))) => {
                self.json.push(b'"');
                self.scalar(&scalar);
                self.json.push(b'"');
            }
            Head::List(_) | Head::Map(_) => return Err(MsgpackFault::Key),
        }
        Ok(())
    }

    fn scalar(&mut self, scalar: &Scalar<'_>) {
        let json = &mut self.json;
        // Nothing can go wrong with a vector to write to.
        let _always_ok = match scalar {
            Scalar::Nil => json.write_all(b"null"),
            Scalar::Bool(value) => write!(json, "{value}"),
            Scalar::Int(value) => write!(json, "{value}"),
            Scalar::Float(value) => serde_json::to_writer(json, value).map_err(Into::into),
            Scalar::Text(text) => serde_json::to_writer(json, text).map_err(Into::into),
            Scalar::Bytes(bytes) => write!(json, "\"{}\"", STANDARD.encode(bytes)),
        };
    }

    fn head(&mut self) -> Result<Head<'a>, MsgpackFault> {
        let [type_byte] = self.array()?;
        let scalar = match type_byte {
            0x00..=0x7f => Scalar::Int(type_byte.into()),
            0x80..=0x8f => return Ok(Head::Map((type_byte & 0x0f).into())),
            0x90..=0x9f => return Ok(Head::List((type_byte & 0x0f).into())),
            0xa0..=0xbf => self.text((type_byte & 0x1f).into())?,
            0xc0 => Scalar::Nil,
            0xc1 => return Err(MsgpackFault::Type),
            0xc2 => Scalar::Bool(false),
            0xc3 => Scalar::Bool(true),
            0xc4..=0xc6 => self.bytes_of(type_byte - 0xc4, 0)?,
            // The type of an extension stands before its bytes.
            0xc7..=0xc9 => self.bytes_of(type_byte - 0xc7, 1)?,
            0xca => Scalar::Float(f32::from_be_bytes(self.array()?).into()),
            0xcb => Scalar::Float(f64::from_be_bytes(self.array()?)),
            0xcc => Scalar::Int(u8::from_be_bytes(self.array()?).into()),
            0xcd => Scalar::Int(u16::from_be_bytes(self.array()?).into()),
            0xce => Scalar::Int(u32::from_be_bytes(self.array()?).into()),
            0xcf => Scalar::Int(u64::from_be_bytes(self.array()?).into()),
            0xd0 => Scalar::Int(i8::from_be_bytes(self.array()?).into()),
            0xd1 => Scalar::Int(i16::from_be_bytes(self.array()?).into()),
            0xd2 => Scalar::Int(i32::from_be_bytes(self.array()?).into()),
            0xd3 => Scalar::Int(i64::from_be_bytes(self.array()?).into()),
            0xd4..=0xd8 => Scalar::Bytes(self.take(1 + (1 << (type_byte - 0xd4)))?),
            0xd9..=0xdb => {
                let length = self.length(type_byte - 0xd9)?;
                self.text(length)?
            }
            0xdc | 0xdd => return Ok(Head::List(self.length(type_byte - 0xdb)?)),
            0xde | 0xdf => return Ok(Head::Map(self.length(type_byte - 0xdd)?)),
            0xe0..=0xff => Scalar::Int(i8::from_be_bytes([type_byte]).into()),
        };
        Ok(Head::Scalar(scalar))
    }

    /// A length of 1, 2 or 4 bytes, told by 0, 1 or 2.
    fn length(&mut self, size: u8) -> Result<u32, MsgpackFault> {
        Ok(match size {
            0 => u8::from_be_bytes(self.array()?).into(),
            1 => u16::from_be_bytes(self.array()?).into(),
            _ => u32::from_be_bytes(self.array()?),
        })
    }

    fn bytes_of(&mut self, size: u8, beside: u32) -> Result<Scalar<'a>, MsgpackFault> {
        let length = self.length(size)?;
        self.take(length.saturating_add(beside)).map(Scalar::Bytes)
    }

    fn text(&mut self, length: u32) -> Result<Scalar<'a>, MsgpackFault> {
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map(Scalar::Text).map_err(|_fault| MsgpackFault::Text)
    }

    fn take(&mut self, length: u32) -> Result<&'a [u8], MsgpackFault> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(MsgpackFault::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], MsgpackFault> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(MsgpackFault::Short)?;
        self.rest = rest;
        Ok(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::{MsgpackFault, to_json};

    #[test]
    fn values_become_json() {
        for (bytes, expected) in [
            (&b"\xc0"[..], "null"),
            (b"\x07", "7"),
            (b"\xff", "-1"),
            (b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615"),
            (b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", "-9223372036854775808"),
            (b"\xd0\x80", "-128"),
            (b"\xcd\x01\x00", "256"),
            (b"\xca\x3f\xc0\x00\x00", "1.5"),
            (b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "null"),
            (b"\xa3a\"b", r#""a\"b""#),
            (b"\xd9\x01a", r#""a""#),
            (b"\xda\x00\x01a", r#""a""#),
            (b"\xdb\x00\x00\x00\x01a", r#""a""#),
            (b"\xc4\x02hi", r#""aGk=""#),
            (b"\xd4\x01h", r#""AWg=""#),
            (b"\xc7\x01\x05h", r#""BWg=""#),
            (b"\x93\x01\xc2\x90", "[1,false,[]]"),
            (b"\xdc\x00\x02\x01\x02", "[1,2]"),
            (b"\x82\xa1a\x01\x02\xc3", r#"{"a":1,"2":true}"#),
            (b"\xde\x00\x01\xa1a\xdf\x00\x00\x00\x00", r#"{"a":{}}"#),
        ] {
            let json = to_json(bytes).map(|json| String::from_utf8(json).expect("JSON is UTF-8"));
            assert_eq!(json.as_deref(), Ok(expected), "{bytes:02x?}");
        }
    }

    #[test]
    fn what_is_no_message_is_told() {
        let deep = [0x91; 70];
        for (bytes, fault) in [
            (&b""[..], MsgpackFault::Short),
            (b"\xdd\x00\x00", MsgpackFault::Short),
            (b"\xdd\xff\xff\xff\xff\x01", MsgpackFault::Short),
            (b"\xc6\xff\xff\xff\xff", MsgpackFault::Short),
            (b"\xc9\xff\xff\xff\xff", MsgpackFault::Short),
            (b"\x01\x02", MsgpackFault::Behind(1)),
            (b"\xc1", MsgpackFault::Type),
            (b"\xa1\xff", MsgpackFault::Text),
            (b"\x81\x90\x01", MsgpackFault::Key),
            (&deep, MsgpackFault::Deep),
        ] {
            assert_eq!(to_json(bytes), Err(fault), "{bytes:02x?}");
        }
    }
}
