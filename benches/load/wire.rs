//! HTTP/1.1 over a connection that is kept, with as little work as an answer allows: the load shares the cores with
//! what it measures.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use rocket::tokio;
use rocket::tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Done;

/// Nothing here takes longer, except by a fault.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request's bytes.
pub fn request(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Vec<u8> {
    let mut text = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\n"
    );
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        text.push_str(&format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        ));
    }
    format!("{text}\r\n{body}").into_bytes()
}

/// An answer in full, for a look at it.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Where an answer's parts end.
struct Extent {
    head: usize,
    end: usize,
}

/// `None` while more has to come. Every answer measured here says its length.
fn extent(bytes: &[u8]) -> Option<Extent> {
    const LENGTH: &[u8] = b"content-length: ";
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let at = bytes[..head]
        .windows(LENGTH.len())
        .position(|name| name.eq_ignore_ascii_case(LENGTH))?;
    let digits = bytes[at + LENGTH.len()..head]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    let length = digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
    (bytes.len() >= head + length).then_some(Extent {
        head,
        end: head + length,
    })
}

fn status(bytes: &[u8]) -> u16 {
    let digits = bytes
        .get(9..12)
        .and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// A connection for one who waits.
pub struct Wire {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Wire {
    pub fn open(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            bytes: Vec::with_capacity(4096),
        })
    }

    /// Sends a request and waits for all of its answer; gives the status.
    pub fn ask(&mut self, request: &[u8]) -> std::io::Result<u16> {
        self.exchange(request).map(|_| status(&self.bytes))
    }

    /// The same, and the answer in full.
    pub fn ask_all(&mut self, request: &[u8]) -> Done<Answer> {
        let extent = self.exchange(request)?;
        let head = std::str::from_utf8(&self.bytes[..extent.head])?;
        let headers = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        Ok(Answer {
            status: status(&self.bytes),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: self.bytes[extent.head..extent.end].to_vec(),
        })
    }

    fn exchange(&mut self, request: &[u8]) -> std::io::Result<Extent> {
        self.stream.write_all(request)?;
        self.bytes.clear();
        let mut chunk = [0; 4096];
        loop {
            if let Some(extent) = extent(&self.bytes) {
                return Ok(extent);
            }
            match self.stream.read(&mut chunk)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                count => self.bytes.extend_from_slice(&chunk[..count]),
            }
        }
    }
}

/// A connection for many that wait on one thread.
pub struct AsyncWire {
    stream: tokio::net::TcpStream,
    bytes: Vec<u8>,
}

impl AsyncWire {
    pub async fn open(port: u16) -> std::io::Result<Self> {
        let stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            bytes: Vec::with_capacity(4096),
        })
    }

    /// Sends a request and waits for all of its answer; gives the status.
    pub async fn ask(&mut self, request: &[u8]) -> std::io::Result<u16> {
        self.stream.write_all(request).await?;
        self.bytes.clear();
        while extent(&self.bytes).is_none() {
            if self.stream.read_buf(&mut self.bytes).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(status(&self.bytes))
    }

    /// The body of the last answer.
    pub fn body(&self) -> &[u8] {
        extent(&self.bytes).map_or(&[], |extent| &self.bytes[extent.head..extent.end])
    }
}
