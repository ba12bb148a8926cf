//! Bytes through an established connection.

use std::future::poll_fn;
use std::io::{ErrorKind, Read, Write};
use std::pin::pin;
use std::task::Poll;

use gate_net::{Stream, Transport};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::coop::consume_budget;

use crate::peer::{self, Client, ONLY_1_2, ONLY_1_3, established, run, spawn};

/// Bytes that are not alike.
fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

/// The record that `client` makes of `bytes`.
fn record(client: &mut Client, bytes: &[u8]) -> Vec<u8> {
    client.conn.writer().write_all(bytes).unwrap();
    let mut record = Vec::new();
    while client.conn.wants_write() {
        client.conn.write_tls(&mut record).unwrap();
    }
    record
}

/// Asserts that nothing is to be read at the moment, with the task registered.
async fn assert_nothing(stream: &mut Stream) {
    let mut buffer = [0; 16];
    // The second time the runtime has looked at the socket.
    for _ in 0..2 {
        let polled = poll_fn(|cx| Poll::Ready(Transport::poll_read(stream, cx, &mut buffer))).await;
        assert!(polled.is_pending(), "{polled:?}");
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_record_that_is_cut_anywhere_is_waited_for() {
    for versions in [ONLY_1_2, ONLY_1_3] {
        run(async {
            let (mut stream, mut client) = established(versions).await;
            for cut in 1..5 + 21 + 17 {
                let record = record(&mut client, b"a message that is cut");
                let (front, back) = record.split_at(cut);
                client.sock.write_all(front).unwrap();
                assert_nothing(&mut stream).await;
                client.sock.write_all(back).unwrap();
                // The task is woken by the socket alone.
                let message = peer::read_up_to(&mut stream, 21).await.unwrap();
                assert_eq!(message, b"a message that is cut", "cut at {cut}");
            }
            assert_nothing(&mut stream).await;
        });
    }
}

#[test]
fn many_records_in_one_read_are_one_run_of_bytes() {
    run(async {
        let (mut stream, mut client) = established(ONLY_1_3).await;
        let mut records = Vec::new();
        for number in 0..100_u8 {
            records.extend(record(&mut client, &[number; 3]));
        }
        client.sock.write_all(&records).unwrap();
        let mut buffer = [0; 1000];
        let count = peer::read(&mut stream, &mut buffer).await.unwrap();
        let expected: Vec<u8> = (0..100).flat_map(|number| [number; 3]).collect();
        assert_eq!(buffer[..count], expected);
    });
}

#[test]
fn a_reader_may_take_as_little_as_it_likes() {
    run(async {
        let (mut stream, mut client) = established(ONLY_1_3).await;
        let sent = pattern(50_000);
        let peer = spawn({
            let sent = sent.clone();
            move || {
                client.write_all(&sent).unwrap();
                client
            }
        });
        let mut read = Vec::new();
        let mut sizes = [1, 2, 3, 100, 7000].into_iter().cycle();
        while read.len() < sent.len() {
            let mut buffer = vec![0; sizes.next().unwrap()];
            let count = peer::read(&mut stream, &mut buffer).await.unwrap();
            assert!((1..=buffer.len()).contains(&count));
            read.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(read, sent);
        peer.join().unwrap();
    });
}

#[test]
fn a_small_write_is_one_record() {
    for (versions, overhead) in [(ONLY_1_2, 5 + 8 + 16), (ONLY_1_3, 5 + 1 + 16)] {
        run(async {
            let (mut stream, mut client) = established(versions).await;
            // What came with the handshake, tickets for example, is taken off first.
            peer::write(&mut stream, b"x").await.unwrap();
            client.read_exact(&mut [0]).unwrap();
            peer::write(&mut stream, &[1; 128]).await.unwrap();
            let mut sealed = [0; 1000];
            assert_eq!(client.sock.read(&mut sealed).unwrap(), 128 + overhead);
            assert_eq!(sealed[0], 23);
        });
    }
}

#[test]
fn what_a_full_socket_refuses_is_sent_once_it_is_offered_again() {
    run(async {
        let (mut stream, mut client) = established(ONLY_1_3).await;
        SockRef::from(stream.socket()).set_send_buffer_size(8192).unwrap();
        let bytes = pattern(300_000);
        let mut taken = 0;
        // Until the socket is full.
        let refused = loop {
            let polled =
                poll_fn(|cx| Poll::Ready(Transport::poll_write(&mut stream, cx, &bytes[taken..]))).await;
            match polled {
                Poll::Ready(count) => taken += count.unwrap(),
                Poll::Pending => break taken,
            }
        };
        assert!(refused < bytes.len());
        // Asked again it takes in nothing more, and tells of nothing.
        for _ in 0..3 {
            let again = poll_fn(|cx| Poll::Ready(Transport::poll_write(&mut stream, cx, &bytes[refused..])));
            assert!(again.await.is_pending());
        }
        let count = bytes.len();
        let peer = spawn(move || {
            let mut read = vec![0; count];
            client.read_exact(&mut read).unwrap();
            client.sock.set_nonblocking(true).unwrap();
            let behind = client.read(&mut [0]).unwrap_err().kind();
            (read, behind)
        });
        peer::write(&mut stream, &bytes[refused..]).await.unwrap();
        let (read, behind) = peer.join().unwrap();
        assert!(read == bytes, "each byte once and in order");
        assert_eq!(behind, ErrorKind::WouldBlock);
    });
}

#[test]
fn a_flush_sends_what_was_refused() {
    run(async {
        let (mut stream, mut client) = established(ONLY_1_3).await;
        SockRef::from(stream.socket()).set_send_buffer_size(8192).unwrap();
        let bytes = pattern(60_000);
        let polled = poll_fn(|cx| Poll::Ready(Transport::poll_write(&mut stream, cx, &bytes))).await;
        assert!(polled.is_pending(), "the socket has no room for so much");
        let peer = spawn(move || {
            let mut read = vec![0; 60_000];
            client.read_exact(&mut read).unwrap();
            read
        });
        stream.flush().await.unwrap();
        assert!(peer.join().unwrap() == bytes);
        // Only then is the writer told.
        let told = poll_fn(|cx| Transport::poll_write(&mut stream, cx, &bytes)).await.unwrap();
        assert_eq!(told, bytes.len());
    });
}

/// Writes and reads `count` bytes on a socket that does not block, in whatever order they go.
fn exchange(client: &mut Client, count: usize) -> Vec<u8> {
    client.sock.set_nonblocking(true).unwrap();
    let sent = pattern(count);
    let (mut written, mut read, mut buffer) = (0, Vec::new(), vec![0; 65_536]);
    while written < count || read.len() < count || client.conn.wants_write() {
        match client.write(&sent[written..(written + 20_000).min(count)]) {
            Ok(more) => written += more,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        match client.read(&mut buffer) {
            Ok(more) => read.extend_from_slice(&buffer[..more]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        std::thread::yield_now();
    }
    read
}

#[test]
fn a_mebibyte_goes_both_ways_at_once_through_narrow_sockets() {
    const SIZE: usize = 1 << 20;
    for versions in [ONLY_1_2, ONLY_1_3] {
        run(async {
            let (mut stream, mut client) = established(versions).await;
            SockRef::from(stream.socket()).set_send_buffer_size(4096).unwrap();
            SockRef::from(&client.sock).set_send_buffer_size(4096).unwrap();
            let peer = spawn(move || exchange(&mut client, SIZE));
            let bytes = pattern(SIZE);
            let mut read = vec![0; SIZE];
            {
                let (mut reader, mut writer) = tokio::io::split(&mut stream);
                let writing = async {
                    writer.write_all(&bytes).await.unwrap();
                    writer.flush().await.unwrap();
                };
                let (mut writing, mut reading) = (pin!(writing), pin!(reader.read_exact(&mut read)));
                tokio::join!(&mut writing, async { reading.as_mut().await.unwrap() });
            }
            assert!(read == bytes);
            assert!(peer.join().unwrap() == bytes);
        });
    }
}

#[test]
fn fresh_keys_of_the_peer_are_followed_and_answered() {
    run(async {
        let (mut stream, mut client) = established(ONLY_1_3).await;
        let peer = spawn(move || {
            for round in 0..100_u8 {
                client.conn.refresh_traffic_keys().unwrap();
                client.write_all(&[round; 100]).unwrap();
                let mut answer = [0; 100];
                client.read_exact(&mut answer).unwrap();
                assert_eq!(answer, [round; 100]);
            }
        });
        for _ in 0..100 {
            let bytes = peer::read_up_to(&mut stream, 100).await.unwrap();
            peer::write(&mut stream, &bytes).await.unwrap();
        }
        peer.join().unwrap();
    });
}

#[test]
fn a_flood_of_fresh_keys_ends_the_connection() {
    run(async {
        let (mut stream, mut client) = established(ONLY_1_3).await;
        let mut flood = Vec::new();
        for _ in 0..1000 {
            client.conn.refresh_traffic_keys().unwrap();
            flood.extend(record(&mut client, b""));
        }
        client.sock.write_all(&flood).unwrap();
        let error = peer::read(&mut stream, &mut [0; 16]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    });
}

#[test]
fn a_task_that_had_used_up_its_budget_is_woken_all_the_same() {
    run(async {
        let (mut stream, mut client) = established(ONLY_1_3).await;
        let mut polls = 0;
        let mut buffer = [0; 16];
        let count = poll_fn(|cx| {
            polls += 1;
            if polls == 1 {
                while pin!(consume_budget()).poll(cx).is_ready() {}
            }
            let polled = Transport::poll_read(&mut stream, cx, &mut buffer);
            if polls == 2 {
                assert!(polled.is_pending());
                client.write_all(b"ping").unwrap();
            }
            polled
        });
        assert_eq!(count.await.unwrap(), 4);
    });
}
