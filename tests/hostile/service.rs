//! Whole requests at every route.

use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use proptest::sample::select;
use rocket::http::Method;
use vestibule::accounts::rules;

use crate::calls::{calls, header_value};
use crate::house::PASSWORD;
use crate::scene::{Answer, Call, Scene};
use crate::{hold, woven};

// --- Anything, anywhere ---------------------------------------------------------------------------------------------

/// What holds for every answer, whatever was asked.
fn assert_ours(answer: &Answer, call: &Call) {
    assert!(answer.status < 500, "{} {}", answer.status, answer.text());
    for name in [
        "Content-Security-Policy",
        "X-Content-Type-Options",
        "Cache-Control",
        "Vary",
        "Referrer-Policy",
        "Cross-Origin-Opener-Policy",
        "Cross-Origin-Resource-Policy",
        "Permissions-Policy",
    ] {
        let many = answer
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .count();
        assert_eq!(many, 1, "{name}");
    }
    assert!(
        answer.header("Server").is_none() && answer.header("Access-Control-Allow-Origin").is_none()
    );
    for (name, value) in &answer.headers {
        assert!(!value.contains(['\r', '\n', '\0']), "{name}: {value:?}");
    }
    if let Some(location) = answer.header("Location") {
        let here = url::Url::parse("http://localhost/").expect("a URL");
        assert_eq!(
            here.join(location).expect("a place").origin(),
            here.origin(),
            "{location}"
        );
    }
    assert_eq!(
        answer.status == 401,
        answer.header("WWW-Authenticate").is_some()
    );
    assert_eq!(answer.status == 405, answer.header("Allow").is_some());
    if call.method == Method::Head || answer.body.is_empty() {
        return;
    }
    match answer.kind() {
        "application/json" | "application/jwk-set+json" => {
            assert!(answer.json().is_object() && answer.status < 400);
        }
        "application/problem+json" => assert_eq!(answer.json()["status"], answer.status),
        kind if kind.starts_with("text/html") => {
            assert!(answer.text().trim_end().ends_with("</html>"));
        }
        kind => assert!(
            kind.starts_with("text/") || kind.starts_with("image/svg"),
            "{kind}"
        ),
    }
}

/// How many panics this process has seen, in whatever thread.
static PANICS: AtomicU32 = AtomicU32::new(0);

fn count_panics() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        told(panic);
    }));
}

/// Whoever signed out signs in again; whoever left is followed by somebody else, since nobody gets their name.
fn somebodys_token(scene: &Scene) -> String {
    let names = (0..1_000).map(|number| format!("ana{number}"));
    let mut names = std::iter::once("ana".to_owned()).chain(names);
    let found = names.find_map(|name| {
        let made = || scene.register(&name, &format!("{name}@example.org"), PASSWORD);
        scene.token_of(&name).or_else(|| {
            made();
            scene.token_of(&name)
        })
    });
    found.expect("a token")
}

#[test]
fn no_request_breaks_anything() {
    count_panics();
    let scene = Scene::new();
    let token = std::cell::RefCell::new(scene.token());
    let patterns = scene.patterns();
    assert!(patterns.len() > 20, "the test sees no routes");
    hold(2500, &calls(patterns), |(mut call, signed_in)| {
        if signed_in && !call.headers.iter().any(|(name, _)| name == "Authorization") {
            let me = Call::new(Method::Get, "/auth/me")
                .header("Authorization", &format!("Bearer {}", token.borrow()));
            if scene.send(&me).status == 401 {
                token.replace(somebodys_token(&scene));
            }
            call = call.header("Authorization", &format!("Bearer {}", token.borrow()));
        }
        let answer = scene.send(&call);
        assert_ours(&answer, &call);
        // Its signature, since the beginning is that of every token.
        let token = token.borrow();
        let (_, signature) = token.rsplit_once('.').expect("a signature");
        let shown = String::from_utf8_lossy(&answer.body).contains(signature);
        assert!(!shown, "the token is shown");
    });
    assert_eq!(scene.faults(), Vec::<String>::new());
    assert_eq!(
        PANICS.load(Ordering::SeqCst),
        0,
        "something panicked: see above"
    );
}

// --- One thing at a time --------------------------------------------------------------------------------------------

#[test]
fn only_our_own_token_opens_the_door() {
    let scene = Scene::new();
    let token = scene.token();
    let values = prop_oneof![
        header_value(),
        woven(&[
            "Bearer", "bearer", "BEARER", " ", "  ", "\t", "=", ",", "Basic", "e30", "."
        ]),
    ];
    let with = (values, any::<bool>(), any::<bool>());
    hold(400, &with, |(value, before, after)| {
        let value = match (before, after) {
            (true, true) => format!("{value}{token}{value}"),
            (true, false) => format!("{value}{token}"),
            (false, true) => format!("Bearer {token}{value}"),
            (false, false) => value,
        };
        // As a header arrives: without space around it.
        let value = value.trim_matches([' ', '\t']);
        let call = Call::new(Method::Get, "/auth/me").header("Authorization", value);
        let answer = scene.send(&call);
        // RFC 6750 section 2.1; a scheme's case does not count, and one space or more stands after it.
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        let good = scheme.eq_ignore_ascii_case("bearer") && rest.trim_start_matches(' ') == token;
        assert_eq!(answer.status, if good { 200 } else { 401 }, "{value:?}");
    });
}

