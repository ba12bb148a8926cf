//! `syslog:` targets of logs, in nginx's words:
//! `syslog:server=unix:/dev/log,facility=local7,tag=ws,severity=info,nohostname`.

use std::path::PathBuf;

use super::address::Fault;
use crate::model::{Syslog, SyslogServer};
use crate::nearest::nearest;

/// By their numbers.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "intern", "lpr", "news", "uucp", "clock", "authpriv", "ftp",
    "ntp", "audit", "alert", "cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];

/// By their numbers.
const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];

const EXAMPLE: &str = "write \"syslog:server=unix:/dev/log,facility=local7,tag=ws,severity=info\"";
/// RFC 3164 §4.1.3.
const TAG_MAX: usize = 32;
const PORT: u16 = 514;

/// What stands behind `syslog:`.
pub(crate) fn syslog(text: &str, resolve: impl Fn(&str) -> PathBuf) -> Result<Syslog, Fault> {
    let mut server = None;
    let mut syslog = Syslog {
        server: SyslogServer::Udp(String::new()),
        facility: 23,
        severity: 6,
        tag: "framegate".to_owned(),
        has_hostname: true,
    };
    for parameter in text.split(',') {
        match parameter.split_once('=') {
            Some(("server", value)) => server = Some(place_of(value, &resolve)?),
            Some(("facility", value)) => syslog.facility = number("facility", &FACILITIES, value)?,
            Some(("severity", value)) => syslog.severity = number("severity", &SEVERITIES, value)?,
            Some(("tag", value)) => syslog.tag = tag(value)?,
            None if parameter == "nohostname" => syslog.has_hostname = false,
            Some(_) | None => {
                return fault(
                    format!("syslog knows no `{}`", parameter.escape_debug()),
                    "there are: server, facility, severity, tag, nohostname".to_owned(),
                );
            }
        }
    }
    match server {
        Some(server) => Ok(Syslog { server, ..syslog }),
        None => fault("the server is missing".to_owned(), EXAMPLE.to_owned()),
    }
}

fn place_of(value: &str, resolve: impl Fn(&str) -> PathBuf) -> Result<SyslogServer, Fault> {
    if let Some(path) = value.strip_prefix("unix:") {
        return if path.is_empty() {
            fault("the path of the socket is missing".to_owned(), EXAMPLE.to_owned())
        } else {
            Ok(SyslogServer::Unix(resolve(path)))
        };
    }
    // An address of IPv6 has colons of its own, and brackets around it.
    let behind = value.rsplit(']').next().unwrap_or_default();
    let (host, port) = match behind.rsplit_once(':') {
        Some((_, port)) => (value.strip_suffix(port).and_then(|host| host.strip_suffix(':')), Some(port)),
        None => (Some(value), None),
    };
    let host = host.unwrap_or_default();
    let is_host = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
        && host.starts_with('[') == host.ends_with(']')
        && host.starts_with('[') == host.contains(':');
    if !is_host {
        let help =
            "servers are like \"unix:/dev/log\", \"127.0.0.1:514\", \"[::1]:514\" or \"logs.example.org\"";
        return fault(format!("`{}` is no server", value.escape_debug()), help.to_owned());
    }
    match port.map_or(Ok(PORT), str::parse::<u16>) {
        Ok(port) if port > 0 => Ok(SyslogServer::Udp(format!("{host}:{port}"))),
        Ok(_) | Err(_) => fault("not a port".to_owned(), "ports are 1 to 65535".to_owned()),
    }
}

fn number(what: &str, names: &[&'static str], value: &str) -> Result<u8, Fault> {
    let position = names.iter().position(|name| *name == value);
    if let Some(number) = position.and_then(|position| u8::try_from(position).ok()) {
        return Ok(number);
    }
    let near = nearest(value, names.iter().copied());
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    fault(
        format!("no {what} is called `{}`", value.escape_debug()),
        format!("{near}there are: {}", names.join(", ")),
    )
}

fn tag(value: &str) -> Result<String, Fault> {
    let is_tag = (1..=TAG_MAX).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_tag {
        return Ok(value.to_owned());
    }
    fault(
        format!("`{}` is no tag", value.escape_debug()),
        format!("tags are of letters of ASCII, digits and `_`, at most {TAG_MAX} of them"),
    )
}

fn fault<T>(why: String, help: String) -> Result<T, Fault> {
    Err(Fault { why, help })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_nginx_are_understood() {
        let udp = |address: &str| SyslogServer::Udp(address.to_owned());
        for (text, server, facility, severity, tag, has_hostname) in [
            ("server=unix:log", SyslogServer::Unix("/run/log".into()), 23, 6, "framegate", true),
            ("server=127.0.0.1", udp("127.0.0.1:514"), 23, 6, "framegate", true),
            ("server=[::1]:5140,tag=ws_1", udp("[::1]:5140"), 23, 6, "ws_1", true),
            ("server=[::1]", udp("[::1]:514"), 23, 6, "framegate", true),
            ("facility=auth,severity=emerg,nohostname,server=h:1", udp("h:1"), 4, 0, "framegate", false),
        ] {
            let expected = Syslog { server, facility, severity, tag: tag.to_owned(), has_hostname };
            assert_eq!(syslog(text, |path| format!("/run/{path}").into()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, why) in [
            ("", "syslog knows no ``"),
            ("facility=auth", "the server is missing"),
            ("server=", "`` is no server"),
            ("server=a b", "`a b` is no server"),
            ("server=::1", "`::1` is no server"),
            ("server=unix:", "the path of the socket is missing"),
            ("server=a:0", "not a port"),
            ("server=a:http", "not a port"),
            ("server=a,facility=local9", "no facility is called `local9`"),
            ("server=a,severity=warning", "no severity is called `warning`"),
            ("server=a,tag=", "`` is no tag"),
            ("server=a,tag=a-b", "`a-b` is no tag"),
            ("server=a,buffer=1", "syslog knows no `buffer=1`"),
        ] {
            let fault = syslog(text, |path| path.into()).map(drop).unwrap_err();
            assert_eq!(fault.why, why, "{text}");
        }
    }
}
