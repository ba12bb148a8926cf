//! `framegate import` and `framegate check` as processes: standard input in the place of a file, and
//! files that are there already.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::folder::Folder;

const NGINX: &str = "server { listen 127.0.0.1:1; location / { proxy_pass http://127.0.0.1:2; } }";

/// Runs the binary in a folder with this on standard input: exit code, standard output, standard error.
fn framegate(folder: &Path, arguments: &str, stdin: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_framegate"))
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments does not read.
    let _unread = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_dash_is_standard_input_for_import_and_check() {
    let folder = Folder::new();
    let (code, kdl, told) = framegate(folder.path(), "import nginx -", NGINX);
    assert_eq!(code, Some(0), "{told}");
    assert!(kdl.contains("127.0.0.1:2") && told.contains("standard input: 1 listener"), "{kdl}{told}");
    let (code, counts, told) = framegate(folder.path(), "check -", &kdl);
    assert_eq!((code, &*counts), (Some(0), "standard input: 1 listener, 1 route, 1 upstream\n"), "{told}");
    let (code, _, told) = framegate(folder.path(), "check -", "listener");
    assert_eq!(code, Some(1));
    assert!(told.contains("standard input:1:1"), "{told}");
    let (code, _, told) = framegate(folder.path(), "import opensips -", "socket=wss:10.0.0.1:99999\n");
    assert_eq!(code, Some(1));
    assert!(told.contains("standard input:1:8: `99999` is no port"), "{told}");
}

#[test]
fn a_file_that_is_there_is_replaced_only_by_force() {
    let folder = Folder::new();
    let file = folder.file("new.kdl");
    let (code, out, told) = framegate(folder.path(), "import nginx - -o new.kdl", NGINX);
    assert_eq!((code, &*out), (Some(0), ""), "{told}");
    let first = fs::read_to_string(&file).unwrap();
    let other = NGINX.replace(":2;", ":3;");
    let (code, _, told) = framegate(folder.path(), "import nginx - -o new.kdl", &other);
    assert_eq!(code, Some(1));
    assert!(told.contains("new.kdl is there already") && told.contains("--force"), "{told}");
    assert_eq!(fs::read_to_string(&file).unwrap(), first);
    let (code, _, told) = framegate(folder.path(), "import nginx - -o new.kdl --force", &other);
    assert_eq!(code, Some(0), "{told}");
    assert!(fs::read_to_string(&file).unwrap().contains("127.0.0.1:3"));
    let (code, _, _) = framegate(folder.path(), "import nginx - --force", NGINX);
    assert_eq!(code, Some(2), "without a file there is nothing to replace");
}
