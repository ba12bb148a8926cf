//! What passes both ways, and when an exchange is over.

use super::*;

#[test]
fn a_request_goes_in_origin_form_and_its_answer_comes_back() {
    let answer = "HTTP/1.1 201 Created\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 4\r\n\r\nmade";
    let (fake, heard) = telling(answer, |_| String::new());
    let cluster = cluster(&upstream(&[fake.address]));
    run(async {
        let mut request = get();
        *request.version_mut() = Version::HTTP_10;
        let exchanged = send(&Pool::default(), &cluster, request).await.unwrap();
        assert_eq!(*exchanged.address, *fake.address.to_string());
        assert_eq!(cluster.targets()[0].in_flight(), 1);
        assert_eq!(exchanged.response.headers().get_all("x-a").iter().count(), 2);
        assert_eq!(whole(exchanged).await, (201, "made".to_owned()));
        assert_eq!(cluster.targets()[0].in_flight(), 0);
    });
    let (head, _) = heard.recv().unwrap();
    assert_eq!(head, "GET /a?b=c HTTP/1.1\r\nhost: a\r\n\r\n");
}

#[test]
fn answers_without_a_body_are_over_at_once() {
    for (method, answer) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let fake = Fake::start(move |_, stream| {
            while !read_head(stream).is_empty() {
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let cluster = cluster(&upstream(&[fake.address]));
        run(async {
            let pool = Pool::default();
            let exchanged = send(&pool, &cluster, request(method, Empty::<Bytes>::new())).await.unwrap();
            settle(&pool, 1).await;
            assert_eq!(cluster.targets()[0].in_flight(), 0);
            drop(exchanged);
            assert_eq!(pool.len(), 1);
        });
    }
}

#[test]
fn bodies_and_trailers_stream_both_ways() {
    let answer = "HTTP/1.1 200 OK\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n\
                  2\r\nde\r\n1\r\nf\r\n0\r\nX-Sum: 6\r\n\r\n";
    let (fake, heard) = telling(answer, chunks);
    let cluster = cluster(&upstream(&[fake.address]));
    run(async {
        let trailers: HeaderMap =
            [("x-sum".parse().unwrap(), HeaderValue::from_static("3"))].into_iter().collect();
        let feed = Feed::of([data("a"), data("bc"), Frame::trailers(trailers)]);
        let mut request = request("POST", feed);
        request.headers_mut().insert("trailer", HeaderValue::from_static("x-sum"));
        let exchanged = send(&Pool::default(), &cluster, request).await.unwrap();
        let collected = exchanged.response.into_body().collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap()["x-sum"], "6");
        assert_eq!(collected.to_bytes(), "def");
    });
    let (head, body) = heard.recv().unwrap();
    assert!(head.contains("\r\ntransfer-encoding: chunked\r\n"), "{head}");
    assert_eq!(body, "1\r\na\r\n2\r\nbc\r\n0\r\nx-sum: 3\r\n\r\n");
}

#[test]
fn an_answer_may_come_before_the_request_is_whole() {
    let (sender, ended) = mpsc::channel();
    let fake = Fake::start(move |_, stream| {
        read_head(stream);
        stream.write_all(b"HTTP/1.1 413 Too Much\r\nContent-Length: 2\r\n\r\nno").unwrap();
        while !is_over(stream) {}
        sender.send(()).unwrap();
    });
    let cluster = cluster(&upstream(&[fake.address]));
    run(async {
        let pool = Pool::default();
        let feed = Feed::default();
        let exchanged = send(&pool, &cluster, request("POST", feed.clone())).await.unwrap();
        assert_eq!(whole(exchanged).await, (413, "no".to_owned()));
        // The rest of the request never comes, so the connection is of no further use.
        while ended.try_recv().is_err() {
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(pool.len(), 0);
        assert_eq!(Rc::strong_count(&feed.0), 1, "the request's body is let go");
    });
}

#[test]
fn an_answer_is_read_though_the_target_takes_no_more_of_the_request() {
    let fake = Fake::start(|_, stream| {
        read_head(stream);
        stream
            .write_all(b"HTTP/1.1 413 Too Much\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
            .unwrap();
    });
    let cluster = cluster(&upstream(&[fake.address]));
    let body = Bytes::from(vec![b'x'; 16 * 1024 * 1024]);
    let mut answered = 0;
    for _ in 0..10 {
        run(async {
            match send(&Pool::default(), &cluster, request("POST", Full::new(body.clone()))).await {
                Ok(exchanged) => {
                    assert_eq!(exchanged.response.status(), 413);
                    answered += 1;
                }
                // The target's RST may have overtaken its answer.
                Err(error) => assert_eq!(error.reason(), "upstream_lost"),
            }
        });
    }
    assert!(answered > 0);
}

#[test]
fn a_length_that_is_told_twice_is_passed_once() {
    let twice = "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello";
    let repeated = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello";
    let other = "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n";
    let bare = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello";
    for (method, answer, lengths) in [
        ("GET", twice, &["5"][..]),
        ("GET", repeated, &["5"]),
        ("GET", other, &["7"]),
        ("HEAD", &twice.replace("5, 5", "7"), &["7"]),
        ("GET", bare, &[]),
    ] {
        let fake = Fake::answering(answer);
        let cluster = cluster(&upstream(&[fake.address]));
        run(async {
            let request = request(method, Empty::<Bytes>::new());
            let exchanged = send(&Pool::default(), &cluster, request).await.unwrap();
            let told: Vec<_> = exchanged.response.headers().get_all("content-length").iter().collect();
            assert_eq!(told, lengths, "{answer:?}");
        });
    }
}

#[test]
fn interim_answers_are_left_out() {
    let fake = Fake::answering(
        "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0",
    );
    let cluster = cluster(&upstream(&[fake.address]));
    let answer = run(async { whole(send(&Pool::default(), &cluster, get()).await.unwrap()).await });
    assert_eq!(answer, (200, "0".to_owned()));
}

#[test]
fn a_large_body_passes_whole() {
    let fake = Fake::start(|_, stream| {
        let head = read_head(stream);
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").unwrap();
        stream.write_all(&body).unwrap();
    });
    let cluster = cluster(&upstream(&[fake.address]));
    let body: Bytes = (0..5_000_000_u32).map(|at| at.to_be_bytes()[3]).collect();
    let back = run(async {
        let exchanged =
            send(&Pool::default(), &cluster, request("PUT", Full::new(body.clone()))).await.unwrap();
        exchanged.response.into_body().collect().await.unwrap().to_bytes()
    });
    assert!(back == body);
}
