//! Requests as bytes over a socket of their own, and answers down to the letter case of their headers.
//!
//! No HTTP library would send half of what a server must be able to refuse, and each tidies up what it received.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// What came back for one request.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The first line: version, status code, and the words for people.
    pub line: String,
    /// In the order and the letter case of the wire.
    pub headers: Vec<(String, String)>,
    /// The body without its framing, or what arrived of it.
    pub body: Vec<u8>,
    /// How the body ended.
    pub end: End,
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Where the headers said it would.
    Framed,
    /// With the connection, as the headers said.
    Closed,
    /// Before all that the headers promised was there.
    Short,
    /// Framed, but more bytes followed that nobody asked for.
    Surplus,
}

/// Sends bytes over a connection of their own and reads one answer; none if the server closes without one.
///
/// # Panics
///
/// If the server is not there, or says nothing for too long.
pub fn exchange(port: u16, request: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    // A server may answer and close before it has read everything.
    let _ = stream.write_all(request);
    let is_head = request.starts_with(b"HEAD ");
    let mut reader = BufReader::new(stream);
    let answer = loop {
        let answer = head(&mut reader)?;
        if answer.status() != 100 {
            break answer;
        }
    };
    let answer = body(&mut reader, answer, is_head);
    let _ = reader.get_ref().shutdown(Shutdown::Both);
    Some(answer)
}

impl Answer {
    /// The status code.
    ///
    /// # Panics
    ///
    /// If the first line has none.
    pub fn status(&self) -> u16 {
        let code = self.line.split(' ').nth(1);
        let code = code.and_then(|code| code.parse().ok());
        code.unwrap_or_else(|| panic!("\"{}\" is no status line", self.line))
    }

    /// The values of a header, in any letter case, one after the other.
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self
            .headers
            .iter()
            .filter(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            headers,
            body,
            end,
        } = self;
        let body = String::from_utf8_lossy(body);
        write!(formatter, "{line} {headers:?} {body:?} {end:?}")
    }
}

/// Reads the first line and the headers.
fn head(reader: &mut BufReader<TcpStream>) -> Option<Answer> {
    let line = text_line(reader)?;
    let mut headers = Vec::new();
    while let Some(line) = text_line(reader).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        headers.push((name.to_owned(), value.trim_start().to_owned()));
    }
    Some(Answer {
        line,
        headers,
        body: Vec::new(),
        end: End::Framed,
    })
}

/// Reads the body by the rules of RFC 9112, section 6.3.
fn body(reader: &mut BufReader<TcpStream>, mut answer: Answer, is_head: bool) -> Answer {
    let length = answer.header("Content-Length");
    if is_head || matches!(answer.status(), 204 | 304) {
        // Nothing follows.
    } else if answer.header("Transfer-Encoding").is_some() {
        answer.end = chunks(reader, &mut answer.body);
    } else if let Some(length) = length {
        let length: u64 = length.parse().unwrap();
        let read = reader.take(length).read_to_end(&mut answer.body);
        if read.is_err() || answer.body.len() as u64 != length {
            answer.end = End::Short;
        }
    } else {
        let _ = reader.read_to_end(&mut answer.body);
        answer.end = End::Closed;
    }
    if !reader.buffer().is_empty() {
        answer.end = End::Surplus;
    }
    answer
}

fn chunks(reader: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> End {
    loop {
        let size = text_line(reader).and_then(|line| u64::from_str_radix(&line, 16).ok());
        let Some(size) = size else {
            return End::Short;
        };
        let before = body.len() as u64;
        if reader.take(size).read_to_end(body).is_err() || body.len() as u64 != before + size {
            return End::Short;
        }
        // The end of the chunk's line, or of the trailers, of which neither server sends any.
        text_line(reader);
        if size == 0 {
            return End::Framed;
        }
    }
}

/// A line without its end; none where the connection ends.
fn text_line(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = Vec::new();
    match reader.read_until(b'\n', &mut line) {
        Ok(0) => None,
        Ok(_) => Some(String::from_utf8_lossy(&line).trim_end().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            panic!("no answer within {} s", PATIENCE.as_secs())
        }
        Err(_) => None,
    }
}

/// A server that says nothing for so long is taken for dead.
const PATIENCE: Duration = Duration::from_secs(30);
