//! SIP: a server over UDP, and clients over WebSocket that have one request, or one call, answered
//! after the other.

use std::io;
use std::net::{SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::client::{self, Driver, Session};
use crate::fail::{Fail, Failures};
use crate::load::{new_histogram, report_latency};
use crate::net::{self, Event, Poller};
use crate::procfs::Sample;
use crate::report::Report;
use crate::target::Target;
use crate::ws::{self, Chunk};

const OPEN_TIMEOUT: Duration = Duration::from_secs(15);
/// What is not answered by then was lost with a datagram.
const LAST_ANSWERS: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(1);

pub struct Options {
    pub target: Target,
    pub conns: usize,
    pub size: usize,
    pub secs: f64,
    pub warmup: f64,
    pub calls: bool,
    /// Requests or calls a second, of all connections together.
    pub rate: Option<f64>,
    pub pid: Option<u32>,
}

/// Answers requests with their own headers and body under another first line.
pub fn serve(addr: SocketAddrV4) -> io::Result<()> {
    let socket = UdpSocket::bind(addr)?;
    eprintln!("wsrig sip-server: {addr}");
    let (mut input, mut answer) = (vec![0; 65_536], Vec::new());
    loop {
        let (len, from) = socket.recv_from(&mut input)?;
        let Some(end) = input[..len].iter().position(|&byte| byte == b'\r') else {
            continue;
        };
        let first_lines: &[&[u8]] = match &input[..end] {
            line if line.starts_with(b"INVITE ") => &[b"SIP/2.0 180 Ringing", b"SIP/2.0 200 OK"],
            line if line.starts_with(b"ACK ") || line.starts_with(b"SIP/2.0") || line.is_empty() => &[],
            _ => &[b"SIP/2.0 200 OK"],
        };
        for first in first_lines {
            answer.clear();
            answer.extend_from_slice(first);
            answer.extend_from_slice(&input[end..len]);
            // A full buffer, or a port that nobody has any longer: the load side counts it.
            let _ = socket.send_to(&answer, from);
        }
    }
}

/// What a connection waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    ForNothing,
    ForAnswer,
    ForAnswerToBye,
}

/// One connection.
struct Phone {
    number: usize,
    waits: Waits,
    /// Requests or calls that were begun.
    count: u64,
    begun: Instant,
    /// The message so far.
    came: Vec<u8>,
}

/// What is counted, within the span.
struct Tally {
    latency: Histogram<u64>,
    done: u64,
    begin: Instant,
    end: Instant,
}

struct PhoneDriver<'a> {
    phone: &'a mut Phone,
    tally: &'a mut Tally,
    options: &'a Options,
    now: Instant,
}

impl Phone {
    fn begin(&mut self, options: &Options, now: Instant, out: &mut Vec<u8>) {
        self.count += 1;
        self.begun = now;
        self.waits = Waits::ForAnswer;
        let method = if options.calls { "INVITE" } else { "MESSAGE" };
        self.request(method, "", options.size, out);
    }

    fn request(&self, method: &str, route: &str, size: usize, out: &mut Vec<u8>) {
        let (phone, count) = (self.number, self.count);
        let mut text = format!(
            "{method} sip:bob@sip.example.test SIP/2.0\r\n\
             Via: SIP/2.0/WS h{phone:05}.invalid;branch=z9hG4bK{method}{count:010}\r\n\
             {route}Max-Forwards: 70\r\n\
             From: <sip:user{phone:05}@sip.example.test>;tag=t{phone:05}{count:010}\r\n\
             To: <sip:bob@sip.example.test>\r\n\
             Call-ID: {}\r\n\
             CSeq: 1 {method}\r\n\
             Contact: <sip:user{phone:05}@h{phone:05}.invalid;transport=ws>\r\n\
             Supported: outbound, path, gruu\r\n\
             User-Agent: wsrig\r\n\
             Content-Type: text/plain\r\n",
            self.call_id()
        );
        let body = size.saturating_sub(text.len() + "Content-Length: 000\r\n\r\n".len());
        text += &format!("Content-Length: {body:>3}\r\n\r\n{:x<body$}", "");
        client::frame(out, ws::OP_TEXT, true, text.as_bytes(), [7, 11, 13, 17]);
    }

