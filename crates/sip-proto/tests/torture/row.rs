//! What the lists of torture messages are made of.

use sip_proto::Fault;

/// What becomes of a message where it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It can be routed.
    Sound,
    /// It can be split, but whoever routes it refuses it.
    Unroutable(Fault),
    /// It cannot be split.
    Refused(Fault),
}

/// A message by its name; lines end with LF here, and are given their CR.
pub(crate) struct Torture {
    pub(crate) name: &'static str,
    pub(crate) fate: Fate,
    pub(crate) text: &'static str,
}

impl Torture {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.text.replace('\n', "\r\n").into_bytes()
    }
}

/// A request that has what each must have, in the same words as all others: its name, its fate, its first
/// line without the version, the value of its CSeq, and what stands behind that, the empty line and the body
/// included.
macro_rules! request {
    ($name:literal, $fate:expr, $line:literal, $cseq:literal, $more:literal) => {
        Torture {
            name: $name,
            fate: $fate,
            text: concat!(
                $line,
                " SIP/2.0\nTo: sip:user@example.com\nFrom: sip:caller@example.net;tag=134161461246\n",
                "Max-Forwards: 70\nCall-ID: ",
                $name,
                ".0ha0isnda977644900765@192.0.2.15\nCSeq: ",
                $cseq,
                "\nVia: SIP/2.0/UDP host.example.com;branch=z9hG4bK",
                $name,
                "\n",
                $more
            ),
        }
    };
}
