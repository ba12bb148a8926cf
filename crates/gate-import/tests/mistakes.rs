//! What is told of a text that is not in nginx's language: where, what, and what would be right.

use std::sync::Arc;

use gate_import::nginx::{Files, NoFiles, Options, Source, SyntaxError, import};
use miette::{GraphicalReportHandler, GraphicalTheme};

fn mistake(text: &str, files: &mut dyn Files) -> Box<SyntaxError> {
    let source = Source { name: "a.conf".to_owned(), text: Arc::from(text) };
    import(source, files, &Options::default()).expect_err(text)
}

#[test]
fn each_mistake_is_told_with_its_line_and_column() {
    for (text, expected) in [
        (
            "listen 80\n",
            "a.conf:1:10: `listen` is not ended (each directive ends with `;`, or has a block in `{ }`)",
        ),
        (
            "server {\n    listen 80\n    server_name a;\n}\n",
            "a.conf:2:14: `listen` is not ended (each directive ends with `;`, or has a block in `{ }`)",
        ),
        (
            "server {\n    listen 80\n}\n",
            "a.conf:2:14: `listen` is not ended (each directive ends with `;`, or has a block in `{ }`)",
        ),
        (
            "http {\n  server {\n    listen 80;\n  }\n",
            "a.conf:1:6: a block is not closed (each `{` needs its `}`; the file ends before)",
        ),
        ("}\n", "a.conf:1:1: a `}` closes nothing (remove it, or look for a `}` too many before it)"),
        (
            "listen 80;;",
            "a.conf:1:11: a `;` ends nothing (remove it: blocks end with `}` alone, and each directive has one `;`)",
        ),
        (
            "{ }",
            "a.conf:1:1: a block has no name (write the name of the block before it, such as `server {`)",
        ),
        (
            "ws_log_format \"a;\n",
            "a.conf:1:15: a quoted text is not closed (it ends with \", which within it is written \\\")",
        ),
        (
            "ws_log_format 'a'b;\n",
            "a.conf:1:18: something follows a quoted text directly (a blank, `;` or `{` follows a quoted text; within it a ' \
             is written \\')",
        ),
        (
            "listen 80 { }",
            "a.conf:1:11: `listen` takes no block (write listen …; a text that has a `{` or `;` in it needs quotes)",
        ),
        ("events;", "a.conf:1:7: `events` has no block (write events … { … })"),
        ("upstream { }", "a.conf:1:1: `upstream` has 0 arguments (write upstream name { … })"),
        ("server a { }", "a.conf:1:1: `server` has 1 argument (write server { … })"),
        (
            "\u{e4} 'b\u{e4}' \"",
            "a.conf:1:8: a quoted text is not closed (it ends with \", which within it is written \\\")",
        ),
        (
            "include a b;",
            "a.conf:1:1: `include` has one path (write include path; or include conf.d/*.conf;)",
        ),
        (
            "content_by_lua_block { if x { }",
            "a.conf:1:22: a block is not closed (each `{` needs its `}`; the file ends before)",
        ),
    ] {
        assert_eq!(mistake(text, &mut NoFiles).one_line(), expected, "{text}");
    }
}

#[test]
fn a_mistake_is_shown_in_its_text() {
    let error = mistake("server {\n    listen 80\n    server_name a;\n}\n", &mut NoFiles);
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor());
    let mut shown = String::new();
    handler.render_report(&mut shown, &*error).expect("writing to a String does not fail");
    let lines: Vec<&str> = shown.lines().map(str::trim_end).collect();
    assert_eq!(
        lines,
        [
            "nginx::syntax",
            "",
            "  × `listen` is not ended",
            "   ╭─[a.conf:2:14]",
            " 1 │ server {",
            " 2 │     listen 80",
            "   ·              ▲",
            "   ·              ╰── a `;` is missing here",
            " 3 │     server_name a;",
            "   ╰────",
            "  help: each directive ends with `;`, or has a block in `{ }`",
        ]
    );
}

/// Answers each include with the same text.
struct Always(&'static str);

impl Files for Always {
    fn find(&mut self, pattern: &str) -> Result<Vec<Source>, String> {
        Ok(vec![Source { name: pattern.to_owned(), text: Arc::from(self.0) }])
    }
}

#[test]
fn a_mistake_in_an_included_file_is_told_with_that_file() {
    assert_eq!(
        mistake("include b.conf;", &mut Always("\n listen 80")).one_line(),
        "b.conf:2:11: `listen` is not ended (each directive ends with `;`, or has a block in `{ }`)"
    );
}

#[test]
fn a_file_that_includes_itself_is_refused() {
    let error = mistake("include a.conf;", &mut Always("include a.conf;"));
    assert_eq!(error.one_line(), "a.conf:1:1: includes go more than 16 deep (does a file include itself?)");
    let error = mistake("include a.conf;", &mut Always("include a.conf; include a.conf;"));
    assert_eq!(error.to_string(), "includes go more than 16 deep");
}

#[test]
fn blocks_have_a_depth_that_ends() {
    let text = "a {".repeat(100_000);
    assert_eq!(mistake(&text, &mut NoFiles).to_string(), "blocks are nested more than 64 deep");
}