    fn call_id(&self) -> String {
        format!("{:05}-{:010}@wsrig", self.number, self.count)
    }

    /// The next step, with what came whole.
    fn answered(&mut self, options: &Options, out: &mut Vec<u8>) -> Result<bool, Fail> {
        let text = std::str::from_utf8(&self.came).map_err(|_| Fail::Mismatch("no text"))?;
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        if head.matches("\r\nVia:").count() != 1 {
            return Err(Fail::Mismatch("an answer without exactly one Via"));
        }
        if !head.contains(&self.call_id()) {
            return Err(Fail::Mismatch("an answer to another request"));
        }
        if head.starts_with("SIP/2.0 1") {
            return Ok(false);
        }
        if !head.starts_with("SIP/2.0 200 ") {
            return Err(Fail::Refused(head.lines().next().unwrap_or_default().into()));
        }
        let done = !options.calls || self.waits == Waits::ForAnswerToBye;
        if !done {
            // The route set of a caller: Record-Routes from the last to the first.
            let recorded: String = head
                .rsplit("\r\n")
                .filter_map(|line| line.strip_prefix("Record-Route:"))
                .map(|value| format!("Route:{value}\r\n"))
                .collect();
            self.request("ACK", &recorded, 0, out);
            self.request("BYE", &recorded, 0, out);
            self.waits = Waits::ForAnswerToBye;
        } else {
            self.waits = Waits::ForNothing;
        }
        Ok(done)
    }
}

impl Driver for PhoneDriver<'_> {
    fn opened(&mut self, _out: &mut Vec<u8>) {}

    fn data(&mut self, chunk: &Chunk, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Fail> {
        self.phone.came.extend_from_slice(piece);
        if !(chunk.last && chunk.header.fin) {
            return Ok(());
        }
        let done = self.phone.answered(self.options, out)?;
        self.phone.came.clear();
        if done && self.now >= self.tally.begin && self.now < self.tally.end {
            self.tally.done += 1;
            let took = self.now - self.phone.begun;
            self.tally.latency.saturating_record(took.as_nanos() as u64);
        }
        if done && self.options.rate.is_none() && self.now < self.tally.end {
            self.phone.begin(self.options, self.now, out);
        }
        Ok(())
    }
}

pub fn run(options: &Options) -> Result<Report, String> {
    net::raise_nofile(options.conns as u64 + 100);
    let text = |e: io::Error| e.to_string();
    let poller = Poller::new().map_err(text)?;
    let far = Instant::now() + Duration::from_secs(86_400);
    let mut load = Load {
        options,
        poller,
        events: Vec::new(),
        input: vec![0; client::BUF],
        sessions: Vec::new(),
        failures: Failures::default(),
        tally: Tally { latency: new_histogram(), done: 0, begin: far, end: far },
    };
    load.open().map_err(text)?;
    let opened = load.sessions.iter().flatten().count();
    if opened == 0 {
        return Err(format!("no connection opened: {}", load.failures.text()));
    }

    let sample = |pid: Option<u32>| pid.map(|pid| Sample::take(pid, false)).transpose();
    let start = Instant::now();
    load.tally.begin = start + Duration::from_secs_f64(options.warmup);
    load.tally.end = load.tally.begin + Duration::from_secs_f64(options.secs);
    let (begin, end) = (load.tally.begin, load.tally.end);
    let mut begun = load.go_on(start, 0, begin).map_err(text)?;
    let before = sample(options.pid)?;
    begun = load.go_on(start, begun, end).map_err(text)?;
    let after = sample(options.pid)?;
    let last = Instant::now() + LAST_ANSWERS;
    while load.waiting() > 0 && Instant::now() < last {
        load.turn().map_err(text)?;
    }

    let mut report = Report::default();
    let done = load.tally.done;
    report.int("connections", opened as u64);
    report.int("size", options.size as u64);
    report.float("secs", options.secs);
    if options.rate.is_some() {
        report.int("begun", begun);
    }
    report.int("round_trips", done);
    report.float("round_trips_per_s", done as f64 / options.secs);
    report_latency(&mut report, &load.tally.latency, "");
    report.int("unanswered", load.waiting() as u64);
    report.int("errors", load.failures.count);
    if load.failures.count > 0 {
        report.text("first_errors", &load.failures.text());
    }
    if let (Some(before), Some(after)) = (before, after) {
        after.since(&before).report(&mut report, "proxy", "rt", done);
        report.int("proxy_peak_rss_kib", after.peak_rss_kib);
    }
    Ok(report)
}

