//! The listener that Prometheus scrapes: a thread of its own, away from the workers.
//!
//! On a loopback address it is meant for this machine alone, and a browser on this machine can
//! be made to ask for others: a page of `evil.example` whose name suddenly leads to 127.0.0.1
//! is of the same origin as what is served there. The name gives it away, as it stands in Host.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gate_core::route::host_without_port;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body_util::Full;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use ws_proto::handshake::request::check_host;

use crate::observe::exposition::{CONTENT_TYPE, Sources};

/// Scrapes at a time; more wait.
const CONNECTIONS_MAX: usize = 64;
/// A connection is ended after this long, be it busy or idle.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(60);

/// The page, and where it is.
pub(crate) struct Site {
    pub(crate) sources: Arc<Sources>,
    /// `path` of `metrics`.
    pub(crate) path: String,
}

/// Whom the page is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    /// Whoever reaches the listener.
    All,
    /// Who asks for this machine by its address, and no page of another site.
    ThisMachine,
}

/// Serves the page for ever.
pub(crate) async fn serve(listener: TcpListener, site: Site) {
    let is_loopback = listener.local_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback());
    let audience = if is_loopback { Audience::ThisMachine } else { Audience::All };
    let site = Arc::new(site);
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let site = Arc::clone(&site);
        let service = service_fn(move |request| {
            let response = answer(&request, &site, audience);
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

fn answer<B>(request: &Request<B>, site: &Site, audience: Audience) -> Response<Full<Bytes>> {
    if let Err(fault) = judge(request, audience) {
        return refuse(fault.status(), &fault.to_string());
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

/// Why somebody is not shown the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("a request has one Host, and the same as in its target")]
    Host,
    #[error("metrics are served on a loopback address here, for Hosts that are an IP address or localhost")]
    Name,
    #[error("metrics are served on a loopback address here, and not for pages of other sites")]
    Origin,
}

impl Fault {
    fn status(self) -> StatusCode {
        match self {
            Self::Host => StatusCode::BAD_REQUEST,
            Self::Name => StatusCode::MISDIRECTED_REQUEST,
            Self::Origin => StatusCode::FORBIDDEN,
        }
    }
}

fn judge<B>(request: &Request<B>, audience: Audience) -> Result<(), Fault> {
    let headers = request.headers();
    // A client so old that it names no host is no browser.
    if request.version() == Version::HTTP_10 && !headers.contains_key(header::HOST) {
        return Ok(());
    }
    check_host(request.uri(), headers).map_err(|_| Fault::Host)?;
    match audience {
        Audience::All => Ok(()),
        Audience::ThisMachine => {
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).ok_or(Fault::Host)?;
            if !names_this_machine(host) {
                return Err(Fault::Name);
            }
            if is_of_another_site(headers, host) { Err(Fault::Origin) } else { Ok(()) }
        }
    }
}

/// Whether a Host is one that no name server can give a meaning to.
fn names_this_machine(host: &str) -> bool {
    let Some(host) = host_without_port(host) else { return false };
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

/// Whether the request comes from a page that was not served here. Browsers say so of requests
/// across sites whose answers the page may want to read.
fn is_of_another_site(headers: &HeaderMap, host: &str) -> bool {
    let is_foreign = |origin: &HeaderValue| {
        let own = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
        !own.is_some_and(|own| own.eq_ignore_ascii_case(host))
    };
    headers.get_all(header::ORIGIN).iter().any(is_foreign)
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
    use gate_config::model::{At, LogTarget, Logging};

    use super::*;
    use crate::observe::writer::Records;

    fn site() -> Site {
        let logging = Logging { access: None, error: At::nowhere(LogTarget::Off), ..Logging::default() };
        let (records, _) = Records::open(&logging).unwrap();
        let sources = Arc::new(Sources::new(Vec::new(), 0, records, Box::new(Vec::new)));
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
            let response = answer(&request.body(()).unwrap(), &site, Audience::All);
            assert_eq!(response.status(), status, "{method} {target}");
            let allow = response.headers().contains_key(header::ALLOW);
            assert_eq!(allow, status == StatusCode::METHOD_NOT_ALLOWED, "{method} {target}");
        }
    }

    #[track_caller]
    fn status(audience: Audience, version: Version, lines: &[(&str, &str)]) -> u16 {
        let request = lines.iter().fold(Request::get("/m").version(version), |request, (name, value)| {
            request.header(*name, *value)
        });
        answer(&request.body(()).unwrap(), &site(), audience).status().as_u16()
    }

    #[test]
    fn row_17_on_a_loopback_address_only_addresses_and_localhost_are_hosts() {
        let checks = [
            ("127.0.0.1", 200),
            ("127.0.0.1:9090", 200),
            ("[::1]", 200),
            ("[::1]:9090", 200),
            ("10.0.0.1:9090", 200),
            ("localhost", 200),
            ("LocalHost:9090", 200),
            ("evil.example", 421),
            ("evil.example:9090", 421),
            ("localhost.evil.example", 421),
            ("127.0.0.1.evil.example:9090", 421),
            ("xlocalhost", 421),
            ("127.0.0.1@evil.example", 400),
            ("evil.example, localhost", 400),
            ("", 400),
        ];
        for (host, expected) in checks {
            let found = status(Audience::ThisMachine, Version::HTTP_11, &[("host", host)]);
            assert_eq!(found, expected, "{host}");
            let found = status(Audience::All, Version::HTTP_11, &[("host", host)]);
            assert_eq!(found, if expected == 400 { 400 } else { 200 }, "{host} for all");
        }
    }

    #[test]
    fn row_17_pages_of_other_sites_are_shown_nothing_on_a_loopback_address() {
        let checks = [
            (&["http://127.0.0.1:9090"][..], 200),
            (&["HTTP://127.0.0.1:9090"], 403),
            (&["http://127.0.0.1:9091"], 403),
            (&["http://127.0.0.1"], 403),
            (&["https://127.0.0.1:9090"], 403),
            (&["http://evil.example"], 403),
            (&["null"], 403),
            (&[""], 403),
            (&["http://127.0.0.1:9090", "http://evil.example"], 403),
        ];
        for (origins, expected) in checks {
            let mut lines = vec![("host", "127.0.0.1:9090")];
            lines.extend(origins.iter().map(|origin| ("origin", *origin)));
            assert_eq!(status(Audience::ThisMachine, Version::HTTP_11, &lines), expected, "{origins:?}");
            assert_eq!(status(Audience::All, Version::HTTP_11, &lines), 200, "{origins:?} for all");
        }
    }

    #[test]
    fn row_12_there_is_one_host_but_for_clients_of_old() {
        for audience in [Audience::All, Audience::ThisMachine] {
            let twice = [("host", "127.0.0.1"), ("host", "127.0.0.1")];
            assert_eq!(status(audience, Version::HTTP_11, &twice), 400);
            assert_eq!(status(audience, Version::HTTP_10, &twice), 400);
            assert_eq!(status(audience, Version::HTTP_11, &[]), 400);
            assert_eq!(status(audience, Version::HTTP_10, &[]), 200);
        }
        assert_eq!(status(Audience::ThisMachine, Version::HTTP_10, &[("host", "evil.example")]), 421);
    }
}
