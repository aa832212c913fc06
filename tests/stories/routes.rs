//! Every route by name: who may use it. A new one that nobody listed fails here.

use std::collections::BTreeSet;

use rocket::http::Method;

use crate::house::{Database, House, figment};

/// What answers strangers, and why it may.
const OPEN: &[(&str, &str)] = &[
    ("GET", "/"),
    ("GET", "/login"),
    ("GET", "/register"),
    ("GET", "/invite/<invite>"),
    ("GET", "/verify"),
    ("GET", "/verify/<secret>"),
    ("GET", "/verify/done"),
    ("GET", "/forgot"),
    ("GET", "/reset"),
    ("GET", "/reset/<secret>"),
    ("GET", "/reset/done"),
    ("GET", "/goodbye"),
    ("GET", "/address/confirm/<secret>"),
    ("GET", "/address/undo/<secret>"),
    ("GET", "/address/confirmed"),
    ("GET", "/address/undone"),
    ("GET", "/static/<name>"),
    ("GET", "/docs"),
    ("GET", "/docs/<name>"),
    ("GET", "/openapi.json"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
];

/// What changes something and checks a secret or makes an account: open to programs, closed to other sites.
const CHANGING: &[(&str, &str)] = &[
    ("POST", "/login"),
    ("POST", "/register"),
    ("POST", "/logout"),
    ("POST", "/auth/register"),
    ("POST", "/auth/token"),
    ("POST", "/address/confirm/<secret>"),
    ("POST", "/address/undo/<secret>"),
    ("POST", "/auth/email/undo"),
    ("POST", "/verify"),
    ("POST", "/verify/send"),
    ("POST", "/verify/<secret>"),
    ("POST", "/forgot"),
    ("POST", "/reset"),
    ("POST", "/reset/<secret>"),
    ("POST", "/auth/verify"),
    ("POST", "/auth/verify/send"),
    ("POST", "/auth/forgot"),
    ("POST", "/auth/reset"),
];

/// What changes something for somebody signed in.
const OWN: &[(&str, &str)] = &[
    ("POST", "/auth/logout"),
    ("POST", "/auth/confirm"),
    ("POST", "/auth/password"),
    ("POST", "/auth/username"),
    ("DELETE", "/auth/me"),
    ("POST", "/auth/data"),
    ("POST", "/account/data"),
    ("POST", "/auth/email"),
    ("POST", "/auth/email/confirm"),
    ("POST", "/account/email"),
    ("POST", "/account/email/confirm"),
    ("POST", "/account/delete"),
    ("POST", "/account/confirm"),
    ("POST", "/account/password"),
    ("POST", "/account/username"),
    ("DELETE", "/auth/sessions"),
    ("DELETE", "/auth/sessions/<id>"),
    ("POST", "/account/sessions/<id>/end"),
    ("POST", "/account/sessions/end-others"),
];

/// What wants somebody signed in.
const GUARDED: &[(&str, &str)] = &[
    ("GET", "/account"),
    ("GET", "/secure-data"),
    ("GET", "/auth/me"),
    ("GET", "/auth/sessions"),
    ("GET", "/account/sessions"),
    ("GET", "/account/email"),
    ("GET", "/account/confirm"),
    ("GET", "/account/data"),
    ("GET", "/account/delete"),
    ("GET", "/account/events"),
    ("GET", "/account/password"),
    ("GET", "/account/username"),
    ("GET", "/auth/events"),
];

fn mounted() -> BTreeSet<(String, String)> {
    let database = Database::fresh();
    let world = vestibule::world::World::real(vestibule::log::Log::kept(
        vestibule::world::Clock::Real,
        vestibule::config::LogFormat::Json,
    ));
    let runtime = rocket::tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let rocket = vestibule::rocket(figment(&database, &[]), world)
            .await
            .expect("furnished");
        let routes = rocket
            .routes()
            .filter(|route| !route.uri.path().ends_with("/.refused"));
        let routes = routes
            .map(|route| (route.method.to_string(), route.uri.path().to_owned()))
            .collect();
        if let Some(database) = rocket.state::<vestibule::store::Db>() {
            database.close().await;
        }
        routes
    })
}

