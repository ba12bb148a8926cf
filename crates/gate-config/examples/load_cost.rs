//! How long a configuration of 10,000 lines takes: to be read, and read with mistakes in it.
//!
//! `cargo run --release -p gate-config --example load_cost`

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "this measures and tells")]

use std::fmt::Write;
use std::time::Instant;

use gate_config::parse;

fn main() {
    let good = document(9);
    let bad = good.replace("path-prefix", "path-perfix");
    for (what, text) in [("without a mistake", &good), ("with one in every route", &bad)] {
        let start = Instant::now();
        let result = parse("large.kdl", text);
        let took = start.elapsed();
        let outcome = match result {
            Ok(loaded) => format!("{} routes", loaded.config.routes.len()),
            Err(failed) => format!("{} diagnostics", failed.diagnostics.len()),
        };
        println!("{} lines {what}: {} ms, {outcome}", text.lines().count(), took.as_millis());
    }
}

/// A configuration with a thousand routes of some lines each.
fn document(lines: usize) -> String {
    let mut text = String::from("listeners { listener \"http\" { address \"127.0.0.1:8080\" } }\nroutes {\n");
    for route in 0..1000 {
        let _in_memory = writeln!(
            text,
            "    route \"r{route}\" {{\n        priority {route}\n        matches {{ path-prefix \"/r{route}/\" }}\n        \
             websocket {{\n            max-message-size \"64KB\"\n            max-connections 100\n        }}\n        \
             upstream \"u{}\"\n    }}",
            route % 10
        );
    }
    text.push_str("}\nupstreams {\n");
    for upstream in 0..10 {
        let _in_memory = writeln!(text, "    upstream \"u{upstream}\" {{");
        for target in 0..lines * 10 {
            let _in_memory = writeln!(text, "        target \"10.0.{upstream}.{target}:3000\" weight=2");
        }
        let _in_memory = writeln!(text, "    }}");
    }
    text.push_str("}\n");
    text
}
