//! One call to a webhook: the request, the way to the server and back, all within one time limit.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use gate_config::model::Webhook;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use tokio::task::spawn_local;
use ws_proto::Opcode;

use crate::clock::{self, within};
use crate::inspect::opinion::{Message, Speaker};
use crate::inspect::webhook::Hook;
use crate::inspect::webhook::answer::{self, Answer, Said, Unusable};
use crate::inspect::webhook::shelf::{Held, Shelf, Way};
use crate::observe::webhooks::{Outcome, direction};
use crate::signing::Key;
use crate::upstream::dial::{DialError, dial};
use crate::upstream::line::{Line, SendError};
use crate::upstream::target::Target;
use crate::upstream::upload::{Progress, Upload};

/// Why there is no answer that could be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("no connection came free within {0:?}")]
    Busy(Duration),
    #[error("there was no answer within {0:?}")]
    TimedOut(Duration),
    #[error("it cannot be reached")]
    Dial(#[from] DialError),
    #[error("the connection was lost before the answer")]
    Lost(#[source] hyper::Error),
    #[error("the answer is not HTTP/1.1")]
    Malformed(#[source] hyper::Error),
    #[error("it switched protocols though nobody had asked it to")]
    Switched,
    #[error("the answer cannot be used: {0}")]
    Unusable(#[from] Unusable),
    #[error("the body of the answer broke off")]
    Broken,
}

impl CallError {
    /// What it counts as.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Busy(_) => Outcome::Busy,
            Self::TimedOut(_) => Outcome::Timeout,
            Self::Dial(_) => Outcome::Connect,
            Self::Lost(_) | Self::Broken => Outcome::Lost,
            Self::Malformed(_) | Self::Switched | Self::Unusable(_) => Outcome::Invalid,
        }
    }
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It waits for a connection that others have.
    Waiting,
    /// It has one, or makes one.
    UnderWay,
}

impl Hook {
    /// Asks about a message.
    pub(super) async fn call(&self, speaker: &Speaker, message: &Message) -> Result<Answer, CallError> {
        let limit = self.kit.webhook.settings.timeout;
        let stage = Cell::new(Stage::Waiting);
        // Boxed: most of its states are not those in which a call waits.
        let asking = Box::pin(self.ask(speaker, message, &stage));
        within(limit, asking).await.unwrap_or_else(|| {
            Err(match stage.get() {
                Stage::Waiting => CallError::Busy(limit),
                Stage::UnderWay => CallError::TimedOut(limit),
            })
        })
    }

    async fn ask(
        &self,
        speaker: &Speaker,
        message: &Message,
        stage: &Cell<Stage>,
    ) -> Result<Answer, CallError> {
        let (response, held) = self.send(speaker, message, stage).await?;
        let (head, body) = response.into_parts();
        let settings = &self.kit.webhook.settings;
        let answer = match answer::read(&head, settings.rewrites)? {
            Said::Rewrite => {
                let payload = self.payload(body).await?;
                finish(&self.shelf, held, None);
                return Ok(answer::payload(payload, message.opcode)?);
            }
            Said::Allow => Answer::Allow,
            Said::Drop => Answer::Drop,
            Said::Refuse(status) => Answer::Refuse(status),
        };
        finish(&self.shelf, held, Some(body));
        Ok(answer)
    }

    async fn payload(&self, body: Incoming) -> Result<Vec<u8>, CallError> {
        let size_max = self.kit.webhook.settings.rewrite_size_max;
        let too_large = Unusable::TooLarge(size_max);
        if body.size_hint().lower() > size_max {
            return Err(too_large.into());
        }
        let limited = Limited::new(body, usize::try_from(size_max).unwrap_or(usize::MAX));
        match limited.collect().await {
            Ok(collected) => Ok(collected.to_bytes().into()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_large.into()),
            Err(_) => Err(CallError::Broken),
        }
    }

    /// Sends the request and reads the head of the answer.
    async fn send(
        &self,
        speaker: &Speaker,
        message: &Message,
        stage: &Cell<Stage>,
    ) -> Result<(Response<Incoming>, Held), CallError> {
        let request = || request(&self.kit.webhook, self.kit.key.as_deref(), speaker, message);
        loop {
            let way = {
                let _waits = self.figures.wait();
                stage.set(Stage::Waiting);
                self.shelf.way(self.target()).await
            };
            stage.set(Stage::UnderWay);
            let seat = match way {
                Way::Fresh(seat) => seat,
                Way::Kept(Held { mut line, seat }) => match line.send(request()).await {
                    Ok(response) => return accept(response, Held { line, seat }),
                    // Nothing was sent: another connection may do.
                    Err(SendError::Unsent(..)) => continue,
                    Err(SendError::Sent(error)) if error.is_parse() => {
                        return Err(CallError::Malformed(error));
                    }
                    // A server may give up a connection that waits at any time. A webhook is told
                    // which message it is, so that it can tell when it is asked twice.
                    Err(SendError::Sent(_)) => seat,
                },
            };
            let mut line = self.connect().await?;
            return match line.send(request()).await {
                Ok(response) => accept(response, Held { line, seat }),
                Err(SendError::Sent(error)) if error.is_parse() => Err(CallError::Malformed(error)),
                Err(SendError::Sent(error) | SendError::Unsent(_, error)) => Err(CallError::Lost(error)),
            };
        }
    }

    async fn connect(&self) -> Result<Line, CallError> {
        let cluster = &self.kit.cluster;
        let dialled = dial(cluster, self.target(), cluster.upstream().timeouts.connect).await?;
        Line::new(dialled).await.map_err(CallError::Lost)
    }

    fn target(&self) -> &Target {
        &self.kit.target
    }
}

fn accept(response: Response<Incoming>, held: Held) -> Result<(Response<Incoming>, Held), CallError> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(CallError::Switched);
    }
    Ok((response, held))
}

