//! Files through a real socket, below a real hyper.

use std::{convert::Infallible, io::Write};

use futures_util::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use wharf_storage::StoragePath;

use super::*;
use crate::listener::{activity::Activity, transport::Watched};

const LENGTH: usize = 5 * 1024 * 1024 + 123;
/// Not at the beginning of a page.
const OFFSET: u64 = 4321;

fn noise() -> Vec<u8> {
    (0..LENGTH + OFFSET as usize)
        .map(|at| (at * 7 % 253) as u8)
        .collect()
}

fn file(content: &[u8]) -> OpenFile {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    let path = StoragePath::parse("/a").unwrap();
    OpenFile::new(file, path, OFFSET, LENGTH as u64)
}

/// Answers every request on one connection with the range of the file, in two parts.
async fn serve(file: OpenFile) -> (TcpStream, Files, JoinHandle<Result<(), hyper::Error>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap());
    let (client, accepted) = tokio::join!(client, listener.accept());
    let files = Files::default();
    let socket = SendsFiles::new(accepted.unwrap().0, files.clone());
    let transport = Watched::new(socket, Activity::new(Arc::default()));
    let sender = files.clone();
    let served = tokio::spawn(async move {
        let answer = service_fn(|_: Request<Incoming>| {
            let mut rest = file.clone();
            let parts =
                [rest.take(1_000_000), rest].map(|part| sender.frame(&part).map(Frame::data));
            let body = StreamBody::new(stream::iter(parts));
            let mut response = Response::new(body);
            let headers = response.headers_mut();
            headers.insert("content-length", LENGTH.into());
            async move { Ok::<_, Infallible>(response) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(transport), answer);
        connection.await
    });
    (client.unwrap(), files, served)
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// Reads the head of an answer.
async fn read_head(client: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

fn live(files: &Files) -> usize {
    assert_eq!(
        files.shared.count.load(Ordering::Acquire),
        files.shared.lock().len()
    );
    files.shared.lock().len()
}

fn sent(files: &Files) -> u64 {
    files.shared.sent.load(Ordering::Relaxed)
}

/// If hyper copied what it is given, the answers would be right and nothing would be counted.
#[tokio::test]
async fn files_go_out_without_being_read_and_in_order() {
    let content = noise();
    let (mut client, files, served) = serve(file(&content)).await;
    // Both at once: the second answer waits behind the first.
    client
        .write_all(&[REQUEST, REQUEST].concat())
        .await
        .unwrap();
    for answer in 1..=2 {
        assert!(read_head(&mut client).await.starts_with("HTTP/1.1 200"));
        let mut body = vec![0; LENGTH];
        client.read_exact(&mut body).await.unwrap();
        assert!(body == content[OFFSET as usize..], "answer {answer}");
    }
    drop(client);
    served.await.unwrap().unwrap();
    assert_eq!(sent(&files), 2 * LENGTH as u64);
    assert_eq!(live(&files), 0);
}

/// A socket takes little at a time when its client reads slowly.
#[tokio::test]
async fn a_slow_client_gets_every_byte_once() {
    let content = noise();
    let (mut client, files, served) = serve(file(&content)).await;
    client.write_all(REQUEST).await.unwrap();
    read_head(&mut client).await;
    let mut body = Vec::new();
    let mut piece = vec![0; 10_007];
    while body.len() < LENGTH {
        let read = client.read(&mut piece).await.unwrap();
        body.extend_from_slice(&piece[..read]);
        tokio::task::yield_now().await;
    }
    assert!(body == content[OFFSET as usize..]);
    drop(client);
    served.await.unwrap().unwrap();
    assert_eq!((sent(&files), live(&files)), (LENGTH as u64, 0));
}

#[tokio::test]
async fn a_client_that_leaves_leaves_nothing_behind() {
    let content = noise();
    let (mut client, files, served) = serve(file(&content)).await;
    client.write_all(REQUEST).await.unwrap();
    read_head(&mut client).await;
    drop(client);
    served.await.unwrap().unwrap_err();
    assert!(sent(&files) < LENGTH as u64);
    assert_eq!(live(&files), 0);
}

#[tokio::test]
async fn a_file_that_becomes_shorter_ends_the_connection() {
    let content = noise();
    let file = file(&content);
    file.file().set_len(2_000_000).unwrap();
    let (mut client, files, served) = serve(file).await;
    client.write_all(REQUEST).await.unwrap();
    read_head(&mut client).await;
    let mut body = Vec::new();
    client.read_to_end(&mut body).await.unwrap();
    assert!(body == content[OFFSET as usize..2_000_000]);
    served.await.unwrap().unwrap_err();
    assert_eq!(live(&files), 0);
}
