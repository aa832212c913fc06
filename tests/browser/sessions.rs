//! Coming in, going out, and what the browser still shows then.

use crate::house::{House, PASSWORD};
use crate::person::Person;

const DAY: i64 = 24 * 60 * 60;

#[test]
fn who_registers_is_signed_in_and_shown_who_they_are() {
    let house = House::new();
    let ana = Person::at(&house);
    ana.open("/register");
    ana.register("ana");
    assert_eq!(ana.place(), "/account");
    assert!(ana.sees("header form[action='/logout'] button"));
    assert_eq!(ana.words("header .who"), "ana");
    let sheet = ana.words(".sheet");
    assert!(
        sheet.contains("ana") && sheet.contains("Signed in since"),
        "{sheet}"
    );
    // The script says it in the reader's own words; the moment stays.
    assert_eq!(
        ana.attribute(".sheet time", "datetime").as_deref(),
        Some("2026-09-21T14:13:20Z")
    );
    ana.open("/");
    assert_eq!(ana.words("h1"), "Welcome, ana.");
}

#[test]
fn who_signs_out_is_asked_to_sign_in_and_led_to_where_they_were_going() {
    let house = House::new();
    let ana = Person::at(&house);
    ana.open("/register");
    ana.register("ana");
    ana.log_out();
    assert_eq!(ana.place(), "/");
    ana.open("/secure-data");
    assert_eq!(ana.place(), "/login?next=%2Fsecure-data");
    ana.log_in("ana", PASSWORD);
    assert_eq!(ana.place(), "/secure-data");
    assert_eq!(ana.words(".message"), "Hello ana, this is sensitive data!");
}

#[test]
fn an_email_address_signs_in_too() {
    let house = House::new();
    house.register("ana");
    let ana = Person::at(&house);
    ana.open("/login");
    ana.log_in("Ana@Example.org", PASSWORD);
    assert_eq!(ana.place(), "/account");
}

#[test]
fn somebody_signed_in_is_not_asked_again() {
    let house = House::new();
    let ana = Person::at(&house);
    ana.open("/register");
    ana.register("ana");
    for form in ["/login", "/register"] {
        ana.open(form);
        assert_eq!(ana.place(), "/account");
    }
    ana.open("/login?next=%2Fsecure-data");
    assert_eq!(ana.place(), "/secure-data");
}

#[test]
fn all_tabs_come_in_and_go_out_together() {
    let house = House::new();
    let ana = Person::at(&house);
    ana.open("/register");
    ana.register("ana");
    let first = ana.open_tab();
    ana.open("/secure-data");
    assert_eq!(ana.place(), "/secure-data");
    ana.log_out();
    ana.look_at(first);
    assert_eq!(ana.place(), "/account");
    ana.open("/account");
    assert_eq!(ana.place(), "/login?next=%2Faccount");
}

#[test]
fn a_tab_that_was_left_open_can_still_sign_out() {
    let house = House::new();
    let ana = Person::at(&house);
    ana.open("/register");
    ana.register("ana");
    let first = ana.open_tab();
    ana.open("/account");
    ana.log_out();
    ana.look_at(first);
    ana.log_out();
    assert_eq!(ana.place(), "/");
    assert!(ana.sees("a[href='/login']"));
}

#[test]
fn the_back_button_shows_nothing_of_somebody_who_left() {
    let house = House::new();
    let ana = Person::at(&house);
    ana.open("/register");
    ana.register("ana");
    ana.log_out();
    ana.go_back();
    // The browser may show the page it kept, hidden, until it has asked anew.
    ana.wait_until("the form shows", || ana.sees("#password"));
    assert_eq!(ana.place(), "/login?next=%2Faccount");
    assert!(!ana.words("body").contains("ana"));
}

#[test]
fn who_comes_back_within_days_is_still_signed_in() {
    let house = House::new();
    let ana = Person::at(&house);
    ana.open("/register");
    ana.register("ana");
    house.clock.advance(3 * DAY);
    ana.open("/account");
    assert_eq!(ana.place(), "/account");
}

#[test]
fn a_session_that_ran_out_leads_to_the_form_and_back() {
    let house = House::new();
    let ana = Person::at(&house);
    ana.open("/register");
    ana.register("ana");
    house.clock.advance(15 * DAY);
    ana.open("/account");
    assert_eq!(ana.place(), "/login?next=%2Faccount");
    assert!(!ana.sees("header form[action='/logout']"));
    ana.log_in("ana", PASSWORD);
    assert_eq!(ana.place(), "/account");
}

#[test]
fn a_session_elsewhere_is_ended_from_here() {
    let house = House::new();
    let (here, elsewhere) = (Person::at(&house), Person::at(&house));
    here.open("/register");
    here.register("ana");
    elsewhere.open("/login");
    elsewhere.log_in("ana", PASSWORD);
    assert_eq!(elsewhere.place(), "/account");
    here.follow("main a[href='/account/sessions']");
    here.follow("form[action$='/end'] button");
    assert_eq!(here.place(), "/account/sessions");
    assert!(!here.sees("form[action$='/end']"));
    elsewhere.open("/account");
    assert_eq!(elsewhere.place(), "/login?next=%2Faccount");
    here.open("/account");
    assert_eq!(here.place(), "/account");
}
