//! `framegate run` as a process: what it does at signals, what it tells a service manager, and how
//! it gets its sockets from one, or from the process before it.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use rustix::process::Signal;
use testkit::deadline::{PATIENCE, eventually};
use testkit::folder::Folder;
use testkit::process::Process;

/// Puts a configuration in the place of the one that is there, as editors do.
fn configure(folder: &Folder, text: &str) -> PathBuf {
    let (fresh, path) = (folder.write("framegate.kdl.new", text), folder.file("framegate.kdl"));
    fs::rename(fresh, &path).unwrap();
    path
}

/// A gateway that answers 200 at `path` itself.
fn text(front: SocketAddr, path: &str, server: &str) -> String {
    format!(
        r#"
        server {{ worker-threads 2; drain {{ spread "0s" }}; {server} }}
        listeners {{ listener "front" {{ address "{front}" }} }}
        routes {{ route "own" {{ matches {{ path "{path}" }}; builtin-handler "health" }} }}
        observability {{ logging {{ access-log "off" }} }}"#
    )
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A gateway of the folder's configuration.
fn start(folder: &Folder, arguments: &[&str], change: impl FnOnce(&mut Command)) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_framegate"));
    command.arg("run").args(arguments).arg(folder.file("framegate.kdl"));
    spawn(folder, command, change)
}

fn spawn(folder: &Folder, mut command: Command, change: impl FnOnce(&mut Command)) -> Process {
    for variable in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID"] {
        command.env_remove(variable);
    }
    Process::spawn(folder, command, change)
}

/// The status that a GET is answered with; `None`: nobody listens.
fn get(front: SocketAddr, path: &str) -> Option<u16> {
    let stream = TcpStream::connect(front);
    let mut stream = match stream {
        Ok(stream) => stream,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => return None,
        Err(error) => panic!("{error}"),
    };
    ask(&mut stream, path);
    Some(status(&mut stream))
}

fn ask(stream: &mut TcpStream, path: &str) {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
}

fn status(stream: &mut TcpStream) -> u16 {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer:?}"))
}

/// A service manager, as far as it listens.
struct Manager(UnixDatagram, PathBuf);

impl Manager {
    fn new(folder: &Folder) -> Self {
        let path = folder.file("notify.sock");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket, path)
    }

    /// The next message but those of the watchdog.
    fn told(&self) -> Vec<String> {
        loop {
            let mut buffer = [0; 4096];
            let length = self.0.recv(&mut buffer).expect("the manager is told something");
            let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
            if text.trim() != "WATCHDOG=1" {
                return text.lines().map(str::to_owned).collect();
            }
        }
    }
}

#[track_caller]
fn assert_tells(told: &[String], expected: &str) {
    assert!(told.iter().any(|line| line.starts_with(expected)), "{expected}: {told:?}");
}

#[test]
fn a_service_manager_is_told_of_start_reload_and_end() {
    let folder = Folder::new();
    let (manager, front) = (Manager::new(&folder), free());
    configure(&folder, &text(front, "/before", ""));
    let mut process = start(&folder, &[], |command| {
        command.env("NOTIFY_SOCKET", &manager.1);
    });
    assert_tells(&manager.told(), "READY=1");
    assert_eq!((get(front, "/before"), get(front, "/after")), (Some(200), Some(404)));
    configure(&folder, &text(front, "/after", ""));
    process.signal(Signal::HUP);
    let told = manager.told();
    assert_tells(&told, "RELOADING=1");
    assert_tells(&told, "MONOTONIC_USEC=");
    assert_tells(&manager.told(), "READY=1");
    assert_eq!((get(front, "/before"), get(front, "/after")), (Some(404), Some(200)));
    process.signal(Signal::TERM);
    assert_tells(&manager.told(), "STOPPING=1");
    assert_eq!(process.ended().code(), Some(0));
}

