//! What works through a proxy, and what a stranger cannot do there.

use std::net::TcpListener;

use crate::front::{Doors, Front};
use crate::house::process::free_port;
use crate::house::{House, PASSWORD};
use crate::visitor::{ADDRESS, Reply, Visitor};

/// As Vestibule sends it, in small letters.
const HSTS: &str = "max-age=63072000; includesubdomains";

/// Tells a story behind nginx and behind Caddy.
fn behind_both(story: impl Fn(&House, &Front)) {
    for start in [Front::nginx, Front::caddy] {
        let doors = Doors::free();
        let house = house_behind(&doors);
        let front = start(doors, &house.origin);
        story(&house, &front);
    }
}

/// A house that was told of the proxy as the shipped files say.
pub fn house_behind(doors: &Doors) -> House {
    House::with(&[
        ("vestibule.public_url", &format!("{:?}", doors.public_url())),
        ("vestibule.trusted_proxies", "[\"127.0.0.1\"]"),
    ])
}

#[test]
fn a_person_registers_and_stays_signed_in() {
    behind_both(|house, front| {
        let visitor = Visitor::before(front);
        let page = visitor.ask("/register", &["-H", "Accept: text/html"]);
        assert_eq!(page.status, 200, "{page:?}");
        let fields = [
            ("username", "ana"),
            ("email", "ana@example.org"),
            ("password", PASSWORD),
        ];
        let done = visitor.submit("/register", &fields);
        assert_eq!(done.status, 303, "{done:?}");
        let cookies = done.headers("set-cookie");
        // Two of the session, and the one by which this browser is known.
        assert_eq!(cookies.len(), 3, "{done:?}");
        for cookie in cookies {
            assert!(
                cookie.starts_with("__host-") && cookie.contains("secure"),
                "{cookie}"
            );
        }
        // curl keeps the prefix's promise as browsers do, so only a cookie that keeps it comes back.
        let secured = visitor.ask("/account/sessions", &["-H", "Accept: text/html"]);
        assert!(
            secured.status == 200 && secured.body.contains("ana"),
            "{secured:?}"
        );
        assert_eq!(house.events("registered")[0]["client"], ADDRESS);
        assert_eq!(visitor.submit("/logout", &[]).status, 303);
        let strange = visitor.ask("/account/sessions", &["-H", "Accept: text/html"]);
        assert_eq!(strange.status, 303, "{strange:?}");
    });
}

#[test]
fn the_address_is_the_clients_and_nobody_can_choose_another() {
    behind_both(|house, front| {
        let visitor = Visitor::before(front);
        for forged in ["203.0.113.9", "127.0.0.1", "203.0.113.9, 127.0.0.1"] {
            let forwarded = format!("X-Forwarded-For: {forged}");
            let real = format!("X-Real-IP: {forged}");
            let by = format!("Forwarded: for={forged}");
            let reply = visitor.ask("/login", &["-H", &forwarded, "-H", &real, "-H", &by]);
            assert_eq!(reply.status, 200, "{reply:?}");
        }
        let requests = house.events("request");
        assert_eq!(requests.len(), 3);
        for request in requests {
            assert_eq!(request["client"], ADDRESS);
        }
    });
}

#[test]
fn security_headers_are_there_once() {
    behind_both(|_, front| {
        let reply = Visitor::before(front).ask("/login", &["-H", "Accept: text/html"]);
        for name in [
            "strict-transport-security",
            "content-security-policy",
            "x-content-type-options",
            "cache-control",
        ] {
            assert_eq!(reply.headers(name).len(), 1, "{name}: {reply:?}");
        }
        // No version (ASVS 5.0, 13.4.6).
        let server = reply.headers("server").join("");
        assert!(!server.contains(|c: char| c.is_ascii_digit()), "{server}");
        assert!(reply.headers("via").is_empty(), "{reply:?}");
    });
}

/// The whole of what a reply says about later visits.
pub fn assert_https_from_now_on(reply: &Reply) {
    let told = reply.headers("strict-transport-security");
    assert_eq!(told, [HSTS], "{reply:?}");
}

#[test]
fn what_a_proxy_refuses_asks_for_https_too() {
    behind_both(|house, front| {
        let visitor = Visitor::before(front);
        // The service itself, so that the proxies say no more and no less.
        let host = format!("localhost:{}", front.doors.https);
        let own = house.get("/login").header("Host", &host).send();
        let own = own.header("Strict-Transport-Security");
        assert_eq!(own.to_ascii_lowercase(), HSTS);
        for more in [&[][..], &["-H", "Host: localhost:1"]] {
            assert_https_from_now_on(&visitor.ask("/login", more));
        }
        let body = format!("username={}", "x".repeat(100_000));
        assert_https_from_now_on(&visitor.ask("/auth/token", &["-d", &body]));
        let header = format!("X-Large: {}", "x".repeat(60_000));
        let large = visitor.ask("/login", &["-H", &header]);
        // Caddy answers large headers before it knows for whom they are, with 431 and no header at all.
        if large.status != 431 {
            assert_https_from_now_on(&large);
        }
    });
}

