//! Every page there is, and how somebody gets there.

use serde_json::json;

use crate::house::{House, PASSWORD};
use crate::person::Person;

/// A page in one of its states.
pub struct Place {
    /// What it is called when something is wrong with it.
    pub name: &'static str,
    /// The way there.
    pub reach: fn(&Person),
    /// Whether one has to be signed in.
    pub inside: bool,
}

const fn outside(name: &'static str, reach: fn(&Person)) -> Place {
    Place {
        name,
        reach,
        inside: false,
    }
}

const fn inside(name: &'static str, reach: fn(&Person)) -> Place {
    Place {
        name,
        reach,
        inside: true,
    }
}

/// All of them: first those of a stranger, then those of somebody signed in.
pub const EVERY: &[Place] = &[
    outside("home", |person| person.open("/")),
    outside("register", |person| person.open("/register")),
    outside("register, refused", refused_registration),
    outside("register, taken", taken_registration),
    outside("login", |person| person.open("/login")),
    outside("login, on the way", |person| person.open("/secure-data")),
    outside("login, refused", refused_login),
    outside("error", |person| person.open("/nowhere")),
    outside("docs", open_docs),
    outside("docs, signing in", docs_dialog),
    outside("docs, trying", docs_trying),
    inside("home, signed in", |person| person.open("/")),
    inside("secure-data", |person| person.open("/secure-data")),
    inside("account", |person| person.open("/account")),
    inside("sessions", |person| person.open("/account/sessions")),
    inside("error, signed in", |person| person.open("/nowhere")),
];

/// Goes to every page and does something there.
pub fn visit_all(house: &House, person: &Person, mut act: impl FnMut(&Place)) {
    let cookies = lived_in(house);
    for place in EVERY {
        if place.inside {
            hold(person, &cookies);
        }
        (place.reach)(person);
        let name = person.sees("header form[action='/logout']");
        assert_eq!(name, place.inside, "{} is another page", place.name);
        act(place);
    }
}

/// Registers ana, who then has a session, another one elsewhere, and one that ended; gives the first one's cookies.
fn lived_in(house: &House) -> String {
    let cookies = house.cookie_of("ana");
    let log_in = || house.submit("/login", &[("username", "ana"), ("password", PASSWORD)]);
    assert_eq!(log_in().status, 303);
    let ended = log_in().cookie();
    let out = house.post("/logout").header("Origin", &house.origin);
    assert_eq!(out.header("Cookie", &ended).form(&[]).status, 303);
    cookies
}

/// Puts a session's cookies into the browser.
fn hold(person: &Person, cookies: &str) {
    for pair in cookies.split("; ") {
        let (name, value) = pair.split_once('=').expect("a cookie");
        let cookie =
            json!({ "name": name, "value": value, "url": person.origin, "httpOnly": true });
        person.tools("Network.setCookie", &cookie);
    }
}

fn refused_registration(person: &Person) {
    person.open("/register");
    // All pass the browser's own checks of the fields, and fail ours.
    person.write("#username", "a b c");
    person.write("#email", "ana@example");
    person.write("#password", &"too long ".repeat(15));
    person.follow("main button[type=submit]");
    assert_eq!(person.status(), 422);
}

fn taken_registration(person: &Person) {
    person.open("/register");
    person.register("ana");
    assert_eq!(person.status(), 400);
}

fn refused_login(person: &Person) {
    person.open("/login");
    person.log_in("ana", "not the password");
    assert_eq!(person.status(), 401);
}

/// The API page, once its program has drawn it.
pub fn open_docs(person: &Person) {
    person.open("/docs");
    person.wait_until("the API is drawn", || person.sees(".opblock"));
}

fn docs_dialog(person: &Person) {
    open_docs(person);
    person.click(".btn.authorize");
    person.wait_until("the dialog is drawn", || person.sees("#oauth_username"));
}

/// A body to fill in, and an answer: open at the same time.
fn docs_trying(person: &Person) {
    open_docs(person);
    try_out(person, "#operations-accounts-register");
    try_out(person, "#operations-secured-secure_data");
    person.enter("#operations-secured-secure_data .btn.execute");
    person.wait_until("the answer shows", || person.sees(".live-responses-table"));
}

/// Opens an operation of the API page and makes it ready to be tried.
pub fn try_out(person: &Person, operation: &str) {
    person.enter(&format!("{operation} .opblock-summary-control"));
    person.enter(&format!("{operation} .try-out__btn"));
    let button = format!("{operation} .btn.execute");
    person.wait_until("the operation opens", || person.sees(&button));
}
