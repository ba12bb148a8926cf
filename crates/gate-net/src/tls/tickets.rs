//! The keys of session tickets.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;

/// Whether the session of one acceptor may go on at another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sharing {
    /// At all others that share, before and after a reload.
    Process,
    /// Nowhere else. A resumed session is not asked for a certificate again, so that tickets
    /// of acceptors that ask for different ones, or for none, or know of other revocations,
    /// must not be good for each other.
    Own,
}

/// A source of tickets whose keys change every six hours.
///
/// # Errors
/// When the system has no randomness.
pub(super) fn ticketer(sharing: Sharing) -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    static PROCESS: Mutex<Option<Arc<dyn ProducesTickets>>> = Mutex::new(None);
    match sharing {
        Sharing::Own => Ticketer::new(),
        Sharing::Process => {
            let mut process = PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(ticketer) = &*process {
                return Ok(Arc::clone(ticketer));
            }
            let ticketer = Ticketer::new()?;
            *process = Some(Arc::clone(&ticketer));
            Ok(ticketer)
        }
    }
}
