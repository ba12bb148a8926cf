//! An agent on a unix socket, in either version of the protocol: a thread for each connection, and
//! of each question the test says what is done with it. It shares no code with the gateway.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fs, mem};

use serde_json::{Value, json};

/// See the module. It ends when dropped, and its connections with it.
#[derive(Debug)]
pub struct Agent {
    path: PathBuf,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the test says to a question.
#[derive(Clone, Debug)]
pub enum Say {
    /// This answer; what is not in it has its default.
    Answer(Value),
    /// These bytes.
    Raw(Vec<u8>),
    /// Nothing, and the connection stays.
    Nothing,
    /// Nothing, and the connection ends.
    HangUp,
}

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Questions and answers in order.
    V1,
    /// A handshake, types and correlation ids.
    V2,
}

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    accepted: AtomicUsize,
    open: Mutex<HashMap<usize, UnixStream>>,
    questions: Mutex<Vec<Value>>,
}

impl Agent {
    /// Answers each question with what `judge` says to it: an object of `event_type` and `payload`.
    ///
    /// # Panics
    /// When there can be no socket at `path`.
    #[must_use]
    pub fn start(
        version: Version,
        path: &Path,
        judge: impl Fn(&Value) -> Say + Send + Sync + 'static,
    ) -> Self {
        let listener = UnixListener::bind(path).expect("a socket that can be made");
        let (shared, judge) = (Arc::<Shared>::default(), Arc::new(judge));
        let thread = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                while let Ok((stream, _)) = listener.accept()
                    && !shared.is_over.load(Ordering::SeqCst)
                {
                    let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
                    if let Ok(second) = stream.try_clone() {
                        lock(&shared.open).insert(number, second);
                    }
                    let (shared, judge) = (Arc::clone(&shared), Arc::clone(&judge));
                    thread::spawn(move || {
                        let mut connection = Connection { version, stream, shared: Arc::clone(&shared) };
                        // The gateway, or the test, has ended it.
                        let _ended = connection.serve(&*judge);
                        lock(&shared.open).remove(&number);
                    });
                }
            })
        };
        Self { path: path.to_owned(), shared, thread: Some(thread) }
    }

    /// One of version 1 that says the same to every question.
    #[must_use]
    pub fn saying(path: &Path, say: Say) -> Self {
        Self::start(Version::V1, path, move |_| say.clone())
    }

    /// Connections that have come.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Connections that are open.
    #[must_use]
    pub fn open(&self) -> usize {
        lock(&self.shared.open).len()
    }

    /// All questions so far.
    #[must_use]
    pub fn questions(&self) -> Vec<Value> {
        lock(&self.shared.questions).clone()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _waker = UnixStream::connect(&self.path);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
        for stream in mem::take(&mut *lock(&self.shared.open)).into_values() {
            let _gone_already = stream.shutdown(Shutdown::Both);
        }
        let _gone_already = fs::remove_file(&self.path);
    }
}

/// The answer that a message goes on, goes nowhere, or ends its session: a `websocket_decision`.
#[must_use]
pub fn frame(decision: Value) -> Say {
    Say::Answer(json!({ "websocket_decision": decision }))
}

/// Lets everything pass.
#[must_use]
pub fn allow() -> Say {
    Say::Answer(json!({}))
}

/// Says it after a while.
#[must_use]
pub fn late(after: Duration, say: Say) -> Say {
    thread::sleep(after);
    say
}

struct Connection {
    version: Version,
    stream: UnixStream,
    shared: Arc<Shared>,
}

impl Connection {
    fn serve(&mut self, judge: &(impl Fn(&Value) -> Say + ?Sized)) -> std::io::Result<()> {
        loop {
            let mut length = [0; 4];
            self.stream.read_exact(&mut length)?;
            let mut message = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap_or(0)];
            self.stream.read_exact(&mut message)?;
            let question = match self.version {
                Version::V1 => parse(&message),
                Version::V2 => match message.split_first() {
                    Some((1, _)) => {
                        self.send(Some(2), &hello())?;
                        continue;
                    }
                    Some((kind, payload)) => {
                        json!({ "event_type": event_type(*kind), "payload": parse(payload) })
                    }
                    None => return Ok(()),
                },
            };
            lock(&self.shared.questions).push(question.clone());
            match judge(&question) {
                Say::Answer(answer) => self.answer(&question, answer)?,
                Say::Raw(bytes) => self.stream.write_all(&bytes)?,
                Say::Nothing => {}
                Say::HangUp => {
                    return self.stream.shutdown(Shutdown::Both);
                }
            }
        }
    }

    fn answer(&mut self, question: &Value, answer: Value) -> std::io::Result<()> {
        let mut whole = json!({ "version": 1, "decision": "allow", "audit": {} });
        merge(&mut whole, answer);
        if self.version == Version::V1 {
            return self.send(None, &whole);
        }
        let id = question
            .pointer("/payload/correlation_id")
            .or_else(|| question.pointer("/payload/metadata/correlation_id"));
        if whole.pointer("/audit/custom/correlation_id").is_none() {
            merge(&mut whole, json!({ "audit": { "custom": { "correlation_id": id } } }));
        }
        if whole.get("version") == Some(&json!(1)) {
            merge(&mut whole, json!({ "version": 2 }));
        }
        self.send(Some(0x20), &whole)
    }

    fn send(&mut self, kind: Option<u8>, message: &Value) -> std::io::Result<()> {
        let text = message.to_string();
        let body: Vec<u8> = kind.into_iter().chain(text.into_bytes()).collect();
        self.stream.write_all(&framed(&body))
    }
}

/// Bytes behind their length.
#[must_use]
pub fn framed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), body].concat()
}

fn parse(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap_or(Value::Null)
}

fn hello() -> Value {
    json!({
        "protocol_version": 2, "success": true, "error": null, "encoding": "json",
        "capabilities": {
            "agent_id": "fake", "name": "Fake", "version": "1", "supported_events": [1, 6, 8],
            "features": {
                "streaming_body": false, "websocket": true, "guardrails": false, "config_push": false,
                "metrics_export": false, "concurrent_requests": 100, "cancellation": false,
                "flow_control": false, "health_reporting": false
            },
            "limits": { "max_body_size": 1, "max_concurrency": 100, "preferred_chunk_size": 1 }
        }
    })
}

fn event_type(kind: u8) -> &'static str {
    match kind {
        0x10 => "request_headers",
        0x15 => "web_socket_frame",
        0x17 => "configure",
        _ => "?",
    }
}

/// Puts all of `more` into `whole`, objects within objects.
fn merge(whole: &mut Value, more: Value) {
    match (whole, more) {
        (Value::Object(whole), Value::Object(more)) => {
            for (key, value) in more {
                merge(whole.entry(key).or_insert(Value::Null), value);
            }
        }
        (whole, more) => *whole = more,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
