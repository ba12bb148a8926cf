//! There and back: whatever request goes up, its answer comes back to the client with the client's own Vias.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use sip_proto::edge::{Edge, Kind, Ruling};
use sip_proto::response::{Reply, reply};
use sip_proto::{HeaderName, Limits, Message, Status};

use crate::world::*;

/// For what the gateway has made longer.
const WIDE: Limits = Limits { message: 1 << 20, head: 1 << 20, headers: 1 << 10, line: 1 << 20 };

/// How servers write the Vias of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    AsTheyCame,
    InOneLine,
    Compact,
}

/// Has a client's request answered by a server of that style, and checks what arrives on both sides.
pub(crate) fn there_and_back(edge: &Edge, message: &[u8], style: Style) {
    let (ruling, up) = from_client(edge, 1, message);
    assert!(matches!(ruling, Ruling::Forward { .. }), "{ruling:?}\n{}", message.escape_ascii());
    went_up(message, &up);
    let forwarded = Message::parse(&up, &WIDE).unwrap();
    let answer = answer(&forwarded, style);
    if forwarded.method() == Some(b"ACK") {
        return;
    }
    let (ruling, down) = from_server(edge, &answer);
    let expected = Ruling::ToFlow { flow: client(1).flow, kind: Kind::Response(200) };
    assert_eq!(ruling, expected, "{}", answer.escape_ascii());
    let mut vias = items(&down, HeaderName::Via);
    let first = &mut vias[0];
    // A client that asks for its port has the value put behind its own word.
    let asks = items(message, HeaderName::Via)[0].windows(6).any(|window| window == b";rport");
    let port: &[u8] = if asks { b"=50001" } else { b";rport=50001" };
    for parameter in [&b";received=198.51.100.1"[..], port] {
        let at = first.windows(parameter.len()).position(|window| window == parameter).expect("it is told");
        first.drain(at..at + parameter.len());
    }
    assert_eq!(vias, items(message, HeaderName::Via), "{style:?}: {}", down.escape_ascii());
}

/// Whether nothing but what must change has changed.
fn went_up(message: &[u8], up: &[u8]) {
    let before = Message::parse(message, &WIDE).unwrap();
    let after = Message::parse(up, &WIDE).unwrap();
    assert_eq!(after.start_line(), before.start_line(), "the Request-URI above all");
    assert_eq!(after.body(), before.body());
    assert_eq!(after.content_length(), Some(before.body().len()));
    let vias = items(up, HeaderName::Via);
    assert_eq!(vias.len(), items(message, HeaderName::Via).len() + 1);
    assert_eq!(vias[2..], items(message, HeaderName::Via)[1..], "those behind are not ours to change");
    let hops = |message: &Message<'_>| message.max_forwards().unwrap();
    assert_eq!(hops(&after), Some(hops(&before).map_or(70, |hops| hops - 1)));
    let is_changed = |name| {
        matches!(name, HeaderName::Via | HeaderName::Route | HeaderName::MaxForwards)
            || matches!(name, HeaderName::ContentLength) && before.content_length().is_none()
    };
    let lines = |message: &Message<'_>| -> Vec<Vec<u8>> {
        let others = message.headers().iter().filter(|header| !is_changed(header.name));
        others.map(|header| message.bytes()[header.line.clone()].to_vec()).collect()
    };
    let is_ours = |line: &Vec<u8>| line.starts_with(b"Record-Route: <sip") || line.starts_with(b"Path: <sip");
    let mut after = lines(&after);
    if after.len() > lines(&before).len() {
        assert!(is_ours(&after.remove(0)), "it stands above all others");
    }
    assert_eq!(after, lines(&before), "and these are the same byte for byte");
}

fn items(message: &[u8], name: HeaderName) -> Vec<Vec<u8>> {
    let message = Message::parse(message, &WIDE).unwrap();
    message.values(name).map(|value| value.bytes.to_vec()).collect()
}

fn answer(request: &Message<'_>, style: Style) -> Vec<u8> {
    let wanted =
        Reply { status: Status::OK, headers: &[], to_tag: "server", source: "10.0.0.9:5060".parse().ok() };
    let mut out = Vec::new();
    if !reply(request, &wanted, &mut out) {
        return out;
    }
    let vias = items(&out, HeaderName::Via);
    let (name, between): (&[u8], &[u8]) = match style {
        Style::AsTheyCame => return out,
        Style::InOneLine => (b"Via: ", b" ,\r\n\t"),
        Style::Compact => (b"v:", b","),
    };
    let answer = Message::parse(&out, &WIDE).unwrap();
    let mut written = b"SIP/2.0 200 OK\r\n".to_vec();
    for header in answer.headers().iter().filter(|header| header.name != HeaderName::Via) {
        written.extend_from_slice(&answer.bytes()[header.line.clone()]);
    }
    written.extend([name, &vias.join(between), b"\r\n\r\n"].concat());
    written
}

