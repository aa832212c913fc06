//! Somebody else's Rocket app with Vestibule attached: the example, as it stands.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "../examples/own_app.rs"]
mod example;
mod house;

use house::{Database, PASSWORD, figment};
use rocket::http::{Accept, ContentType, Cookie, Header, Status};
use rocket::local::blocking::Client;
use vestibule::config::LogFormat;
use vestibule::log::Log;
use vestibule::world::{Chance, Clock, World};

fn app() -> (Database, Client) {
    let database = Database::fresh();
    let clock = Clock::set_to(house::START);
    let world = World {
        log: Log::kept(clock.clone(), LogFormat::Json),
        clock,
        chance: Chance::real(),
    };
    let client = Client::untracked(example::app(figment(&database, &[("port", "8000")]), world))
        .expect("the app launches");
    (database, client)
}

/// Registers through the page of the stage and gives the cookie.
fn register(client: &Client) -> Cookie<'static> {
    let body = format!(
        "username=ana&email=ana%40example.org&password={}&next=%2Fnotes",
        PASSWORD.replace(' ', "+")
    );
    let answer = client
        .post("/id/register")
        .header(Header::new("Host", "localhost"))
        .header(Header::new("Sec-Fetch-Site", "same-origin"))
        .header(Accept::HTML)
        .header(ContentType::Form)
        .body(body)
        .dispatch();
    assert_eq!(answer.status(), Status::SeeOther);
    assert_eq!(answer.headers().get_one("Location"), Some("/notes"));
    answer.cookies().get("vestibule").expect("a cookie").clone()
}

#[test]
fn the_apps_own_route_is_guarded_with_one_parameter() {
    let (_database, client) = app();
    let stranger = client.get("/notes").dispatch();
    assert_eq!(stranger.status(), Status::Unauthorized);
    assert_eq!(
        stranger.headers().get_one("WWW-Authenticate"),
        Some("Bearer")
    );
    let sent = client.get("/notes").header(Accept::HTML).dispatch();
    assert_eq!(
        sent.headers().get_one("Location"),
        Some("/id/login?next=%2Fnotes")
    );
    let cookie = register(&client);
    let notes = client.get("/notes").cookie(cookie.clone()).dispatch();
    assert!(
        notes
            .into_string()
            .expect("text")
            .starts_with("The notes of ana (")
    );
    let home = client.get("/").cookie(cookie).dispatch();
    assert!(home.into_string().expect("text").contains("Hello ana"));
}

#[test]
fn the_stages_pages_stand_below_its_base() {
    let (_database, client) = app();
    let local = || Header::new("Host", "localhost");
    let page = client
        .get("/id/login")
        .header(local())
        .header(Accept::HTML)
        .dispatch();
    assert_eq!(page.status(), Status::Ok);
    assert!(page.headers().get_one("Content-Security-Policy").is_some());
    let text = page.into_string().expect("text");
    for link in text
        .split("href=\"/")
        .skip(1)
        .chain(text.split("action=\"/").skip(1))
    {
        assert!(
            link.starts_with("id\"") || link.starts_with("id/"),
            "{link}"
        );
    }
    let style = text
        .split('"')
        .find(|part| part.starts_with("/id/static/"))
        .expect("a style");
    assert_eq!(
        client
            .get(style.to_owned())
            .header(local())
            .dispatch()
            .status(),
        Status::Ok
    );
    let document: serde_json::Value = client
        .get("/id/openapi.json")
        .header(local())
        .dispatch()
        .into_json()
        .expect("JSON");
    assert_eq!(document["servers"][0]["url"], "/id");
    let missing = client.get("/id/nothing").header(local()).dispatch();
    assert_eq!(
        missing.into_json::<serde_json::Value>().expect("a problem")["code"],
        "not_found"
    );
}

#[test]
fn the_apps_other_routes_are_left_alone() {
    let (_database, client) = app();
    let home = client
        .get("/")
        .header(Header::new("Host", "app.example"))
        .dispatch();
    assert_eq!(home.status(), Status::Ok);
    for name in [
        "Content-Security-Policy",
        "Cache-Control",
        "Vary",
        "Cross-Origin-Opener-Policy",
    ] {
        assert_eq!(home.headers().get_one(name), None, "{name}");
    }
    let missing = client.get("/nothing").dispatch();
    assert_eq!(missing.status(), Status::NotFound);
    assert!(
        missing.into_string().expect("text").contains("Rocket"),
        "the app's own face"
    );
    // The rule about hosts holds below the base alone.
    let refused = client
        .get("/id/login")
        .header(Header::new("Host", "app.example"))
        .dispatch();
    assert_eq!(refused.status(), Status::BadRequest);
    assert_eq!(client.get("/idle").dispatch().status(), Status::NotFound);
    // Nor does another spelling of the base lead past it.
    for path in ["/%69d/login", "//id/login", "/id//login"] {
        let refused = client
            .get(path)
            .header(Header::new("Host", "app.example"))
            .dispatch();
        assert_eq!(refused.status(), Status::BadRequest, "{path}");
        let odd = client
            .get(path)
            .header(Header::new("Host", "localhost"))
            .dispatch();
        assert_eq!(odd.status(), Status::NotFound, "{path}");
        assert!(
            odd.headers().get_one("Content-Security-Policy").is_some(),
            "{path}"
        );
    }
}

#[test]
fn a_guard_without_the_stage_does_not_launch() {
    let rocket =
        rocket::custom(rocket::Config::debug_default()).mount("/", rocket::routes![guarded]);
    let refused = Client::untracked(rocket).expect_err("refused");
    assert!(matches!(
        refused.kind(),
        rocket::error::ErrorKind::SentinelAborts(_)
    ));
}

#[rocket::get("/guarded")]
fn guarded(_caller: vestibule::Caller) {}

#[test]
fn the_root_is_no_base_for_a_stage() {
    let clock = Clock::set_to(house::START);
    let log = Log::kept(clock.clone(), LogFormat::Json);
    let world = World {
        clock,
        chance: Chance::real(),
        log: log.clone(),
    };
    let database = Database::fresh();
    let rocket = rocket::custom(figment(&database, &[])).attach(vestibule::stage("/", world));
    let refused = Client::untracked(rocket).expect_err("refused");
    assert!(matches!(
        refused.kind(),
        rocket::error::ErrorKind::FailedFairings(_)
    ));
    assert!(log.taken().contains("cannot be a mount base"));
}
