//! Names of programs that only an expansion of the shell makes: variables, defaults, escapes, wildcards.

use super::shell::{Statement, Word};
use super::words::is_known;

/// More variables are not remembered.
const VARIABLES_MAX: usize = 16;

/// Longer texts are programs.
const TEXT_MAX: usize = 1024;

/// Values put in place of names make no more than this.
const EXPANDED_MAX: usize = 4 * TEXT_MAX;

/// A text with the values of variables that it assigns itself in place of their names, if it uses any:
/// `a=c;b=at;$a$b /etc/passwd`.
pub(super) fn assigned(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > TEXT_MAX {
        return None;
    }
    let (equals, dollar) = (memchr::memchr(b'=', text)?, memchr::memrchr(b'$', text)?);
    if dollar < equals {
        return None;
    }
    let mut values: Vec<(&[u8], &[u8])> = Vec::new();
    let mut expanded = Vec::with_capacity(text.len());
    let (mut rest, mut used, mut in_place) = (text, false, true);
    while let Some((first, after)) = rest.split_first().filter(|_| expanded.len() < EXPANDED_MAX) {
        if in_place && let Some((name, value, length)) = assignment_at(rest) {
            if values.len() < VARIABLES_MAX && !is_of_scripts(value) {
                values.push((name, value));
            }
            expanded.extend_from_slice(rest.get(..length).unwrap_or_default());
            rest = rest.get(length..).unwrap_or_default();
            in_place = false;
            continue;
        }
        if *first == b'$'
            && let Some((value, length)) = value_at(after, &values)
        {
            used = true;
            expanded.extend_from_slice(value);
            rest = after.get(length..).unwrap_or_default();
            in_place = false;
            continue;
        }
        in_place = matches!(first, b';' | b'&' | b'|' | b'\n' | b' ' | b'(' | b'`' | b'\'' | b'"');
        expanded.push(*first);
        rest = after;
    }
    used.then_some(expanded)
}

/// Compilers and interpreters, which a developer's variables hold.
fn is_of_scripts(value: &[u8]) -> bool {
    let name = value.rsplit(|byte| *byte == b'/').next().unwrap_or(value);
    [
        b"gcc".as_slice(),
        b"cc",
        b"g++",
        b"clang",
        b"python",
        b"python3",
        b"node",
        b"java",
        b"make",
        b"go",
        b"vim",
        b"vi",
    ]
    .contains(&name)
}

/// `name=value`: both, and the length of all of it.
fn assignment_at(text: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let equals = text.iter().take(NAME_MAX).position(|byte| !is_of_name(*byte))?;
    let name = text.get(..equals)?;
    if text.get(equals) != Some(&b'=') || !name.first()?.is_ascii_alphabetic() {
        return None;
    }
    let value = text.get(equals + 1..)?;
    let (value, length) = match value.first()? {
        quote @ (b'"' | b'\'') => {
            let inner = value.get(1..)?;
            let end = inner.iter().position(|byte| byte == quote)?;
            (inner.get(..end)?, end + 2)
        }
        _ => {
            let end = value.iter().position(|byte| b" \t\n;&|\"'`)".contains(byte)).unwrap_or(value.len());
            (value.get(..end)?, end)
        }
    };
    (!value.is_empty()).then_some((name, value, equals + 1 + length))
}

/// The value that `name` or `{name}` behind a dollar sign has, and how long that is.
fn value_at<'a>(text: &[u8], values: &[(&[u8], &'a [u8])]) -> Option<(&'a [u8], usize)> {
    let (braced, inner) = match text.strip_prefix(b"{") {
        Some(inner) => (2, inner),
        None => (0, text),
    };
    let length = inner.iter().position(|byte| !is_of_name(*byte)).unwrap_or(inner.len());
    let name = inner.get(..length)?;
    if braced > 0 && inner.get(length) != Some(&b'}') {
        return None;
    }
    values.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| (*value, length + braced))
}

const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Names of variables are shorter.
const NAME_MAX: usize = 24;

