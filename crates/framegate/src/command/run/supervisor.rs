//! What goes on beside a gateway: signals, requests of operators, files that change, newer
//! processes. One thing is done after the other, on a thread of its own, so that signals are heard
//! meanwhile.

use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use gate_server::Gateway;
use gate_server::control::{Action, Controls, Request, Requests, Source};
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio::time::Interval;

use super::reading::{Read, Reading, read_again};
use super::service::Service;
use super::watching::{self, Watch};
use crate::command::{self, gateway::end_over};
use crate::failure::Failure;
use crate::signals::{Order, Orders, Signals};

/// See the module.
pub(super) struct Supervisor {
    pub(super) file: PathBuf,
    pub(super) signals: Signals,
    pub(super) orders: Orders,
    pub(super) requests: Requests,
    pub(super) controls: Controls,
    pub(super) service: Service,
    /// The next request, where it has been taken out already.
    pub(super) held: Option<Request>,
}

/// What is to be done next.
enum Next {
    Reload(Vec<Request>),
    ReopenLogs(Option<Request>),
    HandOver(UnixStream),
    Alive,
    Stop { spread: Option<Duration> },
}

/// What may come, beside signals and requests.
struct Ears {
    watch: Option<Watch>,
    successors: Option<UnixListener>,
    ticks: Option<Interval>,
}

/// How work on the thread of its own ended.
enum Worked<R> {
    Done(Gateway, R),
    /// The process was told to stop meanwhile.
    Stopped(Gateway),
}

impl Supervisor {
    /// Sees to `gateway`, which runs what was `read`, until its end.
    ///
    /// # Errors
    /// When a second Ctrl-C cut the end short.
    pub(super) async fn run(mut self, mut gateway: Gateway, read: Read) -> Result<(), Failure> {
        let mut ears = Ears { watch: None, successors: None, ticks: self.service.ticks() };
        ears.follow(gateway.auto_reloads(), read, true);
        ears.listen(&gateway);
        loop {
            match self.next(&mut ears).await {
                Next::Alive => self.service.alive(),
                Next::Stop { spread } => return self.stop(gateway, spread, ears).await,
                Next::ReopenLogs(request) => {
                    gateway.reopen_logs();
                    if let Some(request) = request {
                        request.answer(Ok("the files of all logs are open anew\n".to_owned()));
                    }
                }
                Next::Reload(requests) => {
                    self.service.reloading();
                    let file = self.file.clone();
                    let work = move |gateway: &mut Gateway| read_again(gateway, &file);
                    let (back, reading) = match self.work(gateway, work, &mut ears, || {}).await? {
                        Worked::Done(gateway, reading) => (gateway, reading),
                        Worked::Stopped(gateway) => return self.stop(gateway, None, ears).await,
                    };
                    gateway = back;
                    self.reloaded(&gateway, &reading, requests);
                    let is_whole = reading.outcome.is_ok();
                    ears.follow(gateway.auto_reloads(), reading.read, is_whole);
                    ears.listen(&gateway);
                }
                Next::HandOver(stream) => {
                    let Ok(cut) = stream.try_clone() else { continue };
                    let work = move |gateway: &mut Gateway| gateway.hand_over(stream);
                    // Whoever stops this process does not want to wait for another to start.
                    let cut = move || drop(cut.shutdown(Shutdown::Both));
                    gateway = match self.work(gateway, work, &mut ears, cut).await? {
                        Worked::Done(gateway, Err(_told)) => gateway,
                        Worked::Done(gateway, Ok(_)) => return self.stop(gateway, None, ears).await,
                        Worked::Stopped(mut gateway) => {
                            gateway.leave_files();
                            return self.stop(gateway, None, ears).await;
                        }
                    };
                }
            }
        }
    }

    async fn next(&mut self, ears: &mut Ears) -> Next {
        if let Some(request) = self.held.take() {
            return self.requested(request);
        }
        tokio::select! {
            biased;
            () = self.signals.stop() => Next::Stop { spread: None },
            order = self.orders.next() => match order {
                Order::Reload => Next::Reload(Vec::new()),
                Order::ReopenLogs => Next::ReopenLogs(None),
            },
            Some(request) = self.requests.recv() => self.requested(request),
            () = watching::changed(&mut ears.watch) => Next::Reload(Vec::new()),
            stream = accept(&mut ears.successors) => Next::HandOver(stream),
            () = tick(&mut ears.ticks) => Next::Alive,
        }
    }

