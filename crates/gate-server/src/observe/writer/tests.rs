//! What comes to which log, and what is not made at all.

use std::fs;
use std::path::PathBuf;

use super::*;

/// A directory of its own for each test, gone at its end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("records-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn target(&self, file: &str) -> At<LogTarget> {
        At::nowhere(LogTarget::File(self.0.join(file)))
    }

    fn lines(&self, file: &str) -> Vec<String> {
        fs::read_to_string(self.0.join(file)).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn logging(access: Option<At<LogTarget>>, error: At<LogTarget>) -> Logging {
    Logging { level: Level::Warn, format: LogFormat::Text, access, error, ..Logging::default() }
}

/// The lines without their times.
fn events(lines: &[String]) -> Vec<&str> {
    lines.iter().map(|line| line.split_once(' ').unwrap().1).collect()
}

#[test]
fn each_log_has_its_own_records_and_the_error_log_what_is_important_enough() {
    let directory = Directory::new("two");
    let logging = logging(Some(directory.target("access")), directory.target("error"));
    let records = Records::open(&logging).unwrap();
    records.access("request", |line| line.number("status", 200));
    for level in [Level::Error, Level::Warn, Level::Info, Level::Debug] {
        records.error("happened", level, |line| line.text("detail", "a b"));
    }
    records.sinks().finish();
    assert_eq!(events(&directory.lines("access")), ["request status=200"]);
    let expected = ["happened level=error detail=\"a b\"", "happened level=warn detail=\"a b\""];
    assert_eq!(events(&directory.lines("error")), expected);
}

#[test]
fn fields_of_records_that_are_not_written_are_not_made_either() {
    let directory = Directory::new("off");
    let logging = logging(Some(At::nowhere(LogTarget::Off)), directory.target("error"));
    let records = Records::open(&logging).unwrap();
    records.access("request", |_| panic!("nobody reads it"));
    records.error("happened", Level::Info, |_| panic!("nobody reads it"));
    let records = Records::open(&self::logging(None, At::nowhere(LogTarget::Off))).unwrap();
    records.access("request", |_| panic!("nobody reads it"));
    records.error("happened", Level::Error, |_| panic!("nobody reads it"));
    assert_eq!(records.lost().by_reason(), [("queue_full", 0), ("not_written", 0)]);
}

#[test]
fn logs_to_one_file_under_two_names_keep_their_order() {
    let directory = Directory::new("one");
    fs::write(directory.0.join("both"), "before\n").unwrap();
    std::os::unix::fs::symlink("both", directory.0.join("also")).unwrap();
    let logging = logging(Some(directory.target("both")), directory.target("also"));
    let records = Records::open(&logging).unwrap();
    for number in 0..100 {
        records.access("a", |line| line.number("n", number));
        records.error("e", Level::Error, |line| line.number("n", number));
    }
    records.sinks().finish();
    let lines = directory.lines("both");
    let expected: Vec<_> =
        (0..100).flat_map(|n| [format!("a n={n}"), format!("e level=error n={n}")]).collect();
    assert_eq!(lines[0], "before");
    assert_eq!(events(&lines[1..]), expected);
}

#[test]
fn what_cannot_be_opened_is_an_objection_with_its_remedy() {
    let directory = Directory::new("bad");
    let inner = directory.0.join("file").join("inner");
    fs::write(directory.0.join("file"), "").unwrap();
    let checks = [
        (directory.target("none/access.log"), "directory must exist"),
        (At::nowhere(LogTarget::File(inner)), "directory must exist"),
        (At::nowhere(LogTarget::File(directory.0.clone())), "not a directory"),
    ];
    for (target, remedy) in checks {
        for logging in
            [logging(Some(target.clone()), At::nowhere(LogTarget::Off)), logging(None, target.clone())]
        {
            let checked = Records::check(&logging);
            let objection = Records::open(&logging).map(drop).unwrap_err();
            assert_eq!(checked, std::slice::from_ref(&objection));
            assert!(objection.help.contains(remedy), "{objection:?}");
            let log = if logging.access.is_some() { "access-log" } else { "error-log" };
            assert!(
                objection.message.starts_with(&format!("the {log} cannot be written to /")),
                "{objection:?}"
            );
        }
    }
}

#[test]
fn checking_makes_no_file() {
    let directory = Directory::new("check");
    let logging = logging(Some(directory.target("access")), At::nowhere(LogTarget::Stderr));
    assert_eq!(Records::check(&logging), []);
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 0);
}

#[test]
fn records_go_to_the_logs_of_the_configuration_that_runs() {
    let directory = Directory::new("install");
    let before = logging(Some(directory.target("old")), directory.target("error"));
    let records = Records::open(&before).unwrap();
    let clone = records.clone();
    clone.access("first", |_| {});
    let after = Logging {
        level: Level::Info,
        format: LogFormat::Json,
        ..logging(Some(directory.target("new")), directory.target("error"))
    };
    records.install(Outlets::open(&after, records.sinks()).unwrap());
    clone.access("second", |_| {});
    clone.error("third", Level::Info, |_| {});
    records.sinks().finish();
    assert_eq!(events(&directory.lines("old")), ["first"]);
    assert!(directory.lines("new")[0].contains("\"event\":\"second\""));
    assert!(directory.lines("error")[0].contains("\"event\":\"third\""));
}
