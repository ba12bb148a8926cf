//! What a certificate says of itself (RFC 5280 §4.1): whom it names, and when it is valid.
//! Whether that is true is for the verifiers to find out.

use std::fmt::Write as _;
use std::time::SystemTime;

use jiff::Timestamp;
use rustls::SupportedCipherSuite;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;

/// The certificate that a peer showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Whom it names, written as RFC 4514 says: `CN=device 7,O=Example`.
    pub subject: String,
    /// Who has signed it, in the same way.
    pub issuer: String,
    /// The SHA-256 of all of it.
    pub sha256: [u8; 32],
}

impl PeerCertificate {
    pub(super) fn read(der: &[u8]) -> Self {
        let fields = Fields::read(der);
        let named = |name: Option<&[u8]>| name.map(subject).unwrap_or_default();
        Self {
            subject: named(fields.as_ref().map(|fields| fields.subject)),
            issuer: named(fields.as_ref().map(|fields| fields.issuer)),
            sha256: sha256(der),
        }
    }
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

/// Why a certificate is not valid at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invalid {
    /// Not before then.
    NotYet(Timestamp),
    /// Not after then.
    Expired(Timestamp),
}

impl Validity {
    /// Reads it; `None` from what is no certificate.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let mut validity = Der(Fields::read(der)?.validity);
        let not_before = time(validity.next()?)?;
        let not_after = time(validity.next()?)?;
        Some(Self { not_before, not_after })
    }

    pub(super) fn check(&self, now: SystemTime) -> Result<(), Invalid> {
        let Ok(now) = Timestamp::try_from(now) else { return Ok(()) };
        if now < self.not_before {
            Err(Invalid::NotYet(self.not_before))
        } else if now > self.not_after {
            Err(Invalid::Expired(self.not_after))
        } else {
            Ok(())
        }
    }
}

/// Elements of DER, one behind the other.
struct Der<'a>(&'a [u8]);

/// One element: its tag and its contents.
#[derive(Clone, Copy)]
struct Element<'a> {
    tag: u8,
    contents: &'a [u8],
}

impl<'a> Der<'a> {
    fn next(&mut self) -> Option<Element<'a>> {
        let (&[tag, length], rest) = self.0.split_first_chunk()?;
        let (length, rest) = match length {
            0..=0x7f => (usize::from(length), rest),
            // Longer ones say in how many bytes the length follows; nothing in a certificate
            // needs more than three.
            0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(Element { tag, contents })
    }
}

/// Parts of a certificate.
struct Fields<'a> {
    issuer: &'a [u8],
    validity: &'a [u8],
    subject: &'a [u8],
}

impl<'a> Fields<'a> {
    fn read(der: &'a [u8]) -> Option<Self> {
        let certificate = Der(der).next()?;
        let mut to_be_signed = Der(Der(certificate.contents).next()?.contents);
        // The version is left out of certificates of version 1.
        let first = to_be_signed.next()?;
        if first.tag == VERSION {
            let _serial_number = to_be_signed.next()?;
        }
        let _algorithm = to_be_signed.next()?;
        let issuer = to_be_signed.next()?.contents;
        let validity = to_be_signed.next()?.contents;
        let subject = to_be_signed.next()?.contents;
        Some(Self { issuer, validity, subject })
    }
}

const VERSION: u8 = 0xa0;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// A time, `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ` (RFC 5280 §4.1.2.5).
fn time(element: Element<'_>) -> Option<Timestamp> {
    let digits = std::str::from_utf8(element.contents).ok()?;
    let digits = match element.tag {
        UTC_TIME => {
            let century = if digits.get(..2)? < "50" { "20" } else { "19" };
            format!("{century}{digits}")
        }
        GENERALIZED_TIME => digits.to_owned(),
        _ => return None,
    };
    let (date, time) = digits.split_at_checked(8)?;
    format!("{date}T{time}").parse().ok()
}

/// A name as RFC 4514 writes it: the last part first.
fn subject(name: &[u8]) -> String {
    let mut parts = Vec::new();
    let mut sets = Der(name);
    while let Some(set) = sets.next() {
        let mut attributes = Der(set.contents);
        let mut part = String::new();
        while let Some(attribute) = attributes.next() {
            let mut attribute = Der(attribute.contents);
            if let (Some(kind), Some(value)) = (attribute.next(), attribute.next()) {
                if !part.is_empty() {
                    part.push('+');
                }
                push_kind(&mut part, kind.contents);
                part.push('=');
                push_value(&mut part, value);
            }
        }
        parts.push(part);
    }
    parts.reverse();
    parts.join(",")
}

