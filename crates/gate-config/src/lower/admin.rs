//! Reads `admin`: where an operator can ask and order.

use super::Context;
use super::listeners::listen_on;
use crate::fields::Fields;
use crate::model::{Admin, At, ListenAddress, Secret};
use crate::report::Code;
use crate::value::server_name;

/// Permissions of its unix socket: for the user that it runs as.
const MODE: u32 = 0o600;

pub(super) fn read(top: &Fields<'_>, cx: &mut Context<'_>) -> Option<Admin> {
    let fields = top.sub("admin", cx.report)?;
    let address = if fields.one("address").is_some() {
        listen_on(&fields, MODE, None, cx)
    } else {
        let default = ListenAddress::Tcp(([127, 0, 0, 1], 9091).into());
        Some(At { value: default, place: fields.place })
    };
    let token = token(&fields, cx);
    let token_file = fields.text("token-file", cx.report).map(|path| cx.path(path));
    let hosts = hosts(&fields, cx);
    let admin = Admin { address: address?, token, token_file, hosts };
    // A token that is wrong has been told already.
    let has_token = fields.one("token").is_some() || fields.one("token-file").is_some();
    if let ListenAddress::Tcp(address) = &admin.address.value
        && !address.ip().to_canonical().is_loopback()
        && !has_token
    {
        cx.report
            .error(
                Code::Incomplete,
                admin.address.place,
                format!("{address} can be reached from other machines, and there is no token"),
            )
            .label("whoever reaches it could close connections and stop the gateway")
            .help("add a `token-file`, or listen on 127.0.0.1, [::1] or a unix socket");
    }
    Some(admin)
}

fn token(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<At<Secret>> {
    let text = fields.text("token", cx.report)?;
    let Some(value) = Secret::new(text.value) else {
        cx.report
            .error(Code::BadField, text.place, "a token is of visible characters of ASCII, without blanks")
            .label("no header can carry this")
            .help("`openssl rand -hex 32` makes a good one");
        return None;
    };
    if value.is_weak() {
        cx.report
            .warn(Code::Insecure, text.place, "the token is short enough to be guessed")
            .label(format!("fewer than {} characters", Secret::LENGTH_ADVISED))
            .help("`openssl rand -hex 32` makes a good one");
    }
    Some(At { value, place: text.place })
}

fn hosts(fields: &Fields<'_>, cx: &mut Context<'_>) -> Vec<String> {
    let mut hosts = Vec::new();
    for text in fields.texts("hosts", cx.report) {
        let name = match text.value.contains('*') {
            true => Err("a `*` does not belong here"),
            false => server_name(text.value),
        };
        match name {
            Ok(name) => hosts.push(name),
            Err(fault) => {
                cx.report
                    .error(
                        Code::BadHost,
                        text.place,
                        format!("`{}` is no host", text.value.escape_debug()),
                    )
                    .label(fault)
                    .help("hosts are names like \"admin.example.org\", without a port; addresses are always allowed");
            }
        }
    }
    hosts
}
