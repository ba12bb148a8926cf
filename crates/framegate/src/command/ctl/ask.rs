//! One request of HTTP to an admin listener, over TCP or a unix socket.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use gate_config::model::ListenAddress;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::CtlError;

/// For a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// For an answer: a reload may have to wait for names.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(150);
/// Bytes of an answer: ten thousand connections with long paths.
const ANSWER_MAX: usize = 256 * 1024 * 1024;

/// An admin listener, and what to show at its door.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) address: ListenAddress,
    pub(super) token: Option<String>,
}

/// A request.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: String,
    pub(super) body: Option<Value>,
}

impl Desk {
    /// Asks, and answers the body of the answer.
    ///
    /// # Errors
    /// When nobody answers, or the answer is no success.
    pub(super) async fn ask(&self, question: &Question) -> Result<String, CtlError> {
        let request = self.request(question)?;
        let unreachable = |source| CtlError::Unreachable { address: self.address.clone(), source };
        let connecting = async {
            Ok::<_, io::Error>(match &self.address {
                ListenAddress::Tcp(address) | ListenAddress::Udp(address) => {
                    Either::Tcp(TcpStream::connect(address).await?)
                }
                ListenAddress::Unix { path, .. } => Either::Unix(UnixStream::connect(path).await?),
            })
        };
        let connected = timeout(CONNECT_TIME_MAX, connecting).await;
        let stream =
            connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(unreachable)?;
        let answering = async {
            match stream {
                Either::Tcp(stream) => exchange(stream, request).await,
                Either::Unix(stream) => exchange(stream, request).await,
            }
        };
        let (status, body) = timeout(ANSWER_TIME_MAX, answering).await.map_err(|_| CtlError::Late)??;
        if status.is_success() { Ok(body) } else { Err(refusal(status, &body)) }
    }

    fn request(&self, question: &Question) -> Result<Request<Full<Bytes>>, CtlError> {
        let host = match &self.address {
            ListenAddress::Tcp(address) | ListenAddress::Udp(address) => address.to_string(),
            ListenAddress::Unix { .. } => "localhost".to_owned(),
        };
        let mut request =
            Request::builder().method(&question.method).uri(&question.target).header(header::HOST, host);
        if let Some(token) = &self.token {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| CtlError::Token)?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let body = question.body.as_ref().map(Value::to_string).unwrap_or_default();
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request.body(Full::from(body)).map_err(|error| CtlError::Broken(error.to_string()))
    }
}

enum Either {
    Tcp(TcpStream),
    Unix(UnixStream),
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, String), CtlError> {
    let broken = |error: hyper::Error| CtlError::Broken(error.to_string());
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let answering = async move {
        let response: Response<Incoming> = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_MAX).collect().await;
        let body = body.map_err(|error| CtlError::Broken(error.to_string()))?.to_bytes();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    };
    let running = async {
        // What ends it is told to who waits for the answer.
        let _ended = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        answer = answering => answer,
        never = running => never,
    }
}

/// What a gateway says where it says no.
fn refusal(status: StatusCode, body: &str) -> CtlError {
    let told: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |key: &str| told.get(key).and_then(Value::as_str).map(str::to_owned);
    match text("error") {
        Some(error) => CtlError::Refused { error, help: text("help").unwrap_or_default() },
        None => CtlError::Answer(format!("it says {status}")),
    }
}
