//! The versions of TLS that a configuration allows, in rustls' words.

use gate_config::model::{Objection, Place, TlsVersion};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::tls::identity::objection;

static ONLY_1_2: [&SupportedProtocolVersion; 1] = [&TLS12];
static ONLY_1_3: [&SupportedProtocolVersion; 1] = [&TLS13];
static BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// Those from `min` to `max`; `place` is for what there is against them.
pub(super) fn versions(
    (min, max): (TlsVersion, TlsVersion),
    place: Place,
    objections: &mut Vec<Objection>,
) -> Option<&'static [&'static SupportedProtocolVersion]> {
    match (min, max) {
        (TlsVersion::V1_2, TlsVersion::V1_2) => Some(&ONLY_1_2),
        (TlsVersion::V1_2, TlsVersion::V1_3) => Some(&BOTH),
        (TlsVersion::V1_3, TlsVersion::V1_3) => Some(&ONLY_1_3),
        (TlsVersion::V1_3, TlsVersion::V1_2) => {
            objections.push(objection(
                place,
                "min-version is above max-version".into(),
                "min-version \"1.2\", or max-version \"1.3\"",
            ));
            None
        }
    }
}
