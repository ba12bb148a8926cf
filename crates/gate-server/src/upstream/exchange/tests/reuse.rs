//! Which connections serve another request, and which do not.

use super::*;

#[test]
fn a_connection_serves_one_request_after_another() {
    let fake = numbered();
    let cluster = cluster(&upstream(&[fake.address]));
    run(async {
        let pool = Pool::default();
        for _ in 0..5 {
            assert_eq!(whole(send(&pool, &cluster, get()).await.unwrap()).await, (200, "0".to_owned()));
            settle(&pool, 1).await;
        }
    });
    assert_eq!((fake.accepted(), cluster.targets()[0].attempts()), (1, 5));
}

#[test]
fn the_pool_has_a_size_and_a_patience() {
    let fake = numbered();
    let limits = model::Pool { max_idle: 2, idle_timeout: Duration::from_millis(300) };
    let cluster = cluster(&Upstream { pool: limits, ..upstream(&[fake.address]) });
    run(async {
        let pool = Pool::default();
        let mut answers = Vec::new();
        for _ in 0..4 {
            answers.push(send(&pool, &cluster, get()).await.unwrap());
        }
        for answer in answers {
            whole(answer).await;
        }
        settle(&pool, 2).await;
        settle(&pool, 0).await;
        assert!(pool.take(&cluster.targets()[0]).is_none());
    });
    assert_eq!(fake.accepted(), 4);
}

#[test]
fn a_connection_that_ends_with_its_answer_is_not_kept() {
    for answer in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n0",
        "HTTP/1.1 200 OK\r\n\r\n0",
        "HTTP/1.0 200 OK\r\n\r\n0",
    ] {
        let fake = Fake::answering(answer);
        let cluster = cluster(&upstream(&[fake.address]));
        run(async {
            let pool = Pool::default();
            for _ in 0..3 {
                assert_eq!(whole(send(&pool, &cluster, get()).await.unwrap()).await, (200, "0".to_owned()));
            }
        });
        assert_eq!(fake.accepted(), 3, "{answer:?}");
        assert_eq!(failures(&cluster, 0), BTreeMap::new());
    }
}

#[test]
fn a_connection_that_was_given_up_while_it_waited_costs_no_request() {
    // Each connection answers one request, and is gone when the next one has come.
    let fake = Fake::start(|number, stream| {
        read_head(stream);
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}").unwrap();
        read_head(stream);
    });
    let cluster = cluster(&upstream(&[fake.address]));
    run(async {
        let pool = Pool::default();
        for number in 0..3 {
            assert_eq!(whole(send(&pool, &cluster, get()).await.unwrap()).await.1, number.to_string());
            settle(&pool, 1).await;
        }
        let error = send(&pool, &cluster, request("POST", Full::new(Bytes::from_static(b"x")))).await;
        assert_eq!(told(&error.err().unwrap()), (502, "upstream_lost"), "it may have been carried out");
    });
    assert_eq!(failures(&cluster, 0), BTreeMap::new(), "the target may have been within its rights");
}

#[test]
fn a_connection_to_an_address_that_a_name_no_longer_has_is_used_for_nothing() {
    let fake = numbered();
    let target = model::TargetAddress::Tcp { host: "backend.test".to_owned(), port: fake.address.port() };
    let cluster = cluster(&Upstream::new("backend", vec![model::Target::new(target)]));
    let stands_for = |addresses: &[&str]| {
        let list = addresses.iter().map(|text| text.parse().unwrap()).collect();
        cluster.targets()[0].whereabouts().named().unwrap().set(list, clock::now());
    };
    run(async {
        let pool = Pool::default();
        for (addresses, number) in [(&["127.0.0.1"][..], "0"), (&["127.0.0.1", "127.0.0.9"], "0")] {
            stands_for(addresses);
            assert_eq!(whole(send(&pool, &cluster, get()).await.unwrap()).await.1, number);
            settle(&pool, 1).await;
        }
        // Nobody listens there.
        stands_for(&["127.0.0.9"]);
        assert_eq!(told(&send(&pool, &cluster, get()).await.err().unwrap()).1, "upstream_unreachable");
        assert_eq!(pool.len(), 0);
    });
    assert_eq!(fake.accepted(), 1);
}

#[test]
fn a_connection_that_is_seen_to_be_closed_is_used_for_nothing() {
    let fake = Fake::answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0");
    let cluster = cluster(&upstream(&[fake.address]));
    run(async {
        let pool = Pool::default();
        for _ in 0..5 {
            let request = request("POST", Full::new(Bytes::from_static(b"x")));
            whole(send(&pool, &cluster, request).await.unwrap()).await;
            // The target's FIN is seen, or the sweeper sees it.
            settle(&pool, 0).await;
        }
    });
    assert_eq!(fake.accepted(), 5);
    assert_eq!(failures(&cluster, 0), BTreeMap::new());
}

#[test]
fn what_follows_on_an_answer_is_never_the_answer_of_the_next_request() {
    for pieces in [&["0HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"][..], &["0", "HTTP/1.1 200 OK\r\n\r\n"]]
    {
        let fake = Fake::start(move |number, stream| {
            while !read_head(stream).is_empty() {
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n").unwrap();
                if number > 0 {
                    write!(stream, "{number}").unwrap();
                    continue;
                }
                for piece in pieces {
                    // The gateway may have hung up at the first of them.
                    let _taken = stream.write_all(piece.as_bytes());
                }
            }
        });
        let cluster = cluster(&upstream(&[fake.address]));
        run(async {
            let pool = Pool::default();
            assert_eq!(whole(send(&pool, &cluster, get()).await.unwrap()).await, (200, "0".to_owned()));
            for _ in 0..3 {
                assert_eq!(whole(send(&pool, &cluster, get()).await.unwrap()).await, (200, "1".to_owned()));
                settle(&pool, 1).await;
            }
        });
    }
}
