//! Frame logs, as they stand in their files: what passes has one line each with the right
//! values, between the line of the open and that of the close.

use std::fs;
use std::thread;

use testkit::Side::{self, Client, Upstream};
use testkit::backend::Backend;
use testkit::folder::Folder;
use testkit::frame::{BINARY, PING, PONG, TEXT, close, frame, large};
use testkit::message::Message;
use testkit::noise::Noise;
use testkit::peer::Ending;
use testkit::rig::{Rig, Session};

/// Text and binary without FIN, and continuations with and without.
const TEXT_BEGINS: u8 = 0x01;
const GOES_ON: u8 = 0x00;
const ENDS: u8 = 0x80;
const RSV1: u8 = 0x40;

/// Bytes of a header with 64 bits of length and a mask.
const LARGEST_HEADER: usize = 14;

/// Lines of all kinds, each behind the session that they are of.
const ALL: &str = r#"
    open "$ws_session OPEN"
    frame "$ws_session F $ws_opcode/$ws_payload_size/$ws_message_size $ws_packet_source"
    message "$ws_session M $ws_opcode/$ws_payload_size/$ws_message_size/$ws_fragments $ws_packet_source"
    close "$ws_session C $ws_opcode/$ws_payload_size/$ws_message_size $ws_close_code by $ws_close_initiator"
"#;

/// A gateway of which all sessions write to `ws.log` in the folder.
#[track_caller]
fn rig(folder: &Folder, settings: &str) -> Rig {
    Rig::from_kdl([Backend::default()], &kdl(folder, settings))
}

fn kdl(folder: &Folder, settings: &str) -> String {
    let path = folder.file("ws.log");
    format!(
        r#"
        routes {{ route "all" {{ upstream "u"; websocket {{ frame-log "frames" }} }} }}
        upstreams {{ upstream "u" {{ target "$0" }} }}
        frame-logs {{ frame-log "frames" {{ path "{}"; {settings} }} }}"#,
        path.display()
    )
}

fn lines(folder: &Folder) -> Vec<String> {
    let text = fs::read_to_string(folder.file("ws.log")).expect("a log that can be read");
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is whole");
    text.lines().map(str::to_owned).collect()
}

/// The lines of each session, in the order in which they opened.
fn by_session(folder: &Folder) -> Vec<Vec<String>> {
    let mut sessions: Vec<(String, Vec<String>)> = Vec::new();
    for line in lines(folder) {
        let (session, rest) = line.split_once(' ').expect("a session and a line");
        match sessions.iter_mut().find(|(known, _)| known == session) {
            Some((_, lines)) => lines.push(rest.to_owned()),
            None => sessions.push((session.to_owned(), vec![rest.to_owned()])),
        }
    }
    sessions.into_iter().map(|(_, lines)| lines).collect()
}

/// Both peers say goodbye, the client first.
#[track_caller]
fn say_goodbye(session: &mut Session) {
    session.pass(Client, &close(Client, 1000, ""));
    session.pass(Upstream, &close(Upstream, 1000, ""));
}

const GOODBYE: [&str; 3] = ["F 8/2/2 client", "F 8/2/2 upstream", "C 8/2/2 1000 by client"];

