//! OPTIONS of SIP (RFC 3261 §11), which a server that lives answers: over a datagram, sent again until
//! then, or over a stream.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::BytesMut;
use gate_net::Stream;
use sip_proto::stream::Item;
use sip_proto::{Framer, Limits, Message, StartLine};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;

use super::ProbeError;
use crate::clock::within;
use crate::upstream::dial::DialError;
use crate::upstream::target::{Target, Whereabouts};

/// One question.
struct Question {
    text: String,
    call_id: String,
}

impl Question {
    /// `transport` as it stands in a Via.
    fn new(transport: &str, local: SocketAddr, target: &Target) -> Self {
        let [branch, tag, call]: [u64; 3] = rand::random();
        let call_id = format!("{call:016x}@{local}");
        let to = target.text();
        let parameter = match transport {
            "UDP" => String::new(),
            other => format!(";transport={}", other.to_ascii_lowercase()),
        };
        let text = format!(
            "OPTIONS sip:{to}{parameter} SIP/2.0\r\n\
             Via: SIP/2.0/{transport} {local};branch=z9hG4bK{branch:016x};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:framegate@{local}>;tag={tag:016x}\r\nTo: <sip:{to}{parameter}>\r\n\
             Call-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\nAccept: application/sdp\r\n\
             User-Agent: framegate-health-check\r\nContent-Length: 0\r\n\r\n"
        );
        Self { text, call_id }
    }

    /// The status of the final response to it, if `message` is that.
    fn status(&self, message: &[u8]) -> Option<u16> {
        let message = Message::parse_datagram(message, &Limits::default()).ok()?;
        match message.start_line() {
            StartLine::Response { status, .. } if status >= 200 => {
                (message.call_id() == Some(self.call_id.as_bytes())).then_some(status)
            }
            StartLine::Response { .. } | StartLine::Request { .. } => None,
        }
    }
}

/// Asks over UDP, from a socket of its own.
pub(super) async fn over_udp(target: &Target) -> Result<(), ProbeError> {
    let address = match target.whereabouts() {
        Whereabouts::Fixed(address) => Some(*address),
        Whereabouts::Named(named) => named.in_turn().first().copied(),
        Whereabouts::Unix(_) => None,
    };
    let address = address.ok_or_else(|| DialError::Unresolved { target: target.text().clone() })?;
    let own = if address.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(own).await?;
    // The system then tells of a port where nobody listens, and hands over what comes from there alone.
    socket.connect(address).await?;
    let question = Question::new("UDP", socket.local_addr()?, target);
    let mut buffer = BytesMut::with_capacity(DATAGRAM_MAX);
    let mut pause = AGAIN_FIRST;
    loop {
        socket.send(question.text.as_bytes()).await.map_err(ProbeError::Unreachable)?;
        let answered = async {
            loop {
                buffer.clear();
                socket.recv_buf(&mut buffer).await.map_err(ProbeError::Unreachable)?;
                if let Some(status) = question.status(&buffer) {
                    return judge(status);
                }
            }
        };
        if let Some(answered) = within(pause, answered).await {
            return answered;
        }
        pause = AGAIN_MAX.min(pause * 2);
    }
}

/// Asks over a connection.
pub(super) async fn over_stream(
    stream: &mut Stream,
    transport: &str,
    target: &Target,
) -> Result<(), ProbeError> {
    // A unix socket has no address, and nobody needs one there.
    let local = stream.socket().local_addr().unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into());
    let question = Question::new(transport, local, target);
    stream.write_all(question.text.as_bytes()).await?;
    stream.flush().await?;
    let mut framer = Framer::new(Limits::default());
    let mut bytes = BytesMut::new();
    loop {
        while let Some(item) = framer.next(&bytes)? {
            let taken = bytes.split_to(item.length());
            if let (Item::Message { .. }, Some(status)) = (item, question.status(&taken)) {
                return judge(status);
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(ProbeError::Ended);
        }
    }
}

/// Whoever refuses lives. 503 alone says that nothing more should be sent (RFC 3261 §21.5.4).
fn judge(status: u16) -> Result<(), ProbeError> {
    if status == 503 { Err(ProbeError::Sip(status)) } else { Ok(()) }
}

