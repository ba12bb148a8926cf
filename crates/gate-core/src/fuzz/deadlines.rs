//! Virtual time for a machine with deadlines and the driver around it.

use std::time::{Duration, Instant};

/// A machine whose driver lets time pass by hand.
pub(super) trait Deadlines {
    /// What time it is.
    fn clock(&mut self) -> &mut Instant;

    /// When it wants to be asked again; `None`: nothing more comes by itself.
    fn next_deadline(&self) -> Option<Instant>;

    /// Has it look at what time it is, and carries out what that leads to.
    fn look_at_clock(&mut self);

    /// Time passes, and each deadline in it.
    fn let_pass(&mut self, time: Duration) {
        let until = *self.clock() + time;
        let mut deadlines = 0;
        while let Some(at) = self.next_deadline().filter(|at| *at <= until) {
            deadlines += 1;
            assert!(deadlines < 1000, "deadlines come to an end");
            let now = self.clock();
            *now = at.max(*now);
            self.look_at_clock();
            assert!(self.next_deadline() != Some(at), "a deadline comes once");
        }
        *self.clock() = until;
    }

    /// Lets all deadlines come until there are none, and says how long that took.
    fn let_all_pass(&mut self) -> Duration {
        let began = *self.clock();
        while let Some(at) = self.next_deadline() {
            let now = *self.clock();
            self.let_pass(at.saturating_duration_since(now));
        }
        *self.clock() - began
    }
}
