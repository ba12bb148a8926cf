//! What nginx's configurations come to: each `testdata/import/nginx/NAME.conf` with its
//! `NAME.kdl`, and the notes in `NAME.txt`.
//!
//! `UPDATE_EXPECTED=1 cargo test -p gate-import --test nginx` writes what they come to; read
//! the difference before it is kept.

use std::fs;
use std::path::{Path, PathBuf};

use gate_import::nginx::{Files, Options, Source, import};
use kept::expected::{Expected, files};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/import/nginx")
}

/// Reads what is in the folder, by its name.
struct Folder;

impl Files for Folder {
    fn find(&mut self, pattern: &str) -> Result<Vec<Source>, String> {
        let text = fs::read_to_string(folder().join(pattern))
            .map_err(|_missing| "there is no such file".to_owned())?;
        Ok(vec![Source { name: pattern.to_owned(), text: text.into() }])
    }
}

fn inputs() -> Vec<PathBuf> {
    let inputs = files(&folder(), "conf");
    assert!(inputs.len() > 10, "{inputs:?}");
    inputs
}

fn source(path: &Path) -> Source {
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8").to_owned();
    Source { name, text: fs::read_to_string(path).expect("a text in UTF-8").into() }
}

#[test]
fn golden_configurations_come_to_what_is_expected() {
    let mut expected = Expected::default();
    for path in inputs() {
        let imported = match import(source(&path), &mut Folder, &Options::default()) {
            Ok(imported) => imported,
            Err(error) => panic!("{}", error.one_line()),
        };
        let notes: String = imported.notes.iter().map(|note| format!("{:?} {note}\n", note.kind)).collect();
        for (extension, found) in [("kdl", imported.kdl), ("txt", notes)] {
            expected.hold(&path.with_extension(extension), &found);
        }
    }
    expected.judge();
}

#[test]
fn what_is_written_can_be_read() {
    let mut wrong = Vec::new();
    for path in inputs() {
        let Ok(imported) = import(source(&path), &mut Folder, &Options::default()) else { continue };
        // A file without a server is a part of another one.
        let rest = if imported.counts.listeners == 0 {
            "listeners { listener \"a\" { address \"127.0.0.1:1\" } }"
        } else {
            ""
        };
        if let Err(failed) = gate_config::parse("imported.kdl", &format!("{}{rest}", imported.kdl)) {
            let lines: Vec<_> = failed.diagnostics.iter().map(|diagnostic| diagnostic.one_line()).collect();
            wrong.push(format!("{}:\n{}", path.display(), lines.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn only_the_servers_at_an_address_are_taken() {
    let options = |address: &str| Options {
        listen: Some(address.parse().expect(address)),
        folder: "/etc/nginx".to_owned(),
        ..Options::default()
    };
    let ports = folder().join("ports.conf");
    for (address, count, backend) in
        [("8081", 1, "127.0.0.1:3002"), ("127.0.0.1:9000", 1, "ws-stat"), ("8099", 0, "")]
    {
        let imported = import(source(&ports), &mut Folder, &options(address)).expect("it is right");
        assert_eq!((imported.counts.listeners, imported.counts.routes), (count, count), "{address}");
        assert!(imported.kdl.contains(backend), "{address}:\n{}", imported.kdl);
        assert!(!imported.kdl.contains("127.0.0.1:3001"), "{address}:\n{}", imported.kdl);
    }
}

#[test]
fn relative_paths_are_put_behind_the_folders_of_nginx() {
    let options = Options { folder: "/etc/nginx/".to_owned(), log_folder: "/var".to_owned(), listen: None };
    let imported = import(source(&folder().join("tls.conf")), &mut Folder, &options).expect("it is right");
    for path in
        ["/etc/nginx/certs/example.pem", "/etc/nginx/certs/clients.pem", "/etc/nginx/certs/internal.pem"]
    {
        assert!(imported.kdl.contains(&format!("\"{path}\"")), "{path}:\n{}", imported.kdl);
    }
    let imported = import(source(&folder().join("bare.conf")), &mut Folder, &options).expect("it is right");
    assert!(imported.kdl.contains("path \"/var/logs/ws.log\""), "{}", imported.kdl);
}
