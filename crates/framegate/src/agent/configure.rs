//! What a proxy may set while the agent runs: the event `configure`.

use agent_proto::{Configure, Decision};
use serde::Deserialize;

use crate::cli::agent::InspectorArgs;

/// The keys that count; others are for other agents. What is not said stays as it is. The order is the agent's
/// for which the protocol was made, since it shows in what is said of a list in the place of an object.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[derive(Default)]
struct Keys {
    xss_detection: Option<bool>,
    sqli_detection: Option<bool>,
    command_injection: Option<bool>,
    block_mode: Option<bool>,
    fail_open: Option<bool>,
    log_frames: Option<bool>,
    max_text_frame_size: Option<u64>,
    max_binary_frame_size: Option<u64>,
    max_messages_per_sec: Option<u64>,
    max_bytes_per_sec: Option<u64>,
    rate_limit_burst: Option<u64>,
    msgpack_validation: Option<bool>,
}

/// The flags with what `event` sets.
///
/// # Errors
/// What the proxy is answered if it cannot be understood.
pub(super) fn apply(event: &Configure, args: &InspectorArgs) -> Result<InspectorArgs, Decision> {
    let value: serde_json::Value = event.config.read().map_err(|message| refusal(&message))?;
    let keys: Keys = serde_json::from_value(value).map_err(|error| refusal(&error.to_string()))?;
    let mut args = args.clone();
    set(&mut args.xss_detection, keys.xss_detection);
    set(&mut args.sqli_detection, keys.sqli_detection);
    set(&mut args.command_injection, keys.command_injection);
    set(&mut args.block_mode, keys.block_mode);
    set(&mut args.fail_open, keys.fail_open);
    set(&mut args.log_frames, keys.log_frames);
    set(&mut args.max_text_frame_size, keys.max_text_frame_size);
    set(&mut args.max_binary_frame_size, keys.max_binary_frame_size);
    set(&mut args.rate_limit_messages, keys.max_messages_per_sec);
    set(&mut args.max_bytes_per_sec, keys.max_bytes_per_sec);
    set(&mut args.rate_limit_burst, keys.rate_limit_burst);
    set(&mut args.msgpack_validation, keys.msgpack_validation);
    Ok(args)
}

/// What a proxy is answered whose settings are of no use.
pub(super) fn refusal(message: &str) -> Decision {
    Decision::Block {
        status: 500,
        body: Some(format!("Invalid agent configuration: {message}")),
        headers: None,
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use super::{apply, refusal};
    use crate::cli::agent::{InspectorArgs, InspectorCli};
    use agent_proto::{Configure, Decision, Json};
    use clap::Parser;

    fn configure(text: &str) -> Result<InspectorArgs, Decision> {
        let args = InspectorCli::parse_from(["agent", "--rate-limit-messages", "7"]).args;
        apply(&Configure { config: Json::parse(text).expect("JSON"), ..Configure::default() }, &args)
    }

    #[test]
    fn what_is_said_counts_and_the_rest_stays() {
        let args = configure(
            r#"{"block-mode":false,"xss-detection":false,"max-text-frame-size":4096,"unknown-key":[1],"fail-open":true}"#,
        )
        .expect("a good configuration");
        assert!(!args.block_mode && !args.xss_detection && args.fail_open && args.sqli_detection);
        assert_eq!((args.max_text_frame_size, args.rate_limit_messages), (4096, 7));
        assert_eq!(configure(r#"{"max-messages-per-sec":9}"#).expect("good").rate_limit_messages, 9);
    }

    #[test]
    fn what_cannot_be_understood_is_refused_with_its_reason() {
        for (text, message) in [
            ("[1,2]", "invalid type: integer `1`, expected a boolean"),
            (r#"{"block-mode":"yes"}"#, "invalid type: string \"yes\", expected a boolean"),
            (r#"{"max-messages-per-sec":-1}"#, "invalid value: integer `-1`, expected u64"),
        ] {
            assert_eq!(configure(text).expect_err(text), refusal(message), "{text}");
        }
    }
}
