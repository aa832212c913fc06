//! Clients that begin and do not end, one by one. Every wait here is a proxy's own patience, of seconds.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::front::{Doors, Front};
use crate::visits::house_behind;

/// Longer than any patience in the shipped files.
const ENOUGH: Duration = Duration::from_secs(25);

/// Longer than all of Caddy's in a row, 55 s. Once in some hundred times it takes what drips after a body that it gave up
/// for the beginning of a next request, which has its own `idle` and `read_header`.
const ALL_IN_A_ROW: Duration = Duration::from_secs(75);

const HALF_A_HEADER: &str = "GET /login HTTP/1.1\r\nHost: localhost\r\n";

/// With fewer bytes of a body than the service can watch over: Rocket waits for the first 14 without a limit.
const HARDLY_A_BODY: &str = "{";
const HALF_A_BODY: &str = "{\"username\": \"ana\", ";

#[test]
fn crawlers_are_cut_off_by_nginx() {
    are_cut_off(Front::nginx, ENOUGH);
}

#[test]
fn crawlers_are_cut_off_by_caddy() {
    are_cut_off(Front::caddy, ALL_IN_A_ROW);
}

fn are_cut_off(start: fn(Doors, &str) -> Front, dripping: Duration) {
    let doors = Doors::free();
    let house = house_behind(&doors);
    let front = start(doors, &house.origin);
    let (hardly, half) = (post(&front, HARDLY_A_BODY), post(&front, HALF_A_BODY));
    let stories: [(&str, &str, Duration); 5] = [
        (HALF_A_HEADER, "", ENOUGH),
        (HALF_A_HEADER, "X-A: b\r\n", ENOUGH),
        (&hardly, "", ENOUGH),
        (&half, "", ENOUGH),
        (&half, " ", dripping),
    ];
    let replies: Vec<String> = std::thread::scope(|all| {
        let told = stories.map(|(beginning, drop, most)| {
            let front = &front;
            all.spawn(move || cut_off(front, beginning, drop, most))
        });
        let replies = told.into_iter().map(|reply| reply.join());
        replies.map(|reply| reply.expect("cut off")).collect()
    });
    // The service's own words reach whoever drips.
    let last = &replies[4];
    assert!(
        last.starts_with("HTTP/1.1 408") && last.contains("\"code\""),
        "{last}"
    );
}

fn post(front: &Front, body: &str) -> String {
    format!(
        "POST /auth/token HTTP/1.1\r\nHost: localhost:{}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000\r\n\r\n{body}",
        front.doors.https
    )
}

/// Sends a beginning, then a drop a second for as long as the line holds, and gives what came back.
fn cut_off(front: &Front, beginning: &str, drop: &str, most: Duration) -> String {
    let mut line = Command::new("openssl")
        .args(["s_client", "-quiet", "-servername", "localhost", "-connect"])
        .arg(format!("127.0.0.1:{}", front.doors.https))
        .arg("-CAfile")
        .arg(front.folder.path().join("certificate.pem"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl runs");
    let begun = Instant::now();
    let mut ours = line.stdin.take().expect("our end");
    ours.write_all(beginning.as_bytes()).expect("sent");
    while line.try_wait().expect("a line").is_none() && begun.elapsed() < most {
        std::thread::sleep(Duration::from_secs(1));
        // The line may have ended meanwhile.
        let _ = ours.write_all(drop.as_bytes());
    }
    let took = begun.elapsed();
    let _ = line.kill();
    let done = line.wait_with_output().expect("a line");
    assert!(took < most, "{beginning:?} and then {drop:?} is waited for");
    String::from_utf8_lossy(&done.stdout).into_owned()
}
