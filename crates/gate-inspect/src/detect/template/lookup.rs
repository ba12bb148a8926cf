//! Lookups as in log4j: `${jndi:…}`, with its letters behind other lookups.

/// The outer ones of more are forgotten: each byte is looked at once for each that is open.
const DEPTH_MAX: usize = 64;

/// Whether a text, once the lookups within lookups have given their letters, has one of JNDI.
///
/// `${lower:j}`, `${env:NOTHING:-j}` and `${::-j}` all give `j`: what stands behind `:-`, or else behind
/// the last colon, is taken for what a lookup gives. One pass; the text is in lower case.
pub(super) fn asks_directory(lower: &[u8]) -> bool {
    let mut plain: Vec<u8> = Vec::with_capacity(lower.len().min(1024));
    let mut open: Vec<usize> = Vec::new();
    let mut rest = lower;
    loop {
        rest = match rest {
            [] => return open.iter().any(|start| begins(&plain, *start)),
            [b'$' | b'%', b'{', after @ ..] => {
                if open.len() == DEPTH_MAX {
                    open.remove(0);
                }
                open.push(plain.len());
                after
            }
            [b'}', after @ ..] => {
                if let Some(start) = open.pop() {
                    if begins(&plain, start) {
                        return true;
                    }
                    give(&mut plain, start);
                }
                after
            }
            [byte, after @ ..] => {
                if !open.is_empty() {
                    plain.push(*byte);
                }
                after
            }
        };
    }
}

fn begins(plain: &[u8], start: usize) -> bool {
    let name = plain.get(start..).unwrap_or_default().trim_ascii_start();
    // An i without its dot becomes one when it is put into upper case.
    name.starts_with(b"jndi:") || name.starts_with("jnd\u{131}:".as_bytes())
}

/// Replaces a lookup with what it gives.
fn give(plain: &mut Vec<u8>, start: usize) {
    let lookup = plain.get(start..).unwrap_or_default();
    let default = lookup.windows(2).position(|pair| pair == b":-").map(|at| at + 2);
    let value = default.or_else(|| lookup.iter().rposition(|byte| *byte == b':').map(|at| at + 1));
    let value = value.unwrap_or(0);
    let given: Vec<u8> =
        lookup.get(value..).unwrap_or_default().iter().copied().filter(|byte| *byte != b'\'').collect();
    plain.truncate(start);
    plain.extend(given);
}
