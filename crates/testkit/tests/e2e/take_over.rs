//! A newer gateway goes on with the sockets of an older one: nobody who connects is refused, and
//! one that does not come so far leaves the older one as it was.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use gate_config::model::{At, Config, LogTarget};
use gate_server::succession::{Predecessor, SuccessionError};
use gate_server::{Gateway, Inherited, Options};
use testkit::backend::Backend;
use testkit::deadline::eventually;
use testkit::folder::Folder;
use testkit::frame::{TEXT, close, frame};
use testkit::message::Message;
use testkit::metrics::Metrics;
use testkit::peer::Peer;
use testkit::rig::Session;
use testkit::{Side, panics};

/// What both gateways run.
struct Site {
    folder: Folder,
    backend: Backend,
    front: SocketAddr,
    metrics: SocketAddr,
}

impl Site {
    fn new() -> Self {
        panics::watch();
        let free =
            || TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        Self { folder: Folder::new(), backend: Backend::default(), front: free(), metrics: free() }
    }

    fn socket(&self) -> PathBuf {
        self.folder.file("take-over.sock")
    }

    fn unix(&self) -> PathBuf {
        self.folder.file("front.sock")
    }

    fn start(&self, workers: usize, inherited: Inherited) -> Gateway {
        let options = Options { inherited, ..Options::default() };
        Gateway::start(self.config(workers), options).expect("it starts")
    }

    fn config(&self, workers: usize) -> Config {
        let text = format!(
            r#"
            server {{ worker-threads {workers}; take-over "{}"; drain {{ spread "0s" }} }}
            listeners {{
                listener "front" {{ address "{}" }}
                listener "unix" {{ address "unix:{}" }}
            }}
            routes {{ route "all" {{ upstream "backend" }} }}
            upstreams {{ upstream "backend" {{ target "{}" }} }}
            observability {{
                metrics {{ address "{}" }}
                logging {{ access-log "off"; error-log "off" }}
            }}"#,
            self.socket().display(),
            self.front,
            self.unix().display(),
            self.backend,
            self.metrics
        );
        gate_config::parse("test.kdl", &text).expect("no mistakes").config
    }

    #[track_caller]
    fn open(&self, mut client: Peer) -> Session {
        client.send(&Message::upgrade("/chat").to_bytes());
        Session::establish(client, self.backend.accept(), |answer| answer)
    }
}

/// What the older process does on its way out: waits for a newer one, and drains.
fn await_successor(mut old: Gateway) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let stream = successor(&old);
        old.hand_over(stream).expect("the newer one gets ready");
        old.shut_down();
    })
}

fn successor(old: &Gateway) -> UnixStream {
    let listener = old.successors().expect("a descriptor").expect("a path was configured");
    listener.set_nonblocking(false).expect("a socket");
    listener.accept().expect("a newer one").0
}

fn meet(site: &Site) -> Predecessor {
    Predecessor::meet(&site.socket()).expect("sockets").expect("somebody listens there")
}

/// The older of so many workers hands over to the newer of so many.
fn take_over(site: &Site, old: Gateway, workers: usize) -> (Gateway, thread::JoinHandle<()>) {
    let old = await_successor(old);
    let mut predecessor = meet(site);
    let mut new = site.start(workers, predecessor.sockets());
    new.take_over_from(predecessor).expect("the older one goes");
    (new, old)
}

#[test]
fn nobody_is_refused_in_a_storm_of_connections_whatever_the_numbers_of_workers() {
    for (before, after) in [(1, 1), (1, 3), (3, 1), (2, 2)] {
        let site = Site::new();
        let old = site.start(before, Inherited::default());
        let is_over = Arc::new(AtomicBool::new(false));
        let storm: Vec<_> = (0..4)
            .map(|_| {
                let (is_over, front) = (Arc::clone(&is_over), site.front);
                thread::spawn(move || {
                    let mut served = 0;
                    while !is_over.load(Ordering::Relaxed) || served < 20 {
                        let mut client = Peer::connect(front);
                        client.send(&Message::get("/").replace("Host", "").to_bytes());
                        let status = client.read_head().status();
                        assert_eq!(status, 400);
                        served += 1;
                    }
                    served
                })
            })
            .collect();
        let (new, old) = take_over(&site, old, after);
        old.join().expect("the older one ends");
        // It is gone for good: what is served from here on the newer one serves.
        let accepted = Metrics::scrape(site.metrics).get("framegate_connections_accepted_total");
        eventually("the newer one serves the storm", || {
            let more = Metrics::scrape(site.metrics).get("framegate_connections_accepted_total");
            (more > accepted + 100.0).then_some(())
        });
        is_over.store(true, Ordering::Relaxed);
        for client in storm {
            client
                .join()
                .unwrap_or_else(|_| unreachable!("a client was refused, {before} to {after} workers"));
        }
        new.shut_down();
    }
    assert_eq!(panics::count(), 0);
}

