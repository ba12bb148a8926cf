//! The WebSocket inspector under the name that Sentinel's documentation has for it.

use std::process::ExitCode;

fn main() -> ExitCode {
    framegate::websocket_inspector()
}
