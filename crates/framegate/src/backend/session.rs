//! An upgraded connection: which of the two places it is in, the echo itself, and its end (RFC 6455 §7).

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

use super::Stopping;
use super::chat::{self, Room};

/// An accepted handshake whose connection is about to change hands.
#[derive(Debug)]
pub(super) struct Opening {
    /// Resolves to the connection once the 101 has been written.
    pub(super) upgrade: OnUpgrade,
    /// Where the client asked to go.
    pub(super) place: Place,
}

/// Where an upgraded connection goes.
#[derive(Debug)]
pub(super) enum Place {
    /// Every message comes back.
    Echo,
    /// Every text goes to everyone in the room.
    Chat(Arc<Room>),
}

/// A WebSocket on a connection that hyper has let go.
pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Carries a session from its handshake to its end.
pub(super) async fn run(opening: Opening, stopping: Stopping) {
    // An error means that the connection was lost before the 101 was written.
    let Ok(upgraded) = opening.upgrade.await else { return };
    let size_max = match &opening.place {
        Place::Echo => None,
        Place::Chat(_) => Some(chat::MESSAGE_SIZE_MAX),
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_SIZE)
        .max_frame_size(size_max)
        .max_message_size(size_max);
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    match opening.place {
        Place::Echo => echo(socket, stopping).await,
        Place::Chat(room) => chat::attend(socket, &room, stopping).await,
    }
}

/// Sends Close, waits for the answer, and lets the connection go.
pub(super) async fn close(mut socket: Socket, code: CloseCode, reason: &'static str) {
    let farewell = async {
        socket.close(Some(CloseFrame { code, reason: reason.into() })).await?;
        while socket.next().await.transpose()?.is_some() {}
        Ok::<_, Error>(())
    };
    // Past the deadline, or with the connection lost, there is nobody left to tell.
    let _unanswered = tokio::time::timeout(CLOSE_WAIT, farewell).await;
}

/// Ends a session whose peer broke the protocol or was lost.
pub(super) async fn fail(mut socket: Socket, error: &Error) {
    let Some(code) = close_code(error) else { return };
    let farewell = async {
        socket.close(Some(CloseFrame { code, reason: error.to_string().into() })).await?;
        // What follows a violation cannot be parsed. It is read all the same: closing a socket with unread
        // input resets the connection, and the peer might never see the Close.
        let stream = socket.get_mut();
        stream.shutdown().await?;
        let mut ignored = [0; 4096];
        while stream.read(&mut ignored).await? > 0 {}
        Ok::<_, Error>(())
    };
    let _unanswered = tokio::time::timeout(CLOSE_WAIT, farewell).await;
}

/// The reason that goes with 1001 when the backend is shut down.
pub(super) const GOING_AWAY: &str = "the backend is shutting down";

/// Small, since every connection holds one; reads of larger frames go around it.
const READ_BUFFER_SIZE: usize = 16 * 1024;
/// How long a peer has for answering a Close.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

async fn echo(mut socket: Socket, mut stopping: Stopping) {
    let mut shutdown = pin!(stopping.begun());
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    if socket.send(message).await.is_err() {
                        return;
                    }
                }
                // The library answers pings and closes by itself while it is being read.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_))) => {}
                Some(Err(error)) => return fail(socket, &error).await,
                None => return,
            },
            () = &mut shutdown => return close(socket, CloseCode::Away, GOING_AWAY).await,
        }
    }
}

/// What to close with; nothing when there is no one to close to. RFC 6455 §7.4.1.
fn close_code(error: &Error) -> Option<CloseCode> {
    match error {
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(CloseCode::Protocol),
        Error::Utf8(_) => Some(CloseCode::Invalid),
        Error::Capacity(_) => Some(CloseCode::Size),
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_)
        | Error::Tls(_)
        | Error::WriteBufferFull(_)
        | Error::AttackAttempt
        | Error::Url(_)
        | Error::Http(_)
        | Error::HttpFormat(_) => None,
    }
}
