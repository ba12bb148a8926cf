//! The signals that end the program: SIGTERM and Ctrl-C (SIGINT).

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for both signals from its creation on; one that came meanwhile is not lost.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes the signals over from the system, whose answer would be to kill the process.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Resolves at the first signal of either kind.
    pub(crate) async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Resolves at the next Ctrl-C. Another SIGTERM counts for nothing: supervisors repeat it.
    pub(crate) async fn stop_at_once(&mut self) {
        self.interrupt.recv().await;
    }
}
