//! A line from what is bound and an event: a few copies of bytes and integers.

use super::Style;
use super::bind::{Bound, Part};
use super::event::{Event, Totals};
use super::variable::{EventVariable, Figure};
use crate::side::Side;

impl Bound {
    /// Appends the line of an event, its end included.
    pub fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(range) => out.extend_from_slice(self.text.get(range.clone()).unwrap_or_default()),
                Part::Value(variable) => self.push(*variable, event, out),
            }
        }
        out.push(b'\n');
    }

    fn push(&self, variable: EventVariable, event: &Event<'_>, out: &mut Vec<u8>) {
        let data = event.data.as_ref();
        let number = match variable {
            EventVariable::Event => return self.word(event.kind.name(), out),
            EventVariable::Opcode => data.map(|data| u64::from(data.opcode.bits())),
            EventVariable::OpcodeName => return self.own(data.map(|data| data.opcode.name()), out),
            EventVariable::PayloadSize => data.map(|data| data.payload_size),
            EventVariable::MessageSize => data.map(|data| data.message_size),
            EventVariable::CompressedSize => {
                data.filter(|data| data.is_compressed).map(|data| data.message_size)
            }
            EventVariable::Fragments => data.map(|data| u64::from(data.fragments)),
            EventVariable::PacketSource => return self.own(event.source.map(|party| party.name()), out),
            EventVariable::ConnectionAge => Some(event.age.as_secs()),
            EventVariable::Duration => {
                return push_thousandths(event.age.as_secs(), event.age.subsec_millis(), out);
            }
            EventVariable::TimeLocal => return self.word(event.stamp.local, out),
            EventVariable::TimeIso8601 => return self.word(event.stamp.iso8601, out),
            EventVariable::Msec => {
                return push_thousandths(event.stamp.seconds, event.stamp.millis.into(), out);
            }
            EventVariable::CloseCode => event.close.map(|close| u64::from(close.code)),
            EventVariable::CloseReason => {
                let reason = event.close.and_then(|close| close.reason).filter(|reason| !reason.is_empty());
                return self.text(reason, out);
            }
            EventVariable::CloseInitiator => {
                return self.own(event.end.map(|end| end.initiator.name()), out);
            }
            EventVariable::EndReason => return self.own(event.end.map(|end| end.reason), out),
            EventVariable::EndBy => return self.own(event.end.map(|end| end.by.name()), out),
            EventVariable::Total(from, figure) => event.end.map(|end| total(end.totals, from, figure)),
        };
        match number {
            Some(number) => push_number(number, out),
            None => self.nothing(out),
        }
    }

    /// Text of our own making that needs no escape.
    fn word(&self, word: &str, out: &mut Vec<u8>) {
        match self.style {
            Style::Text(_) => out.extend_from_slice(word.as_bytes()),
            Style::Json => {
                out.push(b'"');
                out.extend_from_slice(word.as_bytes());
                out.push(b'"');
            }
        }
    }

    /// The same, where there may be none.
    fn own(&self, word: Option<&str>, out: &mut Vec<u8>) {
        match word {
            Some(word) => self.word(word, out),
            None => self.nothing(out),
        }
    }

    fn text(&self, text: Option<&str>, out: &mut Vec<u8>) {
        self.style.push(text.map(str::as_bytes), out);
    }

    fn nothing(&self, out: &mut Vec<u8>) {
        self.style.push(None, out);
    }
}

fn total(totals: &[Totals; 2], from: Side, figure: Figure) -> u64 {
    let [client, upstream] = totals;
    let of = match from {
        Side::Client => client,
        Side::Upstream => upstream,
    };
    match figure {
        Figure::Frames => of.frames,
        Figure::Messages => of.messages,
        Figure::PayloadBytes => of.payload_bytes,
        Figure::Bytes => of.bytes,
    }
}

/// Appends a number in decimal.
pub(super) fn push_number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut length = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        length += 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - length..).unwrap_or_default());
}

/// Appends seconds with three places behind the point.
fn push_thousandths(seconds: u64, thousandths: u32, out: &mut Vec<u8>) {
    push_number(seconds, out);
    // The four digits of a number from 1,000 to 1,999; the first one makes room for the point.
    push_number(u64::from(1000 + thousandths.min(999)), out);
    let point = out.len().saturating_sub(4);
    if let Some(point) = out.get_mut(point) {
        *point = b'.';
    }
}
