//! Descriptions of sessions (SDP, RFC 8866) that are nothing but what phones and browsers need: addresses, ports,
//! codecs, candidates, each in the strictest grammar of its line.
//!
//! As with [`super::plain`]: saying no costs time only.

use super::plain::{CAPITALS, DIGITS, HEX, LOWER, Reader, TILDED, WORD, is_disguised};
use crate::bytes::ByteSet;

/// Whether a body is such a description, and all of its lines are plain.
pub(in crate::decode) fn is_plain(body: &[u8]) -> bool {
    let mut lines =
        without_end(body.strip_suffix(b"\n").unwrap_or(body)).split(|byte| *byte == b'\n').map(without_end);
    lines.next() == Some(b"v=0") && lines.all(is_plain_line)
}

fn without_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn is_plain_line(line: &[u8]) -> bool {
    let [kind, b'=', value @ ..] = line else { return false };
    let mut text = Reader { rest: value };
    // What Firefox calls itself.
    let is_known = *kind == b'o' && text.eat(b"mozilla...");
    if is_disguised(if is_known { text.rest } else { value }) {
        return false;
    }
    let is_read = match kind {
        b'o' => is_taken(&mut text, WORD) && words(&mut text),
        b's' => matches!(value, b"-" | b" ") && text.eat(value),
        b'c' | b't' => is_word(text.until_blank()) && words(&mut text),
        b'b' => is_taken(&mut text, CAPITALS) && text.eat(b":") && is_taken(&mut text, DIGITS),
        b'm' => {
            is_word(text.until_blank()) && text.eat(b" ") && is_taken(&mut text, DIGITS) && profile(&mut text)
        }
        b'a' => attribute(&mut text),
        _ => false,
    };
    is_read && text.rest.is_empty()
}

fn is_taken(text: &mut Reader<'_>, bytes: ByteSet) -> bool {
    !text.take(bytes).is_empty()
}

fn profile(text: &mut Reader<'_>) -> bool {
    text.eat(b" ") && PROFILES.contains(&text.until_blank()) && words(text)
}

fn attribute(text: &mut Reader<'_>) -> bool {
    let name = text.take(LOWER);
    if !ATTRIBUTES.contains(&name) {
        return false;
    }
    if text.rest.is_empty() {
        return true;
    }
    if !text.eat(b":") {
        return false;
    }
    if name.starts_with(b"ice-") && !is_word(text.rest) {
        return is_random(text.until_blank());
    }
    text.eat(b" ");
    is_word(text.until_blank()) && words(text)
}

/// The words behind the first.
fn words(text: &mut Reader<'_>) -> bool {
    while text.eat(b" ") {
        if !is_word(text.until_blank()) {
            return false;
        }
    }
    true
}

/// A word that is no program's name, and no value of somebody's own.
fn is_word(word: &[u8]) -> bool {
    if VOCABULARY.contains(&word) {
        return true;
    }
    let mut text = Reader { rest: word };
    if [&b"cname:"[..], b"msid:"].iter().any(|prefix| text.eat(prefix)) {
        return is_random(text.rest) || (is_identifier(&mut text) && text.rest.is_empty());
    }
    if text.eat(b"urn:ietf:params:rtp-hdrext:") || text.eat(b"http://www.ietf.org/id/draft-") {
        return is_taken(&mut text, EXTENSION) && text.rest.is_empty();
    }
    if text.eat(b"http://www.webrtc.org/experiments/rtp-hdrext/") {
        return EXTENSIONS.contains(&text.rest);
    }
    if is_identifier(&mut Reader { rest: word }) && identifier_ends(word) {
        return true;
    }
    if text.rest.contains(&b'=') {
        return text.rest.split(|byte| *byte == b';').all(is_setting);
    }
    if text.rest.contains(&b'/') {
        return is_codec(&mut text);
    }
    text.rest.first().is_some_and(u8::is_ascii_digit)
        && !text.rest.starts_with(b"7z")
        && is_taken(&mut text, NUMBER)
        && text.rest.is_empty()
}

/// Digits in hexadecimal, as of a UUID, or a name for a host made of one.
fn is_identifier(text: &mut Reader<'_>) -> bool {
    let braced = text.eat(b"{");
    let digits = text.take(HEX);
    digits.len() >= IDENTIFIER_MIN && digits.iter().any(u8::is_ascii_digit) && braced == text.eat(b"}")
}

fn identifier_ends(word: &[u8]) -> bool {
    let mut text = Reader { rest: word };
    is_identifier(&mut text) && matches!(text.rest, b"" | b".local")
}

/// `opus/48000/2`, `2/recvonly`, `111/111`.
fn is_codec(text: &mut Reader<'_>) -> bool {
    if !is_taken(text, CODEC) {
        return false;
    }
    while text.eat(b"/") {
        let is_direction =
            [&b"recvonly"[..], b"sendonly", b"sendrecv"].iter().any(|direction| text.eat(direction));
        if !is_direction && text.take(DIGITS).is_empty() {
            return false;
        }
    }
    text.rest.is_empty()
}

/// `useinbandfec=1`
fn is_setting(setting: &[u8]) -> bool {
    let mut text = Reader { rest: setting };
    SETTINGS.contains(&text.take(TILDED))
        && text.eat(b"=")
        && text.rest.first().is_some_and(u8::is_ascii_digit)
        && is_taken(&mut text, HEX)
        && text.rest.is_empty()
}

/// A secret of random letters: none of what slashes part it into is a file's name, nor the last a program's.
fn is_random(word: &[u8]) -> bool {
    let has_digit = |part: &[u8]| part.iter().any(u8::is_ascii_digit);
    let mut parts = word.rsplit(|byte| *byte == b'/');
    let last = parts.next().unwrap_or_default();
    word.len() >= RANDOM_MIN
        && word.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
        && (last.len() == word.len() || (last.len() >= LAST_MIN && has_digit(last)))
        && parts.all(|part| part.len() < 3 || has_digit(part))
}

