//! Messages of one session that those outside are asked about: so many of each direction at a
//! time, the others wait as what they say.

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::stream::{FuturesUnordered, Stream as _};
use gate_core::Side;
use gate_core::session::{Ruling, Ticket, Verdict};

use crate::inspect::chain::Chain;
use crate::inspect::opinion::Message;
use crate::observe::record::Opened;
use crate::worker::Worker;

/// See the module.
pub(crate) struct Errands {
    worker: Rc<Worker>,
    opened: Rc<Opened>,
    chain: Rc<Chain>,
    under_way: FuturesUnordered<Asked>,
    client: Queue,
    upstream: Queue,
}

/// Somebody outside is asked about a message.
type Asked = Pin<Box<dyn Future<Output = Answered>>>;

/// What has come of that.
pub(crate) struct Answered {
    pub(crate) ticket: Ticket,
    pub(crate) ruling: Ruling,
}

/// The messages of one direction.
#[derive(Default)]
struct Queue {
    under_way: usize,
    waiting: VecDeque<(Message, Verdict)>,
}

impl Errands {
    pub(crate) fn new(worker: Rc<Worker>, opened: Rc<Opened>, chain: Rc<Chain>) -> Self {
        let (under_way, client, upstream) = (FuturesUnordered::new(), Queue::default(), Queue::default());
        Self { worker, opened, chain, under_way, client, upstream }
    }

    /// Has a message judged. `verdict`: what the rules have made of it.
    pub(crate) fn ask(&mut self, message: Message, verdict: Verdict) {
        let from = message.from;
        self.queue(from).waiting.push_back((message, verdict));
        self.start(from);
    }

    /// The next answer, if there is one; else the task is woken when there is.
    pub(crate) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Option<Answered> {
        match Pin::new(&mut self.under_way).poll_next(cx) {
            Poll::Ready(Some(answered)) => {
                let from = answered.ticket.from;
                self.queue(from).under_way -= 1;
                // What waits came behind a message that ends the session: those before it have begun.
                match answered.ruling.verdict {
                    Verdict::Close { .. } => self.queue(from).waiting.clear(),
                    Verdict::Allow | Verdict::Drop | Verdict::Rewrite(_) => self.start(from),
                }
                Some(answered)
            }
            Poll::Ready(None) | Poll::Pending => None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    fn start(&mut self, from: Side) {
        let at_a_time = self.chain.at_a_time(from);
        let queue = self.queue(from);
        if queue.under_way >= at_a_time {
            return;
        }
        let Some((message, verdict)) = queue.waiting.pop_front() else { return };
        queue.under_way += 1;
        let (worker, opened, chain) =
            (Rc::clone(&self.worker), Rc::clone(&self.opened), Rc::clone(&self.chain));
        self.under_way.push(Box::pin(async move {
            let ticket = Ticket { from, index: message.index };
            let opinion = chain.judge(&worker, &opened, message, verdict).await;
            Answered { ticket, ruling: opinion.into_ruling() }
        }));
    }

    fn queue(&mut self, from: Side) -> &mut Queue {
        match from {
            Side::Client => &mut self.client,
            Side::Upstream => &mut self.upstream,
        }
    }
}
