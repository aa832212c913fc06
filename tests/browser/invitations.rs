//! Coming by invitation, and where nobody may come.

use crate::accessibility::{axe, faults_here};
use crate::house::House;
use crate::house::operator::{invite, wanted};
use crate::looks::{prefer, widen};
use crate::person::Person;

fn by_invitation() -> House {
    House::with(&[("vestibule.registration", "invite")])
}

fn closed() -> House {
    House::with(&[("vestibule.registration", "closed")])
}

#[test]
fn a_link_leads_to_an_account_without_typing_the_code() {
    let house = by_invitation();
    let (_, code) = invite(&house, wanted(1));
    let ana = Person::at(&house);
    ana.open(&format!("/invite/{code}?next=%2Fsecure-data"));
    assert_eq!(ana.written_in("#invite"), code);
    ana.register("ana");
    assert_eq!(ana.place(), "/secure-data");
    // Whoever is signed in needs no invitation, used up or not.
    ana.open(&format!("/invite/{code}"));
    assert_eq!(ana.place(), "/account");
}

#[test]
fn a_code_that_is_wrong_is_said_beside_its_field_and_everything_else_is_kept() {
    let house = by_invitation();
    let (_, code) = invite(&house, wanted(1));
    let ana = Person::at(&house);
    ana.open("/register");
    ana.write("#invite", "BCDF-GHJK-LMNP-QRST");
    ana.register("ana");
    assert_eq!((ana.place().as_str(), ana.status()), ("/register", 403));
    let pointed = ana.attribute("#invite", "aria-describedby");
    assert_eq!(pointed.as_deref(), Some("invite-error invite-hint"));
    assert!(
        ana.words("#invite-error")
            .starts_with("This invitation is not valid")
    );
    ana.click("[role=alert] a[href='#invite']");
    assert_eq!(ana.ask("return document.activeElement.id"), "invite");
    assert_eq!(ana.written_in("#username"), "ana");
    ana.write("#invite", &code.to_lowercase().replace('-', " "));
    ana.write("#password", crate::house::PASSWORD);
    ana.follow("main button[type=submit]");
    assert!(ana.sees("header form[action='/logout']"));
}

#[test]
fn the_way_by_invitation_works_without_scripts() {
    let house = by_invitation();
    let (_, code) = invite(&house, wanted(1));
    let ana = Person::without_scripts(&house);
    ana.open(&format!("/invite/{code}"));
    ana.write("#username", "ana");
    ana.write("#email", "ana@example.org");
    ana.write("#password", crate::house::PASSWORD);
    ana.enter("main button[type=submit]");
    let signed_in = || ana.sees("header form[action='/logout']");
    ana.wait_until("ana is signed in", signed_in);
}

#[test]
fn where_registration_is_closed_no_way_leads_to_it_and_its_page_says_so() {
    let house = closed();
    let ana = Person::at(&house);
    for place in ["/", "/login", "/register", "/nowhere"] {
        ana.open(place);
        assert!(!ana.sees("a[href^='/register']"), "{place}");
    }
    ana.open("/register");
    assert_eq!(ana.words("h1"), "Registration is closed");
    ana.follow("main a[href='/login']");
    assert_eq!(ana.place(), "/login");
}

/// The pages that look different there, each in the eyes of axe, and none wider than the screen.
fn is_fine(scheme: &str, width: u32) {
    let axe = axe();
    let mut faults = Vec::new();
    let mut look = |house: &House, paths: &[&str]| {
        let ana = Person::at(house);
        prefer(&ana, scheme);
        widen(&ana, width);
        for path in paths {
            ana.open(path);
            faults.extend(faults_here(&ana, &axe, path));
            let wide = ana.ask("return document.documentElement.scrollWidth");
            assert!(wide.as_u64() <= Some(width.into()), "{path} is {wide} wide");
        }
    };
    let house = by_invitation();
    let (_, code) = invite(&house, wanted(1));
    let (good, bad) = (format!("/invite/{code}"), "/invite/BCDF-GHJK-LMNP-QRST");
    look(&house, &["/register", &good, bad]);
    look(&closed(), &["/", "/login", "/register"]);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn these_pages_are_fine_by_day_on_a_large_screen() {
    is_fine("light", 1280);
}

#[test]
fn these_pages_are_fine_by_night_on_a_small_screen() {
    is_fine("dark", 320);
}
