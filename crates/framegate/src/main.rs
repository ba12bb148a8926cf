//! The command `framegate`.

use std::process::ExitCode;

fn main() -> ExitCode {
    framegate::framegate()
}
