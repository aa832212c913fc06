//! Somebody else's Rocket app with Vestibule attached: the example, as it stands.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "../examples/own_app.rs"]
mod example;
mod house;

use house::{Database, PASSWORD, figment, operator};
use rocket::http::{Accept, ContentType, Cookie, Header, Status};
use rocket::local::blocking::Client;
use vestibule::Role;
use vestibule::accounts::operator::Act;
use vestibule::config::LogFormat;
use vestibule::log::Log;
use vestibule::world::{Chance, Clock, World};

fn app() -> (Database, Client) {
    let (database, client, _) = app_and_clock();
    (database, client)
}

fn app_and_clock() -> (Database, Client, Clock) {
    let database = Database::fresh();
    let clock = Clock::set_to(house::START);
    let world = World {
        log: Log::kept(clock.clone(), LogFormat::Json),
        clock: clock.clone(),
        chance: Chance::real(),
    };
    let app = example::app(figment(&database, &[("port", "8000")]), world)
        .mount("/notes", rocket::routes![broken, sensitive]);
    let client = Client::untracked(app).expect("the app launches");
    (database, client, clock)
}

/// A handler for which the password must have been proven lately.
#[rocket::get("/sensitive")]
fn sensitive(fresh: vestibule::Fresh) -> String {
    format!("for {}", fresh.caller.username())
}

/// A handler with a fault in it.
#[rocket::get("/broken")]
fn broken(caller: vestibule::Caller) -> String {
    panic!("{SECRET} of {}", caller.username())
}

/// What a panic tells nobody but the operator.
const SECRET: &str = "the inner secret";

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
fn the_apps_route_for_administrators_is_guarded_with_one_parameter() {
    let (database, client) = app();
    let get = |cookie: Option<&Cookie<'static>>, accept: Accept| {
        let mut request = client.get("/everybodys-notes").header(accept);
        if let Some(cookie) = cookie {
            request = request.cookie(cookie.clone());
        }
        request.dispatch()
    };
    assert_eq!(get(None, Accept::JSON).status(), Status::Unauthorized);
    let sent = get(None, Accept::HTML);
    assert_eq!(
        sent.headers().get_one("Location"),
        Some("/id/login?next=%2Feverybodys-notes")
    );
    let user = register(&client);
    let refused = get(Some(&user), Accept::JSON);
    assert_eq!(refused.status(), Status::Forbidden);
    let problem: serde_json::Value = refused.into_json().expect("a problem");
    assert_eq!(problem["code"], "not_allowed");
    let page = get(Some(&user), Accept::HTML).into_string().expect("text");
    assert!(page.contains("This is for administrators."), "{page}");
    assert!(operator::act(
        &database,
        "ana",
        Act::Role(Role::Admin),
        house::START
    ));
    // The token from before is nobody's any more, and whoever signs in now holds one that says so.
    let admin = sign_in(&client);
    let notes = get(Some(&admin), Accept::JSON);
    assert_eq!(notes.status(), Status::Ok);
    assert_eq!(notes.into_string().expect("text"), "All notes, for ana");
    assert_eq!(get(None, Accept::JSON).status(), Status::Unauthorized);
}

/// Signs in through the page of the stage and gives the cookie.
fn sign_in(client: &Client) -> Cookie<'static> {
    let answer = client
        .post("/id/login")
        .header(Header::new("Host", "localhost"))
        .header(Header::new("Sec-Fetch-Site", "same-origin"))
        .header(Accept::HTML)
        .header(ContentType::Form)
        .body(format!(
            "username=ana&password={}",
            PASSWORD.replace(' ', "+")
        ))
        .dispatch();
    assert_eq!(answer.status(), Status::SeeOther);
    answer.cookies().get("vestibule").expect("a cookie").clone()
}

#[test]
fn a_sensitive_route_of_the_app_asks_for_the_password_again() {
    let (_database, client, clock) = app_and_clock();
    let cookie = register(&client);
    let ask = |accept: Accept| {
        let call = client.get("/notes/sensitive").cookie(cookie.clone());
        call.header(accept).dispatch()
    };
    assert_eq!(ask(Accept::HTML).into_string().expect("text"), "for ana");
    clock.advance(601);
    let led = ask(Accept::HTML);
    assert_eq!(
        led.headers().get_one("Location"),
        Some("/id/account/confirm?next=%2Fnotes%2Fsensitive")
    );
    let told = ask(Accept::JSON);
    assert_eq!(told.status(), Status::Unauthorized);
    let challenge = told.headers().get_one("WWW-Authenticate");
    assert!(challenge.expect("a challenge").contains("max_age"));
}

#[test]
fn a_panic_is_a_plain_500_and_the_service_goes_on() {
    let (_database, client) = app();
    let cookie = register(&client);
    let get = |path: &'static str, accept: Accept| {
        client
            .get(path)
            .cookie(cookie.clone())
            .header(accept)
            .dispatch()
    };
    for (accept, kind) in [
        (Accept::JSON, "application/problem+json"),
        (Accept::HTML, "text/html; charset=utf-8"),
    ] {
        let answer = get("/notes/broken", accept);
        assert_eq!(answer.status(), Status::InternalServerError);
        let header = |name| {
            answer
                .headers()
                .get_one(name)
                .unwrap_or_default()
                .to_owned()
        };
        assert_eq!(header("Content-Type"), kind);
        assert_eq!(header("Cache-Control"), "no-store");
        assert_eq!(header("X-Content-Type-Options"), "nosniff");
        assert!(header("Content-Security-Policy").contains("default-src 'none'"));
        let text = answer.into_string().expect("text");
        assert!(text.contains("Something went wrong on our side."), "{text}");
        for inside in [SECRET, "panic", "own_app", ".rs"] {
            assert!(!text.contains(inside), "{inside}: {text}");
        }
    }
    assert_eq!(get("/notes", Accept::JSON).status(), Status::Ok);
    // Whoever may not reach the handler does not reach its fault.
    let stranger = client.get("/notes/broken").dispatch();
    assert_eq!(stranger.status(), Status::Unauthorized);
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
