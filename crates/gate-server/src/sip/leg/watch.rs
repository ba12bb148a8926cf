//! What a stream's peer has time for: to say anything, to end a message that it has begun, and to take
//! what is sent to it.

use std::time::{Duration, Instant};

use crate::drive::pipe::Written;
use crate::sip::leg::ending::Ending;

/// How long a stream's peer may take. Zero: as long as it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// To send anything, be it a keepalive.
    pub(crate) idle: Duration,
    /// From the first byte of a message to its last; for the first thing that it sends, from its coming.
    pub(crate) message: Duration,
    /// To take any bytes, while some wait for it.
    pub(crate) send: Duration,
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    patience: Patience,
    heard: Instant,
    /// A message that is not whole has begun then.
    begun: Option<Instant>,
    /// It has taken no bytes since then.
    blocked: Option<Instant>,
}

impl Patience {
    /// With a server, which is asked for signs of life.
    pub(crate) const WITH_SERVERS: Self =
        Self { idle: Duration::ZERO, message: Duration::ZERO, send: Duration::from_secs(60) };
}

impl Watch {
    pub(crate) fn new(patience: Patience, now: Instant) -> Self {
        Self { patience, heard: now, begun: None, blocked: None }
    }

    /// That of a peer who has come to say something: until that has come its seat is not its own.
    pub(crate) fn of_caller(patience: Patience, now: Instant) -> Self {
        Self { begun: Some(now), ..Self::new(patience, now) }
    }

    /// Something came. `rest`: what of it belongs to a message that is not whole.
    pub(crate) fn heard(&mut self, rest: Rest, now: Instant) {
        self.heard = now;
        self.begun = match rest {
            Rest::Nothing => None,
            Rest::Begun => Some(now),
            Rest::More => self.begun.or(Some(now)),
        };
    }

    /// Something was written, or could not be.
    pub(crate) fn wrote(&mut self, written: Written, now: Instant) {
        self.blocked = match written {
            Written::All | Written::Broken => None,
            Written::Some => Some(now),
            Written::Nothing => self.blocked.or(Some(now)),
        };
    }

    /// Nothing more is to come: what counts is whether what waits is taken.
    pub(crate) fn last_words(&mut self) {
        self.patience = Patience { idle: Duration::ZERO, message: Duration::ZERO, ..self.patience };
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines().into_iter().flatten().map(|(at, _)| at).min()
    }

    /// Why it is to end at once; `None`: there is time.
    pub(crate) fn overdue(&self, now: Instant) -> Option<Ending> {
        let due = self.deadlines().into_iter().flatten().find(|(at, _)| *at <= now);
        due.map(|(_, ending)| ending)
    }

    fn deadlines(&self) -> [Option<(Instant, Ending)>; 3] {
        let Patience { idle, message, send } = self.patience;
        let within = |since: Option<Instant>, limit: Duration| {
            since.filter(|_| !limit.is_zero()).and_then(|since| since.checked_add(limit))
        };
        [
            within(self.blocked, send).map(|at| (at, Ending::SendTimeout)),
            within(self.begun, message).map(|at| (at, Ending::MessageTimeout)),
            within(Some(self.heard), idle).map(|at| (at, Ending::IdleTimeout)),
        ]
    }
}