/// A request in one of the many forms that it may have.
fn any_request(dice: &mut StdRng) -> Vec<u8> {
    let method =
        pick(dice, &["INVITE", "REGISTER", "MESSAGE", "SUBSCRIBE", "BYE", "CANCEL", "OPTIONS", "strange"]);
    let end = pick(dice, &["\r\n", "\r\n", "\n"]);
    let number: u32 = dice.random();
    let mut lines = vec![
        format!("{}{}<sip:b@example.org>", name(dice, "To", "t"), colon(dice)),
        format!(
            "{}{}\"A, \\\"<B>\\\"; c\"{}<sip:a@example.org>;tag={number}",
            name(dice, "From", "f"),
            colon(dice),
            fold(dice, end)
        ),
        format!("{}{}{number:x}@client", name(dice, "Call-ID", "i"), colon(dice)),
        format!("CSeq{}{}{}{method}", colon(dice), number >> 1, fold(dice, end)),
        format!("{}{}<sip:c@c.invalid>, \"d\" <sip:d@d.invalid>", name(dice, "Contact", "m"), colon(dice)),
    ];
    if dice.random() {
        lines.push(format!("max-forwards{}{}", colon(dice), dice.random_range(1..=255)));
    }
    if dice.random() {
        let own = format!("<sip:{}@{};lr>", token_of_client(dice.random_range(1..=3)), UP.sent_by);
        let routes = pick(dice, &["{own}", "{own}, <sip:10.0.0.1;lr>", "<sip:10.0.0.1;lr>,{own}"])
            .replace("{own}", &own);
        lines.push(format!("Route{}{routes}", colon(dice)));
    }
    if dice.random() {
        lines.push(format!("Record-Route{}<sip:before.example.org;lr>", colon(dice)));
    }
    let body = pick(dice, &["", "v=0\r\n", "\u{0}\u{1}x"]);
    if dice.random() {
        lines.push(format!("{}{}{}", name(dice, "Content-Length", "l"), colon(dice), body.len()));
    }
    lines.shuffle(dice);
    // The order among Vias matters, so they are placed and not shuffled.
    let mut at = 0;
    for line in vias(dice, end) {
        at = dice.random_range(at..=lines.len());
        lines.insert(at, line);
        at += 1;
    }
    let head: String = lines.iter().flat_map(|line| [line.as_str(), end]).collect();
    format!("{method} sip:b@example.org;x=%41 SIP/2.0{end}{head}{end}{body}").into_bytes()
}

fn vias(dice: &mut StdRng, end: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for number in 0..dice.random_range(1..4) {
        let items: Vec<_> =
            (0..dice.random_range(1..3)).map(|item| via(dice, number * 10 + item, end)).collect();
        lines.push(format!(
            "{}{}{}",
            name(dice, "Via", "v"),
            colon(dice),
            items.join(pick(dice, &[",", ", ", " ,\t"]))
        ));
    }
    lines
}

fn via(dice: &mut StdRng, number: u32, end: &str) -> String {
    let protocol = pick(dice, &["SIP/2.0/WSS", "SIP / 2.0 / UDP", "sip/2.0/tcp"]);
    let host = pick(dice, &["x.invalid", "[2001:db8::1]:5060", "192.0.2.1 : 5061"]);
    let branch =
        pick(dice, &["branch=z9hG4bK{}", "branch = z9hG4bK.{}", "branch={}", "branch=z9hG4bK", "ttl=1"]);
    let branch = branch.replace("{}", &number.to_string());
    let more = pick(dice, &["", ";a", ";rport", ";a=\"b;,c\"", " ; keep"]);
    format!("{protocol}{}{host};{branch}{more}", fold(dice, end))
}

fn name(dice: &mut StdRng, long: &str, compact: &str) -> String {
    match dice.random_range(0..4) {
        0 => compact.to_owned(),
        1 => long.to_uppercase(),
        2 => long.to_lowercase(),
        _ => long.to_owned(),
    }
}

fn colon(dice: &mut StdRng) -> &'static str {
    pick(dice, &[": ", ": ", ":", " : ", "\t:\t"])
}

fn fold(dice: &mut StdRng, end: &str) -> String {
    if dice.random_range(0..4) == 0 { format!("{end} ") } else { " ".to_owned() }
}

fn pick<T: Copy>(dice: &mut StdRng, from: &[T]) -> T {
    from[dice.random_range(0..from.len())]
}

#[test]
fn the_answer_to_any_request_comes_back_with_the_clients_own_vias() {
    let edge = edge();
    for seed in 0..600 {
        println!("seed {seed}");
        let mut dice = StdRng::seed_from_u64(seed);
        let message = any_request(&mut dice);
        for style in [Style::AsTheyCame, Style::InOneLine, Style::Compact] {
            there_and_back(&edge, &message, style);
        }
    }
}
