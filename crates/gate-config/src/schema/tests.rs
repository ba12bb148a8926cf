//! The tables against what the readers make of documents.

use std::collections::BTreeSet;

use regex::Regex;

use super::upstreams::CLIENT_TLS;
use super::*;
use crate::model::LogTarget;
use crate::parse;
use crate::syntax::{self, Node};

/// Every setting, each with a value that is not its default.
const FULL: &str = include_str!("../../../../testdata/kdl/full.kdl");

/// The configuration that a text means, without the places in the text.
fn meaning(text: &str) -> Result<String, String> {
    let places = Regex::new(r"Place \{[^}]*\}").expect("it is one");
    match parse("full.kdl", text) {
        Ok(loaded) => Ok(places.replace_all(&format!("{:#?}", loaded.config), "").into_owned()),
        Err(failed) => {
            let lines: Vec<_> = failed.diagnostics.iter().map(crate::Diagnostic::one_line).collect();
            Err(lines.join("\n"))
        }
    }
}

/// All settings in and below a block that can be written, by block and name.
fn settings(block: &'static Block, all: &mut BTreeSet<(&'static str, &'static str)>) {
    for key in block.keys.iter().filter(|key| key.status != Status::Later) {
        all.insert((block.name, key.name));
        if let Form::Block(below) | Form::Named(below) | Form::Other(_, Some(below)) = key.form {
            settings(below, all);
        }
    }
}

/// The settings that a text writes.
fn written(block: &'static Block, nodes: &[Node], all: &mut BTreeSet<(&'static str, &'static str)>) {
    for node in nodes {
        let key = block.key(&node.name.text).unwrap_or_else(|| panic!("{} is no key", node.name.text));
        all.insert((block.name, key.name));
        if let Form::Block(below) | Form::Named(below) | Form::Other(_, Some(below)) = key.form {
            for property in &node.properties {
                all.extend(below.key(&property.name.text).map(|key| (below.name, key.name)));
            }
            written(below, node.children.as_deref().unwrap_or_default(), all);
        }
    }
}

#[test]
fn the_full_document_writes_every_setting_and_loads() {
    let (mut expected, mut found) = (BTreeSet::new(), BTreeSet::new());
    settings(&TOP, &mut expected);
    written(&TOP, &syntax::parse(FULL, 0).expect("it is in the language"), &mut found);
    // Texts that are no files include none.
    expected.remove(&("", "include"));
    assert_eq!(found, expected);
    meaning(FULL).expect("it loads");
}

#[test]
fn every_setting_has_an_effect() {
    let without_effect = [
        "schema-version",
        "service-type",
        "type \"waf\"",
        // `false` would leave the settings beside it without an effect; see the next test.
        "enabled true",
    ];
    let full = meaning(FULL).expect("it loads");
    let mut tried = 0;
    for line in FULL.lines() {
        let setting = line.trim();
        let is_block = setting.contains('{') || setting.contains('}');
        if is_block || setting.is_empty() || setting.starts_with("//") {
            continue;
        }
        tried += 1;
        let has_effect = meaning(&FULL.replacen(line, "", 1)) != Ok(full.clone());
        let is_expected = !without_effect.iter().any(|name| setting.starts_with(name));
        assert_eq!(has_effect, is_expected, "{setting}");
    }
    assert!(tried > 100, "{tried} settings were left out");
}

#[test]
fn what_is_switched_off_is_not_there() {
    let off = |block: &str| {
        let at = FULL.find(block).expect("it stands in the document");
        let (before, behind) = FULL.split_at(at);
        let text = format!("{before}{}", behind.replacen("enabled true", "enabled false", 1));
        parse("full.kdl", &text).expect("it loads").config.observability
    };
    assert!(off("metrics {").metrics.is_none());
    assert!(off("access-log {").logging.access.is_none());
    assert_eq!(off("error-log {").logging.error.value, LogTarget::Off);
    let logs = |text: &str| {
        let text = format!("observability {{ logging {{ {text} }} }}\n{MINIMAL}");
        parse("logs.kdl", &text).expect("it loads").config.observability.logging
    };
    assert_eq!(logs("error-log \"off\"").error.value, LogTarget::Off);
    assert_eq!(logs("error-log \"stdout\"").error.value, LogTarget::Stdout);
    assert!(logs("access-log off").access.is_none());
    assert_eq!(logs("access-log \"a.log\"").access.expect("it is on").value, LogTarget::File("a.log".into()));
}

