//! What is tried again, and what is an error.

use super::*;

#[test]
fn another_target_is_tried_when_nothing_was_sent() {
    let fake = numbered();
    for method in ["GET", "POST"] {
        let cluster = cluster(&upstream(&[nobody(), fake.address]));
        run(async {
            let request = request(method, Full::new(Bytes::from_static(b"")));
            let exchanged = send(&Pool::default(), &cluster, request).await.unwrap();
            assert_eq!(*exchanged.address, *fake.address.to_string());
        });
        assert_eq!(failures(&cluster, 0), BTreeMap::from([("unreachable", 1)]));
    }
}

#[test]
fn what_may_be_repeated_is_tried_on_another_target_when_the_connection_is_lost() {
    let lost = Fake::start(|_, stream| drop(read_head(stream)));
    let good = numbered();
    for (method, body, is_repeated) in [
        ("GET", "", true),
        ("HEAD", "", true),
        ("OPTIONS", "", true),
        ("DELETE", "", true),
        ("POST", "", false),
        ("PATCH", "", false),
        ("PUT", "once", false),
    ] {
        let cluster = cluster(&upstream(&addresses(&[&lost, &good])));
        let result = run(async {
            let request = request(method, Full::new(Bytes::from_static(body.as_bytes())));
            send(&Pool::default(), &cluster, request).await.map(|exchanged| exchanged.address)
        });
        assert_eq!(failures(&cluster, 0), BTreeMap::from([("lost", 1)]), "{method}");
        match result {
            Ok(address) => assert!(is_repeated && *address == *good.address.to_string(), "{method}"),
            Err(error) => {
                assert!(!is_repeated && told(&error) == (502, "upstream_lost"), "{method}: {error}")
            }
        }
    }
}

#[test]
fn what_is_no_answer_is_an_error_and_not_repeated() {
    let cases = [
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            "upstream_switched_unasked",
        ),
        ("hello\r\n\r\n", "upstream_answer_malformed"),
        ("HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n", "upstream_answer_malformed"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "upstream_answer_malformed"),
    ];
    let good = numbered();
    for (answer, reason) in cases {
        let bad = Fake::answering(answer);
        let cluster = cluster(&upstream(&addresses(&[&bad, &good])));
        let error = run(async { send(&Pool::default(), &cluster, get()).await.err().unwrap() });
        assert_eq!(told(&error), (502, reason), "{answer:?}");
        assert_eq!(failures(&cluster, 0), BTreeMap::from([("malformed", 1)]));
    }
    assert_eq!(good.accepted(), 0);
}

#[test]
fn an_answers_head_has_a_limit() {
    let bad = Fake::answering(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(70 * 1024)));
    let cluster = cluster(&upstream(&[bad.address]));
    let error = run(async { send(&Pool::default(), &cluster, get()).await.err().unwrap() });
    assert_eq!(told(&error), (502, "upstream_answer_malformed"));
}

#[test]
fn an_answer_that_breaks_off_is_an_error_of_its_body() {
    let fake = Fake::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    let cluster = cluster(&upstream(&[fake.address]));
    run(async {
        let pool = Pool::default();
        let exchanged = send(&pool, &cluster, get()).await.unwrap();
        assert!(exchanged.response.into_body().collect().await.is_err());
        assert_eq!(pool.len(), 0);
    });
    assert_eq!(failures(&cluster, 0), BTreeMap::from([("lost", 1)]));
    assert_eq!(cluster.targets()[0].in_flight(), 0);
}

#[test]
fn a_client_that_goes_away_takes_its_exchange_with_it() {
    let (sender, ended) = mpsc::channel();
    let fake = Fake::start(move |number, stream| {
        read_head(stream);
        if number == 1 {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab").unwrap();
        }
        while !is_over(stream) {}
        sender.send(()).unwrap();
    });
    let cluster = cluster(&upstream(&[fake.address]));
    run(async {
        let pool = Pool::default();
        // Before the answer,
        {
            let mut exchange = pin!(send(&pool, &cluster, get()));
            while fake.accepted() == 0 {
                tokio::select! {
                    _ = &mut exchange => panic!("there is no answer"),
                    () = sleep(Duration::from_millis(1)) => {}
                }
            }
        }
        assert_eq!(cluster.targets()[0].in_flight(), 0);
        while ended.try_recv().is_err() {
            sleep(Duration::from_millis(1)).await;
        }
        // and within it.
        let mut exchanged = send(&pool, &cluster, get()).await.unwrap();
        let first = exchanged.response.body_mut().frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "ab");
        assert_eq!(cluster.targets()[0].in_flight(), 1);
        drop(exchanged);
        assert_eq!(cluster.targets()[0].in_flight(), 0);
        while ended.try_recv().is_err() {
            sleep(Duration::from_millis(1)).await;
        }
    });
    assert_eq!(failures(&cluster, 0), BTreeMap::new());
}

#[test]
fn a_request_that_breaks_off_is_the_clients_fault() {
    let (sender, ended) = mpsc::channel();
    let fake = Fake::start(move |_, stream| {
        read_head(stream);
        let mut rest = Vec::new();
        let _until_it_ends = stream.read_to_end(&mut rest);
        sender.send(String::from_utf8(rest).unwrap()).unwrap();
    });
    let cluster = cluster(&upstream(&[fake.address]));
    run(async {
        let feed = Feed::default();
        feed.put(Ok(data("part")));
        feed.put(Err("the client is gone".into()));
        let error = send(&Pool::default(), &cluster, request("POST", feed)).await.err().unwrap();
        assert_eq!(told(&error), (400, "request_body_broken"));
    });
    assert!(!ended.recv().unwrap().contains("\r\n0\r\n"), "the target must not take it for whole");
    assert_eq!(failures(&cluster, 0), BTreeMap::new());
}

#[test]
fn a_request_that_breaks_off_behind_an_early_answer_is_the_clients_fault() {
    let fake = Fake::start(|_, stream| {
        read_head(stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab").unwrap();
        while !is_over(stream) {}
    });
    let cluster = cluster(&upstream(&[fake.address]));
    run(async {
        let feed = Feed::default();
        let exchanged = send(&Pool::default(), &cluster, request("POST", feed.clone())).await.unwrap();
        feed.put(Err("above max-body-size".into()));
        assert!(exchanged.response.into_body().collect().await.is_err());
    });
    assert_eq!(failures(&cluster, 0), BTreeMap::new());
    assert_eq!(cluster.targets()[0].in_flight(), 0);
}

#[test]
fn a_target_that_hangs_up_on_a_client_that_sends_nothing_is_not_at_fault() {
    let early = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab";
    for answer in ["", early] {
        // It has read the head, and what is to come behind it does not.
        let fake = Fake::answering(answer);
        let cluster = cluster(&upstream(&[fake.address]));
        run(async {
            match send(&Pool::default(), &cluster, request("POST", Feed::default())).await {
                Ok(exchanged) => assert!(exchanged.response.into_body().collect().await.is_err()),
                Err(error) => assert_eq!((told(&error), answer), ((502, "upstream_lost"), "")),
            }
        });
        assert_eq!(failures(&cluster, 0), BTreeMap::new(), "{answer:?}");
    }
}
