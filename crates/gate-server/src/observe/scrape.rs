//! The page of metrics as Prometheus scrapes it, on a listener of its own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::net::TcpListener;

use crate::observe::exposition::Sources;
use crate::observe::page::CONTENT_TYPE;
use crate::site::audience::Audience;
use crate::site::serve::{self, Answer, Lifeline, Listener};

/// The page, and where it is.
pub(crate) struct Site {
    pub(crate) sources: Arc<Sources>,
    /// `path` of `metrics`.
    pub(crate) path: String,
}

/// Serves the page for ever. On a loopback address it is for this machine.
pub(crate) async fn serve(listener: TcpListener, site: Site, line: Lifeline) {
    let is_loopback = listener.local_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback());
    let audience = if is_loopback { Audience::this_machine() } else { Audience::All };
    serve::serve(Listener::Tcp(listener), Arc::new(Guarded { site, audience }), line).await;
}

struct Guarded {
    site: Site,
    audience: Audience,
}

impl Answer for Guarded {
    const CONNECTION_TIME_MAX: Duration = Duration::from_secs(60);

    async fn answer(self: Arc<Self>, request: Request<Incoming>, _peer: Arc<str>) -> Response<Full<Bytes>> {
        answer(&request, &self.site, &self.audience)
    }
}

fn answer<B>(request: &Request<B>, site: &Site, audience: &Audience) -> Response<Full<Bytes>> {
    if let Err(stranger) = audience.judge(request) {
        return refuse(stranger.status(), &stranger.to_string());
    }
    let page = format!("the page is GET {}", site.path);
    if request.uri().path() != site.path {
        return refuse(StatusCode::NOT_FOUND, &page);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, &page);
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let mut response = Response::new(Full::from(site.sources.page()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response
}

fn refuse(status: StatusCode, why: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{status}; {why}\n")));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

#[cfg(test)]
mod tests {
    use gate_config::model::{At, Config, LogTarget, Logging};

    use super::*;
    use crate::observe::exposition::Configured;
    use crate::observe::reloads::Reloads;
    use crate::observe::writer::Records;

    fn site() -> Site {
        let logging = Logging { access: None, error: At::nowhere(LogTarget::Off), ..Logging::default() };
        let records = Records::open(&logging).unwrap();
        let configured = Configured {
            connections_limit: 0,
            targets: Box::new(Vec::new),
            prefix: None,
            traces: Vec::new(),
        };
        let reloads = Reloads::new(Config::default().fingerprint());
        let sources = Arc::new(Sources::new(Vec::new(), records, configured, reloads));
        Site { sources, path: "/m".to_owned() }
    }

    #[test]
    fn the_page_is_at_its_path_for_those_who_read() {
        let site = site();
        let checks = [
            (Method::GET, "/m", StatusCode::OK),
            (Method::HEAD, "/m?x", StatusCode::OK),
            (Method::POST, "/m", StatusCode::METHOD_NOT_ALLOWED),
            (Method::GET, "/metrics", StatusCode::NOT_FOUND),
            (Method::POST, "/", StatusCode::NOT_FOUND),
        ];
        for (method, target, status) in checks {
            let request = Request::builder().method(&method).uri(target).header("host", "a");
            let response = answer(&request.body(()).unwrap(), &site, &Audience::All);
            assert_eq!(response.status(), status, "{method} {target}");
            let allow = response.headers().contains_key(header::ALLOW);
            assert_eq!(allow, status == StatusCode::METHOD_NOT_ALLOWED, "{method} {target}");
        }
    }

    #[test]
    fn strangers_are_told_why_they_are_not_shown_it() {
        let request = Request::get("/m").header("host", "evil.example").body(()).unwrap();
        let response = answer(&request, &site(), &Audience::this_machine());
        assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
        assert_eq!(answer(&request, &site(), &Audience::All).status(), StatusCode::OK);
    }
}