/// What is left of what has come, once all whole messages are taken from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    Nothing,
    /// The first part of a message.
    Begun,
    /// More of a message that had begun before.
    More,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const SECOND: Duration = Duration::from_secs(1);
    const PATIENCE: Patience = Patience {
        idle: Duration::from_secs(180),
        message: SECOND.saturating_mul(10),
        send: SECOND.saturating_mul(60),
    };

    /// Drives a watch by `(second, what)`, and answers when it ends and why.
    fn end(events: &[(u32, Event)]) -> Option<(Duration, Ending)> {
        let start = clock::now();
        let mut watch = Watch::new(PATIENCE, start);
        for (second, event) in events {
            let now = start + SECOND * *second;
            assert_eq!(watch.overdue(now), None, "at {second}");
            match event {
                Event::Heard(rest) => watch.heard(*rest, now),
                Event::Wrote(written) => watch.wrote(*written, now),
            }
        }
        let at = watch.poll_timeout()?;
        assert_eq!(watch.overdue(at - Duration::from_nanos(1)), None);
        watch.overdue(at).map(|ending| (at - start, ending))
    }

    #[derive(Clone, Copy)]
    enum Event {
        Heard(Rest),
        Wrote(Written),
    }

    #[test]
    fn a_peer_that_says_nothing_is_idle_whatever_is_sent_to_it() {
        assert_eq!(end(&[]), Some((SECOND * 180, Ending::IdleTimeout)));
        let events = [(100, Event::Heard(Rest::Nothing)), (200, Event::Wrote(Written::All))];
        assert_eq!(end(&events), Some((SECOND * 280, Ending::IdleTimeout)));
    }

    #[test]
    fn a_caller_has_no_longer_for_its_first_message_than_for_any_other() {
        let start = clock::now();
        let mut watch = Watch::of_caller(PATIENCE, start);
        assert_eq!(watch.overdue(start + SECOND * 10), Some(Ending::MessageTimeout));
        watch.heard(Rest::More, start + SECOND * 9);
        assert_eq!(watch.overdue(start + SECOND * 10), Some(Ending::MessageTimeout));
        watch.heard(Rest::Nothing, start + SECOND * 9);
        assert_eq!(watch.poll_timeout(), Some(start + SECOND * 189));
    }

    #[test]
    fn a_message_has_its_time_from_its_first_byte_however_often_more_of_it_comes() {
        let events =
            [(5, Event::Heard(Rest::Begun)), (9, Event::Heard(Rest::More)), (14, Event::Heard(Rest::More))];
        assert_eq!(end(&events), Some((SECOND * 15, Ending::MessageTimeout)));
        // Another one has begun behind the first.
        let events = [(5, Event::Heard(Rest::Begun)), (14, Event::Heard(Rest::Begun))];
        assert_eq!(end(&events), Some((SECOND * 24, Ending::MessageTimeout)));
        let events = [(5, Event::Heard(Rest::Begun)), (14, Event::Heard(Rest::Nothing))];
        assert_eq!(end(&events), Some((SECOND * 194, Ending::IdleTimeout)));
    }

    #[test]
    fn a_peer_that_takes_nothing_is_cut_off_and_one_that_takes_a_little_is_not() {
        let nothing = Event::Wrote(Written::Nothing);
        assert_eq!(end(&[(1, nothing), (50, nothing)]), Some((SECOND * 61, Ending::SendTimeout)));
        let events = [(1, nothing), (50, Event::Wrote(Written::Some)), (60, nothing)];
        assert_eq!(end(&events), Some((SECOND * 110, Ending::SendTimeout)));
        let events = [(1, nothing), (50, Event::Wrote(Written::All))];
        assert_eq!(end(&events), Some((SECOND * 180, Ending::IdleTimeout)));
    }

    #[test]
    fn a_stream_that_ends_waits_for_nothing_but_that_what_is_sent_is_taken() {
        let start = clock::now();
        let mut watch = Watch::new(PATIENCE, start);
        watch.heard(Rest::Begun, start);
        watch.last_words();
        assert_eq!(watch.poll_timeout(), None);
        watch.wrote(Written::Nothing, start);
        assert_eq!(watch.overdue(start + SECOND * 60), Some(Ending::SendTimeout));
    }

    #[test]
    fn where_no_time_is_set_none_is_kept() {
        let patience = Patience { idle: Duration::ZERO, message: Duration::ZERO, send: Duration::ZERO };
        let mut watch = Watch::new(patience, clock::now());
        watch.heard(Rest::Begun, clock::now());
        watch.wrote(Written::Nothing, clock::now());
        assert_eq!(watch.poll_timeout(), None);
    }
}
