//! What the writers of logs do where targets are shared, go away, or take nothing.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use gate_config::model::LogFormat;

use super::*;

/// A file of its own for each test, gone at its end.
struct Path(PathBuf);

impl Path {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("sink-{}-{name}", std::process::id())))
    }

    fn target(&self) -> At<LogTarget> {
        At::nowhere(LogTarget::File(self.0.clone()))
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

fn lines(text: &str) -> Lines {
    Lines { bytes: text.into(), stats: Arc::default() }
}

#[test]
fn logs_with_one_target_have_one_writer_which_ends_with_the_last_of_them() {
    let path = Path::new("shared");
    let sinks = Sinks::default();
    let first = sinks.open("a", &path.target(), None).unwrap().unwrap();
    let second = sinks.open("b", &path.target(), None).unwrap().unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    first.offer(lines("1\n")).unwrap();
    drop(first);
    second.offer(lines("2\n")).unwrap();
    let gone = Arc::downgrade(&second);
    drop(second);
    assert!(gone.upgrade().is_none());
    let again = sinks.open("a", &path.target(), None).unwrap().unwrap();
    again.offer(lines("3\n")).unwrap();
    sinks.finish();
    again.offer(lines("4\n")).unwrap_err();
    let mut told: Vec<_> = path.text().lines().map(str::to_owned).collect();
    // The first writer may still have been at work when the second began.
    told.sort();
    assert_eq!(told, ["1", "2", "3"]);
}

#[test]
fn a_log_that_is_off_goes_nowhere() {
    let sinks = Sinks::default();
    assert!(sinks.open("a", &At::nowhere(LogTarget::Off), None).unwrap().is_none());
}

/// A target that is full whenever it is told to be, and takes a few bytes before it is.
struct Disk {
    is_full: Arc<AtomicBool>,
    written: Arc<Mutex<Vec<u8>>>,
    takes_first: usize,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.written.lock().unwrap();
        if !self.is_full.load(Ordering::SeqCst) {
            written.extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        let count = std::mem::take(&mut self.takes_first).min(bytes.len());
        if count == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        written.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_that_are_lost_are_counted_and_told_of_once_and_that_it_goes_on_as_well() {
    let path = Path::new("errors");
    let sinks = Sinks::default();
    let errors = sinks.open("error-log", &path.target(), None).unwrap().unwrap();
    let error_log =
        ErrorLog { sink: Arc::downgrade(&errors), stats: Arc::default(), format: LogFormat::Text };
    sinks.complain_to(Some(error_log));
    let (is_full, written) = (Arc::new(AtomicBool::new(true)), Arc::default());
    let disk = Disk { is_full: Arc::clone(&is_full), written: Arc::clone(&written), takes_first: 5 };
    let queue = Arc::new(Queue::default());
    let voice = complaint::Voice::new(&LogTarget::Stdout, &queue, &sinks.complaints);
    let output = Output::Stream(Box::new(disk));
    let running = sinks.lock().writers.0.clone();
    let thread = thread::start("test", Arc::clone(&queue), output, (voice, running)).unwrap();
    let [first, second]: [Arc<Stats>; 2] = Default::default();
    let push = |text: &str, stats: &Arc<Stats>| {
        queue.push(Lines { bytes: text.into(), stats: Arc::clone(stats) }).unwrap();
    };
    let not_written = |stats: &Stats| stats.lost()[1].1;
    let wait_for = |stats: &Stats, lost| while not_written(stats) < lost {};
    // Of these the first one is written, and a part of the second.
    push("aa\nbb\ncc\n", &first);
    wait_for(&first, 2);
    push("dd\nee\n", &second);
    wait_for(&second, 2);
    is_full.store(false, Ordering::SeqCst);
    push("ff\n", &first);
    queue.close();
    thread.join().unwrap();
    assert_eq!((not_written(&first), not_written(&second)), (2, 2));
    assert_eq!(String::from_utf8(written.lock().unwrap().clone()).unwrap(), "aa\nbbff\n");
    sinks.finish();
    let told = path.text();
    let events: Vec<_> = told.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    let [lost, again] = &*events else { panic!("two records: {told}") };
    assert!(lost.starts_with("log_not_written level=error target=\"standard output\" detail="), "{lost}");
    assert_eq!(*again, "log_written_again level=warn target=\"standard output\" lost=4");
}

#[test]
fn behind_a_line_that_is_not_whole_the_next_one_begins_on_its_own() {
    let path = Path::new("torn");
    let LogTarget::File(name) = path.target().value else { unreachable!("it is one") };
    let mut file = file::LogFile::open(name, None).unwrap();
    file.write(b"one\n").unwrap();
    file.tear();
    file.write(b"two\nthree\n").unwrap();
    assert_eq!(path.text(), "one\n\ntwo\nthree\n");
    file.tear();
    file.reopen().unwrap();
    file.write(b"four\n").unwrap();
    assert_eq!(path.text(), "one\n\ntwo\nthree\n\nfour\n", "it is the same file");
    file.tear();
    fs::remove_file(&path.0).unwrap();
    file.reopen().unwrap();
    file.write(b"five\n").unwrap();
    assert_eq!(path.text(), "five\n", "it is another one");
}

#[test]
fn a_file_that_has_the_number_of_one_that_is_gone_has_a_writer_of_its_own() {
    let [path, moved, later] = ["first", "first.1", "later"].map(Path::new);
    let sinks = Sinks::default();
    let first = sinks.open("a", &path.target(), None).unwrap().unwrap();
    fs::rename(&path.0, &moved.0).unwrap();
    sinks.reopen();
    first.offer(lines("1\n")).unwrap();
    while fs::read_to_string(&path.0).unwrap_or_default().is_empty() {}
    // Most file systems give its number to the next file.
    fs::remove_file(&moved.0).unwrap();
    let second = sinks.open("b", &later.target(), None).unwrap().unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    second.offer(lines("2\n")).unwrap();
    sinks.finish();
    assert_eq!((path.text(), later.text()), ("1\n".to_owned(), "2\n".to_owned()));
}

#[test]
fn a_file_has_one_writer_whatever_its_names() {
    let [path, other] = ["named", "named-otherwise"].map(Path::new);
    let sinks = Sinks::default();
    let first = sinks.open("a", &path.target(), None).unwrap().unwrap();
    std::os::unix::fs::symlink(&path.0, &other.0).unwrap();
    let second = sinks.open("b", &other.target(), None).unwrap().unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    sinks.finish();
}

#[test]
fn the_end_does_not_wait_for_ever_for_a_target_that_takes_nothing() {
    let (mut unread, pipe) = io::pipe().unwrap();
    let sinks = Sinks::default();
    let queue = Arc::new(Queue::default());
    let voice = complaint::Voice::new(&LogTarget::Stdout, &queue, &sinks.complaints);
    let running = sinks.lock().writers.0.clone();
    let output = Output::Stream(Box::new(pipe));
    let thread = thread::start("test", Arc::clone(&queue), output, (voice, running)).unwrap();
    // More than a pipe holds.
    queue.push(Lines { bytes: vec![b'\n'; 1 << 20], stats: Arc::default() }).unwrap();
    queue.close();
    sinks.finish_within(Duration::from_millis(1));
    assert!(!thread.is_finished());
    // When it goes on all is written.
    assert_eq!(io::copy(&mut unread, &mut io::sink()).unwrap(), 1 << 20);
    thread.join().unwrap();
}

#[test]
fn many_lines_come_in_batches_and_none_is_missing() {
    let path = Path::new("many");
    let sinks = Sinks::default();
    let sink = sinks.open("a", &path.target(), None).unwrap().unwrap();
    for number in 0..5000 {
        sink.hand_over(lines(&format!("{number} {}\n", "x".repeat(100)))).unwrap();
    }
    sinks.finish();
    let text = path.text();
    assert_eq!(text.lines().count(), 5000);
    assert!(text.lines().enumerate().all(|(at, line)| line.starts_with(&format!("{at} x"))));
}

#[test]
fn however_much_waits_a_file_that_is_rotated_has_no_more_than_its_size() {
    let paths = ["rotated", "rotated.1", "rotated.2", "rotated.3"].map(Path::new);
    let sinks = Sinks::default();
    let rotation = Some(Rotation { size: 4096, keep: 3 });
    let queue = Arc::new(Queue::default());
    for _ in 0..4 {
        queue.push(lines(&format!("{}\n", "x".repeat(2999)))).unwrap();
    }
    queue.close();
    let output = Output::open(&paths[0].target().value, rotation).unwrap();
    let voice = complaint::Voice::new(&paths[0].target().value, &queue, &sinks.complaints);
    let running = sinks.lock().writers.0.clone();
    thread::start("test", queue, output, (voice, running)).unwrap().join().unwrap();
    assert_eq!(paths.each_ref().map(|path| path.text().len()), [3000; 4]);
}

#[test]
fn names_in_messages_are_those_of_targets() {
    let target = At::nowhere(LogTarget::File("/nowhere/at/all".into()));
    let objection = Sinks::check("frame-log a", &target).unwrap();
    assert_eq!(
        objection.message,
        "the frame-log a cannot be written to /nowhere/at/all: No such file or directory (os error 2)"
    );
    assert_eq!(Sinks::check("a", &At::nowhere(LogTarget::Stderr)), None);
}

#[test]
fn a_pipe_that_nobody_reads_is_told_of_and_not_waited_for() {
    let pipe = Path::new("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe.0).status();
    assert!(made.is_ok_and(|status| status.success()));
    let sinks = Sinks::default();
    for objection in [Sinks::check("a", &pipe.target()), sinks.open("a", &pipe.target(), None).err()] {
        assert!(objection.unwrap().message.ends_with("it is a pipe that nobody reads"));
    }
    let read_and_written = fs::OpenOptions::new().read(true).write(true).open(&pipe.0).unwrap();
    let log = sinks.open("a", &pipe.target(), None).unwrap().unwrap();
    log.offer(lines("now\n")).unwrap();
    sinks.finish();
    let mut text = [0; 4];
    io::Read::read_exact(&mut &read_and_written, &mut text).unwrap();
    assert_eq!(&text, b"now\n");
}
