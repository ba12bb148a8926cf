//! Where records go, as typed after `--log`: `stderr`, `stdout`, `off`, or the name of a file.
//!
//! A file named like one of the words is written with a path: `./off`.

use std::convert::Infallible;
use std::path::PathBuf;

use gate_config::model::LogTarget;

/// Reads where records go.
///
/// # Errors
/// None: whatever is not one of the words names a file.
pub(crate) fn log_target(text: &str) -> Result<LogTarget, Infallible> {
    Ok(match text {
        "stderr" => LogTarget::Stderr,
        "stdout" => LogTarget::Stdout,
        "off" => LogTarget::Off,
        path => LogTarget::File(PathBuf::from(path)),
    })
}

#[cfg(test)]
mod tests {
    use super::log_target;
    use gate_config::model::LogTarget;
    use std::path::PathBuf;

    #[test]
    fn three_words_are_targets_and_all_else_is_a_file() {
        for (text, expected) in [
            ("stderr", LogTarget::Stderr),
            ("stdout", LogTarget::Stdout),
            ("off", LogTarget::Off),
            ("./off", LogTarget::File(PathBuf::from("./off"))),
            ("/var/log/framegate.log", LogTarget::File(PathBuf::from("/var/log/framegate.log"))),
        ] {
            assert_eq!(log_target(text), Ok(expected));
        }
    }
}
