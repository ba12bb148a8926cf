//! The listener that Prometheus scrapes: a thread of its own, away from the workers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, timeout};

use crate::observe::exposition::{CONTENT_TYPE, Sources};

/// Scrapes at a time; more wait.
const CONNECTIONS_MAX: usize = 64;
/// A connection is ended after this long, be it busy or idle.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(60);

/// Serves the page until `stop`, whose sender the gateway keeps.
pub(crate) async fn serve(listener: TcpListener, sources: Arc<Sources>, stop: oneshot::Receiver<()>) {
    tokio::select! {
        () = accept(listener, sources) => {}
        _ = stop => {}
    }
}

async fn accept(listener: TcpListener, sources: Arc<Sources>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let sources = Arc::clone(&sources);
        let service = service_fn(move |request| {
            let response = answer(&request, &sources);
            async move { Ok::<_, Infallible>(response) }
        });
        let connection =
            Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            let _permit = permit;
            // A scraper that breaks off is no event.
            let _ended = timeout(CONNECTION_TIME_MAX, connection).await;
        });
    }
}

fn answer(request: &Request<Incoming>, sources: &Sources) -> Response<Full<Bytes>> {
    let status = match (request.uri().path(), request.method()) {
        ("/metrics", &Method::GET | &Method::HEAD) => {
            let mut response = Response::new(Full::from(sources.page()));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
            return response;
        }
        ("/metrics", _) => StatusCode::METHOD_NOT_ALLOWED,
        _ => StatusCode::NOT_FOUND,
    };
    let mut response = Response::new(Full::from(format!("{status}; the page is GET /metrics\n")));
    *response.status_mut() = status;
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}