#[test]
fn a_client_that_came_to_the_older_one_is_served_though_it_asks_late() {
    let site = Site::new();
    let old = site.start(1, Inherited::default());
    let waiting = Peer::connect(site.front);
    eventually("the older one accepts", || {
        let accepted = Metrics::scrape(site.metrics).get("framegate_connections_accepted_total");
        (accepted > 0.0).then_some(())
    });
    let (new, old) = take_over(&site, old, 1);
    // It is the older one's, which closes it in order as all the others.
    let mut session = site.open(waiting);
    for side in Side::BOTH {
        assert_eq!(session.peer(side).read_frame().close(), Some((1001, "")));
        session.peer(side).send(&close(side, 1001, ""));
    }
    session.end();
    old.join().expect("the older one ends");
    new.shut_down();
    assert_eq!(panics::count(), 0);
}

#[test]
fn sessions_of_the_older_one_are_closed_in_order_and_the_newer_one_serves_every_address() {
    let site = Site::new();
    let old = site.start(2, Inherited::default());
    let mut session = site.open(Peer::connect(site.front));
    let (new, old) = take_over(&site, old, 2);
    for side in Side::BOTH {
        session.pass(side, &frame(side, TEXT, b"not cut off")[..0]);
        assert_eq!(session.peer(side).read_frame().close(), Some((1001, "")));
        session.peer(side).send(&close(side, 1001, ""));
    }
    session.end();
    old.join().expect("the older one ends with its last session");
    for client in [Peer::connect(site.front), Peer::connect_unix(&site.unix())] {
        site.open(client).close();
    }
    assert_eq!(Metrics::scrape(site.metrics).get("framegate_connections_opened_total"), 2.0);
    // And a third one takes over from the second.
    let (third, second) = take_over(&site, new, 1);
    second.join().expect("the second one ends");
    site.open(Peer::connect_unix(&site.unix())).close();
    third.shut_down();
    for file in [site.unix(), site.socket()] {
        assert!(!file.exists(), "the last one removes {}", file.display());
    }
}

#[test]
fn a_newer_one_that_dies_leaves_the_older_one_as_it_was() {
    let site = Site::new();
    let mut old = site.start(2, Inherited::default());
    let mut session = site.open(Peer::connect(site.front));
    for dies in ["at once", "within a word", "with the sockets"] {
        let path = site.socket();
        let newer = thread::spawn(move || match dies {
            "with the sockets" => drop(Predecessor::meet(&path).unwrap().expect("it listens")),
            dies => {
                let mut stream = UnixStream::connect(path).unwrap();
                if dies == "within a word" {
                    stream.write_all(&[0, 0, 0, 13, b'{']).unwrap();
                }
            }
        });
        let stream = successor(&old);
        let error = old.hand_over(stream).unwrap_err();
        assert!(matches!(error, SuccessionError::Lost(_)), "{dies}: {error:?}");
        newer.join().unwrap();
        for from in Side::BOTH {
            session.pass(from, &frame(from, TEXT, dies.as_bytes()));
        }
        for client in [Peer::connect(site.front), Peer::connect_unix(&site.unix())] {
            site.open(client).close();
        }
        assert!(Metrics::scrape(site.metrics).has("framegate_uptime_seconds"));
    }
    session.close();
    // After all that one that lives can still take over.
    let (new, old) = take_over(&site, old, 1);
    old.join().unwrap();
    site.open(Peer::connect(site.front)).close();
    new.shut_down();
}

#[test]
fn a_newer_one_that_cannot_start_leaves_the_files_of_sockets_where_they_are() {
    let site = Site::new();
    let mut old = site.start(1, Inherited::default());
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut config = site.config(2);
            config.observability.logging.error = At::nowhere(LogTarget::File("/nowhere/at/all.log".into()));
            let mut predecessor = meet(&site);
            let options = Options { inherited: predecessor.sockets(), ..Options::default() };
            Gateway::start(config, options).expect_err("there is no such folder");
        });
        let stream = successor(&old);
        old.hand_over(stream).expect_err("nobody gets ready");
    });
    for path in [site.unix(), site.socket()] {
        assert!(path.exists(), "{}", path.display());
    }
    site.open(Peer::connect_unix(&site.unix())).close();
    old.shut_down();
    assert!(!site.unix().exists());
}

#[test]
fn who_speaks_another_version_is_told_so() {
    let site = Site::new();
    let mut old = site.start(1, Inherited::default());
    let path = site.socket();
    let newer = thread::spawn(move || {
        let mut stream = UnixStream::connect(path).unwrap();
        let hello = br#"{"version":99}"#;
        stream.write_all(&[&u32::try_from(hello.len()).unwrap().to_be_bytes()[..], hello].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer[4..].to_vec()).unwrap()
    });
    let stream = successor(&old);
    let error = old.hand_over(stream).unwrap_err();
    assert!(matches!(error, SuccessionError::Version { found: 99 }), "{error:?}");
    assert_eq!(newer.join().unwrap(), r#"{"Refused":"it speaks version 1"}"#);
    site.open(Peer::connect(site.front)).close();
    old.shut_down();
}

#[test]
fn where_nobody_listens_there_is_nothing_to_take_over() {
    let folder = Folder::new();
    assert!(Predecessor::meet(&folder.file("none.sock")).unwrap().is_none());
    let abandoned = folder.file("abandoned.sock");
    drop(std::os::unix::net::UnixListener::bind(&abandoned).unwrap());
    assert!(Predecessor::meet(&abandoned).unwrap().is_none());
}