#[test]
fn a_watchdog_is_told_that_all_is_well() {
    let folder = Folder::new();
    let manager = Manager::new(&folder);
    configure(&folder, &text(free(), "/", ""));
    let _process = start(&folder, &[], |command| {
        command.env("NOTIFY_SOCKET", &manager.1).env("WATCHDOG_USEC", "200000");
    });
    let mut beats = 0;
    while beats < 3 {
        let mut buffer = [0; 4096];
        let length = manager.0.recv(&mut buffer).expect("the manager is told something");
        beats += usize::from(buffer[..length].trim_ascii() == b"WATCHDOG=1");
    }
}

#[test]
fn a_reload_with_mistakes_is_reported_and_changes_nothing() {
    let folder = Folder::new();
    let (manager, front) = (Manager::new(&folder), free());
    configure(&folder, &text(front, "/", ""));
    let mut process = start(&folder, &[], |command| {
        command.env("NOTIFY_SOCKET", &manager.1);
    });
    assert_tells(&manager.told(), "READY=1");
    configure(&folder, &text(front, "/", "max-conections 3"));
    process.signal(Signal::HUP);
    assert_tells(&manager.told(), "RELOADING=1");
    let told = manager.told();
    assert_tells(&told, "READY=1");
    assert_tells(&told, "STATUS=accepting connections; the last reload failed");
    let errors = process.errors();
    assert!(errors.contains("max-conections") && errors.contains("max-connections"), "{errors}");
    eventually("the log tells of it", || process.errors().contains("reload_failed").then_some(()));
    assert_eq!(get(front, "/"), Some(200));
    process.signal(Signal::INT);
    assert_eq!(process.ended().code(), Some(0));
}

#[test]
fn sockets_of_a_service_manager_are_adopted_and_who_waits_there_is_served() {
    let folder = Folder::new();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let front = socket.local_addr().unwrap();
    configure(&folder, &text(front, "/", ""));
    // Before there is any gateway.
    let mut early = TcpStream::connect(front).unwrap();
    ask(&mut early, "/");
    let mut command = Command::new("sh");
    let script = r#"exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" run "$1""#;
    command.args(["-c", script, env!("CARGO_BIN_EXE_framegate")]).arg(folder.file("framegate.kdl"));
    let mut process = spawn(&folder, command, |command| {
        command.stdin(OwnedFd::from(socket));
    });
    assert_eq!(status(&mut early), 200);
    for _ in 0..20 {
        assert_eq!(get(front, "/"), Some(200), "both workers accept from the one socket");
    }
    process.signal(Signal::TERM);
    assert_eq!(process.ended().code(), Some(0));
}

#[test]
fn files_are_watched_where_that_is_asked_for() {
    let folder = Folder::new();
    let front = free();
    configure(&folder, &text(front, "/1", "auto-reload true"));
    let process = start(&folder, &[], |_| {});
    eventually("it serves", || get(front, "/1"));
    for (before, after) in [("/1", "/2"), ("/2", "/3")] {
        configure(&folder, &text(front, after, "auto-reload true"));
        eventually("the new route is there", || (get(front, after) == Some(200)).then_some(()));
        assert_eq!(get(front, before), Some(404));
    }
    // Mistakes are told of, and watched on.
    configure(&folder, "listeners {");
    eventually("the mistake is reported", || process.errors().contains("reload_failed").then_some(()));
    configure(&folder, &text(front, "/4", ""));
    eventually("the new route is there", || (get(front, "/4") == Some(200)).then_some(()));
}

