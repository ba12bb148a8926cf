//! `framegate run`: a gateway as a file says.

use super::{configuration, gateway};
use crate::cli::config::RunArgs;
use crate::failure::Failure;
use crate::signals::Signals;

/// Runs until a signal ends it.
///
/// # Errors
/// When the configuration has mistakes, the gateway cannot start, or a second Ctrl-C cut the end short.
pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    let loaded = configuration::load(&args.file)?;
    super::runtime()?.block_on(async {
        let mut signals = Signals::new().map_err(Failure::Runtime)?;
        let gateway = gateway::start(loaded.config)
            .map_err(|error| configuration::not_started(error, &loaded.sources))?;
        signals.stop().await;
        gateway::end(gateway, &mut signals).await
    })
}
