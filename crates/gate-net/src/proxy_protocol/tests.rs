//! Headers of both versions, whole, cut, wrong, and on a socket.

use std::io::ErrorKind;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::fuzz::fuzz_header;
use super::*;

const SIGNATURE: &[u8] = &binary::SIGNATURE;
/// 192.0.2.1:56324 to 198.51.100.2:443, as 12 bytes.
const V4: &[u8] = b"\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb";
/// [2001:db8::1]:1 to [2001:db8::2]:65535, as 36 bytes.
const V6: &[u8] = b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\
                    \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x00\x01\xff\xff";

fn v2(version_and_command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[version_and_command, family], &length, body].concat()
}

/// The addresses of a header that is whole.
fn addresses(source: &str, destination: &str) -> Option<Addresses> {
    Some(Addresses { source: source.parse().unwrap(), destination: destination.parse().unwrap() })
}

/// An attribute with the right checksum, computed for `front` before and `behind` after it.
fn with_checksum(family: u8, front: &[u8], behind: &[u8]) -> Vec<u8> {
    let blank = v2(0x21, family, &[front, b"\x03\x00\x04\0\0\0\0", behind].concat());
    let sum = !blank.iter().fold(!0, |sum: u32, byte| {
        // Bit by bit from the definition, most significant bit of the reversed register last.
        (0..8).fold(sum, |sum, bit| {
            let feedback = (sum ^ u32::from(byte >> bit)) & 1;
            (sum >> 1) ^ (feedback * 0x82f6_3b78)
        })
    });
    v2(0x21, family, &[front, b"\x03\x00\x04", &sum.to_be_bytes(), behind].concat())
}

fn good() -> Vec<(Vec<u8>, Option<Addresses>)> {
    let of_v4 = addresses("192.0.2.1:56324", "198.51.100.2:443");
    let of_v6 = addresses("[2001:db8::1]:1", "[2001:db8::2]:65535");
    let line = |text: &str| text.as_bytes().to_vec();
    vec![
        (line("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"), of_v4),
        (line("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), {
            addresses("255.255.255.255:65535", "255.255.255.255:65535")
        }),
        (line("PROXY TCP4 192.0.2.1 198.51.100.2 0 443\r\n"), addresses("192.0.2.1:0", "198.51.100.2:443")),
        (line("PROXY TCP6 2001:db8::1 2001:DB8::2 1 65535\r\n"), of_v6),
        (line("PROXY UNKNOWN\r\n"), None),
        (line("PROXY UNKNOWN what ever\t\u{1f600} 1  \r\n"), None),
        (line(&format!("PROXY UNKNOWN {0} {0} 65535 65535\r\n", ["ffff"; 8].join(":"))), None),
        (v2(0x21, 0x11, V4), of_v4),
        (v2(0x21, 0x12, V4), of_v4),
        (v2(0x21, 0x21, V6), of_v6),
        (v2(0x21, 0x22, V6), of_v6),
        (v2(0x21, 0x31, &[b'/'; 216]), None),
        (v2(0x21, 0x32, &[0; 216]), None),
        // LOCAL: the family means nothing, and whatever is there is skipped.
        (v2(0x20, 0x00, b""), None),
        (v2(0x20, 0x11, V4), None),
        (v2(0x20, 0xff, b"anything"), None),
        // UNSPEC, and families and protocols of which one half is.
        (v2(0x21, 0x00, b"\x03\x00\x04sum?"), None),
        (v2(0x21, 0x01, b""), None),
        (v2(0x21, 0x10, b"short"), None),
        (v2(0x21, 0x20, V6), None),
        // Attributes: a name, padding, one that nobody knows.
        (v2(0x21, 0x11, &[V4, b"\x02\x00\x0bexample.org\x04\x00\x00\xee\x00\x01!"].concat()), of_v4),
        (with_checksum(0x11, V4, b""), of_v4),
        (with_checksum(0x11, V4, b"\x04\x00\x02ab"), of_v4),
        (with_checksum(0x21, &[V6, b"\x01\x00\x02h2"].concat(), b"\x05\x00\x01u"), of_v6),
        (v2(0x21, 0x11, &[V4, b"\x04\x0f\xf1", &[0; 4081]].concat()), of_v4),
    ]
}

#[test]
fn a_header_is_read_to_its_end_and_not_further() {
    for (header, expected) in good() {
        for behind in [&b""[..], b"G", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"PROXY ", SIGNATURE] {
            let parsed = parse(&[&header, behind].concat());
            let length = header.len();
            assert_eq!(parsed, Ok(Parsed::Header { length, addresses: expected }), "{header:?}");
        }
    }
}

#[test]
fn a_header_that_is_cut_anywhere_waits() {
    for (header, _) in good() {
        for end in 0..header.len() {
            assert_eq!(parse(&header[..end]), Ok(Parsed::Incomplete), "{end} of {header:?}");
        }
    }
}