#[test]
fn accept_decides_the_face_and_nothing_else() {
    let scene = Scene::new();
    let bearer = format!("Bearer {}", scene.token());
    let ask = |accept: &str| {
        let call = Call::new(Method::Get, "/secure-data").header("Authorization", &bearer);
        let answer = scene.send(&call.header("Accept", accept));
        assert_eq!(answer.status, 200, "{accept:?}");
        answer.kind().starts_with("text/html")
    };
    let kind = select(
        &[
            "text/html",
            "application/xhtml+xml",
            "application/json",
            "*/*",
            "image/png",
        ][..],
    );
    hold(
        300,
        &prop::collection::vec((kind, 0..=10_u8), 1..5),
        |kinds| {
            let accept: Vec<String> = kinds
                .iter()
                .map(|(kind, tenths)| format!("{kind};q={}.{}", tenths / 10, tenths % 10))
                .collect();
            let best = |wanted: &[&str]| {
                kinds
                    .iter()
                    .filter(|(kind, _)| wanted.contains(kind))
                    .map(|(_, tenths)| *tenths)
                    .max()
                    .unwrap_or(0)
            };
            let (html, json) = (
                best(&["text/html", "application/xhtml+xml"]),
                best(&["application/json"]),
            );
            assert_eq!(
                ask(&accept.join(", ")),
                html > 0 && html >= json,
                "{accept:?}"
            );
        },
    );
    hold(300, &header_value(), |accept| {
        assert!(
            !ask(&accept) || accept.to_ascii_lowercase().contains("html"),
            "{accept:?}"
        );
    });
}

#[test]
fn only_a_host_of_this_machine_is_ours() {
    const HOSTS: &[&str] = &[
        "localhost",
        "LOCALHOST",
        ".localhost",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[",
        "]",
        "::1",
        ":",
        ":80",
        ":99999",
        ".",
        "@",
        "user@",
        "/",
        "evil.example",
        "%6c",
        " ",
        "_",
        "[::ffff:127.0.0.1]",
    ];
    let scene = Scene::new();
    hold(600, &prop_oneof![woven(HOSTS), header_value()], |host| {
        let mut call = Call::new(Method::Get, "/login");
        call.headers = vec![("Host".to_owned(), host.clone())];
        let answer = scene.send(&call);
        assert!(matches!(answer.status, 200 | 400), "{host:?}");
        if answer.status == 200 {
            // What a browser or a client would have connected to.
            let there = url::Url::parse(&format!("http://{host}/")).expect("a host");
            let local = match there.host().expect("a host") {
                url::Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
                url::Host::Ipv4(address) => address.is_loopback(),
                url::Host::Ipv6(address) => address.to_canonical().is_loopback(),
            };
            assert!(
                local && there.path() == "/" && there.username().is_empty(),
                "{host:?}"
            );
        }
    });
}

#[test]
fn a_form_shows_again_what_was_typed_and_nothing_more() {
    let scene = Scene::new();
    let names = prop_oneof![
        woven(&[
            "<", ">", "\"", "'", "&", "&amp;", "/", "{{", "}}", "{%", "=", "\n"
        ]),
        any::<String>()
    ];
    hold(300, &names, |name| {
        let answer = scene.send(
            &Call::new(Method::Post, "/login").form(&[("username", &name), ("password", "")]),
        );
        assert!(matches!(answer.status, 401 | 422), "{}", answer.status);
        let text = answer.text();
        let start = "<input id=\"username\" name=\"username\" type=\"text\" value=\"";
        let (_, rest) = text.split_once(start).expect("the field");
        let (value, _) = rest.split_once('"').expect("its end");
        let shown = [
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&quot;", "\""),
            ("&#x27;", "'"),
            ("&#39;", "'"),
            ("&#x2F;", "/"),
            ("&amp;", "&"),
        ]
        .iter()
        .fold(value.to_owned(), |text, (escaped, plain)| {
            text.replace(escaped, plain)
        });
        assert_eq!(shown, name);
        assert!(!value.contains(['<', '>']), "{value}");
    });
}

#[test]
fn a_name_that_was_taken_is_taken_in_any_case() {
    let scene = Scene::new();
    let names = (
        "[A-Za-z0-9][A-Za-z0-9._-]{2,20}",
        "[a-zA-Zß-öςΣ.+-]{1,8}",
        any::<bool>(),
    );
    hold(60, &names, |(name, local, same_name)| {
        let email = format!("{local}@{name}.example");
        let first = scene.register(&name, &email, PASSWORD);
        if first.status == 400 || rules::email_fault(&email).is_some() {
            return;
        }
        assert_eq!(first.status, 201, "{name} {email}: {}", first.text());
        assert_eq!(first.json()["user"]["username"], name.as_str());
        let swapped = |text: &str| {
            text.chars()
                .map(|c| {
                    if c.is_lowercase() {
                        c.to_ascii_uppercase()
                    } else {
                        c.to_ascii_lowercase()
                    }
                })
                .collect::<String>()
        };
        let again = if same_name {
            scene.register(&swapped(&name), "other@example.org", PASSWORD)
        } else {
            scene.register("someone.else", &swapped(&email), PASSWORD)
        };
        assert_eq!(
            (again.status, &again.json()["code"]),
            (400, &"already_registered".into()),
            "{name} {email}"
        );
    });
}
