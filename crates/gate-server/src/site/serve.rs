//! Serves HTTP/1.1 on one of these listeners: few connections at a time, each for a limited time.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};

/// Connections at a time; more wait.
const CONNECTIONS_MAX: usize = 64;

/// A listener.
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// What requests are answered with.
pub(crate) trait Answer: Send + Sync + 'static {
    /// A connection is ended after this long, be it busy or idle.
    const CONNECTION_TIME_MAX: Duration;

    /// The answer to a request of `peer`, which records can name.
    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Arc<str>,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;
}

/// Holds a lifeline for each connection, so that answers under way can be waited for.
#[derive(Debug)]
pub(crate) struct Lifelines {
    ending: watch::Sender<()>,
    ended: mpsc::Receiver<()>,
    line: Lifeline,
}

/// Tells a connection when to end, and when dropped that it has.
#[derive(Clone, Debug)]
pub(crate) struct Lifeline {
    ending: watch::Receiver<()>,
    /// Nothing is ever sent.
    _open: mpsc::Sender<()>,
}

impl Lifelines {
    pub(crate) fn new() -> Self {
        let (ending, told) = watch::channel(());
        let (open, ended) = mpsc::channel(1);
        Self { ending, ended, line: Lifeline { ending: told, _open: open } }
    }

    pub(crate) fn line(&self) -> Lifeline {
        self.line.clone()
    }

    /// Ends all connections behind the answers that are under way, or after `limit`.
    pub(crate) async fn end(self, limit: Duration) {
        let Self { ending, mut ended, line } = self;
        drop((ending, line));
        let _either_way = timeout(limit, ended.recv()).await;
    }
}

/// Serves for ever. Connections that it has accepted go on when it is dropped.
pub(crate) async fn serve<A: Answer>(listener: Listener, site: Arc<A>, line: Lifeline) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        if accept(&listener, &site, &line, permit).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn accept<A: Answer>(
    listener: &Listener,
    site: &Arc<A>,
    line: &Lifeline,
    permit: OwnedSemaphorePermit,
) -> io::Result<()> {
    match listener {
        Listener::Tcp(listener) => {
            let (stream, peer) = listener.accept().await?;
            tokio::spawn(converse(stream, peer.to_string().into(), Arc::clone(site), (line.clone(), permit)));
        }
        Listener::Unix(listener) => {
            let (stream, _) = listener.accept().await?;
            let peer = whose(&stream);
            tokio::spawn(converse(stream, peer, Arc::clone(site), (line.clone(), permit)));
        }
    }
    Ok(())
}

/// Who is at the other end of a unix socket.
fn whose(stream: &UnixStream) -> Arc<str> {
    match stream.peer_cred() {
        Ok(peer) => format!("unix:uid={}", peer.uid()).into(),
        Err(_) => "unix:".into(),
    }
}

async fn converse<A: Answer>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Arc<str>,
    site: Arc<A>,
    (mut line, _permit): (Lifeline, OwnedSemaphorePermit),
) {
    let service = service_fn(move |request| {
        let answer = Arc::clone(&site).answer(request, Arc::clone(&peer));
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let conversing = async {
        tokio::select! {
            ended = &mut connection => return ended,
            // Only ever by the end of the sender.
            _told = line.ending.changed() => {}
        }
        connection.as_mut().graceful_shutdown();
        connection.await
    };
    // Who breaks off is no event.
    let _ended = timeout(A::CONNECTION_TIME_MAX, conversing).await;
}
