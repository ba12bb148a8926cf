//! What of a log's lines waits, and what does not.

use std::time::Duration;

use gate_config::model::{At, Formats, FrameFilter, LogTarget, WhenFull};
use gate_core::template::{Kind, Redaction};

use super::buffer::Buffers;
use super::*;

fn log(sinks: &Sinks, path: &std::path::Path, sample: u32) -> Arc<FrameLog> {
    let settings = Settings {
        id: "test".into(),
        target: At::nowhere(LogTarget::File(path.to_owned())),
        formats: Formats::default(),
        filter: FrameFilter::default(),
        sample,
        redaction: Redaction::default(),
        flush_interval: Duration::from_millis(5),
        buffer_size: 1024,
        when_full: WhenFull::Drop,
        rotation: None,
    };
    let config = Config { frame_logs: vec![settings], ..Config::default() };
    open(&config, sinks).unwrap().pop().unwrap()
}

fn path(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("frame-log-{}-{name}", std::process::id()))
}

#[test]
fn lines_are_passed_on_when_the_buffer_is_full_or_its_worker_ends() {
    let path = path("full");
    let sinks = Sinks::default();
    let log = log(&sinks, &path, 1);
    let buffers = Buffers::default();
    let buffer = buffers.of(&log).unwrap();
    let add = || {
        buffers.stamps.with(std::time::UNIX_EPOCH, |stamp| {
            buffer.add(stamp, |line| line.extend_from_slice(&[&[b'x'; 299][..], b"\n"].concat()));
        });
    };
    for lines in 1..4 {
        add();
        assert_eq!(log.stats.lines(), 0, "{lines} wait");
    }
    add();
    assert_eq!((log.stats.lines(), log.stats.bytes()), (4, 1200));
    add();
    drop((buffer, buffers));
    assert_eq!(log.stats.lines(), 5);
    sinks.finish();
    assert_eq!(std::fs::read(&path).unwrap().len(), 1500);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn what_waits_is_passed_on_after_the_interval_and_a_log_without_sessions_is_closed() {
    let path = path("interval");
    let sinks = Sinks::default();
    let log = log(&sinks, &path, 1);
    let buffers = Buffers::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let buffer = buffers.of(&log).unwrap();
    buffers.stamps.with(std::time::UNIX_EPOCH, |stamp| {
        buffer.add(stamp, |line| line.extend_from_slice(b"one\n"));
    });
    drop(buffer);
    runtime.block_on(async {
        let written = async {
            while log.stats.lines() == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = buffers.flush() => {}
            () = written => {}
        }
    });
    assert_eq!(Arc::strong_count(&log), 1, "no buffer holds it");
    drop(log);
    sinks.finish();
    assert_eq!(std::fs::read(&path).unwrap(), b"one\n");
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_sample_is_the_first_of_so_many_frames_and_of_so_many_messages() {
    let path = path("sample");
    let sinks = Sinks::default();
    let log = log(&sinks, &path, 3);
    let buffers = Buffers::default();
    // As sessions that come one after the other have it, none of which is left.
    let taken = |kind| {
        let takes = |_| buffers.of(&log).unwrap().takes_sample(kind);
        (0..7).map(takes).collect::<Vec<_>>()
    };
    let expected = [true, false, false, true, false, false, true];
    assert_eq!(taken(Kind::Frame), expected);
    assert_eq!(taken(Kind::Message), expected);
    assert_eq!(taken(Kind::Close), [true; 7]);
    std::fs::remove_file(&path).unwrap();
}
