//! Addresses, networks and ranges of ports, and what two of them have in common.

use std::fmt;
use std::net::IpAddr;

/// An address, or all with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// `10.0.0.1`, `10.0.0.0/8`, `::1`
    pub(super) fn read(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = bits.unwrap_or_else(|| width(address));
        if bits > width(address) {
            return None;
        }
        Some(Self { address: masked(address, bits), bits })
    }

    /// What is in both. Networks lie within one another or apart.
    pub(super) fn and(self, other: Self) -> Option<Self> {
        let (wide, narrow) = if self.bits <= other.bits { (self, other) } else { (other, self) };
        let is_within =
            width(wide.address) == width(narrow.address) && masked(narrow.address, wide.bits) == wide.address;
        is_within.then_some(narrow)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bits == width(self.address) {
            return write!(f, "{}", self.address);
        }
        write!(f, "{}/{}", self.address, self.bits)
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn masked(address: IpAddr, bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

/// Ports from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    first: u16,
    last: u16,
}

impl Ports {
    /// What is true of a port that is compared with a number; `!=` is that of `==`.
    pub(super) fn compared(operator: &str, number: &str) -> Option<Self> {
        let number: u16 = number.parse().ok()?;
        let (first, last) = match operator {
            "==" | "!=" => (number, number),
            "<" => (0, number.checked_sub(1)?),
            "<=" => (0, number),
            ">" => (number.checked_add(1)?, u16::MAX),
            ">=" => (number, u16::MAX),
            _ => return None,
        };
        Some(Self { first, last })
    }

    pub(super) fn and(self, other: Self) -> Option<Self> {
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        (first <= last).then_some(Self { first, last })
    }

    /// The port, if it is one.
    pub(super) fn single(self) -> Option<u16> {
        (self.first == self.last).then_some(self.first)
    }
}

impl From<u16> for Ports {
    fn from(port: u16) -> Self {
        Self { first: port, last: port }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::{Network, Ports};

    #[test]
    fn networks_have_in_common_what_is_in_both() {
        for (one, other, expected) in [
            ("10.1.2.3/8", "10.9.0.0/16", Some("10.9.0.0/16")),
            ("10.0.0.1", "10.0.0.1", Some("10.0.0.1")),
            ("10.0.0.1", "10.0.0.2", None),
            ("0.0.0.0/0", "10.0.0.2", Some("10.0.0.2")),
            ("::/0", "10.0.0.2", None),
            ("2001:db8::/32", "2001:db8::1", Some("2001:db8::1")),
        ] {
            let (one, other) = (Network::read(one).expect(one), Network::read(other).expect(other));
            assert_eq!(one.and(other).map(|both| both.to_string()).as_deref(), expected);
            assert_eq!(other.and(one), one.and(other));
        }
        for wrong in ["", "10.0.0", "10.0.0.0/33", "a", "10.0.0.0/x"] {
            assert_eq!(Network::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ports_are_ranges() {
        let range = |operator, number| Ports::compared(operator, number).map(|ports| ports.to_string());
        assert_eq!(range(">", "1023").as_deref(), Some("1024-65535"));
        assert_eq!(range("<", "80").as_deref(), Some("0-79"));
        for (operator, number) in [("<", "0"), (">", "65535"), ("==", "65536"), ("=~", "1")] {
            assert_eq!(range(operator, number), None, "{operator} {number}");
        }
        let (low, high) = (Ports::compared("<=", "80"), Ports::compared(">=", "80"));
        let both = low.zip(high).and_then(|(low, high)| low.and(high));
        assert_eq!(both.and_then(Ports::single), Some(80));
    }
}
