//! The signals that end the program, SIGTERM and Ctrl-C (SIGINT), and those that order a gateway to
//! do something: SIGHUP and SIGUSR1.

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

    /// Either, by whether the process has been told to stop already.
    pub(crate) async fn stop_or_at_once(&mut self, is_stopping: bool) {
        if is_stopping { self.stop_at_once().await } else { self.stop().await }
    }

    /// Resolves at the next Ctrl-C. Another SIGTERM counts for nothing: supervisors repeat it.
    pub(crate) async fn stop_at_once(&mut self) {
        self.interrupt.recv().await;
    }
}

/// What a gateway is ordered to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGUSR1: open the log files anew.
    ReopenLogs,
}

/// Listens for orders from its creation on. Several of a kind that come while one is carried out
/// are one.
#[derive(Debug)]
pub(crate) struct Orders {
    hangup: Signal,
    user1: Signal,
}

impl Orders {
    /// Takes the signals over from the system, whose answer would be to kill the process.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { hangup: signal(SignalKind::hangup())?, user1: signal(SignalKind::user_defined1())? })
    }

    /// Resolves at the next order.
    pub(crate) async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.hangup.recv() => Order::Reload,
            _ = self.user1.recv() => Order::ReopenLogs,
        }
    }
}
