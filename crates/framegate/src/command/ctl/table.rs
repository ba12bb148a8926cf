//! Answers of a gateway as people read them.

use serde_json::Value;

/// What `framegate ctl health` shows.
pub(super) fn health(answer: &Value) -> String {
    format!(
        "{}: framegate {}, up {}, {} connections\n",
        text(answer, "status"),
        text(answer, "version"),
        span(number(answer, "uptime_secs")),
        text(answer, "connections"),
    )
}

/// What `framegate ctl close` shows.
pub(super) fn closing(answer: &Value) -> String {
    match text(answer, "closing").as_str() {
        "1" => "1 connection is being closed\n".to_owned(),
        count => format!("{count} connections are being closed\n"),
    }
}

/// What an action reports.
pub(super) fn report(answer: &Value) -> String {
    format!("{}\n", text(answer, "report"))
}

/// What `framegate ctl wss_trace` and its like show: the answer, or its members line by line.
pub(super) fn result(answer: &Value) -> String {
    match answer.get("result") {
        Some(Value::Object(members)) => members
            .keys()
            .map(|key| format!("{}: {}\n", printable(key), text(answer_of(answer), key)))
            .collect(),
        Some(_) | None => format!("{}\n", text(answer, "result")),
    }
}

/// What `framegate ctl tls_list` shows.
pub(super) fn domains(answer: &Value) -> String {
    let empty = Vec::new();
    let domains = answer_of(answer).get("Domains").and_then(Value::as_array).unwrap_or(&empty);
    let mut rows = vec![
        ["NAME", "FOR", "ADDRESS", "NAMES", "VERSIONS", "PEERS SHOW ONE", "CERTIFICATE"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for domain in domains {
        let list = |key: &str| {
            let items = domain.get(key).and_then(Value::as_array).unwrap_or(&empty);
            let items: Vec<_> = items.iter().filter_map(Value::as_str).map(printable).collect();
            items.join(" ")
        };
        let is = |key: &str| domain.get(key).and_then(Value::as_bool).unwrap_or_default();
        let is_server = text(domain, "type") == "TLS_DOMAIN_SRV";
        let shown = match (is_server, is("VERIFY_CERT"), is("REQ_CLI_CERT")) {
            (true, true, false) => "requested",
            (true, true, true) => "required",
            (true, false, _) => "not asked",
            (false, true, _) => "verified",
            (false, false, _) => "not verified",
        };
        rows.push(vec![
            text(domain, "name"),
            if is_server { "clients" } else { "upstream" }.to_owned(),
            list("IP ADDRESS FILTERS"),
            list("SIP DOMAIN FILTERS"),
            text(domain, "METHOD"),
            shown.to_owned(),
            text(domain, "CERT_FILE"),
        ]);
    }
    columns(&rows)
}

/// The result of a call of JSON-RPC.
fn answer_of(answer: &Value) -> &Value {
    answer.get("result").unwrap_or(&Value::Null)
}

/// What `framegate ctl connections` shows.
pub(super) fn connections(answer: &Value) -> String {
    let empty = Vec::new();
    let connections = answer.get("connections").and_then(Value::as_array).unwrap_or(&empty);
    let mut rows = vec![
        ["ID", "CLIENT", "ROUTE", "UPSTREAM", "TARGET", "AGE", "IN", "OUT", "PATH"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for connection in connections {
        let traffic = |side: &str| {
            let messages = number(connection, &format!("{side}_messages"));
            format!("{messages} / {}", size(number(connection, &format!("{side}_bytes"))))
        };
        rows.push(vec![
            text(connection, "id"),
            text(connection, "client"),
            text(connection, "route"),
            text(connection, "upstream"),
            text(connection, "target"),
            span(number(connection, "age_secs")),
            traffic("client"),
            traffic("upstream"),
            text(connection, "path"),
        ]);
    }
    let shown = connections.len();
    format!("{}{shown} of {} shown; IN and OUT are messages / bytes\n", columns(&rows), text(answer, "found"))
}

/// What `framegate ctl stats` shows.
pub(super) fn statistics(answer: &Value) -> String {
    let of = |key: &str| answer.get(key).unwrap_or(&Value::Null);
    let connections = of("connections");
    let mut shown = format!(
        "framegate {}, up {}, {} workers\n\nconnections: {} active, {} opened, {} closed; limit {}\n\n",
        text(answer, "version"),
        span(number(answer, "uptime_secs")),
        text(answer, "workers"),
        text(connections, "active"),
        text(connections, "opened"),
        text(connections, "closed"),
        text(connections, "limit"),
    );
    let mut rows =
        vec![["FROM", "FRAMES", "PAYLOAD", "TCP DATA", "TEXT", "BINARY"].map(str::to_owned).to_vec()];
    for side in ["client", "upstream"] {
        let direction = of(side);
        let messages = direction.get("messages").unwrap_or(&Value::Null);
        rows.push(vec![
            side.to_owned(),
            text(direction, "frames"),
            size(number(direction, "payload_bytes")),
            size(number(direction, "tcp_bytes")),
            text(messages, "text"),
            text(messages, "binary"),
        ]);
    }
    shown.push_str(&columns(&rows));
    let mut routes = vec![["ROUTE", "ACTIVE", "OPENED", "CLOSED"].map(str::to_owned).to_vec()];
    for (name, route) in of("routes").as_object().into_iter().flatten() {
        routes.push(vec![
            printable(name),
            text(route, "active"),
            text(route, "opened"),
            text(route, "closed"),
        ]);
    }
    if routes.len() > 1 {
        shown.push('\n');
        shown.push_str(&columns(&routes));
    }
    let mut reasons = vec![["CLOSED FOR", "BY", "COUNT"].map(str::to_owned).to_vec()];
    for (reason, parties) in connections.get("closes").and_then(Value::as_object).into_iter().flatten() {
        for (by, count) in parties.as_object().into_iter().flatten() {
            reasons.push(vec![printable(reason), printable(by), count.to_string()]);
        }
    }
    if reasons.len() > 1 {
        shown.push('\n');
        shown.push_str(&columns(&reasons));
    }
    let mut failures = vec![["HANDSHAKE FAILED FOR", "COUNT"].map(str::to_owned).to_vec()];
    for (reason, count) in of("handshake_failures").as_object().into_iter().flatten() {
        failures.push(vec![printable(reason), count.to_string()]);
    }
    if failures.len() > 1 {
        shown.push('\n');
        shown.push_str(&columns(&failures));
    }
    shown
}

/// Rows with their cells below each other.
fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<_> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count()) + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A field as text: a peer had a hand in some of them.
fn text(value: &Value, key: &str) -> String {
    match value.get(key) {
        Some(Value::String(text)) => printable(text),
        Some(other) => other.to_string(),
        None => "-".to_owned(),
    }
}

/// A text that cannot take control of a terminal. Reports have several lines.
fn printable(text: &str) -> String {
    text.chars().map(|one| if one.is_control() && one != '\n' { '\u{fffd}' } else { one }).collect()
}

/// A number, its fraction dropped.
fn number(value: &Value, key: &str) -> u64 {
    match value.get(key) {
        Some(Value::Number(number)) => {
            let whole = number.to_string();
            whole.split('.').next().and_then(|digits| digits.parse().ok()).unwrap_or_default()
        }
        Some(_) | None => 0,
    }
}

/// Seconds, in the two largest units.
fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{}s", seconds % 60),
        (0, _, _) => format!("{hours}h{}m", minutes % 60),
        _ => format!("{days}d{}h", hours % 24),
    }
}

/// Bytes, in the unit that leaves one to four digits.
fn size(bytes: u64) -> String {
    let mut size = bytes;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if size < 10_000 {
            return format!("{size} {unit}");
        }
        size /= 1024;
    }
    format!("{size} PiB")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn connections_stand_in_columns() {
        let connection = json!({
            "id": "0-1", "client": "10.0.0.1:4321", "route": "chat", "upstream": "rooms", "target": "127.0.0.1:9",
            "path": "/chat\u{1b}[2J", "age_secs": 3725.5,
            "client_messages": 3, "client_bytes": 12_345_678, "upstream_messages": 0, "upstream_bytes": 0,
        });
        assert_eq!(
            connections(&json!({"found": 7, "connections": [connection]})),
            "ID   CLIENT         ROUTE  UPSTREAM  TARGET       AGE   IN          OUT      PATH\n\
             0-1  10.0.0.1:4321  chat   rooms     127.0.0.1:9  1h2m  3 / 11 MiB  0 / 0 B  /chat\u{fffd}[2J\n\
             1 of 7 shown; IN and OUT are messages / bytes\n"
        );
        assert!(
            connections(&json!({"found": 0, "connections": []}))
                .ends_with("0 of 0 shown; IN and OUT are messages / bytes\n")
        );
    }

    #[test]
    fn calls_show_their_results() {
        assert_eq!(result(&json!({"result": "OK", "id": 1})), "OK\n");
        assert_eq!(result(&json!({"result": {"WSS tracing": "off"}})), "WSS tracing: off\n");
        let domain = json!({
            "name": "wss/a.example", "type": "TLS_DOMAIN_SRV", "IP ADDRESS FILTERS": ["10.0.0.1:443"],
            "SIP DOMAIN FILTERS": ["a.example", "*.a.example"], "METHOD": "TLSv1_3", "VERIFY_CERT": true,
            "REQ_CLI_CERT": true, "CERT_FILE": "/a.pem",
        });
        assert_eq!(
            domains(&json!({"result": {"Domains": [domain]}})),
            "NAME           FOR      ADDRESS       NAMES                  VERSIONS  PEERS SHOW ONE  CERTIFICATE\n\
             wss/a.example  clients  10.0.0.1:443  a.example *.a.example  TLSv1_3   required        /a.pem\n"
        );
    }

    #[test]
    fn statistics_leave_out_what_there_is_none_of() {
        let direction =
            json!({"frames": 5, "payload_bytes": 20, "tcp_bytes": 30, "messages": {"text": 1, "binary": 2}});
        let mut answer = json!({
            "version": "0.1.0", "uptime_secs": 59.9, "workers": 2, "client": direction, "upstream": direction,
            "connections": {"active": 1, "opened": 3, "closed": 2, "limit": 100, "closes": {}},
            "routes": {}, "handshake_failures": {},
        });
        let bare = "framegate 0.1.0, up 59s, 2 workers\n\n\
                    connections: 1 active, 3 opened, 2 closed; limit 100\n\n\
                    FROM      FRAMES  PAYLOAD  TCP DATA  TEXT  BINARY\n\
                    client    5       20 B     30 B      1     2\n\
                    upstream  5       20 B     30 B      1     2\n";
        assert_eq!(statistics(&answer), bare);
        answer["routes"] = json!({"chat": {"active": 1, "opened": 3, "closed": 2}});
        answer["connections"]["closes"] = json!({"close": {"client": 2}});
        answer["handshake_failures"] = json!({"no_route": 4});
        assert_eq!(
            statistics(&answer),
            format!(
                "{bare}\n\
                 ROUTE  ACTIVE  OPENED  CLOSED\n\
                 chat   1       3       2\n\n\
                 CLOSED FOR  BY      COUNT\n\
                 close       client  2\n\n\
                 HANDSHAKE FAILED FOR  COUNT\n\
                 no_route              4\n"
            )
        );
    }

    #[test]
    fn times_and_sizes_are_short() {
        for (seconds, shown) in [(0, "0s"), (59, "59s"), (60, "1m0s"), (3725, "1h2m"), (90_000, "1d1h")] {
            assert_eq!(span(seconds), shown);
        }
        for (bytes, shown) in [(0, "0 B"), (9_999, "9999 B"), (10_000, "9 KiB"), (12_345_678, "11 MiB")] {
            assert_eq!(size(bytes), shown);
        }
    }
}
