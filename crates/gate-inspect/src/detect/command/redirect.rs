//! Messages whose effect is a redirection: a file of the system that is written, or a command behind one.

use super::shell::{Statement, statements};
use super::words::{Sure, is_known, is_tool, sure};

/// Longer texts are scripts or markup.
const TEXT_MAX: usize = 256;
/// A value, or a prompt, in front of the redirection.
const VALUE_MAX: usize = 64;

/// Whether a text is a redirection behind one word at most: `x > /var/www/x`, `2> file; id`, `x> cat /etc/passwd`.
pub(super) fn redirects(text: &[u8]) -> bool {
    if text.len() > TEXT_MAX {
        return false;
    }
    let mark = text.iter().take(VALUE_MAX).position(|byte| matches!(byte, b'>' | b'<'));
    let Some(at) = mark else { return false };
    if text.get(at) == Some(&b'<') {
        return is_read(text, at);
    }
    let (value, behind) = text.split_at(at);
    let Some(given) = given(value) else { return false };
    let target = behind.trim_start_with(|letter| matches!(letter, '>' | '|' | ' ' | '\t'));
    let end = target.iter().position(|byte| b" \t\n;|&<>".contains(byte)).unwrap_or(target.len());
    let (file, rest) = target.split_at(end);
    let rest = rest.trim_ascii();
    let lower = file.to_ascii_lowercase();
    let ends = rest.iter().all(|byte| b"'\";#)&1>2|".contains(byte)) || rest.starts_with(b"#");
    if is_of_system(&lower) {
        return given != Given::Tool && (ends || runs_behind(rest));
    }
    match given {
        // A descriptor, which quotes of a chat do not begin with.
        Given::Descriptor => runs_behind(rest),
        Given::Word => !behind.starts_with(b">>") && is_command(target),
        Given::Nothing => {
            // A quoted line of a chat begins with the mark and a blank.
            let mark = if behind.starts_with(b"> ") { b"; ".as_slice() } else { b";|&" };
            !file.is_empty()
                && rest.first().is_some_and(|byte| mark.contains(byte))
                && !std::str::from_utf8(file).is_ok_and(is_known)
                && runs_behind(rest)
        }
        Given::Tool => false,
    }
}

/// Whether a secret file is read for one command at most.
fn is_read(text: &[u8], at: usize) -> bool {
    let (value, behind) = text.split_at(at);
    let file = behind.trim_start_with(|letter| matches!(letter, '<' | ' ' | '"' | '\''));
    let words = file.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count();
    let secret = [b"/etc/".as_slice(), b"/proc/self", b"/root/"].iter().any(|start| file.starts_with(start));
    secret && words <= 2 && given(value).is_some_and(|given| given != Given::Tool)
}

/// What stands in front of a redirection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Given {
    Nothing,
    /// `2>`, `&>`.
    Descriptor,
    Word,
    /// A developer's command.
    Tool,
}

fn given(value: &[u8]) -> Option<Given> {
    let value = value.trim_ascii();
    if matches!(value, b"1" | b"2" | b"&") {
        return Some(Given::Descriptor);
    }
    let value = value
        .strip_suffix(b"1")
        .or_else(|| value.strip_suffix(b"2"))
        .map_or(value, |rest| if rest.is_empty() || rest.ends_with(b" ") { rest } else { value });
    let value = value.strip_suffix(b"&").unwrap_or(value).trim_ascii();
    if value.is_empty() {
        return Some(Given::Nothing);
    }
    let is_markup = |byte: &u8| matches!(byte, b'<' | b'=' | b'(' | b'{' | b'[' | b'`' | b'|');
    if value.iter().any(is_markup) || value.ends_with(b"-") || value.ends_with(b",") {
        return None;
    }
    let word = value.strip_suffix(b";").unwrap_or(value).trim_ascii();
    if word.iter().any(u8::is_ascii_whitespace) {
        return None;
    }
    let name = std::str::from_utf8(word).ok()?.to_ascii_lowercase();
    Some(if is_tool(&name) && name != "test" { Given::Tool } else { Given::Word })
}

/// A file or device that only a system should write.
fn is_of_system(file: &[u8]) -> bool {
    let file = file.strip_prefix(b"\"").or_else(|| file.strip_prefix(b"'")).unwrap_or(file);
    [
        b"/etc/".as_slice(),
        b"/var/www",
        b"/var/log/",
        b"/tmp/",
        b"/root/",
        b"/home/",
        b"/usr/",
        b"/opt/",
        b"/srv/",
        b"/bin/",
        b"/boot/",
        b"/dev/sd",
        b"/dev/tcp/",
        b"/dev/shm/",
        b"/proc/",
        b"c:\\inetpub",
        b"c:\\windows",
        b"c:\\xampp",
    ]
    .iter()
    .any(|start| file.starts_with(start))
}

/// Whether a separator follows, and a command.
fn runs_behind(rest: &[u8]) -> bool {
    let command = rest.trim_start_with(|letter| matches!(letter, ';' | '|' | '&' | ' ' | '1' | '2' | '>'));
    let separated = rest.get(..rest.len() - command.len()).unwrap_or_default();
    separated.iter().any(|byte| matches!(byte, b';' | b'|' | b'&'))
        && first(command).is_some_and(|statement| {
            sure(&statement) > Sure::No
                || statement.words.first().is_some_and(|word| is_known(&word.text))
                    && statement.words.len() <= 2
        })
}

/// Whether a command follows that an attacker begins with, as behind a prompt.
fn is_command(target: &[u8]) -> bool {
    first(target).is_some_and(|statement| sure(&statement) == Sure::Alone)
}

fn first(text: &[u8]) -> Option<Statement> {
    statements(text).into_iter().next()
}

/// Like that of `str`, for bytes.
trait Trim {
    fn trim_start_with(&self, is: impl Fn(char) -> bool) -> &Self;
}

impl Trim for [u8] {
    fn trim_start_with(&self, is: impl Fn(char) -> bool) -> &Self {
        let start = self.iter().position(|byte| !is(char::from(*byte))).unwrap_or(self.len());
        self.get(start..).unwrap_or_default()
    }
}
