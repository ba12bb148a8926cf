//! What a gateway needs to start, and that one that does not leaves nothing behind.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;

use gate_config::model::{LogTarget, Target, TargetAddress};
use gate_config::relay::Relay;
use gate_server::{Gateway, Options, StartError};
use testkit::deadline::eventually;
use testkit::rig::Rig;

fn relay(listen: SocketAddr) -> Relay {
    let upstream = TargetAddress::Tcp { host: "127.0.0.1".to_owned(), port: 9 };
    Relay { workers: 2, log: LogTarget::Off, ..Relay::new(listen, Target::new(upstream)) }
}

/// Starts a gateway that cannot start; what it says.
#[track_caller]
fn refused(relay: Relay) -> String {
    let started = Gateway::start(relay.into(), Options::default());
    let objections = match started {
        Err(StartError::Objections(objections)) => objections,
        other => unreachable!("{other:?}"),
    };
    assert_eq!(objections.len(), 1, "{objections:?}");
    objections.into_iter().map(|objection| objection.message).collect()
}

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

#[test]
fn an_address_that_another_gateway_has_is_an_error_even_if_both_have_several_workers() {
    let rig = Rig::with(|settings| settings.workers = 2);
    let told = refused(relay(rig.address()));
    assert!(told.starts_with(&format!("cannot listen on {}: ", rig.address())), "{told}");
    rig.finish();
}

#[test]
fn an_address_of_metrics_that_is_taken_is_an_error_and_nobody_listens() {
    let taken = TcpListener::bind(anywhere()).unwrap();
    let metrics = taken.local_addr().unwrap();
    let listen = TcpListener::bind(anywhere()).unwrap().local_addr().unwrap();
    let told = refused(Relay { metrics: Some(metrics), ..relay(listen) });
    assert!(told.starts_with(&format!("cannot serve metrics on {metrics}: ")), "{told}");
    assert!(TcpStream::connect(listen).is_err());
}

#[test]
fn a_log_file_that_cannot_be_opened_is_an_error() {
    let path = PathBuf::from("/nowhere/at/all.log");
    let told = refused(Relay { log: LogTarget::File(path), ..relay(anywhere()) });
    assert!(told.contains("/nowhere/at/all.log"), "{told}");
}

#[test]
fn a_gateway_that_is_dropped_ends_as_well() {
    let gateway = Gateway::start(relay(anywhere()).into(), Options::default()).unwrap();
    let address = gateway.local_addr().unwrap();
    assert!(TcpStream::connect(address).is_ok());
    drop(gateway);
    eventually("nobody listens any more", || TcpStream::connect(address).err());
}
