//! `framegate ws-proxy`: a gateway whose clients' proxies tell by header fields where each connection goes.

use gate_config::model::{LogFormat, LogTarget, Peers};
use gate_config::typed;
use gate_config::ws_proxy::WsProxy;

use super::gateway;
use crate::cli::relay;
use crate::cli::ws_proxy::WsProxyArgs;
use crate::failure::Failure;
use crate::signals::Signals;

/// Proxies until a signal ends it.
///
/// # Errors
/// When the gateway cannot start, or a second Ctrl-C cut the end short.
pub(crate) fn run(args: WsProxyArgs) -> Result<(), Failure> {
    super::runtime()?.block_on(proxy(args))
}

async fn proxy(args: WsProxyArgs) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(Failure::Runtime)?;
    let stdout_is_free = args.log != LogTarget::Stdout;
    let trusted = typed::peers(&args.trusted)
        .map_err(|why| Failure::Flag { flag: "--trusted or WSPROXY_TRUSTED", why })?;
    let settings = settings(args, trusted)?;
    let trusted = settings.trusted.to_string();
    let v6 = settings.listen_v6.map(|address| format!(" and ws://{address}")).unwrap_or_default();
    let gateway = gateway::start(settings.into()).map_err(Failure::Gateway)?;
    let mut announcement = String::new();
    if let Some(listen) = gateway.local_addr() {
        announcement.push_str(&format!(
            "framegate: proxying ws://{listen}{v6} to where x-wsproxy-upstream says\n\
             framegate: it is believed of {trusted}; --trusted or WSPROXY_TRUSTED names others\n"
        ));
    }
    if let Some(metrics) = gateway.metrics_addr() {
        announcement.push_str(&format!("framegate: metrics at http://{metrics}/metrics\n"));
    }
    // Among records it would be a line that their readers cannot parse.
    if stdout_is_free {
        super::print(&announcement)?;
    }
    signals.stop().await;
    gateway::end(gateway, &mut signals).await
}

fn settings(args: WsProxyArgs, trusted: Peers) -> Result<WsProxy, Failure> {
    let (listen, listen_v6) = (args.address(), args.address_v6());
    Ok(WsProxy {
        listen_v6,
        trusted,
        ca_file: args.ca_file,
        pool_size: args.webhook_pool_size,
        workers: args.workers,
        shutdown: args.spread.within(args.shutdown_grace)?,
        log_format: match args.log_format {
            relay::LogFormat::Json => LogFormat::Json,
            relay::LogFormat::Text => LogFormat::Text,
        },
        metrics: args.metrics,
        log: args.log,
        ..WsProxy::new(listen)
    })
}

#[cfg(test)]
mod tests {
    use super::settings;
    use crate::cli::{Cli, Command};
    use clap::Parser;
    use gate_config::typed;
    use gate_config::ws_proxy::WsProxy;

    fn typed(line: &str) -> Result<WsProxy, String> {
        match Cli::try_parse_from(line.split_whitespace()).map(|cli| cli.command) {
            Ok(Command::WsProxy(args)) => {
                let trusted = typed::peers(&args.trusted)?;
                settings(*args, trusted).map_err(|failure| failure.to_string())
            }
            Ok(other) => Err(format!("{other:?}")),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_original() {
        let typed = typed("framegate ws-proxy").expect("it is right");
        let has_v6 = std::net::TcpListener::bind("[::]:0").is_ok();
        let listen_v6 = has_v6.then(|| "[::]:4000".parse().expect("an address"));
        let expected = WsProxy { listen_v6, ..WsProxy::new(([0, 0, 0, 0], 4000).into()) };
        assert_eq!(format!("{typed:?}"), format!("{expected:?}"));
    }

    #[test]
    fn flags_change_them() {
        let line = "framegate ws-proxy --listen 127.0.0.1:0 --webhook-pool-size 7 --trusted 10.0.0.0/8,::1 --trusted unix: --shutdown-spread 2s --ca-file a.pem";
        let typed = typed(line).expect("it is right");
        assert_eq!((typed.listen, typed.pool_size), (([127, 0, 0, 1], 0).into(), 7));
        assert_eq!(typed.listen_v6, None, "one address is one");
        assert_eq!(typed.trusted.to_string(), "10.0.0.0/8, ::1/128, unix:");
        assert_eq!(typed.shutdown.spread, Some(std::time::Duration::from_secs(2)));
        assert_eq!(typed.ca_file, Some("a.pem".into()));
    }

    #[test]
    fn what_is_no_number_or_network_is_refused() {
        for flags in [
            "--port x",
            "--port 70000",
            "--webhook-pool-size many",
            "--webhook-pool-size 0",
            "--trusted me",
            "--shutdown-spread 2m",
        ] {
            assert!(typed(&format!("framegate ws-proxy {flags}")).is_err(), "{flags}");
        }
    }
}
