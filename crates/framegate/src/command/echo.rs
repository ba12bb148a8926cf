//! `framegate echo`: the embedded backend alone.

use crate::backend::{self, Settings, Sockets};
use crate::cli::EchoArgs;
use crate::failure::Failure;
use crate::signals::Signals;

/// Serves until a signal ends it.
///
/// # Errors
/// When the address cannot be listened on, or a second Ctrl-C cut the end short.
pub(crate) fn run(args: &EchoArgs) -> Result<(), Failure> {
    super::runtime()?.block_on(serve(args))
}

async fn serve(args: &EchoArgs) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(Failure::Runtime)?;
    gate_server::files::raise_limit();
    let listener = super::bind("the backend", "--listen", args.listen).await?;
    let address = listener.local_addr().map_err(Failure::Runtime)?;
    super::print(&format!(
        "echo at ws://{address}/echo, chat at ws://{address}/chat, page at http://{address}/\n"
    ))?;

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let backend = backend::serve(listener, Settings { sockets: Sockets::Here }, async {
        let _sent_or_gone = stopped.await;
    });
    let signalled = async {
        signals.stop().await;
        let _ended_already = stop.send(());
        signals.stop_at_once().await;
    };
    tokio::select! {
        () = backend => Ok(()),
        () = signalled => Err(Failure::EndedAtOnce),
    }
}
