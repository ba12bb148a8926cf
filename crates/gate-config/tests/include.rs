//! Includes: what they are relative to, their order, and their bounds.

use std::fs;
use std::path::{Path, PathBuf};

use gate_config::load;

/// A folder of its own for a test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("include").join(name);
    let _was_absent = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("it can be made");
    folder
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
    fs::write(&path, text).expect("it can be written");
    path
}

fn mistakes(path: &Path) -> Vec<String> {
    let failed = load(path).expect_err("it has a mistake");
    failed.diagnostics.iter().map(ToString::to_string).collect()
}

fn route(id: &str) -> String {
    format!("routes {{ route \"{id}\" {{ builtin-handler \"echo\" }} }}\n")
}

const LISTENERS: &str = "listeners { listener \"a\" { address \"unix:a.sock\"; protocol \"http\" } }\n";

#[test]
fn included_nodes_stand_where_the_include_stands_and_globs_are_sorted() {
    let folder = folder("order");
    for (name, id) in
        [("conf.d/20.kdl", "b"), ("conf.d/10.kdl", "a"), ("conf.d/.30.kdl", "hidden"), ("conf.d/x.txt", "x")]
    {
        write(&folder, name, &route(id));
    }
    write(&folder, "conf.d/folder.kdl/a", "");
    let last = route("last");
    let main =
        write(&folder, "main.kdl", &format!("{LISTENERS}{}include \"conf.d/*.kdl\"\n{last}", route("first")));
    let config = load(&main).expect("it loads").config;
    let ids: Vec<_> = config.routes.iter().map(|route| &*route.id).collect();
    assert_eq!(ids, ["first", "a", "b", "last"]);
}

#[test]
fn paths_are_relative_to_the_file_that_names_them() {
    let folder = folder("relative");
    write(&folder, "sub/listeners.kdl", &format!("{LISTENERS}include \"../routes.kdl\""));
    write(&folder, "routes.kdl", &route("a"));
    let main = write(
        &folder,
        "main.kdl",
        "include \"sub/listeners.kdl\"\nobservability { logging { error-log \"e.log\" } }",
    );
    let config = load(&main).expect("it loads").config;
    let expected = format!("unix:{}", folder.join("sub/a.sock").display());
    assert_eq!(config.listeners[0].address.value.to_string(), expected);
    let expected = gate_config::model::LogTarget::File(folder.join("e.log"));
    assert_eq!(config.observability.logging.error.value, expected);
}

#[test]
fn a_row_of_includes_has_an_end() {
    let folder = folder("depth");
    for depth in 0..20 {
        write(&folder, &format!("{depth}.kdl"), &format!("include \"{}.kdl\"", depth + 1));
    }
    let last = write(&folder, "20.kdl", &format!("{LISTENERS}{}", route("a")));
    assert!(load(&last).is_ok());
    assert!(load(&folder.join("4.kdl")).is_ok(), "sixteen in a row are followed");
    let found = mistakes(&folder.join("3.kdl"));
    assert!(found[0].ends_with("is the end of a row of more than 16 includes"), "{found:?}");
}

#[test]
fn files_that_include_each_other_are_no_end_of_reading() {
    let folder = folder("cycle");
    let main = write(&folder, "a.kdl", "include \"b.kdl\"");
    write(&folder, "b.kdl", "include \"*.kdl\"");
    let found = mistakes(&main);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found.iter().all(|message| message.ends_with("includes itself, directly or through others")),
        "{found:?}"
    );
}

#[test]
fn the_number_of_files_is_bounded() {
    let folder = folder("many");
    for number in 0..1000 {
        write(&folder, &format!("conf.d/{number}.kdl"), "");
    }
    let found = mistakes(&write(&folder, "main.kdl", "include \"conf.d/*.kdl\""));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with("is one file too many: 1000 can be read"), "{found:?}");
}

#[test]
fn the_size_of_a_file_is_bounded() {
    let folder = folder("size");
    let large = write(&folder, "large.kdl", &" ".repeat(16 * 1024 * 1024 + 1));
    assert!(mistakes(&large)[0].ends_with("it has more than 16777216 bytes"));
}

#[cfg(unix)]
#[test]
fn only_the_first_file_may_be_something_else_than_a_file() {
    let folder = folder("device");
    let found = mistakes(&write(&folder, "main.kdl", "include \"/dev/null\""));
    assert_eq!(found, ["/dev/null cannot be included: it is not a regular file"]);
    assert!(
        mistakes(Path::new("/dev/null"))[0].starts_with("there is no listener"),
        "it is read, and is empty"
    );
}