/// A datagram that is not answered is sent again after so long, then twice as long each time (RFC 3261
/// §17.1.2.2: T1, T2).
const AGAIN_FIRST: Duration = Duration::from_millis(500);
const AGAIN_MAX: Duration = Duration::from_secs(4);
const DATAGRAM_MAX: usize = 65_535;

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net;
    use std::thread;

    use gate_config::model::{HealthCheck, Probe, SipTransport};

    use crate::upstream::error::chain;
    use crate::upstream::fake::{Fake, cluster, read_head, run, switching, upstream};
    use crate::upstream::probe::probe;

    use super::*;

    /// What a check says of the target at `address`; empty when it is well.
    fn verdict(address: SocketAddr, sip: Option<SipTransport>, timeout: Duration) -> String {
        let mut upstream = upstream(&[address]);
        upstream.targets[0].sip = sip;
        let check = HealthCheck {
            probe: Probe::Sip,
            interval: Duration::from_secs(10),
            timeout,
            healthy_threshold: 1,
            unhealthy_threshold: 1,
        };
        let cluster = cluster(&upstream);
        match run(probe(&cluster, &cluster.targets()[0], &check)) {
            Ok(()) => String::new(),
            Err(error) => chain(&error),
        }
    }

    /// The response with that status to a request.
    fn response(request: &str, status: &str) -> String {
        let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
        let lines = request.split("\r\n").filter(|line| copied.iter().any(|name| line.starts_with(name)));
        let lines: String = lines.map(|line| format!("{line}\r\n")).collect();
        format!("SIP/2.0 {status}\r\n{lines}Content-Length: 0\r\n\r\n")
    }

    #[test]
    fn whatever_a_server_answers_but_503_it_lives() {
        let cases = [
            ("200 OK", ""),
            ("404 Not Found", ""),
            ("405 Method Not Allowed", ""),
            ("503 Service Unavailable", "it answered OPTIONS with 503"),
        ];
        for (status, expected) in cases {
            let socket = net::UdpSocket::bind("127.0.0.1:0").unwrap();
            let address = socket.local_addr().unwrap();
            let server = thread::spawn(move || {
                let mut buffer = [0; 2048];
                // The first datagram is lost; a provisional response and those to others say nothing.
                let (length, from) = socket.recv_from(&mut buffer).unwrap();
                let first = String::from_utf8(buffer[..length].to_vec()).unwrap();
                let (length, again) = socket.recv_from(&mut buffer).unwrap();
                assert_eq!((first.as_bytes(), from), (&buffer[..length], again));
                assert!(
                    first.starts_with(&format!("OPTIONS sip:{address} SIP/2.0\r\nVia: SIP/2.0/UDP {from};"))
                );
                let other = response(&first, "503 Not Yours").replace("Call-ID: ", "Call-ID: x");
                for answer in [other, response(&first, "100 Trying"), response(&first, status)] {
                    socket.send_to(answer.as_bytes(), from).unwrap();
                }
            });
            let limit = Duration::from_secs(8);
            assert_eq!(verdict(address, Some(SipTransport::Udp), limit), expected, "{status}");
            server.join().unwrap();
        }
    }

    #[test]
    fn a_server_that_is_not_there_or_says_nothing_is_not_well() {
        let udp = Some(SipTransport::Udp);
        let gone = net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let verdict_of_gone = verdict(gone, udp, Duration::from_secs(8));
        assert!(verdict_of_gone.starts_with("it cannot be reached"), "{verdict_of_gone}");
        let silent = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let limit = Duration::from_millis(50);
        assert_eq!(verdict(silent.local_addr().unwrap(), udp, limit), "it did not answer within 50ms");
    }

    #[test]
    fn over_a_stream_the_answer_may_come_behind_others() {
        let limit = Duration::from_secs(8);
        let server = Fake::start(|_, stream| {
            let request = read_head(stream);
            assert!(request.contains(";transport=tcp SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:"), "{request}");
            let call = "BYE sip:a@b SIP/2.0\r\nContent-Length: 2\r\n\r\nhi";
            let answer = response(&request, "403 Forbidden");
            stream.write_all(format!("\r\n\r\n{call}{answer}").as_bytes()).unwrap();
        });
        assert_eq!(verdict(server.address, Some(SipTransport::Tcp), limit), "");
        let hangs_up = Fake::start(|_, stream| drop(read_head(stream)));
        let expected = "it ended the connection instead of answering";
        assert_eq!(verdict(hangs_up.address, Some(SipTransport::Tcp), limit), expected);
        let web = Fake::answering("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        let said = verdict(web.address, Some(SipTransport::Tcp), limit);
        assert!(!said.is_empty(), "a server of HTTP is none of SIP");
    }

    #[test]
    fn over_websocket_the_subprotocol_must_be_agreed_on() {
        let limit = Duration::from_secs(8);
        let plain = Fake::start(|_, stream| {
            let head = read_head(stream);
            stream.write_all(switching(&head).as_bytes()).unwrap();
        });
        assert_eq!(verdict(plain.address, None, limit), "it did not agree on the subprotocol sip");
        let server = Fake::start(|_, stream| {
            let head = read_head(stream);
            assert!(
                head.contains("Sec-WebSocket-Protocol: sip\r\n")
                    || head.contains("sec-websocket-protocol: sip\r\n")
            );
            let agreed = switching(&head).replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: sip\r\n\r\n");
            stream.write_all(agreed.as_bytes()).unwrap();
            let mut ping = [0; 10];
            std::io::Read::read_exact(stream, &mut ping).unwrap();
            let [_, _, a, b, c, d, e, f, g, h] = ping;
            stream.write_all(&[0x8a, 4, a ^ e, b ^ f, c ^ g, d ^ h]).unwrap();
        });
        assert_eq!(verdict(server.address, None, limit), "");
    }
}