#[test]
fn a_proxy_without_a_service_asks_for_https_too() {
    // Accepted by the system, and never heard.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = silent.local_addr().expect("its number").port();
    let hears_nothing = |start: fn(Doors, &str) -> Front, port: u16, status: u16| {
        let front = start(Doors::free(), &format!("http://127.0.0.1:{port}"));
        let reply = Visitor::before(&front).ask("/login", &[]);
        assert_eq!(reply.status, status, "{reply:?}");
        assert_https_from_now_on(&reply);
        // Nor a version.
        let server = reply.headers("server").join("");
        assert!(!server.contains(|c: char| c.is_ascii_digit()), "{server}");
    };
    // All at once, since the silent one is waited for.
    std::thread::scope(|all| {
        for start in [Front::nginx, Front::caddy] {
            all.spawn(move || hears_nothing(start, free_port(), 502));
            all.spawn(move || hears_nothing(start, silent, 504));
        }
    });
}

#[test]
fn http_leads_people_on_and_tells_programs() {
    behind_both(|_, front| {
        let visitor = Visitor::before(front);
        let person =
            visitor.ask_unprotected("/login?next=%2Faccount", &["-H", "Accept: text/html"]);
        let place = format!("{}/login?next=%2faccount", front.doors.public_url());
        assert_eq!(
            (person.status, person.headers("location")),
            (301, vec![place.as_str()])
        );
        // Not to be sent without TLS (RFC 6797, 7.2).
        let hsts = person.headers("strict-transport-security");
        assert!(hsts.is_empty(), "{person:?}");
        for more in [
            &["-d", "username=ana&password=x"][..],
            &["-d", "username=ana", "-H", "Accept: text/html"],
            &["-H", "Accept: application/json"],
        ] {
            let program = visitor.ask_unprotected("/auth/token", more);
            assert_eq!(program.status, 403, "{program:?}");
            assert!(program.headers("location").is_empty(), "{program:?}");
        }
    });
}

#[test]
fn another_host_does_not_reach_the_service() {
    behind_both(|house, front| {
        let visitor = Visitor::before(front);
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1"] {
            let reply = visitor.ask("/login", &["-H", &format!("Host: {host}")]);
            assert!(!reply.body.contains("<form"), "{host}: {reply:?}");
        }
        assert_eq!(house.events("request").len(), 0);
        // The right name with another port is for the service to refuse.
        let reply = visitor.ask("/login", &["-H", "Host: localhost:1"]);
        assert_eq!(reply.status, 400, "{reply:?}");
        let url = format!("https://evil.example:{}/", front.doors.https);
        let resolve = format!("evil.example:{}:127.0.0.1", front.doors.https);
        let done = visitor
            .curl()
            .args(["-k", "--resolve", &resolve, &url])
            .output();
        assert!(
            !done.expect("curl runs").status.success(),
            "a handshake for another name"
        );
    });
}

#[test]
fn old_and_terse_clients_are_served() {
    behind_both(|_, front| {
        let visitor = Visitor::before(front);
        for more in [
            &["--http1.0", "--no-alpn"][..],
            &["-H", "Connection: close"],
            &["--http1.0", "--no-alpn", "-H", "Connection: keep-alive"],
            &["-H", "Connection: close, X-Forwarded-For"],
        ] {
            let reply = visitor.ask("/login", more);
            assert!(
                reply.status == 200 && reply.body.contains("<form"),
                "{more:?}: {reply:?}"
            );
        }
        let closing = visitor.ask("/login", &["-H", "Connection: close"]);
        assert_eq!(closing.headers("connection"), ["close"]);
    });
}

#[test]
fn large_headers_and_bodies_are_refused_and_harm_nobody() {
    behind_both(|_, front| {
        let visitor = Visitor::before(front);
        let header = format!("X-Large: {}", "x".repeat(60_000));
        let reply = visitor.ask("/login", &["-H", &header]);
        assert!(matches!(reply.status, 400 | 431), "{reply:?}");
        let send = |length| {
            let body = format!("username={}", "x".repeat(length));
            visitor.ask("/auth/token", &["-d", &body])
        };
        let reply = send(30_000);
        assert!(
            reply.status == 413 && reply.body.contains("\"code\""),
            "{reply:?}"
        );
        // Caddy 2.6 says 502.
        assert!(matches!(send(100_000).status, 413 | 502));
        assert_eq!(visitor.ask("/login", &[]).status, 200);
    });
}

#[test]
fn old_tls_is_refused() {
    behind_both(|_, front| {
        let visitor = Visitor::before(front);
        let url = format!("{}/login", front.doors.public_url());
        let with = |version: &str| {
            let mut curl = visitor.curl();
            // Or our own side would refuse already.
            curl.args(["--ciphers", "DEFAULT@SECLEVEL=0", "--tlsv1.0"]);
            let done = curl.args(["--tls-max", version, &url]).output();
            done.expect("curl runs")
        };
        for version in ["1.2", "1.3"] {
            assert!(with(version).status.success(), "{version}");
        }
        for version in ["1.0", "1.1"] {
            let complaint = String::from_utf8_lossy(&with(version).stderr).into_owned();
            assert!(
                complaint.contains("alert protocol version"),
                "{version}: {complaint}"
            );
        }
    });
}
