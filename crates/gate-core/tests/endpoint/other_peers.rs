//! The other end is an implementation by others, tungstenite: random conversations with fragments,
//! pings and Closes, cut up at random, in both roles. What one end says the other hears.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame as TheirFrame};
use tungstenite::protocol::{Role as TheirRole, WebSocketConfig};
use tungstenite::{Message, WebSocket};

use super::*;

/// The wire as the other implementation sees it: what it may read, and what it has written.
#[derive(Default)]
struct Pipe {
    incoming: VecDeque<u8>,
    written: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() {
            Err(io::ErrorKind::WouldBlock.into())
        } else {
            self.incoming.read(space)
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Both ends, and what has been said and heard.
struct Talk {
    lone: Lone,
    other: WebSocket<Pipe>,
    dice: StdRng,
    /// Bytes of the endpoint's that the other has been given.
    given: usize,
    said: Vec<(Kind, Vec<u8>)>,
    heard_by_other: Vec<Message>,
    pongs: usize,
}

impl Talk {
    fn new(role: Role, seed: u64) -> Self {
        let theirs = match role {
            Role::Server => TheirRole::Client,
            Role::Client => TheirRole::Server,
        };
        let config = WebSocketConfig::default();
        Self {
            lone: open(role),
            other: WebSocket::from_raw_socket(Pipe::default(), theirs, Some(config)),
            dice: StdRng::seed_from_u64(seed),
            given: 0,
            said: Vec::new(),
            heard_by_other: Vec::new(),
            pongs: 0,
        }
    }

    /// The other end's bytes come to the endpoint in reads of random length, and its answers go back.
    fn exchange(&mut self) {
        for _ in 0..3 {
            let _ = self.other.flush();
            let bytes = std::mem::take(&mut self.other.get_mut().written);
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let most = if self.dice.random_bool(0.5) { rest.len() } else { rest.len().min(9) };
                let (read, left) = rest.split_at(self.dice.random_range(1..=most));
                self.lone.send(read);
                rest = left;
            }
            let arrived = self.lone.arrived();
            self.other.get_mut().incoming.extend(arrived.iter().skip(self.given));
            self.given = arrived.len();
            self.hear();
        }
    }

    fn hear(&mut self) {
        loop {
            match self.other.read() {
                Ok(Message::Pong(_)) => self.pongs += 1,
                Ok(Message::Ping(_)) => {}
                Ok(message) => self.heard_by_other.push(message),
                Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed) => return,
                Err(error) => unreachable!("the other end takes offence: {error}"),
            }
        }
    }

    fn random_bytes(&mut self) -> Vec<u8> {
        let length = match self.dice.random_range(0..10) {
            0 => 0,
            1 => self.dice.random_range(120..=130),
            2 => self.dice.random_range(65_500..=65_535),
            _ => self.dice.random_range(1..600),
        };
        (0..length).map(|_| self.dice.random()).collect()
    }

    fn random_text(&mut self) -> String {
        let letters = ["a", "\u{e4}", "\u{20ac}", "\u{1f38c}", "\r\n"];
        let length = self.dice.random_range(0..200);
        (0..length).map(|_| *letters.choose(&mut self.dice).expect("there are some")).collect()
    }

    fn random_message(&mut self) -> (Kind, Vec<u8>) {
        if self.dice.random_bool(0.5) {
            (Kind::Text, self.random_text().into_bytes())
        } else {
            (Kind::Binary, self.random_bytes())
        }
    }

    /// The other end sends a message, in fragments or whole, with pings in between.
    fn let_other_say(&mut self) {
        let (kind, payload) = self.random_message();
        let mut opcode = match kind {
            Kind::Text => Data::Text,
            Kind::Binary => Data::Binary,
        };
        let mut rest = &payload[..];
        while self.dice.random_bool(0.4) {
            let (fragment, left) = rest.split_at(self.dice.random_range(0..=rest.len()));
            self.write_frame(fragment, opcode, false);
            opcode = Data::Continue;
            rest = left;
            if self.dice.random_bool(0.3) {
                self.other.write(Message::Ping("between".into())).expect("its buffer takes it");
            }
        }
        self.write_frame(rest, opcode, true);
        self.said.push((kind, payload));
    }

    fn write_frame(&mut self, payload: &[u8], opcode: Data, is_final: bool) {
        let frame = TheirFrame::message(payload.to_vec(), OpCode::Data(opcode), is_final);
        self.other.write(Message::Frame(frame)).expect("its buffer takes it");
    }
}

#[test]
fn what_either_end_says_the_other_hears() {
    let mut pongs = 0;
    for role in ROLES {
        for seed in 0..60 {
            let mut talk = Talk::new(role, seed);
            let mut sent = Vec::new();
            for _ in 0..12 {
                if talk.dice.random_bool(0.5) {
                    talk.let_other_say();
                } else {
                    let (kind, payload) = talk.random_message();
                    talk.lone.say(kind, &payload).unwrap();
                    sent.push((kind, payload));
                }
                if talk.dice.random_bool(0.6) {
                    talk.exchange();
                }
            }
            talk.exchange();
            let got = talk.lone.messages().iter().map(|got| (got.kind, got.payload.clone()));
            assert!(got.eq(talk.said.iter().cloned()), "seed {seed}");
            let heard = talk.heard_by_other.iter().map(|message| match message {
                Message::Text(text) => (Kind::Text, text.as_bytes().to_vec()),
                Message::Binary(bytes) => (Kind::Binary, bytes.to_vec()),
                Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {
                    unreachable!("{message:?} is no message")
                }
            });
            assert!(heard.eq(sent), "seed {seed}");
            talk.lone.check_streams();
            pongs += talk.pongs;
        }
    }
    assert!(pongs > 50, "pings are answered: {pongs}");
}

#[test]
fn both_ends_close_to_the_others_content() {
    for role in ROLES {
        let mut talk = Talk::new(role, 1);
        talk.lone.shut_down();
        talk.exchange();
        let expected = CloseFrame { code: 1001.into(), reason: "".into() };
        assert_eq!(talk.heard_by_other, [Message::Close(Some(expected))]);
        assert_eq!(talk.lone.endpoint().closes().received, Some(Some(CloseCode::GOING_AWAY)));
        talk.lone.fin();
        assert_over(&talk.lone, Fin, Cause::Shutdown, Party::Gateway);

        let mut talk = Talk::new(role, 2);
        talk.other.close(Some(CloseFrame { code: 4321.into(), reason: "enough".into() })).expect("it can");
        talk.exchange();
        assert!(!talk.other.can_read(), "it has had its answer");
        assert_eq!(talk.lone.endpoint().peer_reason(), "enough");
        talk.lone.fin();
        assert_over(&talk.lone, Fin, Cause::Close(CloseCode::new(4321)), peer(role));
    }
}

#[test]
fn pings_of_the_endpoint_are_answered() {
    let interval = Duration::from_secs(30);
    for role in ROLES {
        let mut talk = Talk::new(role, 3);
        let keepalive = Keepalive { interval, timeout: interval, to: PingTo::Both };
        talk.lone = with(role, EndpointPolicy { keepalive, ..EndpointPolicy::default() });
        for round in 1..=5 {
            talk.lone.wait(interval);
            talk.exchange();
            assert_eq!((talk.lone.pings().len(), death(&talk.lone)), (round, None));
            assert_eq!(talk.lone.frames().len(), round, "each has its pong");
        }
    }
}
