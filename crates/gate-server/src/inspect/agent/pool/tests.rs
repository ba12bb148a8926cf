//! Connections to agents that say too much, or end at the wrong time.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{env, fs, process, thread};

use agent_proto::{Decision, RequestHeaders};

use super::*;
use crate::upstream::fake::run;

/// An agent of version 1 that does to each connection, by its number, what a test says.
struct Fake {
    path: PathBuf,
    accepted: Arc<AtomicUsize>,
}

impl Fake {
    fn start(name: &str, script: impl Fn(usize, &mut UnixStream) + Send + Sync + 'static) -> Self {
        let path = env::temp_dir().join(format!("framegate-{}-{name}.sock", process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let (accepted, script) = (Arc::<AtomicUsize>::default(), Arc::new(script));
        let count = Arc::clone(&accepted);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                let (script, number) = (Arc::clone(&script), count.fetch_add(1, Ordering::SeqCst));
                thread::spawn(move || script(number, &mut stream));
            }
        });
        Self { path, accepted }
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _gone_already = fs::remove_file(&self.path);
    }
}

/// Reads a question; whether there was one.
fn hear(stream: &mut UnixStream) -> bool {
    let mut length = [0; 4];
    if stream.read_exact(&mut length).is_err() {
        return false;
    }
    let mut question = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut question).is_ok()
}

fn say(stream: &mut UnixStream, decision: &str) {
    let answer = format!("{{\"version\":1,\"decision\":{decision},\"audit\":{{}}}}");
    let length = u32::try_from(answer.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length, answer.as_bytes()].concat()).unwrap();
}

const ALLOW: &str = "\"allow\"";

fn question(id: &str) -> Event<'static> {
    let mut request = RequestHeaders::default();
    id.clone_into(&mut request.metadata.correlation_id);
    Event::RequestHeaders(request)
}

#[test]
fn what_an_agent_says_before_it_is_asked_is_no_answer() {
    let (go, may_go) = mpsc::channel::<()>();
    let (speaks, has_spoken) = mpsc::channel();
    let may_go = std::sync::Mutex::new(may_go);
    let fake = Fake::start("early", move |number, stream| {
        while hear(stream) {
            say(stream, ALLOW);
            if number == 0 && may_go.lock().unwrap().recv().is_ok() {
                say(stream, "{\"block\":{\"status\":403}}");
                speaks.send(()).unwrap();
            }
        }
    });
    let pool = Pool::new(Arc::new(Agent::new("early", &fake.path)));
    run(async {
        pool.ask(&question("1")).await.unwrap();
        go.send(()).unwrap();
        // The runtime does nothing meanwhile, so it cannot know of what has come.
        has_spoken.recv().unwrap();
        let answer = pool.ask(&question("2")).await.unwrap();
        assert_eq!(answer.decision, Decision::Allow);
        assert_eq!(fake.accepted(), 2);
    });
}

#[test]
fn calls_that_are_made_again_keep_to_the_connections_that_there_may_be() {
    let fake = Fake::start("again", |number, stream| {
        let mut heard = 0;
        while hear(stream) {
            heard += 1;
            match (number, heard) {
                (0, 2) => {}
                (0, 3) => return,
                _ => say(stream, ALLOW),
            }
        }
    });
    let agent = Agent { connections_max: 1, pipeline: 2, ..Agent::new("again", &fake.path) };
    let pool = Pool::new(Arc::new(agent));
    run(async {
        pool.ask(&question("1")).await.unwrap();
        let (second, third) = (question("2"), question("3"));
        let (second, third) = tokio::join!(pool.ask(&second), pool.ask(&third));
        assert!(second.is_ok() && third.is_ok(), "{second:?} {third:?}");
        assert_eq!(fake.accepted(), 2);
    });
}

#[test]
fn a_connection_that_the_agent_has_ended_is_not_asked() {
    let (ends, has_ended) = mpsc::channel();
    let fake = Fake::start("ended", move |number, stream| {
        while hear(stream) {
            say(stream, ALLOW);
            if number == 0 {
                stream.shutdown(std::net::Shutdown::Both).unwrap();
                return ends.send(()).unwrap();
            }
        }
    });
    let agent = Agent { connections_max: 1, ..Agent::new("ended", &fake.path) };
    let pool = Pool::new(Arc::new(agent));
    run(async {
        pool.ask(&question("1")).await.unwrap();
        has_ended.recv().unwrap();
        pool.ask(&question("2")).await.unwrap();
        assert_eq!(fake.accepted(), 2);
    });
}
