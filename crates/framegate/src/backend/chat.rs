//! The chat room: whatever one says, all see, the speaker included.
//!
//! Lines are plain text, so that any WebSocket client can take part: `NAME: what was said`, and
//! `* what happened` for the room's own notices. A guest takes a name with `/name NAME`; names are labels, not
//! identities. The room keeps no history, and holds `LINES_KEPT` lines for members who read slowly: past
//! that they are told how many they missed.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{SinkExt, StreamExt};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::Stopping;
use super::session::{self, GOING_AWAY, Socket};

/// The longest message that the room takes, in bytes; it bounds what slow members can make the room hold.
pub(super) const MESSAGE_SIZE_MAX: usize = 16 * 1024;

/// A room and its lines on their way to the members.
#[derive(Debug)]
pub(super) struct Room {
    /// Capacity `LINES_KEPT`; lives as long as the room. Members are its receivers.
    lines: broadcast::Sender<Utf8Bytes>,
    /// How many guests there have been; numbers the next one.
    guests: AtomicU64,
}

impl Room {
    pub(super) fn new() -> Self {
        Self { lines: broadcast::Sender::new(LINES_KEPT), guests: AtomicU64::new(0) }
    }

    fn next_guest(&self) -> String {
        format!("guest-{}", self.guests.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn members(&self) -> usize {
        self.lines.receiver_count()
    }

    fn say(&self, line: String) {
        // An error means that nobody is here to see it.
        let _unseen = self.lines.send(Utf8Bytes::from(line));
    }
}

/// One member's stay, from entering the room to the end of the connection.
pub(super) async fn attend(mut socket: Socket, room: &Room, mut stopping: Stopping) {
    let mut lines = room.lines.subscribe();
    let mut name = room.next_guest();
    room.say(format!(
        "* {name} is here, {} in the room; /name NAME to be called something else",
        room.members()
    ));
    let mut shutdown = pin!(stopping.begun());
    let end = loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => room.say(hear(&mut name, &text)),
                Some(Ok(Message::Binary(_))) => break End::Close(CloseCode::Unsupported, TEXT_ONLY),
                // The library answers pings and closes by itself while it is being read.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_))) => {}
                Some(Err(error)) => break End::Failed(error),
                None => break End::Left,
            },
            line = lines.recv() => {
                let line = match line {
                    Ok(line) => line,
                    Err(RecvError::Lagged(missed)) => format!("* you missed {missed} lines").into(),
                    Err(RecvError::Closed) => break End::Left,
                };
                if socket.send(Message::Text(line)).await.is_err() {
                    break End::Left;
                }
            }
            () = &mut shutdown => break End::Close(CloseCode::Away, GOING_AWAY),
        }
    };
    drop(lines);
    room.say(format!("* {name} has left, {} in the room", room.members()));
    match end {
        End::Left => {}
        End::Failed(error) => session::fail(socket, &error).await,
        End::Close(code, reason) => session::close(socket, code, reason).await,
    }
}

/// Why a member's stay ended.
enum End {
    /// The connection is gone, or its Close has been answered.
    Left,
    /// The peer broke the protocol, or was lost.
    Failed(tokio_tungstenite::tungstenite::Error),
    /// The room closes the connection.
    Close(CloseCode, &'static str),
}

const TEXT_ONLY: &str = "the chat takes text only";
const LINES_KEPT: usize = 256;
const NAME_CHARS_MAX: usize = 24;

/// The line that the room gets to see for what a member said.
fn hear(name: &mut String, text: &str) -> String {
    let Some(wanted) = text.strip_prefix("/name ").map(str::trim) else {
        // A line break would let a member speak in another's name.
        return format!("{name}: {}", text.replace(char::is_control, " "));
    };
    if !is_name(wanted) {
        let allowed = "letters, digits, spaces, '-', '_', '.'";
        return format!("* {name} wants a name that is none: up to {NAME_CHARS_MAX} {allowed}");
    }
    let before = std::mem::replace(name, String::from(wanted));
    format!("* {before} is {name} from here on")
}

fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.');
    (1..=NAME_CHARS_MAX).contains(&text.chars().count()) && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::hear;

    fn check(text: &str, expected: &str, name_after: &str) {
        let mut name = String::from("guest-1");
        assert_eq!(hear(&mut name, text), expected);
        assert_eq!(name, name_after);
    }

    #[test]
    fn what_is_said_bears_the_name() {
        check("hello", "guest-1: hello", "guest-1");
        check("", "guest-1: ", "guest-1");
    }

    #[test]
    fn a_line_break_does_not_start_a_line() {
        check("hi\nada: me too\r\n", "guest-1: hi ada: me too  ", "guest-1");
    }

    #[test]
    fn a_name_can_be_taken() {
        check("/name Ada L.", "* guest-1 is Ada L. from here on", "Ada L.");
        check("/name  Åse ", "* guest-1 is Åse from here on", "Åse");
    }

    #[test]
    fn what_is_no_name_changes_nothing() {
        let answer = "* guest-1 wants a name that is none: up to 24 letters, digits, spaces, '-', '_', '.'";
        for text in ["/name ", "/name *", "/name a:b", "/name a\nb", "/name abcdefghijklmnopqrstuvwxy"] {
            check(text, answer, "guest-1");
        }
    }
}