const NUMBER: ByteSet = DIGITS.or(HEX).or(ByteSet::of(b".:"));
const CODEC: ByteSet = DIGITS.or(CAPITALS).or(LOWER);
const EXTENSION: ByteSet = DIGITS.or(LOWER).or(ByteSet::of(b":"));
const IDENTIFIER_MIN: usize = 8;
const RANDOM_MIN: usize = 4;
/// No program with a digit in its name has so many letters.
const LAST_MIN: usize = 10;

const PROFILES: [&[u8]; 9] = [
    b"RTP/AVP",
    b"RTP/AVPF",
    b"RTP/SAVP",
    b"RTP/SAVPF",
    b"UDP/TLS/RTP/SAVP",
    b"UDP/TLS/RTP/SAVPF",
    b"UDP/DTLS/SCTP",
    b"TCP/DTLS/SCTP",
    b"DTLS/SCTP",
];
const ATTRIBUTES: [&[u8]; 37] = [
    b"candidate",
    b"crypto",
    b"end-of-candidates",
    b"extmap",
    b"extmap-allow-mixed",
    b"fingerprint",
    b"fmtp",
    b"group",
    b"ice-lite",
    b"ice-options",
    b"ice-pwd",
    b"ice-ufrag",
    b"inactive",
    b"label",
    b"max-message-size",
    b"maxptime",
    b"mid",
    b"msid",
    b"msid-semantic",
    b"ptime",
    b"recvonly",
    b"remote-candidates",
    b"rtcp",
    b"rtcp-fb",
    b"rtcp-mux",
    b"rtcp-mux-only",
    b"rtcp-rsize",
    b"rtpmap",
    b"sctp-port",
    b"sctpmap",
    b"sendonly",
    b"sendrecv",
    b"setup",
    b"ssrc",
    b"ssrc-group",
    b"imageattr",
    b"bundle-only",
];
/// Extensions of headers by which browsers try what is no standard yet.
const EXTENSIONS: [&[u8]; 9] = [
    b"abs-send-time",
    b"abs-capture-time",
    b"playout-delay",
    b"video-content-type",
    b"video-timing",
    b"color-space",
    b"video-layers-allocation00",
    b"inband-cn",
    b"transport-wide-cc-02",
];
const SETTINGS: [&[u8]; 22] = [
    b"minptime",
    b"maxptime",
    b"ptime",
    b"useinbandfec",
    b"usedtx",
    b"cbr",
    b"stereo",
    b"sprop-stereo",
    b"maxplaybackrate",
    b"sprop-maxcapturerate",
    b"maxaveragebitrate",
    b"apt",
    b"rtx-time",
    b"profile-id",
    b"profile-level-id",
    b"level-asymmetry-allowed",
    b"packetization-mode",
    b"max-fs",
    b"max-fr",
    b"level-idx",
    b"profile",
    b"tier",
];
const VOCABULARY: [&[u8]; 52] = [
    b"-",
    b"*",
    b"IN",
    b"IP4",
    b"IP6",
    b"audio",
    b"video",
    b"application",
    b"data",
    b"udp",
    b"UDP",
    b"tcp",
    b"TCP",
    b"typ",
    b"host",
    b"srflx",
    b"prflx",
    b"relay",
    b"raddr",
    b"rport",
    b"generation",
    b"network-id",
    b"network-cost",
    b"ufrag",
    b"tcptype",
    b"active",
    b"passive",
    b"actpass",
    b"so",
    b"BUNDLE",
    b"WMS",
    b"FID",
    b"nack",
    b"pli",
    b"fir",
    b"ccm",
    b"goog-remb",
    b"transport-cc",
    b"rrtr",
    b"sha-1",
    b"sha-256",
    b"SHA-256",
    b"sha-512",
    b"trickle",
    b"renomination",
    b"webrtc-datachannel",
    b"holdconn",
    b"LS",
    b"SIM",
    b"FEC-FR",
    b"tmmbr",
    b"sli",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines that are plain.
    const LINES: &str = include_str!("../../../tests/plain/lines.txt");
    #[test]
    fn what_browsers_and_phones_offer_is_plain() {
        for line in LINES.lines() {
            assert!(is_plain_line(line.as_bytes()), "{line}");
        }
        assert!(is_plain(b"v=0\r\ns=-\r\nt=0 0\r\n") && is_plain(b"v=0\ns=-") && is_plain(b"v=0\r\n"));
    }

    #[test]
    fn what_is_somebody_s_own_is_not() {
        for line in [
            "",
            "a",
            "a=",
            "a=x",
            "a=mid:cat",
            "a=mid:0;id",
            "s=a b",
            "i=text",
            "u=http://a.example/",
            "a=tool:x",
            "a=fmtp:1 x=1",
            "a=fmtp:1 apt=a",
            "a=fmtp:1 apt=1;",
            "a=ice-pwd:etc/passwd",
            "a=rtpmap:1 a/../b",
            "a=rtpmap:1 etc/passwd",
            "a=mid:0 ",
            "a=mid:0  1",
            "m=audio 1 RTP/AVP cat",
            "c=IN IP4 a.example",
            "a=extmap:1 http://a.example/x",
            "a=mid:7z",
        ] {
            assert!(!is_plain_line(line.as_bytes()), "{line}");
        }
        for body in ["", "v=1\r\n", "v=0\r\n\r\n", "v=0\r\ns=-\r\n\r\n", "<b>\r\nv=0\r\n"] {
            assert!(!is_plain(body.as_bytes()), "{body}");
        }
    }
}