#[test]
fn the_checksum_is_the_one_of_the_rfc() {
    // RFC 3720 §B.4: 32 bytes of zeros, of ones, and counting up.
    let counting: Vec<u8> = (0..32).collect();
    let crc32c = |bytes: &[u8]| !bytes.iter().fold(!0, binary::crc32c_step);
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    assert_eq!(crc32c(&counting), 0x46dd_794e);
}

#[test]
fn every_bit_that_flips_in_a_header_with_a_checksum_is_noticed() {
    let header = with_checksum(0x11, V4, b"\x04\x00\x02ab");
    for at in 16..header.len() {
        for bit in 0..8 {
            let mut wrong = header.clone();
            wrong[at] ^= 1 << bit;
            let parsed = parse(&wrong);
            // A checksum that has become another attribute does not count any more.
            let is_lost = wrong[28] != 3 && matches!(parsed, Ok(Parsed::Header { .. }));
            let is_noticed = matches!(parsed, Err(ProxyFault::Checksum | ProxyFault::Attributes));
            assert!(is_noticed || is_lost, "byte {at}, bit {bit}: {parsed:?}");
        }
    }
}

#[test]
fn what_is_no_header_is_refused() {
    use ProxyFault::*;
    let line = |text: &str| text.as_bytes().to_vec();
    let wrong = [
        (line("GET / HTTP/1.1\r\n"), Missing),
        (line("\x16\x03\x01\x02"), Missing),
        (line("proxy TCP4 1.1.1.1 1.1.1.1 1 1\r\n"), Missing),
        (line(" PROXY UNKNOWN\r\n"), Missing),
        (line("PROXY\r\n"), Missing),
        (line("PROXY\tUNKNOWN\r\n"), Missing),
        (line("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Missing),
        (line("\r\n\r\nGET / HTTP/1.1\r\n"), Missing),
        (line("PROXY \r\n"), Line),
        (line("PROXY TCP4\r\n"), Line),
        (line("PROXY unknown\r\n"), Line),
        (line("PROXY TCP5 1.1.1.1 1.1.1.1 1 1\r\n"), Line),
        (line("PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n"), Line),
        (line("PROXY TCP4 1.1.1.1 1.1.1.1 1 1 \r\n"), Line),
        (line("PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n"), Line),
        (line("PROXY TCP4  1.1.1.1 1.1.1.1 1 1\r\n"), Line),
        (line("PROXY  TCP4 1.1.1.1 1.1.1.1 1 1\r\n"), Line),
        (line("PROXY TCP4 1.1.1 1.1.1.1 1 1\r\n"), Line),
        (line("PROXY TCP4 1.1.1.01 1.1.1.1 1 1\r\n"), Line),
        (line("PROXY TCP4 ::1 ::1 1 1\r\n"), Line),
        (line("PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n"), Line),
        (line("PROXY TCP6 [::1] ::1 1 1\r\n"), Line),
        (line("PROXY TCP6 fe80::1%eth0 ::1 1 1\r\n"), Line),
        (line("PROXY TCP4 1.1.1.1 1.1.1.1 65536 1\r\n"), Line),
        (line("PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n"), Line),
        (line("PROXY TCP4 1.1.1.1 1.1.1.1 +1 1\r\n"), Line),
        (line("PROXY TCP4 1.1.1.1 1.1.1.1 -1 1\r\n"), Line),
        (line("PROXY TCP4 1.1.1.1 1.1.1.1  1\r\n"), Line),
        (line("PROXY UNKNOWN\n"), Line),
        (line("PROXY UNKNOWN\rx\n"), Line),
        (line("PROXY UNKNOWN\r\r\n"), Line),
        (b"PROXY TCP4 \xff 1.1.1.1 1 1\r\n".to_vec(), Line),
        ([&b"PROXY UNKNOWN "[..], &[b'x'; 93]].concat(), LineTooLong),
        ([&b"PROXY UNKNOWN "[..], &[b'x'; 92], b"\r\n"].concat(), Line),
        (v2(0x11, 0x11, V4), Version(1)),
        (v2(0x31, 0x11, V4), Version(3)),
        (v2(0x22, 0x11, V4), Command(2)),
        (v2(0x2f, 0x11, V4), Command(15)),
        (v2(0x21, 0x41, V4), Family(0x41)),
        (v2(0x21, 0x13, V4), Family(0x13)),
        (v2(0x21, 0x11, &V4[..11]), Addresses),
        (v2(0x21, 0x21, &V6[..35]), Addresses),
        (v2(0x21, 0x31, &[0; 215]), Addresses),
        (v2(0x21, 0x11, &[0; 4097]), TooLong(4097)),
        (v2(0x20, 0x00, &[0; 65535]), TooLong(65535)),
        (v2(0x21, 0x11, &[V4, b"\x04"].concat()), Attributes),
        (v2(0x21, 0x11, &[V4, b"\x04\x00\x02a"].concat()), Attributes),
        (v2(0x21, 0x11, &[V4, b"\x03\x00\x03abc"].concat()), Attributes),
        (v2(0x21, 0x11, &[V4, b"\x03\x00\x05abcde"].concat()), Attributes),
        (v2(0x21, 0x11, &[V4, b"\x03\x00\x04abcd"].concat()), Checksum),
    ];
    for (bytes, fault) in wrong {
        assert_eq!(parse(&bytes), Err(fault), "{}", bytes.escape_ascii());
    }
}

#[test]
fn the_longest_line_is_107_bytes() {
    let line = [&b"PROXY UNKNOWN "[..], &[b'x'; 91], b"\r\n"].concat();
    assert_eq!(line.len(), 107);
    assert_eq!(parse(&line), Ok(Parsed::Header { length: 107, addresses: None }));
}

#[test]
fn headers_that_are_changed_in_any_way_keep_the_promises_of_the_parser() {
    let signs = b"\0\r\n \x03\x04\x10\x1101:.\xff";
    for (header, _) in good().into_iter().filter(|(header, _)| header.len() < 300) {
        let data = [&header, &b"GET / HTTP/1.1\r\n"[..]].concat();
        fuzz_header(&data);
        for at in 0..header.len() {
            fuzz_header(&data[at..]);
            fuzz_header(&[&data[..at], &data[at + 1..]].concat());
            for sign in signs {
                let mut changed = data.clone();
                changed[at] = *sign;
                fuzz_header(&changed);
                changed.insert(at, *sign);
                fuzz_header(&changed);
            }
        }
    }
}

async fn tcp_pair() -> (TcpStream, Socket) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (peer, accepted) =
        tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let peer = peer.unwrap();
    peer.set_nodelay(true).unwrap();
    (peer, Socket::Tcp(accepted.unwrap().0))
}

/// What is left to read, to the end of the stream.
async fn rest(socket: Socket) -> Vec<u8> {
    let mut rest = Vec::new();
    match socket {
        Socket::Tcp(mut stream) => stream.read_to_end(&mut rest).await.unwrap(),
        Socket::Unix(mut stream) => stream.read_to_end(&mut rest).await.unwrap(),
    };
    rest
}

#[tokio::test]
async fn what_follows_the_header_is_left_on_the_connection() {
    for (header, expected) in good() {
        let (mut peer, socket) = tcp_pair().await;
        peer.write_all(&[&header, &b"GET / HTTP/1.1\r\n"[..]].concat()).await.unwrap();
        peer.shutdown().await.unwrap();
        assert_eq!(read(&socket).await.unwrap(), expected);
        assert_eq!(rest(socket).await, b"GET / HTTP/1.1\r\n");
    }
}

#[tokio::test]
async fn a_header_that_comes_byte_by_byte_over_a_unix_socket_is_read_as_well() {
    for (header, expected) in good().into_iter().filter(|(header, _)| header.len() < 300) {
        let (mut peer, socket) = UnixStream::pair().unwrap();
        let socket = Socket::Unix(socket);
        let write = async {
            for byte in header.iter().chain(b"\x16\x03") {
                peer.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
            peer.shutdown().await.unwrap();
        };
        let (read, ()) = tokio::join!(read(&socket), write);
        assert_eq!(read.unwrap(), expected);
        assert_eq!(rest(socket).await, b"\x16\x03");
    }
}

#[tokio::test]
async fn a_connection_without_a_whole_header_is_refused() {
    let checks: [(&[u8], &str); 5] = [
        (b"GET / HTTP/1.1\r\n\r\n", "proxy_header_missing"),
        (b"", "proxy_header_incomplete"),
        (b"PROXY TCP4 192.0.2.1 ", "proxy_header_incomplete"),
        (b"PROXY TCP4 x\r\n", "proxy_header_malformed"),
        (
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x13\0\0\0\0\0\0\0\0\0\0\0\0\x03\0\x04abcd",
            "proxy_header_checksum",
        ),
    ];
    for (bytes, reason) in checks {
        let (mut peer, socket) = tcp_pair().await;
        peer.write_all(bytes).await.unwrap();
        peer.shutdown().await.unwrap();
        assert_eq!(read(&socket).await.unwrap_err().reason(), reason, "{}", bytes.escape_ascii());
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_told_from_one_that_ends() {
    let (peer, socket) = tcp_pair().await;
    let raw = peer.into_std().unwrap();
    socket2::SockRef::from(&raw).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(raw);
    let error = read(&socket).await.unwrap_err();
    assert!(
        matches!(&error, ProxyError::Lost(lost) if lost.kind() == ErrorKind::ConnectionReset),
        "{error:?}"
    );
}
