//! A thousand slow connections against nginx, by slowhttptest, while somebody else uses the service.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::front::{Doors, Front};
use crate::house::PASSWORD;
use crate::house::process::{Process, command};
use crate::visitor::Visitor;

/// How long an attack may last. Opening a thousand TLS connections takes a busy machine ten seconds of it.
const LONGEST: Duration = Duration::from_secs(35);

/// Headers that never end: no request is there to count, so every one of the thousand is let in, and cut off in time.
#[test]
fn a_thousand_slow_headers_are_cut_off_and_others_are_served() {
    let most = under_attack(&["-H", "-i", "2", "-x", "24"], "/login");
    assert!(most > 900, "only {most} connections were held");
}

/// Bodies that never end, from one address: most are refused at once, the rest cut off in time.
#[test]
fn a_thousand_slow_bodies_are_cut_off_and_others_are_served() {
    let body = ["-B", "-i", "2", "-s", "8192", "-x", "10"];
    let most = under_attack(&body, "/auth/token");
    assert!(most >= 64, "only {most} connections were held");
}

/// Readers that take a few bytes a second of the largest file there is.
#[test]
fn a_thousand_slow_readers_are_cut_off_and_others_are_served() {
    let reader = ["-X", "-w", "1", "-y", "16", "-n", "2", "-z", "5", "-k", "3"];
    let most = under_attack(&reader, "/docs/swagger-ui-bundle.js");
    assert!(most >= 64, "only {most} connections were held");
}

/// Lets the attack run its course, asks all the while as anyone might, and gives how many connections nginx held at
/// most. In the end it holds none.
fn under_attack(kind: &[&str], path: &str) -> usize {
    let doors = Doors::free();
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = command(folder.path());
    service.env("VESTIBULE_PUBLIC_URL", doors.public_url());
    service.env("VESTIBULE_TRUSTED_PROXIES", "[\"127.0.0.1\"]");
    let service = Process::spawn(service);
    let front = Front::nginx_for_the_nameless(doors, &service.origin);
    let visitor = Visitor::before(&front);
    let token = signed_in(&visitor);
    let begun = Instant::now();
    let mut attacker = attacker(&front, kind, path);
    let (mut waits, mut held) = (Vec::new(), Vec::new());
    while attacker.try_wait().expect("slowhttptest").is_none() {
        waits.push(served(&visitor, &token));
        held.push(front.connections());
        std::thread::sleep(Duration::from_millis(100));
    }
    waits.sort_by(f64::total_cmp);
    assert!(waits.len() > 20, "the attack was over at once");
    let slowest = waits[waits.len() * 99 / 100];
    assert!(slowest < 2.0, "p99 {slowest} s of {}", waits.len());
    // It gave up before its time, with no connection left, or what it believes to hold is gone. The one that is seen
    // now and then is the visitor's, about to be closed.
    let gave_up = begun.elapsed() < LONGEST;
    let gone = held.iter().rev().take(5).any(|held| *held == 0);
    assert!(gave_up || gone, "{held:?}");
    held.into_iter().max().unwrap_or_default()
}

/// Registers and gives a token.
fn signed_in(visitor: &Visitor<'_>) -> String {
    let user =
        format!("{{\"username\":\"ana\",\"email\":\"a@example.org\",\"password\":\"{PASSWORD}\"}}");
    let json = ["-H", "Content-Type: application/json", "-d", &user];
    let done = visitor.ask("/auth/register", &json);
    assert_eq!(done.status, 201, "{done:?}");
    let password = format!("password={PASSWORD}");
    let form = ["-d", "username=ana", "--data-urlencode", &password];
    let done = visitor.ask("/auth/token", &form);
    let body: serde_json::Value = serde_json::from_str(&done.body).expect("JSON");
    body["access_token"].as_str().expect("a token").to_owned()
}

/// Asks for a page and for what is guarded, each on a connection of its own, and gives the longer wait.
fn served(visitor: &Visitor<'_>, token: &str) -> f64 {
    let page = visitor.ask("/login", &["-H", "Accept: text/html"]);
    let bearer = format!("Authorization: Bearer {token}");
    let secured = visitor.ask("/secure-data", &["-H", &bearer]);
    assert_eq!((page.status, secured.status), (200, 200));
    page.seconds.max(secured.seconds)
}

/// slowhttptest ends by itself when nothing is left to attack with, or after [`LONGEST`].
fn attacker(front: &Front, kind: &[&str], path: &str) -> Child {
    Command::new("slowhttptest")
        .args(kind)
        .args(["-c", "1000", "-r", "250", "-p", "5", "-l"])
        .arg(LONGEST.as_secs().to_string())
        .arg("-u")
        .arg(format!("{}{path}", front.doors.public_url()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("slowhttptest runs")
}
