//! The way of bytes to one peer, in memory: what the driver has written, how much of it
//! the peer's connection has taken, and how the stream ended.

/// See the module.
#[derive(Debug, Default)]
pub struct Wire {
    written: Vec<u8>,
    /// The first so many bytes of `written` have arrived; the rest is the backlog.
    arrived: usize,
    appetite: Appetite,
    state: State,
}

/// How much the peer takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Appetite {
    /// All there is.
    #[default]
    Endless,
    /// So many bytes more.
    Bytes(usize),
}

/// How a stream ended, as the peer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With a FIN behind the last byte.
    Fin,
    /// With an RST.
    Rst,
    /// By the peer's own doing: it takes nothing any more.
    Broken,
}

/// What became of bytes that were to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    All,
    Some,
    Nothing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// A FIN waits behind the backlog.
    FinishDue,
    Ended(Ending),
}

impl Wire {
    /// What has reached the peer.
    #[must_use]
    pub fn arrived(&self) -> &[u8] {
        self.written.get(..self.arrived).unwrap_or_default()
    }

    /// Whether and how the stream has ended for the peer.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        match self.state {
            State::Open | State::FinishDue => None,
            State::Ended(ending) => Some(ending),
        }
    }

    /// Bytes that wait.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.written.len() - self.arrived
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    pub(super) fn set_appetite(&mut self, appetite: Appetite) {
        self.appetite = appetite;
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Written {
        assert!(self.is_open(), "nothing is written behind the end of a stream");
        self.written.extend_from_slice(bytes);
        self.flush()
    }

    pub(super) fn flush(&mut self) -> Written {
        let waiting = self.backlog();
        let taken = match &mut self.appetite {
            Appetite::Endless => waiting,
            Appetite::Bytes(left) => {
                let taken = waiting.min(*left);
                *left -= taken;
                taken
            }
        };
        self.arrived += taken;
        if taken == waiting {
            if self.state == State::FinishDue {
                self.state = State::Ended(Ending::Fin);
            }
            Written::All
        } else if taken > 0 {
            Written::Some
        } else {
            Written::Nothing
        }
    }

    pub(super) fn finish(&mut self) {
        assert!(self.is_open(), "a stream ends once");
        self.state = State::FinishDue;
        self.flush();
    }

    /// Ends the stream at once; what waits is lost.
    pub(super) fn cut(&mut self, ending: Ending) {
        let before = self.ending();
        assert!(before != Some(Ending::Rst), "a stream is aborted once");
        self.written.truncate(self.arrived);
        self.state = State::Ended(ending);
    }
}