/// Puts what a shell would run in place of names that are variables, escapes or classes of letters.
pub(super) fn expand(statements: &mut [Statement]) {
    let mut variables: Vec<(String, String)> = Vec::new();
    for statement in statements {
        for word in &mut statement.words {
            if let Some((name, value)) = assignment(&word.text) {
                let value = resolved(value, &variables).unwrap_or_else(|| value.to_owned());
                if variables.len() < VARIABLES_MAX {
                    variables.push((name.to_owned(), value));
                }
                continue;
            }
            // Behind the assignments is the program.
            let name = resolved(&word.text, &variables)
                .filter(|name| told_by_name(name))
                .or_else(|| unescaped(&word.text))
                .or_else(|| without_classes(&word.text));
            if let Some(name) = name {
                word.text = name;
                word.disguised = true;
            }
            break;
        }
        unescape_flags(&mut statement.words);
    }
}

fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| (name, value.trim_matches(['"', '\''])))
}

/// The value of `$a`, `${a}`, `${a,,}`, or the default of `${a:-ls}`.
fn resolved(word: &str, variables: &[(String, String)]) -> Option<String> {
    let value =
        |name: &str| variables.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let rest = word.strip_prefix('$')?;
    let Some(inner) = rest.strip_prefix('{') else { return value(rest) };
    let inner = inner.split('}').next().unwrap_or(inner);
    let end = inner.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let (name, operator) = inner.split_at_checked(end.unwrap_or(inner.len()))?;
    if let Some(set) = value(name) {
        return Some(set);
    }
    let default = operator.trim_start_matches(':').strip_prefix(['-', '='])?;
    default.strip_prefix('$').and_then(value).or_else(|| (!default.is_empty()).then(|| default.to_owned()))
}

/// Programs that testers put into variables; a developer's variables hold compilers and interpreters.
fn told_by_name(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    matches!(
        name,
        "ls" | "id"
            | "whoami"
            | "cat"
            | "uname"
            | "pwd"
            | "ps"
            | "w"
            | "who"
            | "hostname"
            | "sleep"
            | "ping"
            | "wget"
            | "curl"
            | "nc"
            | "netstat"
            | "ifconfig"
            | "env"
            | "dir"
            | "date"
            | "uptime"
            | "nslookup"
            | "sh"
            | "bash"
    )
}

/// `\i\d`: a backslash before each letter, as no path of Windows and hardly any pattern has.
fn unescaped(word: &str) -> Option<String> {
    if !word.starts_with('\\') || word.len() < 4 {
        return None;
    }
    let pairs = word.as_bytes().chunks(2);
    let escapes = pairs.clone().all(|pair| matches!(pair, [b'\\', b'a'..=b'z' | b'0'..=b'9']));
    let name: String = pairs.filter_map(|pair| pair.get(1)).map(|byte| char::from(*byte)).collect();
    // Classes of regular expressions and escapes of texts.
    let is_pattern = name.bytes().all(|byte| b"dswbtnr".contains(&byte));
    (escapes && !is_pattern && is_known(&name)).then_some(name)
}

/// `\-\a` behind the name of a program is a flag.
fn unescape_flags(words: &mut [Word]) {
    for word in words.iter_mut().skip(1).filter(|word| word.text.starts_with("\\-")) {
        word.text.retain(|letter| letter != '\\');
        word.disguised = true;
    }
}

/// `/bi[n]/l[s]`: classes of one letter.
fn without_classes(word: &str) -> Option<String> {
    if !word.contains('[') || word.len() > 48 {
        return None;
    }
    let mut name = String::with_capacity(word.len());
    let mut rest = word;
    let mut classes = false;
    while let Some((before, after)) = rest.split_once('[') {
        name.push_str(before);
        let (class, behind) = after.split_once(']')?;
        let mut letters = class.chars();
        let letter = letters.next().filter(|letter| letter.is_ascii_lowercase())?;
        // Nothing but a class of one letter says which letter is meant.
        if letters.next().is_some() {
            return None;
        }
        name.push(letter);
        classes = true;
        rest = behind;
    }
    name.push_str(rest);
    // Code has an element of an array in the same spelling.
    (classes && is_known(name.rsplit('/').next().unwrap_or(&name))).then_some(name)
}
