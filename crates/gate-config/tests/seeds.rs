//! The documents that people already have load as they are, and mean what they say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gate_config::model::{
    Action, AgentEvents, AgentProtocol, FailureMode, Handler, ListenAddress, LogFormat, Probe,
};
use gate_config::{Loaded, load};

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kdl").join(name)
}

fn loaded(name: &str) -> Loaded {
    load(&testdata(name)).map_err(|failed| failed.diagnostics).expect("it loads")
}

fn warnings(loaded: &Loaded) -> Vec<String> {
    loaded.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn the_document_of_the_sentinel_page_means_what_it_says() {
    let loaded = loaded("sentinel.kdl");
    let config = &loaded.config;
    assert_eq!((config.server.worker_threads, config.server.shutdown.grace), (0, Duration::from_secs(60)));

    let [https, http] = &*config.listeners else { panic!("two listeners") };
    assert_eq!(https.address.value, ListenAddress::Tcp("0.0.0.0:8443".parse().unwrap()));
    let tls = https.tls.as_ref().expect("https has TLS");
    assert_eq!(tls.terms.identity.cert_file.value, Path::new("/etc/sentinel/certs/ws.crt"));
    assert!(http.tls.is_none());

    let [health, websocket, socketio, api] = &*config.routes else { panic!("four routes") };
    assert_eq!((health.priority, health.action), (1000, Action::Builtin(Handler::Health)));
    assert_eq!(websocket.priority, 200);
    assert_eq!(websocket.websocket.policy.limits.message_size_max, 1_048_576);
    assert_eq!(websocket.agents.len(), 1);
    assert!(socketio.websocket.enabled && api.websocket.enabled);

    let [upstream] = &*config.upstreams else { panic!("one upstream") };
    let check = upstream.health_check.as_ref().expect("it is checked");
    assert_eq!(check.interval, Duration::from_secs(10));
    assert_eq!(check.probe, Probe::Http { path: "/health".to_owned(), host: None, expected_status: None });

    let [inspector, auth] = &*config.agents else { panic!("two agents") };
    assert_eq!((inspector.failure_mode, auth.failure_mode), (FailureMode::Open, FailureMode::Closed));
    let metrics = config.observability.metrics.as_ref().expect("metrics are enabled");
    assert_eq!((metrics.address.value, &*metrics.path), ("0.0.0.0:9090".parse().unwrap(), "/metrics"));
    assert_eq!(config.observability.logging.format, LogFormat::Json);

    assert_eq!(inspector.path, Path::new("/var/run/sentinel/ws-inspector.sock"));
    let of_messages = AgentEvents { request_headers: false, websocket_frame: true };
    assert_eq!((inspector.events, auth.events), (of_messages, AgentEvents::default()));
    assert_eq!((inspector.protocol, inspector.timeout), (AgentProtocol::V1, Duration::from_millis(50)));

    let polling = "messages of Socket.IO can go past the inspection of the route `socketio`";
    assert_eq!(warnings(&loaded), [polling], "its agent inspects messages of WebSocket alone");
}

#[test]
fn the_fragments_load_by_include() {
    let chat = loaded("with-chat.kdl");
    let ids: Vec<_> = chat.config.routes.iter().map(|route| &*route.id).collect();
    assert_eq!(ids, ["chat-ws", "chat-api"]);
    assert_eq!(chat.config.routes[0].websocket.policy.limits.message_size_max, 65_536);
    let agents: Vec<_> = chat.config.agents.iter().map(|agent| &*agent.id).collect();
    assert_eq!(agents, ["ws-inspector", "auth", "ratelimit"]);

    let limits = loaded("with-connection-limits.kdl");
    let websocket = &limits.config.routes[0].websocket;
    assert_eq!((websocket.connections.all, websocket.connections.per_address), (1000, 10));
    assert_eq!(websocket.policy.timeouts.idle, Duration::from_secs(300));
    assert_eq!(warnings(&limits), [""; 0]);

    let cookie = loaded("with-cookie-auth.kdl");
    let [header] = &*cookie.config.routes[0].conditions.headers else { panic!("one header") };
    assert_eq!((header.name.as_str(), &header.value), ("cookie", &None));

    let token = loaded("with-query-token.kdl");
    let [parameter] = &*token.config.routes[0].conditions.query else { panic!("one parameter") };
    assert_eq!((&*parameter.name, &parameter.value), ("token", &None));
}

#[test]
fn a_fragment_by_itself_tells_what_it_lacks() {
    let failed = load(&testdata("chat.kdl")).expect_err("its upstream is not defined");
    let messages: Vec<_> = failed.diagnostics.iter().map(ToString::to_string).collect();
    assert!(messages.contains(&"there is no upstream `chat-service`".to_owned()), "{messages:?}");
    assert!(messages.contains(&"there is no agent `auth`".to_owned()), "{messages:?}");
}
