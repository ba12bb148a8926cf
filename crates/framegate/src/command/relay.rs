//! `framegate relay`: a gateway in front of one backend, all from flags.

use gate_config::model::{LogTarget, Shutdown, Target, TargetAddress};
use gate_config::relay::{HandshakeTimeouts, Relay};
use gate_core::{Limits, Timeouts};

use super::gateway;
use crate::cli::relay::{LogFormat, RelayArgs};
use crate::failure::Failure;
use crate::signals::Signals;

/// Relays until a signal ends it.
///
/// # Errors
/// When the gateway cannot start, or a second Ctrl-C cut the end short.
pub(crate) fn run(args: RelayArgs) -> Result<(), Failure> {
    super::runtime()?.block_on(relay(args))
}

async fn relay(args: RelayArgs) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(Failure::Runtime)?;
    let to = address(&args.to);
    let stdout_is_free = args.records.log != LogTarget::Stdout;
    let gateway = gateway::start_relay(settings(args)?)?;
    let mut announcement = String::new();
    if let Some(listen) = gateway.local_addr() {
        announcement.push_str(&format!("framegate: relaying ws://{listen} to {to}\n"));
    }
    if let Some(metrics) = gateway.metrics_addr() {
        announcement.push_str(&format!("framegate: metrics at http://{metrics}/metrics\n"));
    }
    // Among records it would be a line that their readers cannot parse; and the first record tells the same.
    if stdout_is_free {
        super::print(&announcement)?;
    }
    signals.stop().await;
    gateway::end(gateway, &mut signals).await
}

fn settings(args: RelayArgs) -> Result<Relay, Failure> {
    let RelayArgs { listen, to, ca_file, workers, limits, timeouts, shutdown, records } = args;
    Ok(Relay {
        listen,
        upstream: to,
        ca_file,
        workers,
        max_connections: limits.max_connections,
        limits: Limits {
            frame_size_max: limits.max_frame_size,
            message_size_max: limits.max_message_size,
            fragments_max: limits.max_fragments,
            validate_utf8: limits.validate_utf8,
        },
        timeouts: Timeouts {
            send: timeouts.send_timeout,
            close: timeouts.close_timeout,
            half_close: timeouts.half_close_timeout,
            frame: timeouts.frame_timeout,
            ..Timeouts::default()
        },
        handshake: HandshakeTimeouts {
            head: timeouts.handshake_timeout,
            dial: timeouts.dial_timeout,
            upstream: timeouts.upstream_handshake_timeout,
        },
        shutdown: Shutdown {
            close_code: shutdown.close_code_on_shutdown,
            ..shutdown.spread.within(shutdown.shutdown_grace)?
        },
        log: records.log,
        log_format: log_format(records.log_format),
        metrics: records.metrics,
    })
}

/// The backend as it may be typed.
fn address(target: &Target) -> String {
    match (&target.address.value, target.tls) {
        (unix @ TargetAddress::Unix(_), _) => unix.to_string(),
        (tcp @ TargetAddress::Tcp { .. }, false) => format!("ws://{tcp}"),
        (tcp @ TargetAddress::Tcp { .. }, true) => format!("wss://{tcp}"),
    }
}

fn log_format(format: LogFormat) -> gate_config::model::LogFormat {
    match format {
        LogFormat::Json => gate_config::model::LogFormat::Json,
        LogFormat::Text => gate_config::model::LogFormat::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::settings;
    use crate::cli::{Cli, Command};
    use crate::failure::Failure;
    use clap::Parser;
    use gate_config::model::{Target, TargetAddress};
    use gate_config::relay::Relay;

    fn typed(line: &str) -> Result<Relay, Failure> {
        match Cli::try_parse_from(line.split_whitespace()).map(|cli| cli.command) {
            Ok(Command::Relay(args)) => settings(*args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_flags_defaults_are_the_gateways_own() {
        let upstream = Target::new(TargetAddress::Tcp { host: String::from("::1"), port: 9001 });
        let expected = Relay::new(([127, 0, 0, 1], 8080).into(), upstream);
        let typed =
            typed("framegate relay --listen 127.0.0.1:8080 --to ws://[::1]:9001").expect("it is right");
        assert_eq!(format!("{typed:?}"), format!("{expected:?}"));
    }

    #[test]
    fn a_spread_is_no_longer_than_the_grace() {
        for (flags, expected) in [
            ("--shutdown-spread 60s", Ok(())),
            ("--shutdown-spread 90s --shutdown-grace 0", Ok(())),
            (
                "--shutdown-spread 90s",
                Err("--shutdown-spread: it is longer than --shutdown-grace, which is 60s"),
            ),
        ] {
            let typed = typed(&format!("framegate relay --listen 127.0.0.1:80 --to ws://h {flags}"));
            assert_eq!(
                typed.map(drop).map_err(|failure| failure.to_string()),
                expected.map_err(str::to_owned)
            );
        }
    }
}
