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
    outside("verify", |person| person.open("/verify")),
    outside("verify, refused", refused_verification),
    outside("verify, asked", asked_verification),
    outside("verify, wrong code", wrong_code),
    outside("verify, done", |person| person.open("/verify/done")),
    outside("forgot", |person| person.open("/forgot")),
    outside("forgot, refused", refused_forgetting),
    outside("reset", asked_reset),
    outside("reset, refused", refused_reset),
    outside("reset, done", |person| person.open("/reset/done")),
    outside("goodbye", |person| person.open("/goodbye")),
    outside("address, confirmed", |person| {
        person.open("/address/confirmed");
    }),
    outside("address, taken back", |person| {
        person.open("/address/undone");
    }),
    outside("address, bad link", |person| {
        person.open("/address/undo/abc");
    }),
    outside("docs", open_docs),
    outside("docs, signing in", docs_dialog),
    outside("docs, trying", docs_trying),
    inside("home, signed in", |person| person.open("/")),
    inside("secure-data", |person| person.open("/secure-data")),
    inside("account", |person| person.open("/account")),
    inside("sessions", |person| person.open("/account/sessions")),
    inside("account, changed", |person| {
        person.open("/account?done=password");
    }),
    inside("events", |person| person.open("/account/events")),
    inside("confirm", |person| person.open("/account/confirm")),
    inside("confirm, refused", refused_confirmation),
    inside("password", |person| person.open("/account/password")),
    inside("password, refused", refused_password),
    inside("username", |person| person.open("/account/username")),
    inside("username, refused", refused_username),
    inside("email", |person| person.open("/account/email")),
    inside("email, refused", refused_email),
    inside("email, asked", asked_email),
    inside("email, wrong code", wrong_email_code),
    inside("data", |person| person.open("/account/data")),
    inside("delete", |person| person.open("/account/delete")),
    inside("delete, refused", refused_deletion),
    inside("error, signed in", |person| person.open("/nowhere")),
];

/// A house that writes letters, and keeps them.
pub fn house() -> House {
    House::with(&[("vestibule.verify_email", "\"optional\"")])
}

/// Goes to every page and does something there.
pub fn visit_all(house: &House, person: &Person, mut act: impl FnMut(&Place)) {
    let cookies = lived_in(house);
    behind_letters(house, person, &mut act);
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

/// Goes to the pages behind the links of letters.
fn behind_letters(house: &House, person: &Person, act: &mut impl FnMut(&Place)) {
    let asked = house.submit("/forgot", &[("email", "ana@example.org")]);
    assert_eq!(asked.status, 303);
    for (name, kind) in [("verify, by link", "verify"), ("reset, by link", "reset")] {
        let letter = house.letter(kind, "ana@example.org", 0);
        person.open(&letter.path(&format!("/{kind}/")));
        assert_eq!(person.status(), 200, "{name}");
        act(&outside(name, |_| {}));
    }
    let token = house.log_in("ana", PASSWORD).text_of("access_token");
    let call = house.post("/auth/email").bearer(&token);
    let asked = call.json(&json!({ "email": "ana@third.example" }));
    assert_eq!(asked.status, 202);
    let letter = house.letter("confirm-address", "ana@third.example", 0);
    person.open(&letter.path("/address/confirm/"));
    assert_eq!(person.status(), 200);
    act(&outside("address, by link", |_| {}));
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

fn refused_confirmation(person: &Person) {
    person.open("/account/confirm");
    person.write("#password", "not the password");
    person.follow("main button[type=submit]");
    assert_eq!(person.status(), 422);
}

fn refused_password(person: &Person) {
    person.open("/account/password");
    person.write("#current_password", PASSWORD);
    person.write("#new_password", "password1234");
    person.follow("main button[type=submit]");
    assert_eq!(person.status(), 422);
}

fn refused_username(person: &Person) {
    person.open("/account/username");
    person.write("#username", "a b c");
    person.follow("main button[type=submit]");
    assert_eq!(person.status(), 422);
}

fn refused_email(person: &Person) {
    person.open("/account/email");
    person.write("#email", "ana@example");
    person.follow("form[action='/account/email'] button");
    assert_eq!(person.status(), 422);
}

fn asked_email(person: &Person) {
    person.open("/account/email");
    person.write("#email", "ana@new.example");
    person.follow("form[action='/account/email'] button");
    assert!(person.sees("#code"));
}

fn wrong_email_code(person: &Person) {
    person.open("/account/email");
    person.write("#code", "BCDF-GHJK");
    person.follow("form[action='/account/email/confirm'] button");
    assert_eq!(person.status(), 422);
}

fn refused_deletion(person: &Person) {
    person.open("/account/delete");
    person.write("#username", "bob");
    person.follow("main button[type=submit]");
    assert_eq!(person.status(), 422);
}

fn refused_verification(person: &Person) {
    person.open("/verify");
    person.write("#email", "ana@example");
    person.follow("form[action='/verify/send'] button");
    assert_eq!(person.status(), 422);
}

fn asked_verification(person: &Person) {
    person.open("/verify");
    person.write("#email", "nobody@example.org");
    person.follow("form[action='/verify/send'] button");
    assert!(person.sees("#code"));
}

fn wrong_code(person: &Person) {
    asked_verification(person);
    person.write("#code", "BBBB-BBBB");
    person.follow("form[action='/verify'] button");
    assert_eq!(person.status(), 400);
}

fn refused_forgetting(person: &Person) {
    person.open("/forgot");
    person.write("#email", "ana@example");
    person.follow("main button[type=submit]");
    assert_eq!(person.status(), 422);
}

fn asked_reset(person: &Person) {
    person.open("/forgot");
    person.write("#email", "nobody@example.org");
    person.follow("main button[type=submit]");
    assert!(person.sees("#code"));
}

fn refused_reset(person: &Person) {
    asked_reset(person);
    person.write("#code", "BBBB-BBBB");
    person.write("#password", "brisk lantern meadow");
    person.follow("main button[type=submit]");
    assert_eq!(person.status(), 400);
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
