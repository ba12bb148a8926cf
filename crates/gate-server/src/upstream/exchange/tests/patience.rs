//! How long who is waited for.

use super::*;

fn hasty(set: impl FnOnce(&mut UpstreamTimeouts)) -> UpstreamTimeouts {
    let mut timeouts = UpstreamTimeouts::default();
    set(&mut timeouts);
    timeouts
}

const SOON: Duration = Duration::from_millis(60);

#[test]
fn a_target_that_does_not_answer_in_time_is_given_up() {
    let silent = Fake::start(|_, stream| {
        read_head(stream);
        while !is_over(stream) {}
    });
    let timeouts = hasty(|timeouts| timeouts.request = SOON);
    let cluster = cluster(&Upstream { timeouts, ..upstream(&[silent.address]) });
    for body in [&b""[..], b"some"] {
        let request = request("GET", Full::new(Bytes::from_static(body)));
        let error = run(async { send(&Pool::default(), &cluster, request).await.err().unwrap() });
        assert_eq!(told(&error), (504, "upstream_timeout"));
    }
    assert_eq!(failures(&cluster, 0), BTreeMap::from([("timeout", 2)]));
}

#[test]
fn who_holds_up_a_request_is_told_apart() {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let deaf = Fake::start(move |_, stream| {
        read_head(stream);
        let _until_the_test_is_over = held.lock().unwrap().recv();
    });
    let timeouts = hasty(|timeouts| timeouts.write = SOON);
    let cluster = cluster(&Upstream { timeouts, ..upstream(&[deaf.address]) });
    run(async {
        let silent_client = send(&Pool::default(), &cluster, request("POST", Feed::default())).await;
        assert_eq!(told(&silent_client.err().unwrap()), (408, "request_body_timeout"));
        assert_eq!(failures(&cluster, 0), BTreeMap::new());
        let much = Full::new(Bytes::from(vec![0; 64 * 1024 * 1024]));
        let feed = BodyExt::map_err(much, BodyError::from);
        let deaf_target = send(&Pool::default(), &cluster, request("POST", Endless(feed))).await;
        assert_eq!(told(&deaf_target.err().unwrap()), (504, "upstream_write_timeout"));
        assert_eq!(failures(&cluster, 0), BTreeMap::from([("timeout", 1)]));
    });
    drop(release);
}

/// A body behind which more is always to come.
struct Endless<B>(B);

impl<B: Body + Unpin> Body for Endless<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }
}

#[test]
fn a_slow_request_that_goes_on_is_not_late() {
    let (fake, heard) = telling("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", chunks);
    let timeouts = hasty(|timeouts| timeouts.write = Duration::from_secs(1));
    let cluster = cluster(&Upstream { timeouts, ..upstream(&[fake.address]) });
    run(async {
        let feed = Feed::default();
        let feeding = async {
            for _ in 0..25 {
                sleep(Duration::from_millis(60)).await;
                feed.put(Ok(data("a")));
            }
            feed.end();
        };
        let pool = Pool::default();
        let (answer, ()) = tokio::join!(send(&pool, &cluster, request("POST", feed.clone())), feeding);
        assert_eq!(whole(answer.unwrap()).await.0, 200);
    });
    assert_eq!(heard.recv().unwrap().1.matches("\r\na\r\n").count(), 25);
}

#[test]
fn silence_within_an_answer_is_the_end_of_it() {
    let (sender, ended) = mpsc::channel();
    let fake = Fake::start(move |_, stream| {
        read_head(stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab").unwrap();
        while !is_over(stream) {}
        sender.send(()).unwrap();
    });
    let timeouts = hasty(|timeouts| timeouts.read = SOON);
    let cluster = cluster(&Upstream { timeouts, ..upstream(&[fake.address]) });
    let error = run(async {
        let exchanged = send(&Pool::default(), &cluster, get()).await.unwrap();
        exchanged.response.into_body().collect().await.err().unwrap()
    });
    assert_eq!(error.to_string(), "the upstream's answer did not go on for 60ms");
    assert_eq!(failures(&cluster, 0), BTreeMap::from([("timeout", 1)]));
    ended.recv().unwrap();
}

#[test]
fn a_client_that_stalls_its_request_behind_an_early_answer_is_the_one_at_fault() {
    let goes_on = |silent: bool| {
        Fake::start(move |_, stream| {
            read_head(stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").unwrap();
            while silent && !is_over(stream) {}
            while stream.write_all(b"a").is_ok() {
                std::thread::sleep(Duration::from_millis(5));
            }
        })
    };
    let long = Duration::from_secs(60);
    for (write, read, silent, expected) in [
        (SOON, long, true, "the body of the request did not go on for 60ms"),
        (SOON, SOON * 10, false, "the body of the request did not go on for 60ms"),
        (long, SOON, true, "the upstream's answer did not go on for 60ms"),
    ] {
        let fake = goes_on(silent);
        let timeouts = hasty(|timeouts| (timeouts.write, timeouts.read) = (write, read));
        let cluster = cluster(&Upstream { timeouts, ..upstream(&[fake.address]) });
        let error = run(async {
            let exchanged = send(&Pool::default(), &cluster, request("POST", Feed::default())).await.unwrap();
            exchanged.response.into_body().collect().await.err().unwrap()
        });
        assert_eq!(error.to_string(), expected);
        assert_eq!(failures(&cluster, 0), BTreeMap::new());
    }
}