/// Sees to it that the connection can be used again once the rest of the answer has come, which is
/// of no interest. Nobody waits for that, and it is given up where it is too long or takes too long.
fn finish(shelf: &Rc<Shelf>, mut held: Held, rest: Option<Incoming>) {
    let rest = rest.filter(|rest| !rest.is_end_stream());
    if rest.is_none() && held.line.is_ready() {
        shelf.put(held);
        return;
    }
    let shelf = Rc::clone(shelf);
    spawn_local(async move {
        let ended = within(REST_TIME_MAX, async {
            if let Some(rest) = rest {
                let limited = Limited::new(rest, REST_SIZE_MAX);
                limited.collect().await.map(drop).map_err(drop)?;
            }
            held.line.ready().await.map_err(drop)
        });
        if let Some(Ok(())) = ended.await {
            shelf.put(held);
        }
    });
}

/// The request that tells of a message.
fn request(webhook: &Webhook, key: Option<&Key>, speaker: &Speaker, message: &Message) -> Request<Upload> {
    let url = &webhook.url.value;
    let body = Upload::of(Full::new(message.payload.clone()), &Progress::new());
    let mut request = Request::new(body);
    *request.method_mut() = webhook.method.clone();
    // The text has been held against what a request can ask for.
    *request.uri_mut() = url.target.parse().unwrap_or_else(|_| Uri::from_static("/"));
    let headers = request.headers_mut();
    put(headers, header::HOST, &url.authority());
    headers.insert(header::USER_AGENT, HeaderValue::from_static("framegate"));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(match message.opcode {
            Opcode::Text => "text/plain; charset=utf-8",
            Opcode::Binary | Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => {
                "application/octet-stream"
            }
        }),
    );
    for (name, value) in &webhook.headers {
        headers.insert(name.clone(), value.clone());
    }
    let told = Told::of(speaker, message);
    for (name, value) in NAMES.into_iter().zip(&told.0) {
        put(headers, name, value);
    }
    if let Some(key) = key {
        let head = told.signed_head(webhook);
        let signature = key.sign(&[head.as_bytes(), &message.payload]);
        put(headers, SIGNATURE, &format!("t={},v1={signature}", told.timestamp()));
    }
    request
}

/// What is told of a message, in the order of [`NAMES`].
struct Told([String; TOLD]);

impl Told {
    fn of(speaker: &Speaker, message: &Message) -> Self {
        let now = clock::wall().duration_since(UNIX_EPOCH).unwrap_or_default();
        let client = speaker.client.map_or_else(|| "unix:".to_owned(), |client| client.to_string());
        Self([
            now.as_secs().to_string(),
            visible(&speaker.session),
            visible(&speaker.request_id),
            visible(&speaker.route),
            direction(message.from).to_owned(),
            message.opcode.name().to_owned(),
            message.index.to_string(),
            client,
        ])
    }

    fn timestamp(&self) -> &str {
        self.0.first().map(String::as_str).unwrap_or_default()
    }

    /// What is signed before the payload: each part is a line, and none can have a line end in it.
    fn signed_head(&self, webhook: &Webhook) -> String {
        let mut head = format!("framegate-webhook-v1\n{} {}\n", webhook.method, webhook.url.value.target);
        for part in &self.0 {
            head.push_str(part);
            head.push('\n');
        }
        head
    }
}

/// A name as a field can have it: what is not visible ASCII is percent-encoded.
fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            visible.push(char::from(byte));
        } else {
            visible.push_str(&format!("%{byte:02X}"));
        }
    }
    visible
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Fields that are told of a message.
const TOLD: usize = 8;
const NAMES: [HeaderName; TOLD] = [
    HeaderName::from_static("x-framegate-timestamp"),
    HeaderName::from_static("x-framegate-connection-id"),
    HeaderName::from_static("x-framegate-request-id"),
    HeaderName::from_static("x-framegate-route"),
    HeaderName::from_static("x-framegate-direction"),
    HeaderName::from_static("x-framegate-opcode"),
    HeaderName::from_static("x-framegate-sequence"),
    HeaderName::from_static("x-framegate-client-address"),
];
const SIGNATURE: HeaderName = HeaderName::from_static("x-framegate-signature");

/// Bytes of an answer that are read though they are of no interest.
const REST_SIZE_MAX: usize = 64 * 1024;
/// For them to come.
const REST_TIME_MAX: Duration = Duration::from_secs(1);
