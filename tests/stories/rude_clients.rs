//! Clients that crawl, push ahead, shout, or speak as in 1996.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::house::House;
use crate::house::http::raw;

/// Sends bytes as they are, however much of them is taken, and reads to the end.
fn pushed(house: &House, bytes: &[u8]) -> String {
    let mut stream = connected(house);
    let _ = stream.write_all(bytes);
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn connected(house: &House) -> TcpStream {
    let address = house.origin.strip_prefix("http://").expect("an origin");
    let stream = TcpStream::connect(address).expect("a connection");
    let longest = Some(Duration::from_secs(30));
    stream.set_read_timeout(longest).expect("a timeout");
    stream
}

fn statuses(text: &str) -> Vec<&str> {
    let answers = text.split("HTTP/1.1 ").skip(1);
    answers.map(|answer| &answer[..3]).collect()
}

#[test]
fn a_body_that_drips_is_408_and_its_connection_ends() {
    // Ten seconds of real time: the wait is the kernel's, not the clock's.
    let house = House::new();
    let mut stream = connected(&house);
    let head = "POST /login HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\n\
                Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("sent");
    stream.write_all(b"username=marguerite").expect("sent");
    let begun = Instant::now();
    let beat = Some(Duration::from_millis(250));
    stream.set_read_timeout(beat).expect("a timeout");
    let mut text = Vec::new();
    loop {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "it is waited for"
        );
        let mut part = [0; 4096];
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(length) => text.extend_from_slice(&part[..length]),
            // A drop at every beat, as long as it is taken.
            Err(_) => drop(stream.write_all(b"e")),
        }
    }
    let text = String::from_utf8_lossy(&text);
    assert_eq!(statuses(&text), ["408"], "{text}");
    assert!(begun.elapsed() > Duration::from_secs(9), "{begun:?}");
}

#[test]
fn requests_sent_ahead_are_answered_in_order_and_apart() {
    let house = House::new();
    let (ana, bob) = (house.token_of("ana"), house.token_of("bob"));
    let me = |token: &str| {
        format!("GET /auth/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n")
    };
    let nobody = "GET /auth/me HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let login = "POST /auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 24\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\n\r\nusername=ana&password=no";
    let last = "GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let ahead = [&me(&ana), login, &me(&bob), nobody, &me(&ana), last].concat();
    let text = raw(&house.origin, ahead.as_bytes());
    assert_eq!(
        statuses(&text),
        ["200", "401", "200", "401", "200", "404"],
        "{text}"
    );
    let names: Vec<&str> = text.split("\"username\":\"").skip(1).collect();
    let names: Vec<&str> = names.iter().map(|name| &name[..3]).collect();
    assert_eq!(names, ["ana", "bob", "ana"], "{text}");
}

/// What was not read of a body must not be taken for a request, or one client would speak in another's name where a
/// proxy puts both on one connection.
#[test]
fn an_unread_body_is_no_request() {
    let house = House::new();
    let hidden = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (head, status) in [
        (
            "POST /auth/register HTTP/1.1\r\nContent-Type: text/plain\r\n",
            "415",
        ),
        ("POST /nothing HTTP/1.1\r\n", "404"),
        ("GET /login HTTP/1.1\r\n", "200"),
        ("PUT /login HTTP/1.1\r\n", "405"),
    ] {
        let length = hidden.len();
        let sent = format!(
            "{head}Host: localhost\r\nContent-Length: {length}\r\n\r\n{hidden}\
             GET /secure-data HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        );
        let text = raw(&house.origin, sent.as_bytes());
        let got = statuses(&text);
        // Answering the second, or ending the connection before it, are both right.
        assert!(got == [status, "401"] || got == [status], "{head}: {text}");
    }
}

/// Where a proxy might believe one and we the other, nothing that follows is a request.
#[test]
fn a_body_of_doubtful_length_is_the_last_on_its_connection() {
    let house = House::new();
    for lengths in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Transfer-Encoding: identity, chunked, gzip\r\n",
        "Content-Length: 4, 5\r\n",
        "Content-Length: +4\r\n",
    ] {
        let sent = format!(
            "POST /auth/token HTTP/1.1\r\nHost: localhost\r\n{lengths}\r\n0\r\n\r\n\
             GET /secure-data HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        );
        let text = raw(&house.origin, sent.as_bytes());
        assert!(
            matches!(statuses(&text)[..], ["400" | "415"]),
            "{lengths}: {text}"
        );
    }
}

#[test]
fn oversized_headers_are_refused_and_harm_nobody() {
    let house = House::new();
    let get = |path: &str, headers: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n")
    };
    let (many, large) = ("X-A: b\r\n".repeat(200), "x".repeat(1_000_000));
    let path = format!("/{}", "x".repeat(70_000));
    for (sent, status) in [
        (get("/login", &many), "431"),
        (get("/login", &format!("X-Large: {large}\r\n")), "431"),
        (get(&path, ""), "414"),
    ] {
        let text = pushed(&house, sent.as_bytes());
        // Who still sends when the connection ends may not read the answer.
        assert!(text.is_empty() || statuses(&text) == [status], "{text}");
        assert_eq!(house.get("/login").send().status, 200);
    }
    assert_eq!(house.events("request").len(), 3);
}

#[test]
fn old_clients_are_served() {
    let house = House::new();
    let begun = Instant::now();
    let host = "Host: localhost\r\n";
    for (sent, status) in [
        (format!("GET /login HTTP/1.0\r\n{host}\r\n"), "200"),
        (
            format!("GET /login HTTP/1.1\r\n{host}Connection: close\r\n\r\n"),
            "200",
        ),
        (
            format!("GET /login HTTP/1.1\r\n{host}connection: CLOSE\r\n\r\n"),
            "200",
        ),
        // Without the header nobody says which service is meant.
        ("GET /login HTTP/1.0\r\n\r\n".to_owned(), "400"),
    ] {
        let text = raw(&house.origin, sent.as_bytes());
        assert_eq!(text.split(' ').nth(1), Some(status), "{sent}: {text}");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "connections are not ended"
    );
}