#[test]
fn a_newer_process_takes_over_while_clients_connect() {
    let folder = Folder::new();
    let (manager, front) = (Manager::new(&folder), free());
    let server = format!("take-over \"{}\"", folder.file("take-over.sock").display());
    configure(&folder, &text(front, "/", &server));
    let environment = |command: &mut Command| {
        command.env("NOTIFY_SOCKET", &manager.1);
    };
    // There is nobody yet, which is told and no failure.
    let mut old = start(&folder, &["--take-over"], environment);
    assert_tells(&manager.told(), "READY=1");
    assert!(old.errors().contains("nobody listens at"), "{}", old.errors());
    let mut new = None;
    for _ in 0..2 {
        let storm = thread::spawn(move || {
            for _ in 0..300 {
                let status = get(front, "/").expect("somebody listens at any time");
                assert!([200, 503].contains(&status), "{status}");
            }
        });
        let newer = start(&folder, &["--take-over"], environment);
        assert_eq!(old.ended().code(), Some(0));
        storm.join().expect("nobody was refused");
        let (mut is_ready, mut is_stopping) = (false, false);
        while !is_ready || !is_stopping {
            let told = manager.told();
            is_ready |= told.contains(&format!("MAINPID={}", newer.id()));
            is_stopping |= told.contains(&"STOPPING=1".to_owned());
        }
        old = newer;
        new = Some(());
    }
    assert!(new.is_some());
    assert_eq!(get(front, "/"), Some(200));
    old.signal(Signal::TERM);
    assert_eq!(old.ended().code(), Some(0));
    assert!(!folder.file("take-over.sock").exists());
}

#[test]
fn while_an_older_process_drains_another_may_start_in_the_place_of_a_newer_one_that_died() {
    let folder = Folder::new();
    let (front, upstream) = (free(), TcpListener::bind("127.0.0.1:0").unwrap());
    let routes = format!(
        r#"upstreams {{ upstream "u" {{ target "{}" }} }}
        routes {{ route "slow" {{ matches {{ path "/slow" }}; upstream "u" }};"#,
        upstream.local_addr().unwrap()
    );
    let server = format!("take-over \"{}\"", folder.file("take-over.sock").display());
    configure(&folder, &text(front, "/", &server).replace("routes {", &routes));
    let mut old = start(&folder, &[], |_| {});
    eventually("it serves", || get(front, "/"));
    let mut client = TcpStream::connect(front).unwrap();
    ask(&mut client, "/slow");
    let under_way = upstream.accept().unwrap();
    let newer = start(&folder, &["--take-over"], |_| {});
    eventually("the older one drains", || newer.errors().contains("draining").then_some(()));
    drop(newer);
    let _third = start(&folder, &["--take-over"], |_| {});
    eventually("the third one serves", || get(front, "/"));
    assert!(old.is_running(), "the older one waits for an answer");
    drop((under_way, client));
    assert_eq!(old.ended().code(), Some(0));
}

#[test]
fn to_take_over_a_path_must_be_given() {
    let folder = Folder::new();
    configure(&folder, &text(free(), "/", ""));
    let mut process = start(&folder, &["--take-over"], |_| {});
    assert_eq!(process.ended().code(), Some(1));
    let errors = process.errors();
    assert!(errors.contains("the file has no take-over path"), "{errors}");
}

#[test]
fn an_explanation_has_the_words_of_the_configuration() {
    let folder = Folder::new();
    let file = configure(
        &folder,
        r#"listeners { listener "http" { address "127.0.0.1:0" } }
        routes { route "figures" { builtin-handler "ws-stat"; agents "guard" } }
        agents { agent "guard" { unix-socket path="/run/guard.sock"; failure-mode "open" } }"#,
    );
    let output = Command::new(env!("CARGO_BIN_EXE_framegate"))
        .args(["check", "--explain", "GET /figures"])
        .arg(&file)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    for expected in ["builtin-handler \"ws-stat\"", "failure-mode \"open\""] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

#[test]
fn what_the_world_objects_to_is_no_mistake_of_the_configuration() {
    let folder = Folder::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = configure(&folder, &text(taken.local_addr().unwrap(), "/a", ""));
    let output = Command::new(env!("CARGO_BIN_EXE_framegate")).arg("run").arg(&file).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    let last = told.lines().last().unwrap_or_default();
    assert!(last.contains("cannot be used here") && !last.contains("mistake"), "{told}");
}
