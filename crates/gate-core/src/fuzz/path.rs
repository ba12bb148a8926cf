//! The entry point for fuzzing the normal form of paths, against a reader by the book.
//!
//! What holds for every text: `normalise` says what the reader says, and refuses what it
//! refuses; the normal form is its own normal form, and stays so however it is disguised.

use crate::path::{PathFault, normalise};

/// Reads `data` as the path of a request.
///
/// # Panics
/// One of the invariants does not hold: that is a bug to be found.
pub fn fuzz_path(data: &[u8]) {
    let Ok(path) = str::from_utf8(data) else { return };
    let normal = normalise(path).map(String::from);
    assert_eq!(normal.as_deref().ok(), by_the_book(path).as_deref(), "{path:?}");
    match normal {
        Ok(normal) => {
            assert_eq!(normalise(&normal).as_deref(), Ok(&*normal), "{path:?}");
            assert_eq!(normalise(&disguise(&normal)).as_deref(), Ok(&*normal), "{path:?}");
        }
        Err(PathFault::NotAbsolute) => assert!(!path.starts_with('/')),
        Err(fault) => assert!(path.starts_with('/'), "{path:?}: {fault}"),
    }
}

/// One octet of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Octet {
    /// For itself.
    Plain(u8),
    /// As an escape.
    Escaped(u8),
}

/// The normal form, made in the slowest way.
fn by_the_book(path: &str) -> Option<String> {
    let octets = read(path.as_bytes())?;
    let mut segments = octets.split(|octet| *octet == Octet::Plain(b'/')).map(<[Octet]>::to_vec);
    if !segments.next()?.is_empty() {
        return None;
    }
    let segments: Vec<_> = segments.collect();
    let (last, mut kept) = (segments.last()?.clone(), Vec::new());
    for segment in segments {
        let is_parameter = |octet: &Octet| matches!(octet, Octet::Plain(b';') | Octet::Escaped(b';'));
        let dots = segment.iter().take_while(|octet| **octet == Octet::Plain(b'.')).count();
        match segment.get(dots) {
            Some(next) if matches!(dots, 1 | 2) && is_parameter(next) => return None,
            None if dots == 1 => {}
            None if dots == 2 => drop(kept.pop()?),
            Some(_) | None => kept.push(segment),
        }
    }
    if last == [Octet::Plain(b'.')] || last == [Octet::Plain(b'.'); 2] {
        kept.push(Vec::new());
    }
    (!kept.is_empty()).then(|| kept.iter().map(|segment| format!("/{}", write(segment))).collect())
}

/// The octets of a path, each in the way that it must be written.
fn read(path: &[u8]) -> Option<Vec<Octet>> {
    let mut octets = Vec::new();
    let mut left = path.iter();
    while let Some(&octet) = left.next() {
        octets.push(match octet {
            b'%' => {
                let digits = [*left.next()?, *left.next()?];
                let is_escape = digits.iter().all(u8::is_ascii_hexdigit);
                let digits = str::from_utf8(&digits).ok().filter(|_| is_escape)?;
                match u8::from_str_radix(digits, 16).ok()? {
                    0 | b'\\' => return None,
                    octet if UNRESERVED.contains(&octet) => Octet::Plain(octet),
                    octet => Octet::Escaped(octet),
                }
            }
            octet if UNRESERVED.contains(&octet) || b"/:@!$&'()*+,;=".contains(&octet) => Octet::Plain(octet),
            b'#' | b'?' | b'\\' => return None,
            b'!'..=b'~' => Octet::Escaped(octet),
            _ => return None,
        });
    }
    Some(octets)
}

fn write(octets: &[Octet]) -> String {
    let write = |octet: &Octet| match octet {
        Octet::Plain(octet) => char::from(*octet).to_string(),
        Octet::Escaped(octet) => format!("%{octet:02X}"),
    };
    octets.iter().map(write).collect()
}

/// The same path with escapes where none are needed, and in lower case.
fn disguise(normal: &str) -> String {
    let mut digits = 0;
    let mut hide = |octet: u8| {
        let is_digit = digits > 0;
        digits = if octet == b'%' { 2 } else { usize::saturating_sub(digits, 1) };
        match octet {
            _ if is_digit => char::from(octet).to_ascii_lowercase().to_string(),
            _ if UNRESERVED.contains(&octet) => format!("%{octet:02x}"),
            _ => char::from(octet).to_string(),
        }
    };
    normal.bytes().map(&mut hide).collect()
}

/// RFC 3986 §2.3.
const UNRESERVED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
