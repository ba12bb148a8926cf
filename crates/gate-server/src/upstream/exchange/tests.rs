//! Plain exchanges with targets that behave in all kinds of ways.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::{Mutex, mpsc};
use std::task::{Context, Waker};

use gate_config::model::{self, Upstream, UpstreamTimeouts};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full};
use tokio::time::sleep;

use super::*;
use crate::upstream::fake::{Fake, cluster, nobody, read_head, run, upstream, wish};

mod faults;
mod passing;
mod patience;
mod reuse;

/// A body whose frames a test puts in; without an end it goes on for ever.
#[derive(Clone, Default)]
struct Feed(Rc<RefCell<Fed>>);

#[derive(Default)]
struct Fed {
    frames: VecDeque<Result<Frame<Bytes>, BodyError>>,
    is_over: bool,
    reader: Option<Waker>,
}

impl Feed {
    fn of(frames: impl IntoIterator<Item = Frame<Bytes>>) -> Self {
        let feed = Self::default();
        feed.0.borrow_mut().frames.extend(frames.into_iter().map(Ok));
        feed.0.borrow_mut().is_over = true;
        feed
    }

    fn put(&self, frame: Result<Frame<Bytes>, BodyError>) {
        self.0.borrow_mut().frames.push_back(frame);
        self.wake();
    }

    fn end(&self) {
        self.0.borrow_mut().is_over = true;
        self.wake();
    }

    fn wake(&self) {
        if let Some(reader) = self.0.borrow_mut().reader.take() {
            reader.wake();
        }
    }
}

impl Body for Feed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut fed = self.0.borrow_mut();
        match fed.frames.pop_front() {
            None if fed.is_over => Poll::Ready(None),
            None => {
                fed.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            frame => Poll::Ready(frame),
        }
    }
}

fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

fn request<B>(method: &str, body: B) -> Request<B> {
    let request = Request::builder().method(method).uri("http://example.org:81/a?b=c").header("host", "a");
    request.body(body).unwrap()
}

fn get() -> Request<Empty<Bytes>> {
    request("GET", Empty::new())
}

async fn send<B>(pool: &Pool, cluster: &Arc<Cluster>, request: Request<B>) -> Result<Exchanged, ExchangeError>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BodyError>,
{
    exchange(pool, cluster, wish(cluster), request).await
}

/// The status and body of an answer, after which its connection waits in the pool, if it does.
async fn whole(exchanged: Exchanged) -> (u16, String) {
    let (head, body) = exchanged.response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
}

async fn settle(pool: &Pool, count: usize) {
    while pool.len() != count {
        sleep(Duration::from_millis(1)).await;
    }
}

fn failures(cluster: &Cluster, index: usize) -> BTreeMap<&'static str, u64> {
    cluster.targets()[index].failures().filter(|(_, count)| *count > 0).collect()
}

fn told(error: &ExchangeError) -> (u16, &'static str) {
    (error.status().as_u16(), error.reason())
}

fn addresses(targets: &[&Fake]) -> Vec<SocketAddr> {
    targets.iter().map(|target| target.address).collect()
}

/// A target that answers every request of a connection with the number of the connection.
fn numbered() -> Fake {
    Fake::start(|number, stream| {
        while !read_head(stream).is_empty() {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}").unwrap();
        }
    })
}

/// A target that tells its test what it reads, and answers with the end of each connection.
fn telling(
    answer: &'static str,
    rest: fn(&mut TcpStream) -> String,
) -> (Fake, mpsc::Receiver<(String, String)>) {
    let (sender, heard) = mpsc::channel();
    let fake = Fake::start(move |_, stream| {
        let head = read_head(stream);
        let rest = rest(stream);
        stream.write_all(answer.as_bytes()).unwrap();
        sender.send((head, rest)).unwrap();
    });
    (fake, heard)
}

/// What comes until the chunk that ends a body, and its trailers.
fn chunks(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    while !text.contains("0\r\n") || !text.ends_with("\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        text.push(char::from(byte[0]));
    }
    text
}

/// Whether the peer has ended the connection.
fn is_over(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 1024]), Ok(0)) || stream.take_error().unwrap().is_some()
}
