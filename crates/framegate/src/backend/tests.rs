//! The backend on real sockets: each test serves at a port of its own and talks to it as a client would.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, WebSocketConfig};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async, connect_async, connect_async_with_config,
};

use super::{Settings, Sockets, chat, serve};

type Client<S = MaybeTlsStream<TcpStream>> = WebSocketStream<S>;

/// A backend that runs until it is told to stop or dropped.
struct Backend {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Backend {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let settings = Settings { sockets: Sockets::Gateway(([127, 0, 0, 1], 4711).into()) };
        let served = tokio::spawn(serve(listener, settings, async { stopped.await.unwrap_or_default() }));
        Self { address, stop, served }
    }

    /// Connects a client without limits of its own.
    async fn connect(&self, path: &str) -> Client {
        let config = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
        let url = format!("ws://{}{path}", self.address);
        connect_async_with_config(url, Some(config), true).await.expect("a handshake").0
    }

    /// Sends a request's head and returns all that is answered until the connection ends.
    async fn http(&self, head: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(format!("{head}\r\nHost: backend\r\n\r\n").as_bytes()).await.expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        String::from_utf8(answer).expect("an answer in UTF-8")
    }
}

/// Fails the test if it takes longer than anything here could.
async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work).await.expect("done in time")
}

async fn next<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>) -> Message {
    client.next().await.expect("a message").expect("a legal message")
}

async fn next_text<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>) -> String {
    String::from(next(client).await.to_text().expect("a text"))
}

/// The code of the Close that ends the connection, after whatever comes before it.
async fn close_code(client: &mut Client) -> u16 {
    loop {
        if let Message::Close(frame) = next(client).await {
            return frame.expect("a close with a code").code.into();
        }
    }
}

#[tokio::test]
async fn what_is_sent_to_the_echo_comes_back() {
    in_time(async {
        let backend = Backend::start().await;
        let mut client = backend.connect("/any/path?at=all").await;
        // More than the library would take in one frame by default.
        let megabytes = vec![7; 17 << 20];
        for message in [Message::text(""), Message::text("größe"), Message::binary(megabytes)] {
            client.send(message.clone()).await.expect("sent");
            assert!(next(&mut client).await == message);
        }
    })
    .await;
}

#[tokio::test]
async fn a_close_is_answered_with_its_own_code() {
    in_time(async {
        let backend = Backend::start().await;
        for path in ["/echo", "/chat"] {
            let mut client = backend.connect(path).await;
            let frame = CloseFrame { code: 4000.into(), reason: "bye".into() };
            client.close(Some(frame)).await.expect("sent");
            assert_eq!(close_code(&mut client).await, 4000);
        }
    })
    .await;
}

#[tokio::test]
async fn the_first_subprotocol_is_chosen() {
    in_time(async {
        let backend = Backend::start().await;
        let mut request = format!("ws://{}/echo", backend.address).into_client_request().expect("a request");
        request.headers_mut().insert("sec-websocket-protocol", "one, two".parse().expect("a value"));
        let (_client, response) = connect_async(request).await.expect("a handshake");
        assert_eq!(response.headers()["sec-websocket-protocol"], "one");
    })
    .await;
}

#[tokio::test]
async fn everyone_in_the_room_sees_what_one_says() {
    in_time(async {
        let backend = Backend::start().await;
        let mut ada = backend.connect("/chat").await;
        assert!(next_text(&mut ada).await.starts_with("* guest-1 is here, 1 in the room"));
        let mut grace = backend.connect("/chat").await;
        for member in [&mut ada, &mut grace] {
            assert!(next_text(member).await.starts_with("* guest-2 is here, 2 in the room"));
        }
        ada.send(Message::text("/name Ada")).await.expect("sent");
        ada.send(Message::text("hello")).await.expect("sent");
        for member in [&mut ada, &mut grace] {
            assert_eq!(next_text(member).await, "* guest-1 is Ada from here on");
            assert_eq!(next_text(member).await, "Ada: hello");
        }
        ada.close(None).await.expect("sent");
        assert_eq!(next_text(&mut grace).await, "* Ada has left, 1 in the room");
    })
    .await;
}

#[tokio::test]
async fn the_chat_takes_only_text_of_a_bounded_size() {
    in_time(async {
        let backend = Backend::start().await;
        let too_large = "x".repeat(chat::MESSAGE_SIZE_MAX + 1);
        for (message, code) in [(Message::binary(vec![1]), 1003), (Message::text(too_large), 1009)] {
            let mut client = backend.connect("/chat").await;
            client.send(message).await.expect("sent");
            assert_eq!(close_code(&mut client).await, code);
        }
    })
    .await;
}

