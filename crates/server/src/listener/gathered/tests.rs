//! What reaches the transport, and when.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Wake, Waker},
};

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;

/// Takes everything, and keeps what each write brought.
#[derive(Debug, Default)]
struct Taking {
    writes: Vec<Vec<u8>>,
    flushes: usize,
}

impl AsyncWrite for Taking {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes.push(bytes.to_vec());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushes += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Taking {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 13 % 251) as u8).collect()
}

/// A frame with a body of 16 KiB.
const FRAME: usize = 16 * 1024 + 9;

#[tokio::test]
async fn frames_that_are_flushed_one_by_one_go_out_together() {
    let content = noise(10 * FRAME);
    let mut gathered = Gathered::new(Taking::default());
    for frame in content.chunks(FRAME) {
        gathered.write_all(frame).await.unwrap();
        gathered.flush().await.unwrap();
    }
    gathered.flush().await.unwrap();
    let Gathered { transport, .. } = &gathered;
    let lengths: Vec<usize> = transport.writes.iter().map(Vec::len).collect();
    let rest = content.len() % ROOM;
    let whole = content.len() / ROOM;
    assert_eq!(lengths, [vec![ROOM; whole], vec![rest]].concat());
    assert!(transport.writes.concat() == content);
    assert_eq!(transport.flushes, 1);
    assert_eq!(gathered.gathered.capacity(), 0, "memory of a quiet one");
}

#[tokio::test]
async fn what_is_small_goes_out_at_once_before_and_after_a_body() {
    let mut gathered = Gathered::new(Taking::default());
    gathered.write_all(b"settings").await.unwrap();
    gathered.flush().await.unwrap();
    assert_eq!(gathered.transport.writes, [b"settings"]);
    gathered.write_all(&noise(FRAME)).await.unwrap();
    gathered.flush().await.unwrap();
    assert_eq!(gathered.transport.writes.len(), 1);
    gathered.flush().await.unwrap();
    assert_eq!(gathered.transport.writes.len(), 2);
    gathered.write_all(b"ping").await.unwrap();
    gathered.flush().await.unwrap();
    assert_eq!(gathered.transport.writes[2], b"ping");
}

#[test]
fn who_flushes_only_once_is_woken_up_to_do_it_again() {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let mut gathered = Gathered::new(Taking::default());
    let frame = noise(FRAME);
    let mut pinned = Pin::new(&mut gathered);
    let written = pinned.as_mut().poll_write(&mut context, &frame);
    assert!(matches!(written, Poll::Ready(Ok(FRAME))));
    assert!(pinned.as_mut().poll_flush(&mut context).is_ready());
    assert_eq!(pinned.transport.writes.len(), 0);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert!(pinned.as_mut().poll_flush(&mut context).is_ready());
    assert!(pinned.transport.writes == [frame]);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_transport_that_takes_little_gets_every_byte_once() {
    let content = noise(3 * ROOM + 777);
    let (ours, mut client) = duplex(1000);
    let expected = content.clone();
    let writing = tokio::spawn(async move {
        let mut gathered = Gathered::new(ours);
        for frame in content.chunks(FRAME) {
            gathered.write_all(frame).await.unwrap();
            gathered.flush().await.unwrap();
            assert!(gathered.gathered.capacity() <= ROOM);
        }
        // It has not flushed what came last: to close does.
        gathered.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    client.read_to_end(&mut received).await.unwrap();
    assert!(received == expected);
    writing.await.unwrap();
}

#[tokio::test]
async fn a_client_that_left_is_an_error() {
    let (ours, client) = duplex(1000);
    drop(client);
    let mut gathered = Gathered::new(ours);
    gathered.write_all(b"head").await.unwrap();
    gathered.flush().await.unwrap_err();
    gathered.write_all(&noise(2 * ROOM)).await.unwrap_err();
}
