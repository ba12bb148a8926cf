//! The operator of a gateway: asks its admin listener by plain HTTP, one connection a request.

use std::net::SocketAddr;
use std::path::PathBuf;

use gate_config::model::ListenAddress;
use serde_json::Value;

use crate::head::Head;
use crate::message::Message;
use crate::peer::{Ending, Peer};

/// See the module.
#[derive(Clone, Debug)]
pub struct Operator {
    address: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// What the gateway answered.
#[derive(Debug)]
pub struct Reply {
    /// Status and fields.
    pub head: Head,
    /// The body.
    pub text: String,
}

impl Operator {
    /// Of the gateway whose admin listener is there.
    #[must_use]
    pub fn at(address: ListenAddress) -> Self {
        let address = match address {
            ListenAddress::Tcp(address) | ListenAddress::Udp(address) => Place::Tcp(address),
            ListenAddress::Unix { path, .. } => Place::Unix(path),
        };
        Self { address }
    }

    /// Asks with these very fields; the end of the connection is asked for in addition.
    ///
    /// # Panics
    /// When no whole answer comes.
    #[must_use]
    #[track_caller]
    pub fn ask(&self, request: &Message) -> Reply {
        let mut peer = match &self.address {
            Place::Tcp(address) => Peer::connect(*address),
            Place::Unix(path) => Peer::connect_unix(path),
        };
        peer.send(&request.clone().with("Connection", "close").to_bytes());
        let head = peer.read_head();
        let (body, ending) = peer.read_to_end();
        assert_eq!(ending, Ending::Fin);
        Reply { head, text: String::from_utf8(body).expect("text") }
    }

    /// Reads what is there.
    #[must_use]
    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        self.ask(&Self::request("GET", target))
    }

    /// Asks for something to be done; the body may be empty.
    #[must_use]
    #[track_caller]
    pub fn post(&self, target: &str, body: &str) -> Reply {
        self.ask(&Self::request("POST", target).sized(body))
    }

    /// Has something ended.
    #[must_use]
    #[track_caller]
    pub fn delete(&self, target: &str) -> Reply {
        self.ask(&Self::request("DELETE", target))
    }

    /// A request as operators on this machine make it.
    #[must_use]
    pub fn request(method: &str, target: &str) -> Message {
        Message::request(method, target).replace("Host", "localhost")
    }
}

impl Reply {
    /// The status.
    #[must_use]
    #[track_caller]
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.head.get("Content-Type"), Some("application/json"), "{self:?}");
        serde_json::from_str(&self.text).expect("JSON")
    }
}
