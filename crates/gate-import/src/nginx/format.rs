//! Formats of the WebSocket module's log, as Framegate's templates.
//!
//! The module looks for the names of its variables and leaves anything else as it is: `$urix`
//! is `$uri` and an `x`, `$5` is no variable. Where a name goes on with `_` it is another one.

/// The module's variables, and the one that nobody documented.
const NAMES: &str = "\
    ws_opcode ws_payload_size ws_message_size ws_packet_source ws_conn_age time_local request uri request_id \
    remote_user remote_addr remote_port server_addr server_port upstream_addr remote_ip";

/// The template that writes what the module would.
pub(super) fn template(format: &str) -> String {
    let mut text = String::with_capacity(format.len() + 8);
    let mut rest = format;
    while let Some((before, behind)) = rest.split_once('$') {
        text.push_str(before);
        match variable(behind) {
            Some((name, length)) => {
                rest = behind.get(length..).unwrap_or_default();
                let name = if name == "remote_ip" { "remote_addr" } else { name };
                let goes_on = rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
                text.push_str(&if goes_on { format!("${{{name}}}") } else { format!("${name}") });
            }
            None => {
                text.push_str("$$");
                rest = behind;
            }
        }
    }
    text.push_str(rest);
    text
}

/// The first word behind a dollar sign that is no variable.
pub(super) fn unknown(format: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = format.match_indices('$').filter_map(|(at, _)| format.get(at + 1..));
    let mut unknown = words.filter(|behind| {
        variable(behind).is_none()
            && behind.trim_start_matches('{').starts_with(|c: char| c.is_ascii_alphabetic())
    });
    unknown.next().map(|behind| {
        let name: String = behind.trim_start_matches('{').chars().take_while(|c| is_part(*c)).collect();
        format!("${name}")
    })
}

/// The variable behind a dollar sign, and its length there.
fn variable(behind: &str) -> Option<(&str, usize)> {
    // The module knows no braces. Who writes them means the variable.
    if let Some((name, _)) = behind.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        return (is_known(name) || is_field(name)).then_some((name, name.len() + 2));
    }
    let end = behind.find(|c: char| !(c.is_ascii_lowercase() || c == '_')).unwrap_or(behind.len());
    let word = behind.get(..end).unwrap_or_default();
    if is_field(word) {
        return Some((word, word.len()));
    }
    // The longest name first; a shorter one that goes on with `_` is no variable.
    let known = NAMES
        .split_ascii_whitespace()
        .filter(|name| behind.strip_prefix(name).is_some_and(|rest| !rest.starts_with('_')));
    known.max_by_key(|name| name.len()).map(|name| (name, name.len()))
}

fn is_known(name: &str) -> bool {
    NAMES.split_ascii_whitespace().any(|known| known == name)
}

/// `http_name`: a field of the request.
fn is_field(name: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_lowercase() || b == b'_';
    name.strip_prefix("http_")
        .is_some_and(|field| !field.trim_matches('_').is_empty() && field.bytes().all(is_part))
}

#[cfg(test)]
mod tests {
    use gate_core::template::{Escape, Template};

    use super::{NAMES, template, unknown};

    #[test]
    fn names_are_found_as_the_module_finds_them() {
        for (format, expected) in [
            ("$ws_opcode $ws_payload_size", "$ws_opcode $ws_payload_size"),
            ("$time_local: type $ws_opcode.", "$time_local: type $ws_opcode."),
            ("$urix", "${uri}x"),
            ("$request$request_id", "$request$request_id"),
            ("$request_ids", "${request_id}s"),
            ("$request_", "$$request_"),
            ("$time_", "$$time_"),
            ("$", "$$"),
            ("$5 and $$uri", "$$5 and $$$uri"),
            ("$remote_ip", "$remote_addr"),
            ("$http_user_agent7", "${http_user_agent}7"),
            ("$http_", "$$http_"),
            ("${uri}x", "${uri}x"),
            ("${none}", "$${none}"),
            ("", ""),
            ("ä$uriö", "ä$uriö"),
        ] {
            assert_eq!(template(format), expected, "{format}");
            assert!(Template::text(&template(format), Escape::Default).is_ok(), "{format}");
        }
    }

    #[test]
    fn what_is_no_variable_is_found() {
        for (format, expected) in [
            ("$uri $request_time", Some("$request_time")),
            ("${none}", Some("$none")),
            ("$urix $5 $ $http_a", None),
            ("$ws_opcode", None),
        ] {
            assert_eq!(unknown(format).as_deref(), expected, "{format}");
        }
    }

    #[test]
    fn every_variable_of_the_module_is_one_of_the_gateway() {
        for name in NAMES.split_ascii_whitespace() {
            let text = template(&format!("${name}"));
            assert!(Template::text(&text, Escape::Default).is_ok(), "{text}");
        }
    }
}