fn path_of(pattern: &str) -> String {
    pattern
        .replace("<invite>", "BCDF-GHJK-LMNP-QRST")
        .replace("<name>", "vestibule.css")
        .replace("<secret>", "abc")
        .replace("<id>", "abc")
}

#[test]
fn every_route_is_listed() {
    let listed = OPEN.iter().chain(CHANGING).chain(OWN).chain(GUARDED);
    let listed: BTreeSet<_> = listed
        .map(|(method, path)| ((*method).to_owned(), (*path).to_owned()))
        .collect();
    assert_eq!(mounted(), listed);
}

#[test]
fn what_is_not_open_answers_no_stranger() {
    let house = House::new();
    for (method, pattern) in mounted() {
        let answer = house.call(&method, &path_of(&pattern)).send();
        let page = house.call(&method, &path_of(&pattern)).page().send();
        match (&*method, &*pattern) {
            // Open to whoever has an invitation; this one is nobody's.
            entry @ ("GET", "/invite/<invite>") => assert_eq!(answer.status, 403, "{entry:?}"),
            entry if OPEN.contains(&entry) => assert!(
                // 303: the code form without a letter asked for. 400: a letter that was made up.
                matches!(answer.status, 200 | 303 | 400 | 404),
                "{entry:?} {}",
                answer.status
            ),
            entry if GUARDED.contains(&entry) => {
                assert_eq!(answer.status, 401, "{entry:?}");
                assert!(matches!(page.status, 303 | 401), "{entry:?}");
            }
            entry if OWN.contains(&entry) => {
                assert!(
                    matches!(answer.status, 401 | 403),
                    "{entry:?} {}",
                    answer.status
                );
            }
            entry => assert!(
                matches!(answer.status, 403 | 415),
                "{entry:?} {}",
                answer.status
            ),
        }
    }
}

#[test]
fn what_changes_something_is_closed_to_other_sites() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    let changing = mounted()
        .into_iter()
        .filter(|(method, _)| method != Method::Get.as_str());
    let mut seen = 0;
    for (method, path) in changing {
        for foreign in [
            ("Sec-Fetch-Site", "cross-site"),
            ("Origin", "https://evil.example"),
        ] {
            for kind in ["application/json", "application/x-www-form-urlencoded"] {
                let call = house
                    .call(&method, &path_of(&path))
                    .header(foreign.0, foreign.1)
                    .header("Cookie", &cookie);
                let answer = call.header("Content-Type", kind).body(b"{}".to_vec());
                assert_eq!(answer.status, 403, "{method} {path}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, (CHANGING.len() + OWN.len()) * 4);
}

#[test]
fn the_api_document_names_the_routes_for_programs_and_no_others() {
    let document = serde_json::to_value(vestibule::api::document("")).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let documented: BTreeSet<_> = paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").keys();
            methods.map(move |method| {
                (
                    method.to_uppercase(),
                    path.replace('{', "<").replace('}', ">"),
                )
            })
        })
        .collect();
    let programs = |path: &str| {
        ["/auth/", "/health/", "/.well-known/"]
            .iter()
            .any(|start| path.starts_with(start))
            || path == "/secure-data"
    };
    let mounted: BTreeSet<_> = mounted()
        .into_iter()
        .filter(|(_, path)| programs(path))
        .collect();
    assert_eq!(documented, mounted);
}

#[test]
fn the_ways_in_and_out_are_those_in_the_security_policy() {
    let policy = include_str!("../../SECURITY.md");
    let section = policy
        .split("\n## Ways in and out\n")
        .nth(1)
        .and_then(|rest| rest.split("\n## ").next())
        .expect("the section");
    let listed: BTreeSet<(&str, &str)> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('|').next())
        .flat_map(|ways| ways.split('`').step_by(2))
        .filter_map(|way| way.split_once(' '))
        .filter(|(method, _)| *method == "POST")
        .collect();
    let ways: BTreeSet<(&str, &str)> = CHANGING.iter().copied().collect();
    assert_eq!(listed, ways);
}
