//! Reads networks of peers, wherever some are believed or asked to begin in a way of their own.

use super::Context;
use crate::fields::Fields;
use crate::model::Peers;
use crate::report::Code;
use crate::value::network;

/// Networks of peers.
pub(super) fn peers(fields: &Fields<'_>, name: &str, cx: &mut Context<'_>) -> Peers {
    let mut peers = Peers::default();
    for text in fields.texts(name, cx.report) {
        match network(text.value) {
            Ok(Some(network)) => peers.networks.push(network),
            Ok(None) => peers.unix = true,
            Err(fault) => {
                cx.report
                    .error(
                        Code::BadNetwork,
                        text.place,
                        format!("`{}` is no network", text.value.escape_debug()),
                    )
                    .label(fault.why)
                    .help(fault.help);
            }
        }
    }
    peers
}
