//! A gateway between its start and its end: what `demo` and `relay` have in common.

use gate_server::{Gateway, Settings, StartError};

use crate::failure::Failure;
use crate::signals::Signals;

/// Starts a gateway; its threads run when this returns.
///
/// # Errors
/// When an address cannot be listened on, or the system refuses threads or files.
pub(super) fn start(settings: Settings) -> Result<Gateway, Failure> {
    Gateway::start(settings).map_err(start_failure)
}

/// Ends a gateway in good order, or at once at a Ctrl-C on the way.
///
/// # Errors
/// When a Ctrl-C cut the shutdown short.
pub(super) async fn end(gateway: Gateway, signals: &mut Signals) -> Result<(), Failure> {
    let (ended, end) = tokio::sync::oneshot::channel();
    // A thread of its own, not the runtime's: a runtime that is dropped waits for its threads, and a second
    // Ctrl-C must not.
    std::thread::spawn(move || {
        gateway.shut_down();
        let _nobody_waits = ended.send(());
    });
    tokio::select! {
        _ = end => Ok(()),
        () = signals.stop_at_once() => Err(Failure::EndedAtOnce),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only addresses are chosen by a flag of their own")]
fn start_failure(error: StartError) -> Failure {
    match error {
        StartError::Listen { address, source } => {
            Failure::Listen { who: "the gateway", flag: "--listen", address, source }
        }
        StartError::Metrics { address, source } => {
            Failure::Listen { who: "the metrics page", flag: "--metrics", address, source }
        }
        other => Failure::Gateway(other),
    }
}
