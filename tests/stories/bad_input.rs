//! What strangers send: every answer is a clear 4xx with our face and headers, and nothing changes.

use crate::house::{Answer, House, PASSWORD, http::raw};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

fn post(house: &House, path: &str, kind: &str, body: &[u8]) -> Answer {
    house
        .post(path)
        .header("Content-Type", kind)
        .body(body.to_vec())
}

fn assert_problem(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("Content-Type"), "application/problem+json");
    assert_eq!(answer.header("Cache-Control"), "no-store");
    assert_eq!(answer.json()["status"], status);
    assert!(
        answer.json()["detail"]
            .as_str()
            .is_some_and(|detail| detail.len() > 10)
    );
}

#[test]
fn a_body_that_cannot_be_parsed_is_400() {
    let house = House::new();
    let deep = format!("{}1", "{\"a\":".repeat(500));
    let bodies: [&[u8]; 12] = [
        b"x",
        b"{",
        b"[]",
        b"null",
        b"\"text\"",
        b"{\"username\":\"\xff\xfe\"}",
        b"{\"username\":\"ana\",\"username\":\"bob\"}",
        b"{\"username\":\"ana\",\"user\\u006eame\":\"bob\"}",
        b"{\"a\":{\"b\":1,\"b\":1}}",
        b"{\"username\":\"\\ud800\"}",
        b"{} {}",
        deep.as_bytes(),
    ];
    for body in bodies {
        assert_problem(&post(&house, "/auth/register", JSON, body), 400);
        assert_problem(&post(&house, "/auth/token", JSON, body), 400);
    }
    for body in [
        &b"username=%ff&password=x"[..],
        b"username=\xff",
        b"a=1&a=2",
        b"username=a&user%6eame=b",
    ] {
        assert_problem(&post(&house, "/auth/token", FORM, body), 400);
    }
}

#[test]
fn another_kind_of_body_is_415() {
    let house = House::new();
    let user = br#"{"username":"ana","email":"a@example.org","password":"quartz balloon tundra"}"#;
    for kind in [
        "text/plain",
        "application/xml",
        FORM,
        "multipart/form-data; boundary=x",
        "text/json",
        "nonsense",
    ] {
        assert_problem(&post(&house, "/auth/register", kind, user), 415);
    }
    assert_problem(
        &post(
            &house,
            "/auth/token",
            "text/plain",
            b"username=a&password=b",
        ),
        415,
    );
    assert_problem(&house.post("/auth/token").send(), 415);
    let page = house
        .post("/login")
        .header("Origin", &house.origin)
        .header("Content-Type", JSON);
    assert_eq!(page.body(b"{}".to_vec()).status, 415);
    assert_eq!(house.database.ask("select count(*) from accounts"), ["0"]);
}

#[test]
fn a_huge_body_is_413_whatever_it_holds() {
    let house = House::new();
    let body = format!("{{\"username\":\"{}\"}}", "a".repeat(100_000));
    assert_problem(&post(&house, "/auth/register", JSON, body.as_bytes()), 413);
    assert_problem(
        &post(
            &house,
            "/auth/token",
            FORM,
            format!("username={}", "a".repeat(100_000)).as_bytes(),
        ),
        413,
    );
}

