//! `framegate run`: a gateway as a file says.

mod reading;
mod service;
mod supervisor;
mod watching;

use gate_config::Loaded;
use gate_server::control::{Controls, Source};
use gate_server::succession::Predecessor;
use gate_server::{Gateway, Inherited, Options};

use super::{configuration, gateway};
use crate::cli::config::RunArgs;
use crate::failure::Failure;
use crate::signals::{Orders, Signals};
use reading::{Files, Read};
use service::Service;
use supervisor::Supervisor;

/// Runs until a signal ends it, or a newer process goes on with its sockets.
///
/// # Errors
/// When the configuration has mistakes, the gateway cannot start, or a second Ctrl-C cut the end short.
pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    // Before there is anything else, as the descriptors have fixed numbers.
    let inherited = Inherited::from_environment();
    let loaded = configuration::load(&args.file)?;
    let read = Read::at_this_moment(Files::of(&loaded));
    super::runtime()?.block_on(async {
        let signals = Signals::new().map_err(Failure::Runtime)?;
        let orders = Orders::new().map_err(Failure::Runtime)?;
        let predecessor = if args.take_over { predecessor(&loaded)? } else { None };
        let (controls, requests) = Controls::channel();
        let gateway = start(&loaded, predecessor, inherited, &controls)?;
        controls.set_source(Source::at_this_moment(&args.file, gateway.config_hash()));
        let service = Service::from_environment();
        service.ready(args.take_over);
        let supervisor =
            Supervisor { file: args.file.clone(), signals, orders, requests, controls, service, held: None };
        supervisor.run(gateway, read).await
    })
}

/// The process that runs, if there is one.
fn predecessor(loaded: &Loaded) -> Result<Option<Predecessor>, Failure> {
    let path = loaded.config.server.take_over.as_ref().ok_or(Failure::NoTakeOver)?;
    let predecessor = Predecessor::meet(&path.value).map_err(Failure::TakeOver)?;
    if predecessor.is_none() {
        super::tell(&format!(
            "nobody listens at {}; starting without sockets of another",
            path.value.display()
        ));
    }
    Ok(predecessor)
}

fn start(
    loaded: &Loaded,
    mut predecessor: Option<Predecessor>,
    inherited: Inherited,
    controls: &Controls,
) -> Result<Gateway, Failure> {
    let taken = predecessor.as_mut().map(Predecessor::sockets).unwrap_or_default();
    let options =
        Options { controls: controls.clone(), inherited: inherited.and(taken), ..gateway::options() };
    let mut gateway = Gateway::start(loaded.config.clone(), options)
        .map_err(|error| configuration::not_started(error, &loaded.sources))?;
    if let Some(predecessor) = predecessor {
        // Should that one stay, this one is dropped, and with it its descriptors of their sockets.
        gateway.take_over_from(predecessor).map_err(Failure::TakeOver)?;
    }
    Ok(gateway)
}
