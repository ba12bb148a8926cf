//! What an operator can ask of a gateway that runs: the seam between whoever is asked (the admin
//! listener) and whoever can do it (the owner of the [`Gateway`](crate::Gateway)).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};

use crate::clock;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read the configuration again and run it, or change nothing.
    Reload,
    /// Close all sessions and end the process.
    Drain {
        /// The time over which the Close frames go out; `None`: as the configuration has it.
        spread: Option<Duration>,
    },
    /// Open the files of all logs anew.
    ReopenLogs,
}

impl Action {
    /// A stable name for records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::Drain { .. } => "drain",
            Self::ReopenLogs => "reopen_logs",
        }
    }
}

/// What came of it, as a report for people: what was done, or why it was not.
pub type Outcome = Result<String, String>;

/// An action that somebody asks for and waits for.
#[derive(Debug)]
pub struct Request {
    /// What is asked.
    pub action: Action,
    reply: oneshot::Sender<Outcome>,
}

impl Request {
    /// Answers. A drain is answered when it begins, everything else when it is done.
    pub fn answer(self, outcome: Outcome) {
        // Who asked may have left meanwhile; what was done stays done.
        let _gone = self.reply.send(outcome);
    }
}

/// Where the requests come out; ended by the gateway.
pub type Requests = mpsc::Receiver<Request>;

/// Where requests go in, and what there is to be told of the configuration. Cheap to clone; all
/// clones are one. The default leads to nobody.
#[derive(Clone, Debug, Default)]
pub struct Controls {
    requests: Option<mpsc::Sender<Request>>,
    source: Arc<Mutex<Option<Source>>>,
}

/// Where the configuration that runs came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file that was given.
    pub path: PathBuf,
    /// Tells two contents apart, in hexadecimal.
    pub hash: String,
    /// When it began to run.
    pub loaded_at: SystemTime,
}

impl Source {
    /// What begins to run at this moment.
    #[must_use]
    pub fn at_this_moment(path: &Path, hash: String) -> Self {
        Self { path: path.to_owned(), hash, loaded_at: clock::wall() }
    }
}

/// Why an action was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is nobody who could.
    Nobody,
    /// So many wait already that this one is not taken.
    Busy,
    /// It was tried, and this is the report.
    Failed(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("this gateway was started without a way to do that"),
            Self::Busy => f.write_str("other requests of the kind are still being carried out"),
            Self::Failed(report) => f.write_str(report),
        }
    }
}

/// Requests that may wait.
const WAITING_MAX: usize = 16;

impl Controls {
    /// Both ends. The owner of the gateway keeps the second and answers what comes out of it.
    #[must_use]
    pub fn channel() -> (Self, Requests) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Self { requests: Some(sender), source: Arc::default() }, receiver)
    }

    /// Asks and waits for the outcome.
    ///
    /// # Errors
    /// When it was not done.
    pub async fn ask(&self, action: Action) -> Result<String, Refusal> {
        let Some(requests) = &self.requests else { return Err(Refusal::Nobody) };
        let (reply, outcome) = oneshot::channel();
        requests.try_send(Request { action, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::Busy,
            mpsc::error::TrySendError::Closed(_) => Refusal::Nobody,
        })?;
        outcome.await.map_err(|_| Refusal::Nobody)?.map_err(Refusal::Failed)
    }

    /// Tells what runs from this moment on.
    pub fn set_source(&self, source: Source) {
        *self.source.lock().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }

    /// What runs; `None`: it came from no file.
    #[must_use]
    pub fn source(&self) -> Option<Source> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn an_outcome_reaches_who_asked() {
        let (controls, mut requests) = Controls::channel();
        run(async {
            for outcome in [Ok("done".to_owned()), Err("line 3".to_owned())] {
                let owner = async {
                    let request = requests.recv().await.unwrap();
                    assert_eq!(request.action, Action::Reload);
                    request.answer(outcome.clone());
                };
                let (found, ()) = tokio::join!(controls.ask(Action::Reload), owner);
                assert_eq!(found, outcome.map_err(Refusal::Failed));
            }
        });
    }

    #[test]
    fn nobody_waits_for_what_nobody_does() {
        assert_eq!(run(Controls::default().ask(Action::ReopenLogs)), Err(Refusal::Nobody));
        let (controls, requests) = Controls::channel();
        drop(requests);
        assert_eq!(run(controls.ask(Action::Reload)), Err(Refusal::Nobody));
        let (controls, mut requests) = Controls::channel();
        run(async {
            let unanswered = async { drop(requests.recv().await) };
            let (found, ()) = tokio::join!(controls.ask(Action::Reload), unanswered);
            assert_eq!(found, Err(Refusal::Nobody));
        });
    }

    #[test]
    fn requests_that_wait_are_bounded() {
        let (controls, _requests) = Controls::channel();
        run(async {
            for _ in 0..WAITING_MAX {
                let asked = controls.ask(Action::Reload);
                tokio::pin!(asked);
                assert!(tokio::time::timeout(Duration::ZERO, &mut asked).await.is_err());
            }
            assert_eq!(controls.ask(Action::Reload).await, Err(Refusal::Busy));
        });
    }
}
