//! `framegate ws-proxy`: a gateway whose clients' proxies tell by header fields where each connection goes.

use gate_config::model::{LogFormat, LogTarget, Peers, Shutdown};
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
    let trusted = typed::peers(&args.trusted).map_err(|why| Failure::Flag { flag: "--trusted", why })?;
    let gateway = gateway::start(settings(args, trusted).into()).map_err(Failure::Gateway)?;
    let mut announcement = String::new();
    if let Some(listen) = gateway.local_addr() {
        announcement
            .push_str(&format!("framegate: proxying ws://{listen} to where x-wsproxy-upstream says\n"));
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

fn settings(args: WsProxyArgs, trusted: Peers) -> WsProxy {
    WsProxy {
        trusted,
        pool_size: args.webhook_pool_size,
        workers: args.workers,
        shutdown: Shutdown { grace: args.shutdown_grace, ..Shutdown::default() },
        log_format: match args.log_format {
            relay::LogFormat::Json => LogFormat::Json,
            relay::LogFormat::Text => LogFormat::Text,
        },
        metrics: args.metrics,
        ..WsProxy { log: args.log.clone(), ..WsProxy::new(args.address()) }
    }
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
                Ok(settings(*args, trusted))
            }
            Ok(other) => Err(format!("{other:?}")),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_original() {
        let typed = typed("framegate ws-proxy").expect("it is right");
        let expected = WsProxy::new(([0, 0, 0, 0], 4000).into());
        assert_eq!(format!("{typed:?}"), format!("{expected:?}"));
    }

    #[test]
    fn flags_change_them() {
        let line = "framegate ws-proxy --listen 127.0.0.1:0 --webhook-pool-size 7 --trusted 10.0.0.0/8 --trusted unix:";
        let typed = typed(line).expect("it is right");
        assert_eq!((typed.listen, typed.pool_size), (([127, 0, 0, 1], 0).into(), 7));
        assert!(typed.trusted.unix && typed.trusted.networks.len() == 1);
    }

    #[test]
    fn what_is_no_number_or_network_is_refused() {
        for flags in
            ["--port x", "--port 70000", "--webhook-pool-size many", "--webhook-pool-size 0", "--trusted me"]
        {
            assert!(typed(&format!("framegate ws-proxy {flags}")).is_err(), "{flags}");
        }
    }
}
