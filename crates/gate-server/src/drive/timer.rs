//! The one timer of a session. It exists only while something has a deadline, and is
//! set lazily: a deadline that moves on is looked at again when the old one comes.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::Sleep;

/// See the module.
#[derive(Default)]
pub(crate) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Whether the time that was waited for has come. Spurious answers are possible.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    /// Sees to it that the task is woken at `deadline`, if there is one.
    pub(crate) fn set(&mut self, deadline: Option<Instant>, cx: &mut Context<'_>) {
        match (deadline, &mut self.0) {
            (None, None) => {}
            // What comes and goes with every burst keeps its timer until that runs out.
            (None, Some(sleep)) => {
                if sleep.is_elapsed() {
                    self.0 = None;
                }
            }
            (Some(at), Some(sleep)) => {
                let at = at.into();
                if sleep.is_elapsed() || sleep.deadline() > at {
                    sleep.as_mut().reset(at);
                    self.wake_at_once_if_due(cx);
                }
            }
            (Some(at), none) => {
                *none = Some(Box::pin(tokio::time::sleep_until(at.into())));
                self.wake_at_once_if_due(cx);
            }
        }
    }

    /// Registers the task with the timer.
    fn wake_at_once_if_due(&mut self, cx: &mut Context<'_>) {
        if self.poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}
