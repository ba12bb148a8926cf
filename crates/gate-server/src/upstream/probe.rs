//! Health checks: each target is asked in its own time, and what it answers is reported to
//! its cluster, which decides.

mod options;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use gate_config::model::{HealthCheck, Probe, SipTransport, TargetAddress};
use gate_net::Stream;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use sip_proto::MessageError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{MissedTickBehavior, interval, sleep};
use ws_proto::handshake::key::Key;
use ws_proto::handshake::request::ClientHandshake;
use ws_proto::handshake::subprotocol::Subprotocols;
use ws_proto::mask::{self, MaskKey};
use ws_proto::{CloseCode, ControlFrame, FrameError, FrameHeader, Opcode, Sender};

use crate::clock::within;
use crate::upstream::cluster::Cluster;
use crate::upstream::dial::{DialError, dial};
use crate::upstream::error::{UpgradeError, chain};
use crate::upstream::target::Target;
use crate::upstream::trail::Trail;
use crate::upstream::upgrade::{Switched, Upgraded, upgrade};
use crate::upstream::{head, request};

/// What is wrong with a target.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error("it did not answer within {0:?}")]
    TimedOut(Duration),
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Answer(#[from] UpgradeError),
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error("the connection was lost")]
    Lost(#[from] io::Error),
    #[error("it sent a frame that is not valid")]
    Frame(#[from] FrameError),
    #[error("it closed the WebSocket instead of answering a ping")]
    Closed,
    #[error("it sent {FRAMES_MAX} bytes without a pong among them")]
    NoPong,
    #[error("it did not agree on the subprotocol {0}")]
    Subprotocol(&'static str),
    #[error("it cannot be reached")]
    Unreachable(#[source] io::Error),
    #[error("it answered OPTIONS with {0}")]
    Sip(u16),
    #[error("it sent what is no message of SIP")]
    Message(#[from] MessageError),
    #[error("it ended the connection instead of answering")]
    Ended,
}

/// Checks a target for ever. The targets of an upstream are asked at even distances within
/// the interval, so that they do not all have the work at once.
pub(super) async fn watch(cluster: Arc<Cluster>, target: Arc<Target>, check: HealthCheck) {
    let count = u32::try_from(cluster.targets().len()).unwrap_or(u32::MAX).max(1);
    let place = u32::try_from(target.index()).unwrap_or_default();
    sleep(check.interval / count * place).await;
    let mut ticks = interval(check.interval.max(INTERVAL_MIN));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match probe(&cluster, &target, &check).await {
            Ok(()) => cluster.report_check(&target, Ok(())),
            Err(error) => cluster.report_check(&target, Err(&chain(&error))),
        }
    }
}

async fn probe(cluster: &Cluster, target: &Target, check: &HealthCheck) -> Result<(), ProbeError> {
    let limit = check.timeout;
    let asking = async {
        if check.probe == Probe::Sip && target.sip() == Some(SipTransport::Udp) {
            return options::over_udp(target).await.map(|()| None);
        }
        let mut stream = dial(cluster, target, limit).await?.stream;
        match &check.probe {
            Probe::Tcp => Ok(None),
            Probe::Http { path, host, expected_status } => {
                let host = host.clone().or_else(|| host_of(cluster, target));
                get(&mut stream, path, host, *expected_status).await?;
                Ok(Some(stream))
            }
            Probe::WebSocket { path, host } => {
                let host = host.clone().or_else(|| host_of(cluster, target));
                ping(stream, path, host, "").await.map(Some)
            }
            Probe::Sip => match target.sip() {
                None => {
                    let upstream = cluster.upstream();
                    let path = upstream.path.as_deref().unwrap_or("/");
                    ping(stream, path, host_of(cluster, target), "sip").await.map(Some)
                }
                Some(transport) => {
                    let name = if transport == SipTransport::Tls { "TLS" } else { "TCP" };
                    options::over_stream(&mut stream, name, target).await.map(|()| Some(stream))
                }
            },
        }
    };
    let stream = within(limit, asking).await.unwrap_or(Err(ProbeError::TimedOut(limit)))?;
    if let Some(stream) = stream {
        take_leave(stream).await;
    }
    Ok(())
}

/// The upstream's Host, or else the target's address.
pub(crate) fn host_of(cluster: &Cluster, target: &Target) -> Option<HeaderValue> {
    let configured = cluster.upstream().targets.get(target.index()).map(|target| &target.address.value);
    let own = match configured? {
        TargetAddress::Unix(_) => HeaderValue::from_static("localhost"),
        address @ TargetAddress::Tcp { .. } => HeaderValue::try_from(address.to_string()).ok()?,
    };
    Some(cluster.upstream().host.clone().unwrap_or(own))
}

/// GET of `path`, which is to be answered with `expected` (`None`: 200 to 399).
async fn get(
    stream: &mut Stream,
    path: &str,
    host: Option<HeaderValue>,
    expected: Option<StatusCode>,
) -> Result<(), ProbeError> {
    let mut headers = fields(host);
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    stream.write_all(&request::encode(&target_of(path), &headers)).await?;
    stream.flush().await?;
    let status = head::read(stream).await?.status;
    let is_well = match expected {
        Some(expected) => status == expected,
        None => status.is_success() || status.is_redirection(),
    };
    if is_well { Ok(()) } else { Err(ProbeError::Status(status)) }
}

/// An opening handshake that is to be answered with a valid 101, and with the subprotocol if one is named;
/// and a ping that is to be answered with its pong.
async fn ping(
    stream: Stream,
    path: &str,
    host: Option<HeaderValue>,
    subprotocol: &'static str,
) -> Result<Stream, ProbeError> {
    let asked = handshake(subprotocol);
    let mut headers = fields(host);
    asked.put(&mut headers);
    let request = request::encode(&target_of(path), &headers);
    let asked = (&asked, &mut Trail::untold());
    let Switched { mut stream, early, agreement, .. } =
        match upgrade(stream, &request, asked, Duration::ZERO).await? {
            Upgraded::Switched(switched) => *switched,
            Upgraded::Refused(refused) => return Err(ProbeError::Status(refused.head.status)),
        };
    if !subprotocol.is_empty() && agreement.subprotocol.is_none() {
        return Err(ProbeError::Subprotocol(subprotocol));
    }
    let [payload, mask]: [MaskKey; 2] = rand::random();
    let mut masked = payload;
    mask::apply(&mut masked, mask, 0);
    // A ping with four bytes (RFC 6455 §5.5.2), and the mask in front of them.
    stream.write_all(&[&[0x89, 0x84], &mask[..], &masked[..]].concat()).await?;
    stream.flush().await?;
    await_pong(&mut stream, BytesMut::from(&*early), payload).await?;
    let close = ControlFrame::close(CloseCode::NORMAL, "", Some(rand::random()));
    stream.write_all(close.as_bytes()).await?;
    stream.flush().await?;
    Ok(stream)
}

/// Reads frames until the pong comes. Others may come before it: a server may greet.
async fn await_pong(stream: &mut Stream, mut bytes: BytesMut, payload: MaskKey) -> Result<(), ProbeError> {
    let mut left = FRAMES_MAX;
    loop {
        while let Some((header, header_length)) = FrameHeader::parse(&bytes, Sender::Server)? {
            let length =
                usize::try_from(header.payload_len).unwrap_or(usize::MAX).saturating_add(header_length);
            if length > left {
                return Err(ProbeError::NoPong);
            }
            let Some(frame) = bytes.get(header_length..length) else { break };
            match header.opcode {
                Opcode::Pong if frame == payload => return Ok(()),
                Opcode::Close => return Err(ProbeError::Closed),
                Opcode::Pong | Opcode::Ping | Opcode::Text | Opcode::Binary | Opcode::Continuation => {}
            }
            left -= length;
            bytes.advance(length);
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(ProbeError::Closed);
        }
    }
}

/// Lets the target end the connection, which spares it an error in its log; what it still
/// sends is of no interest.
async fn take_leave(mut stream: Stream) {
    let reading = async {
        let mut rest = (&mut stream).take(LEAVE_SIZE);
        let mut buffer = BytesMut::with_capacity(4096);
        while let Ok(1..) = rest.read_buf(&mut buffer).await {
            buffer.clear();
        }
    };
    let _ended_or_not = within(LEAVE_TIME, reading).await;
}

fn fields(host: Option<HeaderValue>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(host) = host {
        headers.insert(header::HOST, host);
    }
    headers.insert(header::USER_AGENT, HeaderValue::from_static("framegate-health-check"));
    headers
}

fn target_of(path: &str) -> Uri {
    Uri::from(path.parse().unwrap_or_else(|_| PathAndQuery::from_static("/")))
}

/// A handshake with a fresh key that offers no extension, and this subprotocol if it is not empty.
pub(crate) fn handshake(subprotocol: &str) -> ClientHandshake {
    let key = loop {
        // Sixteen bytes in base64: of the last digit two bits count, then the padding.
        let mut text: String = (0..21).map(|_| digit(rand::random::<u8>() % 64)).collect();
        text.push(digit(rand::random::<u8>() % 4 * 16));
        text.push_str("==");
        if let Some(key) = Key::parse(text.as_bytes()) {
            break key;
        }
    };
    ClientHandshake {
        accept: key.accept(),
        key,
        subprotocols: Subprotocols::one(subprotocol),
        deflate_offers: Vec::new(),
    }
}

/// A digit of base64 (RFC 4648 §4).
fn digit(value: u8) -> char {
    char::from(match value {
        0..26 => b'A' + value,
        26..52 => b'a' + (value - 26),
        52..62 => b'0' + (value - 52),
        62 => b'+',
        _ => b'/',
    })
}

/// Checks of one target do not follow on each other faster.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// Bytes of frames that may come before the pong.
const FRAMES_MAX: usize = 64 * 1024;
/// How long, and for how many bytes, a target may take to end the connection.
const LEAVE_TIME: Duration = Duration::from_secs(1);
const LEAVE_SIZE: u64 = 64 * 1024;

#[cfg(test)]
mod tests;