/// What passes in one session, and the lines between its open and the goodbye.
type Case = (&'static str, Vec<(Side, Vec<u8>)>, Vec<String>);

fn line(kind: &str, values: &str, from: Side) -> String {
    format!("{kind} {values} {from}")
}

fn cases() -> Vec<Case> {
    let both = |first: u8, payload: &[u8]| Side::BOTH.map(|side| (side, frame(side, first, payload)));
    let mut cases: Vec<Case> = Vec::new();
    let frame_and_message = |opcode: u8, size: usize, from: Side| {
        [
            line("F", &format!("{opcode}/{size}/{size}"), from),
            line("M", &format!("{opcode}/{size}/{size}/1"), from),
        ]
    };
    let text = Side::BOTH.map(|from| frame_and_message(1, 5, from)).concat();
    cases.push(("text", both(TEXT, b"hello").into(), text));
    let empty = [1, 2].map(|opcode| Side::BOTH.map(|from| frame_and_message(opcode, 0, from)).concat());
    cases.push(("empty", [both(TEXT, b""), both(BINARY, b"")].concat(), empty.concat()));
    for size in [1, 125, 126, 127, 65_535, 65_536, 1 << 20] {
        let payload = vec![7; size];
        let expected = Side::BOTH.map(|from| frame_and_message(2, size, from)).concat();
        cases.push(("sizes", both(BINARY, &payload).into(), expected));
    }
    cases.push((
        "ping",
        vec![
            (Client, frame(Client, PING, b"hi")),
            (Upstream, frame(Upstream, PONG, b"hi")),
            (Client, frame(Client, PING, b"")),
            (Upstream, frame(Upstream, PONG, b"")),
        ],
        vec![
            line("F", "9/2/2", Client),
            line("F", "10/2/2", Upstream),
            line("F", "9/0/0", Client),
            line("F", "10/0/0", Upstream),
        ],
    ));
    // Both directions go on with messages of their own at the same time.
    let parts: [(u8, &[u8]); 3] = [(TEXT_BEGINS, b"frag"), (GOES_ON, b"ment"), (ENDS | GOES_ON, b"ation")];
    let fragments = parts.map(|(first, payload)| both(first, payload)).concat();
    let of_both = |values: &str| Side::BOTH.map(|from| line("F", values, from)).to_vec();
    let last = Side::BOTH.map(|from| [line("F", "0/5/13", from), line("M", "1/5/13/3", from)]).concat();
    cases.push(("fragmented", fragments, [of_both("1/4/4"), of_both("0/4/8"), last].concat()));
    cases.push((
        "a ping between fragments resets nothing",
        vec![
            (Client, frame(Client, TEXT_BEGINS, b"seven b")),
            (Client, frame(Client, PING, b"now")),
            (Client, frame(Client, ENDS | GOES_ON, b"six by")),
        ],
        vec![
            line("F", "1/7/7", Client),
            line("F", "9/3/3", Client),
            line("F", "0/6/13", Client),
            line("M", "1/6/13/2", Client),
        ],
    ));
    let two = [frame(Client, TEXT, b"five5"), frame(Client, TEXT, b"seven77")].concat();
    let expected = [frame_and_message(1, 5, Client), frame_and_message(1, 7, Client)].concat();
    cases.push(("two in one segment", vec![(Client, two)], expected));
    let burst = frame(Upstream, BINARY, b"xy").repeat(5);
    let expected = vec![frame_and_message(2, 2, Upstream); 5].concat();
    cases.push(("a burst of the server", vec![(Upstream, burst)], expected));
    cases
}

#[test]
fn each_frame_and_each_message_has_one_line_with_the_right_sizes() {
    let folder = Folder::new();
    let rig = rig(&folder, ALL);
    for (_, steps, _) in cases() {
        let mut session = rig.open();
        for (from, bytes) in steps {
            session.pass(from, &bytes);
        }
        say_goodbye(&mut session);
        session.end();
    }
    rig.finish();
    let sessions = by_session(&folder);
    assert_eq!(sessions.len(), cases().len());
    for (lines, (name, _, expected)) in sessions.iter().zip(cases()) {
        let goodbye = GOODBYE.map(str::to_owned);
        let expected: Vec<_> = ["OPEN".to_owned()].into_iter().chain(expected).chain(goodbye).collect();
        assert_eq!(*lines, expected, "{name}");
    }
}

#[test]
fn headers_that_reads_cut_anywhere_have_the_same_lines() {
    let folder = Folder::new();
    let rig = rig(&folder, ALL);
    for from in Side::BOTH {
        let mut session = rig.open();
        for size in [300, 65_536] {
            let whole = frame(from, BINARY, &vec![1; size]);
            for at in 1..=LARGEST_HEADER {
                let (first, rest) = whole.split_at(at);
                session.peer(from).send(first);
                // Meanwhile the other direction goes on.
                session.pass(from.other(), &frame(from.other(), TEXT, b"x"));
                session.peer(from).send(rest);
                session.peer(from.other()).expect(&whole);
            }
        }
        say_goodbye(&mut session);
        session.end();
    }
    rig.finish();
    for (lines, from) in by_session(&folder).iter().zip(Side::BOTH) {
        let frames = |values: &str, from: Side| {
            let wanted = line("F", values, from);
            lines.iter().filter(|line| **line == wanted).count()
        };
        assert_eq!(frames("2/300/300", from), LARGEST_HEADER);
        assert_eq!(frames("2/65536/65536", from), LARGEST_HEADER);
        assert_eq!(frames("1/1/1", from.other()), 2 * LARGEST_HEADER);
        // With those of the messages, of the open and of the goodbye.
        assert_eq!(lines.len(), 2 * 4 * LARGEST_HEADER + 1 + GOODBYE.len());
    }
}

#[test]
fn a_frame_in_the_segment_of_the_handshake_has_its_line() {
    let folder = Folder::new();
    let rig = rig(&folder, ALL);
    let early = frame(Client, TEXT, b"early");
    let client = rig.send(&Message::upgrade("/").body(&early).to_bytes());
    let greeting = frame(Upstream, TEXT, b"greeting");
    let mut session = rig.answer(client, |answer| answer.body(&greeting));
    session.upstream.expect(&early);
    session.client.expect(&greeting);
    say_goodbye(&mut session);
    session.end();
    rig.finish();
    let expected = ["OPEN", "F 1/5/5 client", "M 1/5/5/1 client", "F 1/8/8 upstream", "M 1/8/8/1 upstream"];
    assert_eq!(by_session(&folder), [[&expected[..], &GOODBYE].concat()]);
}

#[test]
fn a_large_frame_to_a_slow_reader_has_one_line() {
    const SIZE: usize = 32 << 20;
    let folder = Folder::new();
    let rig = rig(&folder, ALL);
    let mut session = rig.open();
    let flood = large(Upstream, &Noise::new(7).repeated(SIZE));
    let mut writer = session.upstream.second_hand();
    thread::scope(|scope| {
        scope.spawn(|| writer.send(&flood));
        session.client.expect(&flood);
    });
    say_goodbye(&mut session);
    session.end();
    rig.finish();
    let frame = format!("F 2/{SIZE}/{SIZE} upstream");
    let message = format!("M 2/{SIZE}/{SIZE}/1 upstream");
    let expected = [&["OPEN", &frame, &message][..], &GOODBYE].concat();
    assert_eq!(by_session(&folder), [expected]);
}

#[test]
fn the_close_line_tells_who_began_the_end_and_how() {
    let folder = Folder::new();
    let settings = r#"
        frame "F $ws_close_code $ws_close_reason"
        close "C $ws_close_code [$ws_close_reason] $ws_close_initiator $ws_packet_source $ws_end_reason"
    "#;
    let rig = rig(&folder, settings);
    for first in Side::BOTH {
        let mut session = rig.open();
        session.pass(first, &close(first, 4000, "no more"));
        session.pass(first.other(), &close(first.other(), 4000, "fine"));
        session.end();
        let _ended = rig.settled();
    }
    // Without a code.
    let mut session = rig.open();
    session.pass(Client, &frame(Client, 0x88, b""));
    session.pass(Upstream, &frame(Upstream, 0x88, b""));
    session.end();
    let _ended = rig.settled();
    for first in Side::BOTH {
        let mut session = rig.open();
        session.peer(first).finish();
        session.peer(first.other()).expect_end(Ending::Fin);
        session.peer(first.other()).finish();
        session.peer(first).expect_end(Ending::Fin);
        let _ended = rig.settled();
    }
    for first in Side::BOTH {
        let Session { client, upstream, .. } = rig.open();
        let (goes, mut stays) = if first == Client { (client, upstream) } else { (upstream, client) };
        goes.abort();
        stays.expect_end(Ending::Reset);
        let _ended = rig.settled();
    }
    // Who is at fault does not begin the end.
    let mut session = rig.open();
    session.client.send(&frame(Client, 0x83, b""));
    assert!(session.upstream.read_frame().close().is_some());
    session.upstream.send(&close(Upstream, 1001, ""));
    session.upstream.finish();
    assert!(session.client.read_frame().close().is_some());
    session.client.expect_end(Ending::Fin);
    session.client.finish();
    rig.finish();
    assert_eq!(
        lines(&folder),
        [
            "F 4000 no more",
            "F 4000 fine",
            "C 4000 [no more] client client close",
            "F 4000 no more",
            "F 4000 fine",
            "C 4000 [no more] upstream upstream close",
            "F 1005 -",
            "F 1005 -",
            "C 1005 [-] client client close",
            "C 1006 [-] client client fin",
            "C 1006 [-] upstream upstream fin",
            "C 1006 [-] client client reset",
            "C 1006 [-] upstream upstream reset",
            "C 1002 [reserved_opcode] gateway gateway reserved_opcode",
        ]
    );
}

#[test]
fn what_the_gateway_ends_has_a_close_line_too() {
    let folder = Folder::new();
    let rig = rig(&folder, r#"open "OPEN"; close "C $ws_close_code $ws_close_initiator $ws_end_reason""#);
    let mut session = rig.open();
    let ending = thread::spawn(move || rig.stop());
    for side in Side::BOTH {
        let told = session.peer(side).read_frame();
        assert_eq!(told.close(), Some((1001, "")));
        session.peer(side).send(&close(side, 1001, ""));
    }
    session.upstream.finish();
    session.client.expect_end(Ending::Fin);
    session.client.finish();
    ending.join().unwrap();
    assert_eq!(lines(&folder), ["OPEN", "C 1001 gateway shutdown"]);
}

#[test]
fn totals_stand_on_the_close_line() {
    let folder = Folder::new();
    let totals = ["frames", "messages", "payload_bytes", "bytes"];
    let of = |side: &str| totals.map(|total| format!("$ws_{side}_{total}")).join(" ");
    let rig = rig(&folder, &format!("close \"{} | {}\"", of("client"), of("upstream")));
    let mut session = rig.open();
    session.pass(Client, &frame(Client, TEXT, b"hello"));
    session.pass(Client, &frame(Client, PING, b"?"));
    session.pass(Upstream, &frame(Upstream, BINARY, &[0; 200]));
    say_goodbye(&mut session);
    session.end();
    rig.finish();
    // Headers have 2 bytes, 4 more where they are masked, and 2 more from 126 bytes on.
    assert_eq!(lines(&folder), ["3 1 8 26 | 2 1 202 208"]);
}

#[test]
fn a_compressed_message_is_told_as_it_is_on_the_wire() {
    let folder = Folder::new();
    let rig = rig(&folder, r#"message "$ws_opcode $ws_message_size $ws_compressed_size $ws_fragments""#);
    let (name, deflate) = ("Sec-WebSocket-Extensions", "permessage-deflate");
    let mut session =
        rig.open_with(&Message::upgrade("/deflate").with(name, deflate), |answer| answer.with(name, deflate));
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    session.pass(Client, &frame(Client, RSV1 | TEXT, &hello));
    session.pass(Upstream, &frame(Upstream, RSV1 | TEXT_BEGINS, &hello[..3]));
    session.pass(Upstream, &frame(Upstream, ENDS | GOES_ON, &hello[3..]));
    session.pass(Client, &frame(Client, TEXT, b"Hello"));
    session.close();
    rig.finish();
    assert_eq!(lines(&folder), ["1 7 7 1", "1 7 7 2", "1 5 - 1"]);
}

#[test]
fn the_request_and_the_peers_are_told() {
    let folder = Folder::new();
    let settings = r#"
        open "$remote_addr $remote_ip $remote_port $server_addr $server_port $upstream_addr $remote_user|$request|$request_method|$request_uri|$uri|$args|$scheme|$host|$http_host|$server_protocol"
        frame "$request_id $route $listener $ws_subprotocol $arg_room $cookie_session $http_user_agent $tls_version $ws_conn_age"
    "#;
    let rig = rig(&folder, settings);
    let request = Message::upgrade("/a/../%61%20b?room=7&x")
        .replace("Host", "Chat.Example.org:99")
        .with("Authorization", "Basic YW5uOnNlY3JldA==")
        .with("Cookie", "session=abc")
        .with("User-Agent", "test \"1\"")
        .with("Sec-WebSocket-Protocol", "chat.v1");
    let mut session = rig.open_with(&request, |answer| answer.with("Sec-WebSocket-Protocol", "chat.v1"));
    let id = session.request.get("X-Request-Id").unwrap().to_owned();
    session.pass(Client, &frame(Client, TEXT, b"x"));
    let (client, upstream) = (session.client.address(), rig.backend().address());
    let front = rig.address();
    session.close();
    rig.finish();
    let target = "/a/../%61%20b?room=7&x";
    assert_eq!(
        lines(&folder)[..2],
        [
            format!(
                "127.0.0.1 127.0.0.1 {} 127.0.0.1 {} {upstream} ann|GET {target} HTTP/1.1|GET|{target}|/a b|room=7&x|http|chat.example.org|Chat.Example.org:99|HTTP/1.1",
                client.port(),
                front.port(),
            ),
            format!(r"{id} all front chat.v1 7 abc test \x221\x22 - 0"),
        ]
    );
}

#[test]
fn row_62_what_peers_send_cannot_forge_a_line() {
    let folder = Folder::new();
    let settings = r#"frame "F <$ws_close_reason> $uri $http_x_evil""#;
    let rig = rig(&folder, settings);
    let request = Message::upgrade("/%0d%0aF%20%1b%5b2J%22").with("X-Evil", "a\tb\"c\\d \u{e9}");
    let mut session = rig.open_with(&request, |answer| answer);
    let reason = "bye\r\nF forged \u{1b}[31m\u{e9}\"";
    session.pass(Client, &close(Client, 1000, reason));
    session.pass(Upstream, &close(Upstream, 1000, ""));
    session.end();
    rig.finish();
    let rest = r"/\x0D\x0AF \x1B[2J\x22 a\x09b\x22c\x5Cd \xC3\xA9";
    assert_eq!(
        lines(&folder),
        [format!(r"F <bye\x0D\x0AF forged \x1B[31m\xC3\xA9\x22> {rest}"), format!("F <-> {rest}")]
    );
}

#[test]
fn row_61_and_63_secrets_in_the_query_are_not_told() {
    let folder = Folder::new();
    let settings = r#"
        open "$request $args $arg_token $http_cookie $cookie_sid $http_authorization"
        redact { arg "token"; cookie "sid"; header "Authorization" }
    "#;
    let rig = rig(&folder, settings);
    let request = Message::upgrade("/?a=1&%74oken=s3cret")
        .with("Cookie", "a=1; sid=s3cret")
        .with("Authorization", "Bearer s3cret");
    rig.open_with(&request, |answer| answer).close();
    rig.finish();
    let expected = "GET /?a=1&%74oken=*** HTTP/1.1 a=1&%74oken=*** *** a=1; sid=*** *** ***";
    assert_eq!(lines(&folder), [expected]);
}

#[test]
fn json_lines_have_typed_values() {
    let folder = Folder::new();
    let rig = rig(&folder, "format \"json\"; open; frame; message; close");
    let mut session = rig.open();
    session.pass(Client, &frame(Client, TEXT, b"hello"));
    say_goodbye(&mut session);
    session.end();
    rig.finish();
    let lines: Vec<serde_json::Value> =
        lines(&folder).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<_> = lines.iter().map(|line| line["ws_event"].as_str().unwrap()).collect();
    assert_eq!(events, ["open", "frame", "message", "frame", "frame", "close"]);
    assert_eq!(lines[1]["ws_opcode"], 1);
    assert_eq!(lines[1]["ws_packet_source"], "client");
    assert_eq!(lines[0]["ws_subprotocol"], serde_json::Value::Null);
    assert_eq!(lines[5]["ws_client_frames"], 2);
    assert_eq!(lines[5]["ws_close_code"], 1000);
}

#[test]
fn a_filter_says_which_frames_and_messages_have_lines() {
    let folder = Folder::new();
    let passes = |rig: Rig| {
        let mut session = rig.open();
        for side in Side::BOTH {
            session.pass(side, &frame(side, TEXT, b"four"));
            session.pass(side, &frame(side, BINARY, &[0; 10]));
            session.pass(side, &frame(side, PING, b"p"));
            session.pass(side, &frame(side, TEXT_BEGINS, b"aaa"));
            session.pass(side, &frame(side, ENDS | GOES_ON, b"bbbb"));
        }
        session.close();
        rig.finish();
        let told = lines(&folder);
        fs::remove_file(folder.file("ws.log")).unwrap();
        told
    };
    let both = |of_one: &[&str]| -> Vec<String> {
        Side::BOTH.iter().flat_map(|side| of_one.iter().map(move |line| format!("{line} {side}"))).collect()
    };
    let formats = r#"
        frame "F $ws_opcode_name $ws_payload_size $ws_packet_source"
        message "M $ws_opcode_name $ws_message_size $ws_packet_source"
    "#;
    for (filter, expected) in [
        ("opcodes \"text\"", both(&["F text 4", "M text 4", "F text 3", "F continuation 4", "M text 7"])),
        ("opcodes \"continuation\" \"ping\"", both(&["F ping 1", "F continuation 4"])),
        (
            "opcodes \"binary\"; direction \"upstream\"",
            vec!["F binary 10 upstream".into(), "M binary 10 upstream".into()],
        ),
        ("min-size 5", both(&["F binary 10", "M binary 10", "M text 7"])),
        (
            "max-size 3; direction \"client\"",
            ["F ping 1", "F text 3", "F close 2"].map(|line| format!("{line} client")).to_vec(),
        ),
    ] {
        assert_eq!(passes(rig(&folder, &format!("{formats}; filter {{ {filter} }}"))), expected, "{filter}");
    }
}

#[test]
fn a_sample_has_one_line_in_so_many() {
    let folder = Folder::new();
    let rig = rig(
        &folder,
        r#"open "OPEN"; frame "F $ws_payload_size"; message "M $ws_message_size"; close "C"; sample 3"#,
    );
    let mut session = rig.open();
    for size in 0..7 {
        session.pass(Client, &frame(Client, BINARY, &vec![0; size]));
    }
    session.client.abort();
    session.upstream.expect_end(Ending::Reset);
    rig.finish();
    assert_eq!(lines(&folder), ["OPEN", "F 0", "M 0", "F 3", "M 3", "F 6", "M 6", "C"]);
}

#[test]
fn several_logs_of_a_route_have_lines_of_their_own_and_a_file_can_be_shared() {
    let folder = Folder::new();
    let path = folder.file("ws.log");
    let path = path.display();
    let text = format!(
        r#"
        routes {{
            route "two" {{ matches {{ path "/two" }}; upstream "u"; websocket {{ frame-log "one" "other" }} }}
            route "none" {{ upstream "u" }}
        }}
        upstreams {{ upstream "u" {{ target "$0" }} }}
        frame-logs {{
            frame-log "one" {{ path "{path}"; frame "one $ws_payload_size" }}
            frame-log "other" {{ path "{path}"; close "other $ws_client_frames" }}
            frame-log "unused" {{ path "{path}.unused"; frame }}
        }}"#
    );
    let rig = Rig::from_kdl([Backend::default()], &text);
    rig.open().close();
    let mut session = rig.open_with(&Message::upgrade("/two"), |answer| answer);
    session.pass(Client, &frame(Client, TEXT, b"x"));
    session.close();
    let metrics = rig.settled();
    for (log, records, bytes) in [("one", 3.0, 18.0), ("other", 1.0, 8.0), ("unused", 0.0, 0.0)] {
        rig.await_metric(&format!("framegate_frame_log_records_total{{log=\"{log}\"}}"), records);
        rig.await_metric(&format!("framegate_frame_log_bytes_total{{log=\"{log}\"}}"), bytes);
    }
    assert_eq!(metrics.sum("framegate_frame_log_dropped_total", ""), 0.0);
    rig.finish();
    let mut told = lines(&folder);
    told.sort();
    assert_eq!(told, ["one 1", "one 2", "one 2", "other 2"]);
}

#[test]
fn a_refused_upgrade_has_no_lines() {
    let folder = Folder::new();
    let rig = rig(&folder, ALL);
    let mut exchange = rig.ask(&Message::upgrade("/"));
    let refused = Message::new("HTTP/1.1 403 Forbidden").sized("no");
    assert_eq!(exchange.answer(&refused).status(), 403);
    drop(exchange);
    let mut plain = rig.ask(&Message::get("/").with("Connection", "close"));
    assert_eq!(plain.answer(&Message::ok("fine")).status(), 200);
    drop(plain);
    rig.finish();
    assert_eq!(lines(&folder), [""; 0]);
}

#[test]
fn a_line_waits_no_longer_than_the_flush_interval() {
    let folder = Folder::new();
    let rig = rig(&folder, r#"frame "$ws_payload_size"; flush-interval-ms 20"#);
    let mut session = rig.open();
    for size in 1..4 {
        session.pass(Client, &frame(Client, BINARY, &vec![0; size]));
        testkit::deadline::eventually("the line is written", || (lines(&folder).len() == size).then_some(()));
    }
    drop(session);
    rig.finish();
}

#[test]
fn a_session_keeps_the_log_that_it_began_with() {
    let folder = Folder::new();
    let mut rig = rig(&folder, r#"frame "old $ws_payload_size"; close "old C""#);
    let mut before = rig.open();
    before.pass(Client, &frame(Client, TEXT, b"a"));
    rig.reload(&kdl(&folder, r#"frame "new $ws_payload_size"; close "new C""#)).unwrap();
    before.pass(Client, &frame(Client, TEXT, b"bb"));
    let mut after = rig.open();
    after.pass(Client, &frame(Client, TEXT, b"ccc"));
    before.close();
    after.close();
    rig.finish();
    let mut told = lines(&folder);
    told.sort();
    let expected = ["new 2", "new 2", "new 3", "new C", "old 1", "old 2", "old 2", "old 2", "old C"];
    assert_eq!(told, expected);
}
