//! What stands on every response.

use crate::house::{Answer, House};

const EVERYWHERE: [(&str, &str); 5] = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Access-Control-Allow-Origin", ""),
];

fn every_kind(house: &House) -> Vec<(&'static str, Answer)> {
    let cookie = house.cookie_of("ana");
    vec![
        ("page", house.get("/").page().send()),
        ("form", house.get("/login").page().send()),
        (
            "account",
            house
                .get("/account")
                .page()
                .header("Cookie", &cookie)
                .send(),
        ),
        (
            "secure page",
            house
                .get("/secure-data")
                .page()
                .header("Cookie", &cookie)
                .send(),
        ),
        ("redirect", house.get("/account").page().send()),
        ("json", house.get("/health/live").send()),
        ("401", house.get("/secure-data").send()),
        ("404", house.get("/nothing").send()),
        ("404 page", house.get("/nothing").page().send()),
        ("405", house.call("PUT", "/").send()),
        ("400 odd method", house.call("PROPFIND", "/").send()),
        (
            "400 host",
            house.get("/").header("Host", "evil.example").send(),
        ),
        ("415", house.post("/auth/register").send()),
        ("style", house.get("/static/vestibule.css").send()),
        ("docs", house.get("/docs").page().send()),
        ("head", house.call("HEAD", "/").send()),
    ]
}

#[test]
fn every_response_carries_the_headers() {
    let house = House::new();
    for (kind, answer) in every_kind(&house) {
        for (name, value) in EVERYWHERE {
            assert_eq!(answer.header(name), value, "{kind}");
        }
        let policy = answer.header("Content-Security-Policy");
        for part in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(part), "{kind}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{kind}: {policy}");
        assert!(
            answer.header("Permissions-Policy").contains("camera=()"),
            "{kind}"
        );
        assert_eq!(answer.header("Server"), "", "{kind}");
        assert_eq!(answer.header("Strict-Transport-Security"), "", "{kind}");
        let cached = kind == "style";
        assert_eq!(
            answer.header("Cache-Control") == "no-store",
            !cached,
            "{kind}"
        );
        if !answer.text.is_empty() {
            assert!(!answer.header("Content-Type").is_empty(), "{kind}");
        }
    }
}

#[test]
fn text_says_its_charset() {
    let house = House::new();
    assert_eq!(
        house.get("/").page().send().header("Content-Type"),
        "text/html; charset=utf-8"
    );
    for (path, kind) in [
        ("/static/vestibule.css", "text/css; charset=utf-8"),
        ("/static/vestibule.js", "text/javascript; charset=utf-8"),
        ("/static/icon.svg", "image/svg+xml; charset=utf-8"),
        ("/docs/swagger-ui.css", "text/css; charset=utf-8"),
        (
            "/docs/swagger-ui-bundle.js",
            "text/javascript; charset=utf-8",
        ),
    ] {
        assert_eq!(
            house.get(path).send().header("Content-Type"),
            kind,
            "{path}"
        );
    }
}

#[test]
fn a_negotiated_answer_says_what_it_depends_on() {
    let house = House::new();
    let token = house.token_of("ana");
    let page = house.get("/secure-data").page().bearer(&token).send();
    let json = house.get("/secure-data").bearer(&token).send();
    assert!(
        page.text.contains("Hello ana, this is sensitive data!")
            && page.header("Content-Type").starts_with("text/html")
    );
    assert_eq!(json.header("Content-Type"), "application/json");
    for accept in [
        "application/json",
        "*/*",
        "application/json, text/html;q=0.5",
        "text/html;q=0, */*",
        "image/png",
    ] {
        let answer = house
            .get("/secure-data")
            .header("Accept", accept)
            .bearer(&token)
            .send();
        assert_eq!(
            answer.header("Content-Type"),
            "application/json",
            "{accept}"
        );
    }
    assert_eq!(
        (page.header("Vary"), json.header("Vary")),
        ("Accept", "Accept")
    );
}

#[test]
fn under_https_every_response_asks_for_https_from_now_on() {
    let house = House::with(&[("vestibule.public_url", "https://login.example.org")]);
    for (method, path, host) in [
        ("GET", "/", "login.example.org"),
        ("GET", "/login", "login.example.org"),
        ("GET", "/secure-data", "login.example.org"),
        ("GET", "/nothing", "login.example.org"),
        ("GET", "/static/vestibule.css", "login.example.org"),
        ("GET", "/static/vestibule.js", "login.example.org"),
        ("GET", "/docs", "login.example.org"),
        ("GET", "/openapi.json", "login.example.org"),
        ("GET", "/health/live", "login.example.org"),
        ("POST", "/auth/token", "login.example.org"),
        ("PUT", "/", "login.example.org"),
        ("PROPFIND", "/", "login.example.org"),
        ("GET", "/", "evil.example"),
    ] {
        let answer = house.call(method, path).header("Host", host).send();
        assert_eq!(
            answer.header("Strict-Transport-Security"),
            "max-age=63072000; includeSubDomains",
            "{method} {path}"
        );
    }
}
