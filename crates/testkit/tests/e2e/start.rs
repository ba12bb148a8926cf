//! What a gateway needs to start, and that one that does not leaves nothing behind.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;

use gate_config::model::{LogTarget, Target, TargetAddress};
use gate_config::relay::Relay;
use gate_server::{Gateway, Options, StartError};
use testkit::deadline::eventually;
use testkit::folder::Folder;
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

/// What a look at a configuration objects to, and what its start does.
#[track_caller]
fn objections(text: &str) -> [Vec<String>; 2] {
    let config = |text| match gate_config::parse("test.kdl", text) {
        Ok(loaded) => loaded.config,
        Err(failed) => unreachable!("{:?}", failed.diagnostics),
    };
    let looked = gate_server::preflight(config(text)).objections;
    let started = match Gateway::start(config(text), Options::default()) {
        Err(StartError::Objections(objections)) => objections,
        other => unreachable!("{other:?}"),
    };
    [looked, started].map(|objections| objections.into_iter().map(|objection| objection.message).collect())
}

#[test]
fn a_check_objects_to_the_addresses_that_a_start_objects_to() {
    let folder = Folder::new();
    let file = folder.write("file", "no socket");
    let file = file.display();
    let port = TcpListener::bind(anywhere()).unwrap().local_addr().unwrap().port();
    let listener = |name: &str, address: &str| format!("listener \"{name}\" {{ address \"{address}\" }}");
    let all = listener("all", &format!("0.0.0.0:{port}"));
    let one = format!("127.0.0.1:{port}");
    let metrics = format!("observability {{ metrics {{ address \"{one}\" }} }}");
    let admin = format!("admin {{ address \"{one}\" }}");
    for (text, expected) in [
        (format!("listeners {{ {all}; {} }}", listener("b", &one)), "the listener `all` of this file has"),
        (format!("listeners {{ {}; {all} }}", listener("a", &one)), "the listener `a` of this file has"),
        (format!("listeners {{ {all} }}\n{metrics}"), "the listener `all` of this file has"),
        (format!("listeners {{ {all} }}\n{admin}"), "the listener `all` of this file has"),
        (format!("listeners {{ {} }}", listener("u", &format!("unix:{file}"))), "a file that is no socket"),
        (
            format!("listeners {{ {} }}", listener("u", "unix:/no/such/folder/a.sock")),
            "cannot listen on unix:",
        ),
        (
            format!("listeners {{ {} }}", listener("u", &format!("unix:{file}/a.sock"))),
            "cannot listen on unix:",
        ),
    ] {
        let text = format!("{text}\nroutes {{ route \"a\" {{ builtin-handler \"health\" }} }}");
        let [looked, started] = objections(&text);
        assert_eq!(looked, started, "{text}");
        assert_eq!(looked.len(), 1, "{looked:?}");
        assert!(looked.iter().all(|told| told.contains(expected)), "{looked:?}");
    }
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
