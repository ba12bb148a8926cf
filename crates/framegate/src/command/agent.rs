//! `framegate agent`: what a proxy asks.

use crate::agent;
use crate::cli::agent::{AgentCommand, InspectorArgs};
use crate::failure::Failure;
use crate::signals::Signals;

/// Runs an agent until a signal ends it.
///
/// # Errors
/// When it cannot start.
pub(crate) fn run(command: AgentCommand) -> Result<(), Failure> {
    match command {
        AgentCommand::WebsocketInspector(args) => websocket_inspector(*args),
    }
}

/// Runs the WebSocket inspector until a signal ends it.
///
/// # Errors
/// When its schema, its patterns or its socket are of no use.
pub(crate) fn websocket_inspector(args: InspectorArgs) -> Result<(), Failure> {
    super::runtime()?.block_on(async {
        let mut signals = Signals::new().map_err(Failure::Runtime)?;
        gate_server::files::raise_limit();
        agent::serve(args, signals.stop()).await.map_err(Failure::Agent)
    })
}
