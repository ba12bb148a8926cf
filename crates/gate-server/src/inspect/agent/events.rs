//! What agents are told of messages.

use std::borrow::Cow;

use agent_proto::{Event, Opcode, Payload, WebSocketFrame};
use gate_core::Side;

use crate::inspect::opinion::{Message, Speaker};

/// What stands for the address of a client on a unix socket.
pub(crate) const NO_ADDRESS: &str = "unix:";

/// A whole message, as one frame.
pub(super) fn of_message<'a>(speaker: &'a Speaker, message: &'a Message) -> Event<'a> {
    let client_ip = match speaker.client {
        Some(address) => Cow::Owned(address.to_string()),
        None => Cow::Borrowed(NO_ADDRESS),
    };
    Event::WebSocketFrame(WebSocketFrame {
        correlation_id: Cow::Borrowed(&speaker.request_id),
        opcode: opcode(message.opcode),
        data: Payload::from(&*message.payload),
        client_to_server: message.from == Side::Client,
        frame_index: message.index,
        fin: true,
        route_id: Some(Cow::Borrowed(&speaker.route)),
        client_ip,
    })
}

fn opcode(opcode: ws_proto::Opcode) -> Opcode {
    match opcode {
        ws_proto::Opcode::Text => Opcode::Text,
        ws_proto::Opcode::Binary => Opcode::Binary,
        ws_proto::Opcode::Continuation => Opcode::Continuation,
        ws_proto::Opcode::Close => Opcode::Close,
        ws_proto::Opcode::Ping => Opcode::Ping,
        ws_proto::Opcode::Pong => Opcode::Pong,
    }
}