/// All connections, in one thread.
struct Load<'a> {
    options: &'a Options,
    poller: Poller,
    events: Vec<Event>,
    input: Vec<u8>,
    sessions: Vec<Option<(Session, Phone)>>,
    failures: Failures,
    tally: Tally,
}

impl Load<'_> {
    fn open(&mut self) -> io::Result<()> {
        let now = Instant::now();
        for number in 0..self.options.conns {
            let token = number as u64;
            let opened = Session::open(&self.options.target, None, &self.poller, token, token);
            let phone = Phone { number, waits: Waits::ForNothing, count: 0, begun: now, came: Vec::new() };
            let opened = opened.map_err(|e| self.failures.add(e.to_string())).ok();
            self.sessions.push(opened.map(|session| (session, phone)));
        }
        let limit = now + OPEN_TIMEOUT;
        let closed =
            |slot: &Option<(Session, Phone)>| slot.as_ref().is_some_and(|(session, _)| !session.is_open());
        while self.sessions.iter().any(closed) && Instant::now() < limit {
            self.turn()?;
        }
        for slot in self.sessions.iter_mut().filter(|slot| closed(slot)) {
            self.failures.add("upgrade timed out".into());
            *slot = None;
        }
        Ok(())
    }

    /// Begins what is due, and reads answers, until a time; gives how many were begun by then.
    fn go_on(&mut self, start: Instant, mut begun: u64, until: Instant) -> io::Result<u64> {
        while Instant::now() < until {
            let now = Instant::now();
            let due = self.options.rate.map_or(u64::MAX, |rate| ((now - start).as_secs_f64() * rate) as u64);
            // With no rate a connection begins again by itself when it is answered.
            if begun < due && (self.options.rate.is_some() || begun == 0) {
                for slot in &mut self.sessions {
                    let Some((session, phone)) = slot else {
                        continue;
                    };
                    if phone.waits != Waits::ForNothing {
                        continue;
                    }
                    let options = self.options;
                    if let Err(e) = session.send(&self.poller, |out| phone.begin(options, now, out)) {
                        self.failures.add(e.to_string());
                        *slot = None;
                    }
                    begun += 1;
                    if begun >= due {
                        break;
                    }
                }
            }
            self.turn()?;
        }
        Ok(begun)
    }

    fn turn(&mut self) -> io::Result<()> {
        self.poller.wait(&mut self.events, Some(TICK))?;
        let now = Instant::now();
        for event in &self.events {
            let slot = &mut self.sessions[event.data.u64() as usize];
            let Some((session, phone)) = slot else {
                continue;
            };
            let mut driver = PhoneDriver { phone, tally: &mut self.tally, options: self.options, now };
            if let Err(e) = session.ready(event.flags, &self.poller, &mut self.input, &mut driver) {
                self.failures.add(e.to_string());
                *slot = None;
            }
        }
        Ok(())
    }

    fn waiting(&self) -> usize {
        let waits = |(_, phone): &&(Session, Phone)| phone.waits != Waits::ForNothing;
        self.sessions.iter().flatten().filter(waits).count()
    }
}
