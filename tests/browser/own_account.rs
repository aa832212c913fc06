//! What people do with their own account: change it, look at it, take it along, leave.

use serde_json::json;

use crate::house::{House, PASSWORD};
use crate::person::Person;

const NEW: &str = "marble otter gazette";

fn registered(house: &House, name: &str) -> Person {
    let person = Person::at(house);
    person.open("/register");
    person.register(name);
    assert_eq!(person.place(), "/account");
    person
}

fn go(person: &Person, path: &str) {
    person.open("/account");
    person.follow(&format!("main a[href='{path}']"));
}

#[test]
fn a_password_is_changed_and_only_this_browser_stays() {
    let house = House::new();
    let (ana, elsewhere) = (registered(&house, "ana"), Person::at(&house));
    elsewhere.open("/login");
    elsewhere.log_in("ana", PASSWORD);
    go(&ana, "/account/password");
    ana.write("#current_password", "not the password");
    ana.write("#new_password", NEW);
    ana.follow("main button[type=submit]");
    assert!(ana.sees("#current_password-error"));
    // Neither is kept in the page.
    assert_eq!(ana.written_in("#current_password"), "");
    assert_eq!(ana.written_in("#new_password"), "");
    ana.write("#current_password", PASSWORD);
    ana.write("#new_password", NEW);
    ana.follow("main button[type=submit]");
    assert_eq!(ana.place(), "/account?done=password");
    assert!(ana.words("[role=status]").contains("changed"));
    elsewhere.open("/account");
    assert_eq!(elsewhere.place(), "/login?next=%2Faccount");
    elsewhere.log_in("ana", NEW);
    assert_eq!(elsewhere.place(), "/account");
    go(&ana, "/account/events");
    assert!(ana.words("main").contains("Password changed"));
}

#[test]
fn after_a_while_the_password_is_asked_again_and_leads_back() {
    let house = House::new();
    let ana = registered(&house, "ana");
    house.clock.advance(700);
    go(&ana, "/account/username");
    assert_eq!(ana.place(), "/account/confirm?next=%2Faccount%2Fusername");
    ana.write("#password", "not the password");
    ana.follow("main button[type=submit]");
    assert!(ana.words("[role=alert]").contains("not your password"));
    ana.write("#password", PASSWORD);
    ana.follow("main button[type=submit]");
    assert_eq!(ana.place(), "/account/username");
    // Left open for too long, the form comes back once it is confirmed.
    ana.write("#username", "maria");
    house.clock.advance(700);
    ana.follow("main button[type=submit]");
    assert_eq!(ana.place(), "/account/confirm?next=%2Faccount%2Fusername");
    ana.write("#password", PASSWORD);
    ana.follow("main button[type=submit]");
    assert_eq!(ana.written_in("#username"), "ana");
    ana.write("#username", "maria");
    ana.follow("main button[type=submit]");
    assert_eq!(ana.place(), "/account?done=username");
    assert_eq!(ana.words("header .who"), "maria");
}

#[test]
fn an_address_is_changed_with_the_code_and_taken_back_with_the_link() {
    let house = House::new();
    let ana = registered(&house, "ana");
    go(&ana, "/account/email");
    ana.write("#email", "ana@new.example");
    ana.follow("main button[type=submit]");
    let letter = house.letter("confirm-address", "ana@new.example", 0);
    ana.write("#code", &letter.code());
    ana.follow("form[action='/account/email/confirm'] button");
    assert_eq!(ana.place(), "/account?done=email");
    let told = house.letter("address-changed", "ana@example.org", 0);
    let phone = Person::without_scripts(&house);
    phone.open(&told.path("/address/undo/"));
    assert!(phone.words("main").contains("ana@example.org"));
    phone.follow("main button[type=submit]");
    assert_eq!(phone.place(), "/address/undone");
    phone.follow("main a[href='/forgot']");
    assert_eq!(phone.place(), "/forgot");
    ana.open("/account");
    assert_eq!(ana.place(), "/login?next=%2Faccount");
}

#[test]
fn an_address_is_confirmed_on_another_device() {
    let house = House::new();
    let ana = registered(&house, "ana");
    go(&ana, "/account/email");
    ana.write("#email", "ana@new.example");
    ana.follow("main button[type=submit]");
    let letter = house.letter("confirm-address", "ana@new.example", 0);
    let phone = Person::at(&house);
    phone.open(&letter.path("/address/confirm/"));
    phone.follow("main button[type=submit]");
    assert_eq!(phone.place(), "/address/confirmed");
    ana.open("/account/email");
    assert!(ana.words(".intro").contains("ana@new.example"));
    assert!(!ana.sees("#code"));
}

#[test]
fn who_leaves_types_the_name_and_is_a_stranger_then() {
    let house = House::new();
    let ana = registered(&house, "ana");
    go(&ana, "/account/delete");
    ana.write("#username", "anna");
    ana.follow("main button[type=submit]");
    assert!(ana.sees("#username-error"));
    ana.write("#username", "ana");
    ana.follow("main button[type=submit]");
    assert_eq!(ana.place(), "/goodbye");
    assert!(!ana.sees("header form[action='/logout']"));
    ana.open("/login");
    ana.log_in("ana", PASSWORD);
    assert_eq!(ana.status(), 401);
}

#[test]
fn everything_is_downloaded_as_a_file() {
    let house = House::new();
    let ana = registered(&house, "ana");
    go(&ana, "/account/data");
    let action = ana.attribute("main form", "action");
    let action = action.expect("a place");
    // What the browser would save.
    let asked = ana.ask_later(&format!(
        "const done = arguments[arguments.length - 1]; \
         fetch({}, {{ method: 'POST' }}).then(async (answer) => done([answer.headers.get('Content-Disposition'), await answer.json()]))",
        json!(action)
    ));
    let name = asked[0].as_str().expect("a header");
    assert!(name.starts_with("attachment"), "{name}");
    assert_eq!(asked[1]["account"]["email"], "ana@example.org");
}
