//! Who counts as one and the same to nginx, when it counts requests at once.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use crate::front::{Doors, Front};
use crate::visitor::Visitor;
use crate::visits::{assert_https_from_now_on, house_behind};

/// A request that is under way until its body is given up, in ten seconds.
fn hold(front: &Front, address: &str) -> Child {
    let mut line = Command::new("openssl")
        .args(["s_client", "-quiet", "-servername", "localhost", "-connect"])
        .arg(format!("127.0.0.1:{}", front.doors.https))
        .arg("-CAfile")
        .arg(front.folder.path().join("certificate.pem"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl runs");
    let request = format!(
        "POST /auth/token HTTP/1.1\r\nHost: localhost:{}\r\nX-Address: {address}\r\n\
         Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{\"username\": \"ana\", ",
        front.doors.https
    );
    let ours = line.stdin.as_mut().expect("our end");
    ours.write_all(request.as_bytes()).expect("sent");
    line
}

/// Two customers with two requests under way each: who of the others is let in? Theirs end by themselves in ten seconds,
/// which a busy machine may need for beginning them: then once more.
#[test]
fn one_ipv6_network_has_the_places_of_one_ipv4_address() {
    let doors = Doors::free();
    let house = house_behind(&doors);
    let front = Front::nginx_for_two(doors, &house.origin);
    let visitor = Visitor::before(&front);
    let status = |address: &str| {
        let address = format!("X-Address: {address}");
        let page = ["-H", "Accept: text/html", "-H", &address];
        let reply = visitor.ask("/login", &page);
        assert_https_from_now_on(&reply);
        reply.status
    };
    let crowded = || status("2001:db8::1:a:b:c:d") == 429 && status("192.0.2.1") == 429;
    let seen = (0..6).any(|_| {
        let mut held = Held::begin(&front);
        while !held.is_over() {
            if crowded() {
                // Who has nothing under way.
                for other in ["2001:db8:0:2::1", "2001:db8:1:1::1", "192.0.2.2"] {
                    assert_eq!(status(other), 200, "{other}");
                }
                return true;
            }
        }
        false
    });
    assert!(seen, "all are let in");
}

/// Requests under way. They end when dropped.
struct Held(Vec<Child>);

impl Held {
    fn begin(front: &Front) -> Self {
        let from = [
            "2001:db8:0:1::1",
            "2001:db8:0:1:ffff::2",
            "192.0.2.1",
            "192.0.2.1",
        ];
        Self(from.map(|address| hold(front, address)).into())
    }

    /// Whether one of them has ended.
    fn is_over(&mut self) -> bool {
        let mut lines = self.0.iter_mut();
        lines.any(|line| line.try_wait().expect("a line").is_some())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for line in &mut self.0 {
            let _ = line.kill();
            let _ = line.wait();
        }
    }
}