#[tokio::test]
async fn a_member_who_does_not_read_is_told_what_it_missed() {
    in_time(async {
        let backend = Backend::start().await;
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(16 * 1024).expect("a small buffer");
        let stream = socket.connect(backend.address).await.expect("a connection");
        let mut slow = client_async("ws://backend/chat", stream).await.expect("a handshake").0;
        let mut speaker = backend.connect("/chat").await;
        let line = "x".repeat(chat::MESSAGE_SIZE_MAX);
        // 16 MiB in all: more than the room and the kernel's buffers on the way to the slow member can hold.
        for _ in 0..1024 {
            speaker.send(Message::text(line.clone())).await.expect("sent");
            while !next_text(&mut speaker).await.starts_with("guest-2: ") {}
        }
        while !next_text(&mut slow).await.starts_with("* you missed ") {}
    })
    .await;
}

#[tokio::test]
async fn a_violation_is_closed_with_its_code() {
    // Unmasked; masked with a key of zero and not UTF-8.
    for (frame, code) in [(&[0x81, 0x00][..], 1002_u16), (&[0x81, 0x81, 0, 0, 0, 0, 0xff], 1007)] {
        in_time(async {
            let backend = Backend::start().await;
            let mut stream = TcpStream::connect(backend.address).await.expect("a connection");
            stream.write_all(HANDSHAKE.as_bytes()).await.expect("a request");
            stream.write_all(frame).await.expect("a frame");
            let mut answer = Vec::new();
            // Ends with the backend's FIN. A reset, which may swallow the Close, would be an error here.
            stream.read_to_end(&mut answer).await.expect("an end in good order");
            let head_end =
                answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a whole head") + 4;
            assert_eq!(answer[head_end], 0x88);
            assert_eq!(answer[head_end + 2..head_end + 4], code.to_be_bytes());
        })
        .await;
    }
}

const HANDSHAKE: &str = "GET /echo HTTP/1.1\r\nHost: backend\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[tokio::test]
async fn shutdown_closes_with_1001_and_waits_for_the_answers() {
    in_time(async {
        let backend = Backend::start().await;
        let mut clients = [backend.connect("/echo").await, backend.connect("/chat").await];
        backend.stop.send(()).expect("running");
        for client in &mut clients {
            assert_eq!(close_code(client).await, 1001);
            assert!(client.next().await.is_none());
        }
        backend.served.await.expect("served to its end");
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_never_answers_does_not_hold_shutdown_up() {
    in_time(async {
        let backend = Backend::start().await;
        let _silent = backend.connect("/echo").await;
        backend.stop.send(()).expect("running");
        backend.served.await.expect("served to its end");
    })
    .await;
}

#[tokio::test]
async fn plain_requests_have_plain_answers() {
    in_time(async {
        let backend = Backend::start().await;
        for (request, status) in [
            ("GET / HTTP/1.1", "200 OK"),
            ("HEAD / HTTP/1.1", "200 OK"),
            ("GET /health HTTP/1.1", "200 OK"),
            ("POST / HTTP/1.1", "405 Method Not Allowed"),
            ("GET /echo HTTP/1.1", "426 Upgrade Required"),
            ("GET /elsewhere HTTP/1.1", "404 Not Found"),
        ] {
            let answer = backend.http(&format!("{request}\r\nConnection: close")).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_page_knows_the_gateway() {
    in_time(async {
        let answer = Backend::start().await.http("GET / HTTP/1.1\r\nConnection: close").await;
        assert!(answer.contains(r#"<meta name="gateway" content="ws://127.0.0.1:4711">"#));
        assert!(answer.contains("content-security-policy: default-src 'none'"));
    })
    .await;
}

#[tokio::test]
async fn an_imperfect_handshake_is_refused() {
    in_time(async {
        let backend = Backend::start().await;
        let perfect = "GET /echo HTTP/1.1\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        for (from, to, status) in [
            ("GET", "PUT", "405"),
            ("Version: 13", "Version: 12", "426"),
            ("Key: dGhlIHNhbXBsZSBub25jZQ==", "Key: short", "400"),
            ("Upgrade, close", "close", "400"),
        ] {
            assert!(perfect.contains(from), "{from}");
            let answer = backend.http(&perfect.replacen(from, to, 1)).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{to}: {answer}");
        }
    })
    .await;
}
