//! One record as one line, JSON or text. Whatever a peer had a hand in is escaped, so
//! that no value can end the line or forge a field.

use std::fmt::{Display, Write as _};
use std::time::SystemTime;

use gate_config::model::LogFormat;
use jiff::Timestamp;

/// A line in the making.
pub(crate) struct Line {
    text: String,
    format: LogFormat,
}

impl Line {
    /// Begins the record of `event`.
    pub(crate) fn new(format: LogFormat, time: SystemTime, event: &'static str) -> Self {
        let time = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut text = String::with_capacity(TYPICAL_LENGTH);
        // Writing to a string cannot fail.
        let _infallible = match format {
            LogFormat::Json => write!(text, "{{\"time\":\"{time:.3}\",\"event\":\"{event}\""),
            LogFormat::Text => write!(text, "{time:.3} {event}"),
        };
        Self { text, format }
    }

    /// Adds text, the first [`TEXT_MAX`] bytes of it.
    pub(crate) fn text(&mut self, key: &'static str, value: &str) {
        self.key(key);
        if value.len() > TEXT_MAX {
            let (kept, _) = value.split_at(value.floor_char_boundary(TEXT_MAX));
            return self.value(&format!("{kept}\u{2026}"));
        }
        self.value(value);
    }

    fn value(&mut self, value: &str) {
        let plain = value.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~'));
        if self.format == LogFormat::Text && plain && !value.is_empty() && !value.contains('=') {
            self.text.push_str(value);
            return;
        }
        let quoted = serde_json::to_string(value).unwrap_or_else(|_| "\"\"".to_owned());
        for character in quoted.chars() {
            // JSON lets these stand, but terminals obey some of them, and others break lines.
            if matches!(character, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}') {
                let _infallible = write!(self.text, "\\u{:04x}", u32::from(character));
            } else {
                self.text.push(character);
            }
        }
    }

    /// Adds text of our own making that needs no escape: addresses of sockets, words.
    pub(crate) fn plain(&mut self, key: &'static str, value: impl Display) {
        self.key(key);
        let _infallible = match self.format {
            LogFormat::Json => write!(self.text, "\"{value}\""),
            LogFormat::Text => write!(self.text, "{value}"),
        };
    }

    /// Adds a number.
    pub(crate) fn number(&mut self, key: &'static str, value: impl Display) {
        self.key(key);
        let _infallible = write!(self.text, "{value}");
    }

    /// The line, its end included.
    pub(crate) fn finish(mut self) -> String {
        self.text.push_str(match self.format {
            LogFormat::Json => "}\n",
            LogFormat::Text => "\n",
        });
        self.text
    }

    fn key(&mut self, key: &'static str) {
        let _infallible = match self.format {
            LogFormat::Json => write!(self.text, ",\"{key}\":"),
            LogFormat::Text => write!(self.text, " {key}="),
        };
    }
}

const TYPICAL_LENGTH: usize = 400;
/// Bytes of a value. A peer decides on the length of what it sends, and lines wait in memory.
const TEXT_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: LogFormat, value: &str) -> String {
        let mut line = Line::new(format, SystemTime::UNIX_EPOCH, "open");
        line.text("path", value);
        line.plain("client", "127.0.0.1:1");
        line.number("bytes", 7);
        line.finish()
    }

    #[test]
    fn a_record_is_a_json_object_on_one_line() {
        let text = line(LogFormat::Json, "/a\"b\nc");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["path"], "/a\"b\nc");
        assert_eq!(value["bytes"], 7);
        assert_eq!(value["time"], "1970-01-01T00:00:00.000Z");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn nothing_that_terminals_obey_stands_as_it_is() {
        let value = "a\u{1b}[2J\u{7f}\u{9b}2J\u{85}\u{2028}\u{e9}";
        for format in [LogFormat::Json, LogFormat::Text] {
            let text = line(format, value);
            let expected = concat!(r#""a\u001b[2J\u007f\u009b2J\u0085\u2028"#, "\u{e9}\"");
            assert!(text.contains(expected), "{text}");
        }
        let told: serde_json::Value = serde_json::from_str(&line(LogFormat::Json, value)).unwrap();
        assert_eq!(told["path"], value);
    }

    #[test]
    fn text_is_quoted_where_it_could_be_taken_for_something_else() {
        let head = "1970-01-01T00:00:00.000Z open path=";
        let tail = " client=127.0.0.1:1 bytes=7\n";
        assert_eq!(line(LogFormat::Text, "/chat"), format!("{head}/chat{tail}"));
        assert_eq!(line(LogFormat::Text, "/a bytes=9"), format!("{head}\"/a bytes=9\"{tail}"));
        assert_eq!(line(LogFormat::Text, "/a\nclose"), format!("{head}\"/a\\nclose\"{tail}"));
        assert_eq!(line(LogFormat::Text, ""), format!("{head}\"\"{tail}"));
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let told = |value: &str| {
            let value: serde_json::Value = serde_json::from_str(&line(LogFormat::Json, value)).unwrap();
            value["path"].as_str().unwrap().to_owned()
        };
        let whole = "x".repeat(1024);
        assert_eq!(told(&whole), whole);
        assert_eq!(told(&format!("{whole}x")), format!("{whole}\u{2026}"));
        let wide = "\u{e9}".repeat(600);
        assert_eq!(told(&format!("x{wide}")), format!("x{}\u{2026}", "\u{e9}".repeat(511)));
    }
}
