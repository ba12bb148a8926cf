//! A client for whom there is no room: it has its 101, is told why by a Close frame, and
//! goes. No upstream is dialled and no session is opened.

use std::time::Duration;

use gate_net::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use ws_proto::{CloseCode, ControlFrame};

use crate::clock::within;

/// Sends the Close, then the FIN, and waits for the client's within `limit` (zero: as
/// long as it takes). What the client sends meanwhile is dropped.
pub(crate) async fn turn_away(mut client: Stream, code: CloseCode, reason: &str, limit: Duration) {
    let frame = ControlFrame::close(code, reason, None);
    if let Some(Ok(())) = within(limit, client.write_all(frame.as_bytes())).await {
        linger(client, limit).await;
    }
}

/// Ends the stream to the client and reads until it ends its own, so that an RST does
/// not overtake what was written.
pub(crate) async fn linger(mut client: Stream, limit: Duration) {
    let until_the_end = async {
        if client.shutdown().await.is_ok() {
            let mut dropped = [0; 512];
            while matches!(client.read(&mut dropped).await, Ok(1..)) {}
        }
    };
    let _whoever_was_first = within(limit, until_the_end).await;
}