/// What a configuration must have.
const MINIMAL: &str = r#"
listeners { listener "a" { address "127.0.0.1:1" } }
routes { route "a" { builtin-handler "echo" } }
"#;

/// Settings that must stand, and `@block@` where all others of a block may.
const DEFAULTS: &str = r#"
server { @server@; drain { @drain@ } }
limits { @limits@ }
listeners {
    listener "socket" { address "unix:/a"; @listener@; proxy-protocol { from "::1" } }
    listener "tls" { address "127.0.0.1:1"; protocol "https"; tls { cert-file "a"; key-file "b"; @tls@ } }
}
routes { route "a" { upstream "u"; @route@; matches { path "/" }; websocket { max-age "1h" { @max-age@ }; rate-limit { messages 1; @rate-limit@ }; inspect { pattern "p" "x" { @pattern@ }; json-schema "s" { @json-schema@ }; decode { @decode@ }; @inspect@ }; @websocket@ } } }
listeners { listener "sip" {
    address "127.0.0.1:5060"; protocol "sip-tcp"; sip { @sip@; rate-limit { messages 1; @sip-rate-limit@ } }
} }
routes { route "b" {
    header-config { trusted "::1"; hmac-key-file "a" { @hmac-key-file@ }; upstreams "ws://*"; @header-config@; ceilings { @ceilings@ }; hook { opcodes "text"; @hook@ } }
    websocket { webhook "inbound" url="http://a" { opcodes "text"; @webhook@ } }
} }
upstreams {
    upstream "u" {
        target "wss://127.0.0.1:1" { @target@ }
        @upstream@
        sticky { @sticky@ }
        health-check { type "http" { @type@ }; @health-check@ }
        passive-health { @passive-health@ }
        tls { @client-tls@ }
        timeouts { @timeouts@ }
        connection-pool { @connection-pool@ }
    }
}
agents { agent "a" { unix-socket "/a"; @agent@; circuit-breaker { @circuit-breaker@ } } }
frame-logs {
    frame-log "a" { path "a.log"; frame; @frame-log@; filter { @filter@ }; rotate { size "1MB"; @rotate@ } }
}
traces { trace "a" { address "127.0.0.1"; @trace@ } }
admin { @admin@ }
observability { metrics { @metrics@ }; logging { @logging@; access-log { @access-log@ } } }
"#;

#[test]
fn defaults_that_are_written_out_change_nothing() {
    let mut full = DEFAULTS.to_owned();
    let mut bare = DEFAULTS.to_owned();
    let mut blocks = Vec::new();
    with_defaults(&TOP, &mut blocks);
    for (block, settings) in blocks {
        let name = if std::ptr::eq(block, &raw const CLIENT_TLS) {
            "client-tls"
        } else if std::ptr::eq(block, &raw const SIP_RATE_LIMIT) {
            "sip-rate-limit"
        } else {
            block.name
        };
        let marker = format!("@{name}@");
        assert!(full.contains(&marker), "{marker} is missing in the document");
        full = full.replace(&marker, &settings);
        bare = bare.replace(&marker, "");
    }
    assert_eq!(meaning(&full).expect("it loads"), meaning(&bare).expect("it loads"));
}

/// The blocks that have settings with defaults, and those settings as they are written.
fn with_defaults(block: &'static Block, all: &mut Vec<(&'static Block, String)>) {
    let mut settings = Vec::new();
    for key in block.keys {
        if let Fallback::Value(value) = key.default {
            let is_bare = match key.form {
                Form::Flag | Form::Count | Form::Integer(..) | Form::Seconds(_) | Form::Millis(_) => true,
                Form::Other(..) => value.parse::<u64>().is_ok(),
                Form::Size(..)
                | Form::Duration
                | Form::DurationOrSeconds
                | Form::Text(_)
                | Form::Texts(_)
                | Form::Word(_)
                | Form::Block(_)
                | Form::Named(_) => false,
            };
            let quote = if is_bare { "" } else { "\"" };
            settings.push(format!("{} {quote}{value}{quote}", key.name));
        }
        if let Form::Block(below) | Form::Named(below) | Form::Other(_, Some(below)) = key.form {
            with_defaults(below, all);
        }
    }
    let is_known = all.iter().any(|(known, _)| std::ptr::eq(*known, block));
    if !settings.is_empty() && !is_known {
        all.push((block, settings.join("; ")));
    }
}