fn push_kind(to: &mut String, oid: &[u8]) {
    let known = match oid {
        [0x55, 0x04, 0x03] => "CN",
        [0x55, 0x04, 0x06] => "C",
        [0x55, 0x04, 0x07] => "L",
        [0x55, 0x04, 0x08] => "ST",
        [0x55, 0x04, 0x09] => "STREET",
        [0x55, 0x04, 0x0a] => "O",
        [0x55, 0x04, 0x0b] => "OU",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01] => "UID",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19] => "DC",
        _ => return push_oid(to, oid),
    };
    to.push_str(known);
}

/// The first two numbers share one (X.690 §8.19); seven bits of a number in a byte.
fn push_oid(to: &mut String, oid: &[u8]) {
    let mut number = 0_u64;
    let mut is_first = true;
    for byte in oid {
        number = number.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        let _infallible = if is_first {
            let root = (number / 40).min(2);
            write!(to, "{root}.{}", number - root * 40)
        } else {
            write!(to, ".{number}")
        };
        is_first = false;
        number = 0;
    }
}

/// A string, escaped (RFC 4514 §2.4); what is no string in hexadecimal. Control characters
/// are escaped too, so that a name cannot break a line of a log.
fn push_value(to: &mut String, value: Element<'_>) {
    let is_string = matches!(value.tag, UTF8_STRING | PRINTABLE_STRING | IA5_STRING);
    let Some(text) = std::str::from_utf8(value.contents).ok().filter(|_| is_string) else {
        to.push('#');
        for byte in value.contents {
            let _infallible = write!(to, "{byte:02x}");
        }
        return;
    };
    let last = text.chars().count().saturating_sub(1);
    for (index, character) in text.chars().enumerate() {
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => to.extend(['\\', character]),
            ' ' if index == 0 || index == last => to.push_str("\\ "),
            '#' if index == 0 => to.push_str("\\#"),
            _ if character.is_control() => {
                for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                    let _infallible = write!(to, "\\{byte:02x}");
                }
            }
            _ => to.push(character),
        }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let hash = match TLS13_AES_128_GCM_SHA256 {
        SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider.hash(bytes),
        SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider.hash(bytes),
    };
    hash.as_ref().try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(names: &[(DnType, &str)]) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in names {
            params.distinguished_name.push(kind.clone(), DnValue::Utf8String((*value).to_owned()));
        }
        params.not_before = date_time_ymd(2001, 2, 3);
        params.not_after = date_time_ymd(2060, 5, 6);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn a_subject_is_written_last_part_first_and_escaped() {
        let check = |names: &[(DnType, &str)], expected: &str| {
            let read = PeerCertificate::read(&certificate(names));
            // It has signed itself.
            assert_eq!((&*read.subject, &*read.issuer), (expected, expected));
        };
        check(&[], "");
        check(
            &[(DnType::OrganizationName, "Example"), (DnType::CommonName, "device 7")],
            "CN=device 7,O=Example",
        );
        check(&[(DnType::CommonName, "a,b+c\\d")], "CN=a\\,b\\+c\\\\d");
        check(&[(DnType::CommonName, " # ")], "CN=\\ #\\ ");
        check(&[(DnType::CommonName, "#é\n")], "CN=\\#é\\0a");
        check(&[(DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 99999]), "x")], "1.3.6.1.4.1.99999=x");
        check(&[(DnType::CustomDnType(vec![2, 999, 3]), "y")], "2.999.3=y");
    }

    #[test]
    fn a_fingerprint_is_that_of_the_whole_certificate() {
        // "abc", FIPS 180-4's example.
        let hex: String = sha256(b"abc").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_validity_is_checked_at_both_ends() {
        // The end of this one is written with four digits of the year, its begin with two.
        let validity = Validity::read(&certificate(&[])).unwrap();
        let at = |text: &str| -> SystemTime { text.parse::<Timestamp>().unwrap().into() };
        let second = Duration::from_secs(1);
        let (begin, end) = (at("2001-02-03T00:00:00Z"), at("2060-05-06T00:00:00Z"));
        assert_eq!(validity.check(begin), Ok(()));
        assert_eq!(validity.check(end), Ok(()));
        assert_eq!(validity.check(begin - second), Err(Invalid::NotYet(validity.not_before)));
        assert_eq!(validity.check(end + second), Err(Invalid::Expired(validity.not_after)));
    }

    #[test]
    fn no_beginning_of_a_certificate_is_taken_for_one() {
        let der = certificate(&[(DnType::CommonName, "whole")]);
        for length in 0..der.len() {
            assert!(Fields::read(&der[..length]).is_none(), "{length} of {}", der.len());
        }
        assert!(Fields::read(&der).is_some());
    }
}
