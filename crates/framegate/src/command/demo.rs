//! `framegate demo`: a gateway, the embedded backend behind it, and a page to try them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use gate_config::model::{LogFormat, Target, TargetAddress};
use gate_config::relay::Relay;

use super::gateway;
use crate::backend::{self, Sockets};
use crate::cli::DemoArgs;
use crate::failure::Failure;
use crate::signals::Signals;

/// Runs the demo until a signal ends it.
///
/// # Errors
/// When an address cannot be listened on, or a second Ctrl-C cut the end short.
pub(crate) fn run(args: &DemoArgs) -> Result<(), Failure> {
    super::runtime()?.block_on(demo(args))
}

async fn demo(args: &DemoArgs) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(Failure::Runtime)?;
    let listener = super::bind("the page", "--page", args.page).await?;
    let page = listener.local_addr().map_err(Failure::Runtime)?;
    let gateway = gateway::start_relay(settings(args.listen, page))?;
    let listen = gateway.local_addr().unwrap_or(args.listen);
    super::print(&announcement(listen, page))?;

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let backend = backend::serve(listener, backend::Settings { sockets: Sockets::Gateway(listen) }, async {
        let _sent_or_gone = stopped.await;
    });
    let end = async {
        signals.stop().await;
        // The gateway first: its closes want the backend's answers.
        if let Err(failure) = gateway::end(gateway, &mut signals).await {
            return failure;
        }
        let _ended_already = stop.send(());
        signals.stop_at_once().await;
        Failure::EndedAtOnce
    };
    tokio::select! {
        () = backend => Ok(()),
        failure = end => Err(failure),
    }
}

/// The grace that a demo's connections get; nobody waits a minute for a demo to end.
const GRACE: Duration = Duration::from_secs(5);

fn settings(listen: SocketAddr, page: SocketAddr) -> Relay {
    let backend = reachable(page);
    let upstream = TargetAddress::Tcp { host: backend.ip().to_string(), port: backend.port() };
    let mut settings = Relay::new(listen, Target::new(upstream));
    settings.shutdown.grace = GRACE;
    settings.shutdown.spread = Some(Duration::ZERO);
    settings.log_format = LogFormat::Text;
    settings
}

/// The address under which a listener on this machine can be dialled.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listener.port())
}

fn announcement(listen: SocketAddr, page: SocketAddr) -> String {
    let (shown_page, shown_listen) = (reachable(page), reachable(listen));
    format!(
        "Framegate demo: open http://{shown_page}/ in a browser.\n\
         \n\
         gateway   {listen}   ws://{shown_listen}/echo and ws://{shown_listen}/chat\n\
         backend   {page}   an echo, a chat room, the page; the gateway relays to it\n\
         records   below, one line at each open and each close\n\
         \n\
         Ctrl-C ends it.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::{announcement, reachable};

    #[test]
    fn a_listener_on_every_address_is_dialled_on_loopback() {
        for (listener, expected) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:2", "[::1]:2"),
            ("127.0.0.1:3", "127.0.0.1:3"),
            ("[::1]:4", "[::1]:4"),
        ] {
            assert_eq!(listener.parse().map(reachable), expected.parse());
        }
    }

    #[test]
    fn the_announcement_names_every_address() {
        let text = announcement(([0, 0, 0, 0], 8080).into(), ([127, 0, 0, 1], 8081).into());
        for part in ["http://127.0.0.1:8081/", "ws://127.0.0.1:8080/echo", "0.0.0.0:8080", "Ctrl-C"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
