//! How values are kept from being taken for something else: what a peer has sent must not end
//! a line, forge a field, or move the cursor of whoever reads it.

/// What becomes of the characters of a value that mean something, as in nginx's `log_format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Escape {
    /// `"`, `\`, controls and whatever is not ASCII become `\xXX`; what has no value is `-`.
    #[default]
    Default,
    /// As within a string of JSON; what has no value is empty.
    Json,
    /// As it is, but that line breaks become `\x0D` and `\x0A`; what has no value is empty.
    None,
}

impl Escape {
    /// Appends a value.
    pub(super) fn push(self, value: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Default => {
                push_hex(value, out, |byte| matches!(byte, b'"' | b'\\' | 0x00..=0x1f | 0x7f..=0xff))
            }
            Self::Json => push_json(value, out),
            Self::None => push_hex(value, out, |byte| matches!(byte, b'\r' | b'\n')),
        }
    }

    /// Appends what stands for no value.
    pub(super) fn push_nothing(self, out: &mut Vec<u8>) {
        match self {
            Self::Default => out.push(b'-'),
            Self::Json | Self::None => {}
        }
    }
}

fn push_hex(value: &[u8], out: &mut Vec<u8>, is_escaped: impl Fn(u8) -> bool) {
    for &byte in value {
        if is_escaped(byte) {
            out.extend_from_slice(br"\x");
            out.extend([byte >> 4, byte & 0x0f].map(|digit| hex(digit).to_ascii_uppercase()));
        } else {
            out.push(byte);
        }
    }
}

/// Octets that are not UTF-8 are replaced. Beyond what JSON asks for, DEL and the controls of
/// U+0080 to U+009F are escaped, which terminals obey as well, and the two line breaks of
/// Unicode.
fn push_json(value: &[u8], out: &mut Vec<u8>) {
    for character in String::from_utf8_lossy(value).chars() {
        let short = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => {
                let code = u32::from(character);
                out.extend_from_slice(br"\u");
                let digits = [code >> 12, code >> 8, code >> 4, code];
                out.extend(digits.map(|digit| hex(u8::try_from(digit & 0x0f).unwrap_or_default())));
                continue;
            }
            _ => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        };
        out.extend_from_slice(short.as_bytes());
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        0..=9 => b'0' + digit,
        _ => b'a' + (digit & 0x0f) - 10,
    }
}
