//! A gateway between its start and its end: what `demo`, `relay` and `run` have in common.

use std::time::Duration;

use gate_config::model::Config;
use gate_config::relay::Relay;
use gate_server::{Gateway, Options, StartError};

use crate::failure::Failure;
use crate::signals::Signals;

/// Starts a gateway; its threads run when this returns.
///
/// # Errors
/// When the world objects to the configuration, or the system refuses threads.
pub(super) fn start(config: Config) -> Result<Gateway, StartError> {
    Gateway::start(config, options())
}

/// What all gateways of this program have in common.
pub(super) fn options() -> Options {
    Options { give_memory_back: Some(heap::give_back), ..Options::default() }
}

/// Starts a gateway that no file tells what to do.
///
/// # Errors
/// As [`start`].
pub(super) fn start_relay(relay: Relay) -> Result<Gateway, Failure> {
    start(relay.into()).map_err(Failure::Gateway)
}

/// Ends a gateway in good order, or at once at a Ctrl-C on the way.
///
/// # Errors
/// When a Ctrl-C cut the shutdown short.
pub(super) async fn end(gateway: Gateway, signals: &mut Signals) -> Result<(), Failure> {
    end_over(gateway, None, signals).await
}

/// Ends a gateway in good order, over its own spread or another, or at once at a Ctrl-C on the way.
///
/// # Errors
/// When a Ctrl-C cut the shutdown short.
pub(super) async fn end_over(
    gateway: Gateway,
    spread: Option<Duration>,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let (ended, end) = tokio::sync::oneshot::channel();
    // A thread of its own, not the runtime's: a runtime that is dropped waits for its threads, and a second
    // Ctrl-C must not.
    std::thread::spawn(move || {
        gateway.shut_down_over(spread);
        let _nobody_waits = ended.send(());
    });
    tokio::select! {
        _ = end => Ok(()),
        () = signals.stop_at_once() => Err(Failure::EndedAtOnce),
    }
}