    fn requested(&mut self, request: Request) -> Next {
        match request.action {
            Action::Reload => Next::Reload(self.and_those_behind(request)),
            Action::ReopenLogs => Next::ReopenLogs(Some(request)),
            Action::Drain { spread } => {
                request
                    .answer(Ok("all sessions are being closed; the process ends with the last\n".to_owned()));
                Next::Stop { spread }
            }
        }
    }

    /// Those who wait for a reload behind one another are served by one.
    fn and_those_behind(&mut self, request: Request) -> Vec<Request> {
        let mut requests = vec![request];
        while self.held.is_none()
            && let Ok(next) = self.requests.try_recv()
        {
            if next.action == Action::Reload {
                requests.push(next);
            } else {
                self.held = Some(next);
            }
        }
        requests
    }

    fn reloaded(&self, gateway: &Gateway, reading: &Reading, requests: Vec<Request>) {
        if reading.is_changed {
            self.controls.set_source(Source::at_this_moment(&self.file, gateway.config_hash()));
        }
        self.service.reloaded(match &reading.outcome {
            Ok(_) => "accepting connections",
            Err(_) => "accepting connections; the last reload failed, see the log",
        });
        for request in requests {
            request.answer(reading.outcome.clone());
        }
    }

    async fn stop(mut self, gateway: Gateway, spread: Option<Duration>, ears: Ears) -> Result<(), Failure> {
        // A newer process must not wait in a queue that nobody looks at.
        drop(ears);
        self.service.stopping();
        let mut ticks = self.service.ticks();
        let service = self.service;
        let beating = async {
            loop {
                tick(&mut ticks).await;
                service.alive();
            }
        };
        tokio::select! {
            ended = end_over(gateway, spread, &mut self.signals) => ended,
            () = beating => Ok(()),
        }
    }

    /// Does something that blocks, and returns when it is done. `cut` ends it early.
    async fn work<R: Send + 'static>(
        &mut self,
        mut gateway: Gateway,
        work: impl FnOnce(&mut Gateway) -> R + Send + 'static,
        ears: &mut Ears,
        cut: impl FnOnce(),
    ) -> Result<Worked<R>, Failure> {
        let (done, mut end) = oneshot::channel();
        std::thread::spawn(move || {
            let result = work(&mut gateway);
            let _nobody_waits = done.send((gateway, result));
        });
        let mut cut = Some(cut);
        loop {
            tokio::select! {
                end = &mut end => {
                    // A panic has taken the gateway with it.
                    let (gateway, result) = end.map_err(|_| Failure::Lost)?;
                    let is_stopped = cut.is_none();
                    return Ok(if is_stopped { Worked::Stopped(gateway) } else { Worked::Done(gateway, result) });
                }
                () = self.signals.stop_or_at_once(cut.is_none()) => match cut.take() {
                    Some(cut) => cut(),
                    None => return Err(Failure::EndedAtOnce),
                },
                () = tick(&mut ears.ticks) => self.service.alive(),
            }
        }
    }
}

impl Ears {
    /// Listens for newer processes where the configuration that runs says.
    fn listen(&mut self, gateway: &Gateway) {
        let found = gateway.successors().and_then(|found| found.map(UnixListener::from_std).transpose());
        self.successors = found.unwrap_or_else(|error| {
            command::tell(&format!("no newer process can take over: {error}"));
            None
        });
    }

    /// Watches the files of the configuration. With mistakes in them they may not have named all
    /// others, so those of before are watched on.
    fn follow(&mut self, is_wanted: bool, mut read: Read, is_whole: bool) {
        let before = self.watch.take().filter(|_| is_wanted);
        if let (Some(before), false) = (&before, is_whole) {
            read.files.add(before.files());
        }
        self.watch = match before {
            _ if !is_wanted => None,
            Some(before) if before.is_on(&read.files) => Some(before),
            before => Watch::begin(read, before.as_ref())
                .inspect_err(|error| {
                    command::tell(&format!("the files of the configuration cannot be watched: {error}"));
                })
                .ok(),
        };
    }
}

async fn accept(successors: &mut Option<UnixListener>) -> UnixStream {
    loop {
        let Some(listener) = successors else { std::future::pending().await };
        if let Ok((stream, _)) = listener.accept().await
            && let Ok(stream) = stream.into_std()
        {
            return stream;
        }
        // No descriptors are left, as a rule.
        watching::pause().await;
    }
}

async fn tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => {
            ticks.tick().await;
        }
        None => std::future::pending().await,
    }
}
