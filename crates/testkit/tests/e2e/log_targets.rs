//! What logs are written to: files that are moved away, cut to nothing, rotated, or on a disk
//! that is full; targets that take less than is written; the system's log.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::json;
use testkit::Side::Client;
use testkit::backend::Backend;
use testkit::deadline::{PATIENCE, eventually};
use testkit::folder::Folder;
use testkit::frame::{BINARY, frame};
use testkit::records::assert_has;
use testkit::rig::{Rig, Session};

/// A gateway of which all sessions write to a frame log with these settings.
#[track_caller]
fn rig(settings: &str) -> Rig {
    let text = format!(
        r#"
        routes {{ route "all" {{ upstream "u"; websocket {{ frame-log "frames" }} }} }}
        upstreams {{ upstream "u" {{ target "$0" }} }}
        frame-logs {{ frame-log "frames" {{ {settings} }} }}"#
    );
    Rig::from_kdl([Backend::default()], &text)
}

/// A frame whose line is its size.
#[track_caller]
fn pass(session: &mut Session, size: usize) {
    session.pass(Client, &frame(Client, BINARY, &vec![0; size]));
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[track_caller]
fn await_lines(path: &Path, expected: &[&str]) {
    eventually(&format!("{} has {expected:?}", path.display()), || (lines(path) == expected).then_some(()));
}

#[test]
fn a_file_that_is_moved_away_is_opened_anew() {
    let folder = Folder::new();
    let (path, moved) = (folder.file("ws.log"), folder.file("ws.log.1"));
    let settings = format!(r#"path "{}"; frame "$ws_payload_size"; flush-interval-ms 1"#, path.display());
    let mut rig = rig(&settings);
    let mut session = rig.open();
    pass(&mut session, 1);
    await_lines(&path, &["1"]);
    fs::rename(&path, &moved).unwrap();
    pass(&mut session, 2);
    await_lines(&moved, &["1", "2"]);
    assert!(!path.exists());
    rig.gateway().reopen_logs();
    eventually("there is a file again", || path.exists().then_some(()));
    pass(&mut session, 3);
    await_lines(&path, &["3"]);
    assert_eq!(lines(&moved), ["1", "2"]);
    drop(session);
    rig.finish();
}

#[test]
fn a_file_that_is_copied_and_cut_goes_on_at_its_beginning() {
    let folder = Folder::new();
    let path = folder.file("ws.log");
    let settings = format!(r#"path "{}"; frame "$ws_payload_size"; flush-interval-ms 1"#, path.display());
    let rig = rig(&settings);
    let mut session = rig.open();
    pass(&mut session, 1);
    await_lines(&path, &["1"]);
    fs::copy(&path, folder.file("copy")).unwrap();
    OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    pass(&mut session, 2);
    await_lines(&path, &["2"]);
    assert_eq!(fs::read(&path).unwrap(), b"2\n", "and has no hole");
    drop(session);
    rig.finish();
}

#[test]
fn a_file_is_rotated_by_its_size_and_no_line_is_lost_or_torn() {
    let folder = Folder::new();
    let path = folder.file("ws.log");
    let settings = format!(
        r#"path "{}"; frame "{} $ws_payload_size"; buffer-size "1KB"; rotate {{ size "4KB"; keep 3 }}"#,
        path.display(),
        "x".repeat(100)
    );
    let rig = rig(&settings);
    let mut session = rig.open();
    for size in 1..200 {
        pass(&mut session, size);
    }
    session.client.abort();
    rig.finish();
    let file = |number: usize| folder.file(&format!("ws.log.{number}"));
    let files = [file(3), file(2), file(1), path];
    for path in &files {
        let length = fs::metadata(path).unwrap().len();
        assert!((1..=4096).contains(&length), "{} has {length} bytes", path.display());
    }
    assert!(!file(4).exists());
    let told: Vec<_> = files.iter().flat_map(|path| lines(path)).collect();
    let numbers: Vec<usize> = told
        .iter()
        .map(|line| line.strip_prefix(&format!("{} ", "x".repeat(100))).unwrap().parse().unwrap())
        .collect();
    let first = *numbers.first().unwrap();
    // Those before the first have gone with the oldest file.
    assert_eq!(numbers, (first..200).collect::<Vec<_>>());
    assert!(first > 1);
}

#[test]
fn a_full_disk_is_told_once_and_stops_nothing() {
    let rig = rig(r#"path "/dev/full"; frame "$ws_payload_size"; flush-interval-ms 1"#);
    let mut session = rig.open();
    let lost = "framegate_frame_log_dropped_total{log=\"frames\",reason=\"not_written\"}";
    for size in 1..4 {
        pass(&mut session, size);
        rig.await_metric(lost, f64::from(u32::try_from(size).unwrap()));
    }
    drop(session);
    let records = rig.finish();
    let told = records.only("log_not_written");
    assert_has(told, &json!({"level": "error", "target": "/dev/full"}));
    assert!(told["detail"].as_str().unwrap().contains("No space left"), "{told}");
}

/// A pipe that holds little, and its end that reads.
fn pipe(folder: &Folder) -> (std::path::PathBuf, File) {
    let path = folder.file("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().is_ok_and(|status| status.success()));
    // Open for both, so that neither end waits for the other.
    let reader = OpenOptions::new().read(true).write(true).open(&path).expect("a pipe");
    (path, reader)
}

/// Reads lines until one of them ends so.
fn read_until(mut reader: File, last: &str) -> Vec<String> {
    let mut text = Vec::new();
    let mut buffer = vec![0; 1 << 20];
    let end = format!("{last}\n").into_bytes();
    while !text.ends_with(&end) {
        let count = reader.read(&mut buffer).expect("a pipe that can be read");
        text.extend(buffer.iter().take(count));
    }
    String::from_utf8(text).expect("ASCII").lines().map(str::to_owned).collect()
}

/// More lines than the pipe, the writer and its queue hold together.
const FLOOD: usize = 3000;

#[test]
fn lines_that_have_no_room_are_dropped_counted_and_told_in_the_log() {
    let folder = Folder::new();
    let (path, reader) = pipe(&folder);
    let filler = "x".repeat(8000);
    let rig = rig(&format!(
        r#"path "{}"; frame "{filler} $ws_payload_size"; close "END"; flush-interval-ms 5"#,
        path.display()
    ));
    let mut session = rig.open();
    for _ in 0..FLOOD {
        pass(&mut session, 3);
    }
    let dropped = "framegate_frame_log_dropped_total{log=\"frames\",reason=\"queue_full\"}";
    assert!(rig.metrics().get(dropped) > 0.0);
    let reading = thread::spawn(|| read_until(reader, "END"));
    // Once there is room, the log tells of it without any more traffic.
    let queued = "framegate_frame_log_records_total{log=\"frames\"}";
    eventually("all lines are accounted for", || {
        (rig.metrics().get(queued) == f64::from(u32::try_from(FLOOD).unwrap())).then_some(())
    });
    session.client.abort();
    let metrics = rig.settled();
    let told = reading.join().unwrap();
    let told_of: f64 = told
        .iter()
        .filter_map(|line| {
            line.split_once(" framegate: ")?.1.strip_suffix(" records dropped")?.parse::<f64>().ok()
        })
        .sum();
    let frames = told.iter().filter(|line| line.ends_with(" 3")).count();
    assert_eq!(told_of, metrics.get(dropped));
    assert_eq!(f64::from(u32::try_from(frames).unwrap()) + told_of, f64::from(u32::try_from(FLOOD).unwrap()));
    rig.finish();
}

#[test]
fn with_block_no_line_is_lost() {
    let folder = Folder::new();
    let (path, reader) = pipe(&folder);
    let filler = "x".repeat(8000);
    let rig = rig(&format!(
        r#"path "{}"; frame "{filler} $ws_payload_size"; close "END"; when-full "block""#,
        path.display()
    ));
    let mut session = rig.open();
    let reading = thread::spawn(|| read_until(reader, "END"));
    for _ in 0..FLOOD {
        pass(&mut session, 3);
    }
    session.client.abort();
    let metrics = rig.settled();
    rig.finish();
    assert_eq!(reading.join().unwrap().len(), FLOOD + 1);
    assert_eq!(metrics.sum("framegate_frame_log_dropped_total", ""), 0.0);
}

#[test]
fn each_line_is_a_datagram_for_syslog() {
    let folder = Folder::new();
    let path = folder.file("syslog");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let words =
        format!("syslog:server=unix:{},facility=local3,tag=ws,severity=notice,nohostname", path.display());
    let rig =
        rig(&format!(r#"path "{words}"; open "OPEN"; frame "size $ws_payload_size"; flush-interval-ms 1"#));
    let mut session = rig.open();
    pass(&mut session, 7);
    let receive = |socket: &UnixDatagram| {
        let mut buffer = [0; 2000];
        let count = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..count].to_vec()).unwrap()
    };
    for expected in ["OPEN", "size 7"] {
        let datagram = receive(&socket);
        // local3 is 19, notice 5; then the time in 15 characters.
        let rest = datagram.strip_prefix("<157>").unwrap();
        let (time, rest) = rest.split_at(15);
        assert_eq!(time.matches(':').count(), 2, "{datagram}");
        assert_eq!(rest, format!(" ws: {expected}"));
    }
    // Its receiver is started anew.
    drop(socket);
    fs::remove_file(&path).unwrap();
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    pass(&mut session, 9);
    assert!(receive(&socket).ends_with(" ws: size 9"));
    drop(session);
    rig.finish();
}

#[test]
fn the_access_log_is_rotated_and_reopened_in_the_same_ways() {
    let folder = Folder::new();
    let path = folder.file("access.log");
    let mut rig = Rig::from_kdl_with(
        [Backend::default()],
        r#"routes { route "all" { upstream "u" } }; upstreams { upstream "u" { target "$0" } }"#,
        |config| {
            let target = gate_config::model::LogTarget::File(path.clone());
            config.observability.logging.access = Some(gate_config::model::At::nowhere(target));
        },
    );
    rig.open().close();
    eventually("there are an open and a close", || (lines(&path).len() == 2).then_some(()));
    fs::rename(&path, folder.file("moved")).unwrap();
    rig.gateway().reopen_logs();
    eventually("there is a file again", || path.exists().then_some(()));
    rig.open().close();
    eventually("so there are in it", || (lines(&path).len() == 2).then_some(()));
    assert_eq!(lines(&folder.file("moved")).len(), 2);
    let _records_are_elsewhere = rig.stop();
}

#[test]
fn a_reload_that_fails_leaves_the_rotation_as_it_was() {
    let folder = Folder::new();
    let path = folder.file("ws.log");
    let text = |rotation: &str, other: &str| {
        format!(
            r#"
            routes {{ route "all" {{ upstream "u"; websocket {{ frame-log "frames" }} }} }}
            upstreams {{ upstream "u" {{ target "$0" }} }}
            frame-logs {{
                frame-log "frames" {{ path "{}"; frame "{}"; flush-interval-ms 1; {rotation} }}
                {other}
            }}"#,
            path.display(),
            "x".repeat(3000)
        )
    };
    let mut rig = Rig::from_kdl([Backend::default()], &text("", ""));
    let mut session = rig.open();
    let nowhere = folder.file("none/other.log").display().to_string();
    let other = format!(r#"frame-log "other" {{ path "{nowhere}"; frame }}"#);
    let objections = rig.reload(&text(r#"rotate { size "4KB" }"#, &other)).unwrap_err();
    assert!(objections[0].message.contains(&nowhere), "{objections:?}");
    for count in 1..4 {
        pass(&mut session, 1);
        eventually("there is a line", || (lines(&path).len() == count).then_some(()));
    }
    assert!(!folder.file("ws.log.1").exists());
    drop(session);
    rig.finish();
}

#[test]
fn what_cannot_be_written_to_is_an_objection() {
    let folder = Folder::new();
    let directory = folder.path().display();
    for (path, message) in [
        (format!("{directory}/none/ws.log"), "No such file or directory"),
        (format!("{directory}"), "Is a directory"),
        (format!("syslog:server=unix:{directory}/none"), "No such file or directory"),
    ] {
        let text = format!(
            r#"
            listeners {{ listener "front" {{ address "127.0.0.1:0" }} }}
            routes {{ route "all" {{ builtin-handler "health" }} }}
            frame-logs {{ frame-log "frames" {{ path "{path}"; frame }} }}"#
        );
        let config = || gate_config::parse("test.kdl", &text).unwrap().config;
        let mut found = vec![gate_server::preflight(config()).objections];
        if let Err(gate_server::StartError::Objections(objections)) =
            gate_server::Gateway::start(config(), gate_server::Options::default()).map(drop)
        {
            found.push(objections);
        }
        assert_eq!(found.len(), 2);
        for objections in found {
            let [objection] = &*objections else { panic!("one objection: {objections:?}") };
            assert!(
                objection.message.starts_with("the frame-log frames cannot be written to "),
                "{objection:?}"
            );
            assert!(objection.message.contains(message), "{objection:?}");
            assert!(text[objection.place.span.0..].starts_with(&format!("\"{path}\"")), "{objection:?}");
        }
    }
}
