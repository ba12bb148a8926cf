//! What a gateway needs to start, and that one that does not leaves nothing behind.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;

use gate_server::{Gateway, LogTarget, Settings, StartError, UpstreamAddress};
use testkit::deadline::eventually;
use testkit::rig::Rig;

fn settings(listen: SocketAddr) -> Settings {
    let upstream = UpstreamAddress { host: "127.0.0.1".to_owned(), port: 9 };
    let mut settings = Settings { workers: 2, ..Settings::new(listen, upstream) };
    settings.log.target = LogTarget::Off;
    settings
}

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

#[test]
fn an_address_that_another_gateway_has_is_an_error_even_if_both_have_several_workers() {
    let rig = Rig::with(|settings| settings.workers = 2);
    let started = Gateway::start(settings(rig.address()));
    assert!(matches!(started, Err(StartError::Listen { address, .. }) if address == rig.address()));
    rig.finish();
}

#[test]
fn an_address_of_metrics_that_is_taken_is_an_error_and_nobody_listens() {
    let taken = TcpListener::bind(anywhere()).unwrap();
    let metrics = taken.local_addr().unwrap();
    let listen = TcpListener::bind(anywhere()).unwrap().local_addr().unwrap();
    let started = Gateway::start(Settings { metrics: Some(metrics), ..settings(listen) });
    assert!(matches!(started, Err(StartError::Metrics { address, .. }) if address == metrics));
    assert!(TcpStream::connect(listen).is_err());
}

#[test]
fn a_log_file_that_cannot_be_opened_is_an_error() {
    let path = PathBuf::from("/nowhere/at/all.log");
    let mut settings = settings(anywhere());
    settings.log.target = LogTarget::File(path.clone());
    let started = Gateway::start(settings);
    assert!(matches!(started, Err(StartError::Log { path: told, .. }) if told == path));
}

#[test]
fn a_gateway_that_is_dropped_ends_as_well() {
    let gateway = Gateway::start(settings(anywhere())).unwrap();
    let address = gateway.local_addr();
    assert!(TcpStream::connect(address).is_ok());
    drop(gateway);
    eventually("nobody listens any more", || TcpStream::connect(address).err());
}