#[test]
fn the_longest_password_fits_however_it_is_escaped() {
    let house = House::new();
    let password: String = "\u{1F511}\u{10348}\u{1F6AA}\u{1F5DD}".repeat(32);
    let escaped: String = password
        .encode_utf16()
        .map(|unit| format!("\\u{unit:04x}"))
        .collect();
    let body = format!(r#"{{"username":"ana","email":"a@example.org","password":"{escaped}"}}"#);
    let answer = post(&house, "/auth/register", JSON, body.as_bytes());
    assert!(matches!(answer.status, 201 | 422), "{}", answer.text);
    assert_ne!(house.log_in("ana", &password).status, 413);
}

#[test]
fn a_page_refuses_what_its_form_does_not_send() {
    let house = House::new();
    let fields = [
        ("username", "ana"),
        ("email", "a@example.org"),
        ("password", PASSWORD),
        ("role", "admin"),
    ];
    let answer = house.submit("/register", &fields);
    assert_eq!(answer.status, 422);
    assert!(answer.header("Content-Type").starts_with("text/html"));
    assert_eq!(house.database.ask("select count(*) from accounts"), ["0"]);
}

#[test]
fn control_characters_reach_no_statement() {
    let house = House::new();
    for name in [
        "ana\0",
        "\0",
        "an\r\na",
        "ana\u{7f}",
        "a\u{85}na",
        "ana\0@example.org",
    ] {
        assert_problem(&house.log_in(name, PASSWORD), 422);
    }
}

#[test]
fn a_known_place_has_methods_and_an_unknown_one_has_none() {
    let house = House::new();
    for (method, path, allow) in [
        ("GET", "/auth/token", "POST"),
        ("DELETE", "/login", "GET, HEAD, POST"),
        ("OPTIONS", "/secure-data", "GET, HEAD"),
        ("PUT", "/auth/register", "POST"),
        ("GET", "/logout", "POST"),
        ("POST", "/static/vestibule.css", "GET, HEAD"),
        ("TRACE", "/", "GET, HEAD"),
    ] {
        let answer = house.call(method, path).send();
        assert_problem(&answer, 405);
        assert_eq!(answer.header("Allow"), allow, "{method} {path}");
    }
    for path in [
        "/nothing",
        "/auth",
        "/auth/",
        "/static/..%2fCargo.toml",
        "/.git/config",
        "/docs/index.html",
    ] {
        assert_problem(&house.get(path).send(), 404);
    }
    assert_problem(&house.post("/nothing").send(), 404);
    let page = house.get("/nothing").page().send();
    assert_eq!(page.status, 404);
    assert!(page.text.contains("<h1") && page.header("Content-Type").starts_with("text/html"));
}

#[test]
fn another_spelling_of_a_path_is_nothing() {
    let house = House::new();
    let token = house.token_of("ana");
    for path in [
        "//auth/me",
        "/%61uth/me",
        "/auth//me",
        "/auth/%6De",
        "/auth/me/%2e",
        "/secure%2Ddata",
        "//",
    ] {
        for kind in ["text/html", "application/json"] {
            let answer = house.get(path).bearer(&token).header("Accept", kind).send();
            assert_eq!(answer.status, 404, "{path}");
            assert!(
                answer
                    .header("Content-Security-Policy")
                    .contains("default-src"),
                "{path}"
            );
        }
    }
    let api = house.get("/%61uth/me").page().send();
    assert_eq!(api.header("Content-Type"), "application/problem+json");
    let foreign = house
        .get("/auth/me")
        .page()
        .header("Host", "evil.example")
        .send();
    assert_problem(&foreign, 400);
    let token = house
        .post("/auth/token")
        .page()
        .header("Host", "evil.example")
        .send();
    assert_eq!(token.json()["error"], "invalid_request");
}

#[test]
fn an_odd_method_is_400_with_all_headers() {
    let house = House::new();
    for method in ["PROPFIND", "BREW"] {
        let answer = house.call(method, "/").send();
        assert_problem(&answer, 400);
        assert!(
            answer
                .header("Content-Security-Policy")
                .contains("default-src 'none'")
        );
        assert_eq!(answer.header("X-Content-Type-Options"), "nosniff");
    }
}

#[test]
fn a_host_that_is_not_ours_is_400() {
    let house = House::new();
    let ask = |lines: &str| {
        raw(
            &house.origin,
            format!("GET /login HTTP/1.1\r\n{lines}Connection: close\r\n\r\n").as_bytes(),
        )
    };
    let port = house.origin.rsplit(':').next().expect("a port").to_owned();
    for good in [
        "localhost",
        "127.0.0.1",
        "[::1]",
        "LOCALHOST",
        "app.localhost",
        &format!("localhost:{port}"),
        "127.0.0.1:9",
    ] {
        assert!(
            ask(&format!("Host: {good}\r\n")).starts_with("HTTP/1.1 200 "),
            "{good}"
        );
    }
    let twice = "Host: localhost\r\nHost: localhost\r\n";
    for bad in [
        "",
        "Host: \r\n",
        twice,
        "Host: evil.example\r\n",
        "Host: localhost.evil.example\r\n",
        "Host: 127.0.0.1.evil.example\r\n",
        "Host: user@localhost\r\n",
        "Host: local host\r\n",
        "Host: localhost/\r\n",
        "Host: 192.0.2.1\r\n",
        "Host: localhost:x\r\n",
    ] {
        let answer = ask(bad);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{bad:?}: {answer}");
        assert!(
            answer.to_lowercase().contains("content-security-policy"),
            "{bad:?}: {answer}"
        );
    }
    let health = raw(
        &house.origin,
        b"GET /health/live HTTP/1.1\r\nHost: 10.1.2.3:8000\r\nConnection: close\r\n\r\n",
    );
    assert!(health.starts_with("HTTP/1.1 200 "), "{health}");
}

#[test]
fn with_a_public_url_only_its_host_is_ours() {
    let house = House::with(&[("vestibule.public_url", "https://login.example.org")]);
    let status = |host: &str| house.get("/login").header("Host", host).send().status;
    assert_eq!(
        (
            status("login.example.org"),
            status("login.example.org:443"),
            status("LOGIN.example.org")
        ),
        (200, 200, 200)
    );
    assert_eq!(
        (
            status("localhost"),
            status("login.example.org:8443"),
            status("example.org")
        ),
        (400, 400, 400)
    );
    // No way around through the place where refused requests are led.
    assert_eq!(
        house
            .get("/.refused")
            .header("Host", "login.example.org")
            .send()
            .status,
        404
    );
}

#[test]
fn a_broken_request_is_refused() {
    let house = House::new();
    for broken in [
        "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
        "POST /auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        "POST /auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "GET /\u{1} HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let answer = raw(&house.origin, broken.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 "), "{broken:?}: {answer}");
    }
}

#[test]
fn a_body_that_crawls_is_408() {
    // Ten seconds of real time: the wait is the kernel's, not the clock's.
    let house = House::new();
    let head = "POST /auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{\"username\":\"ana\",";
    let answer = unfinished(&house, head);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

/// Sends a beginning and waits for the answer with the connection open.
fn unfinished(house: &House, head: &str) -> String {
    use std::io::{Read, Write};
    let address = house.origin.strip_prefix("http://").expect("an origin");
    let mut stream = std::net::TcpStream::connect(address).expect("a connection");
    stream
        .set_read_timeout(Some(std::time::Duration::from_secs(30)))
        .expect("a timeout");
    stream.write_all(head.as_bytes()).expect("sent");
    let mut text = [0; 4096];
    let length = stream.read(&mut text).expect("an answer in time");
    String::from_utf8_lossy(&text[..length]).into_owned()
}
