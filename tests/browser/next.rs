//! Where signing in leads, whoever wrote the link.

use crate::house::{House, PASSWORD};
use crate::person::Person;

/// Ways to write another site into `next`.
const AWAY: [&str; 6] = [
    "//evil.example",
    "https://evil.example",
    "%2F%2Fevil.example%2Faccount",
    "/%5Cevil.example",
    "/%09/evil.example",
    "javascript:document.title='evil'",
];

#[test]
fn a_link_with_another_site_in_it_leads_nowhere_else() {
    let house = House::new();
    house.register("ana");
    for next in AWAY {
        let ana = Person::at(&house);
        ana.open(&format!("/login?next={next}"));
        assert!(!ana.sees("[name=next]"));
        ana.log_in("ana", PASSWORD);
        assert_eq!(ana.place(), "/account", "{next}");
        ana.open(&format!("/login?next={next}"));
        assert_eq!(ana.place(), "/account", "{next}, signed in already");
    }
}

#[test]
fn a_form_with_another_site_in_it_leads_nowhere_else() {
    let house = House::new();
    house.register("ana");
    for (form, name) in [("/login", "ana"), ("/register", "ben")] {
        let somebody = Person::at(&house);
        somebody.open(&format!("{form}?next=%2Fsecure-data"));
        assert_eq!(somebody.written_in("[name=next]"), "/secure-data");
        somebody.ask("document.querySelector('[name=next]').value = '//evil.example/'");
        match form {
            "/login" => somebody.log_in(name, PASSWORD),
            _ => somebody.register(name),
        }
        assert_eq!(somebody.place(), "/account");
    }
}

#[test]
fn the_way_is_kept_when_somebody_registers_first() {
    let house = House::new();
    let ana = Person::at(&house);
    ana.open("/secure-data");
    ana.follow("main a[href^='/register']");
    assert_eq!(ana.place(), "/register?next=%2Fsecure-data");
    ana.register("ana");
    assert_eq!(ana.place(), "/secure-data");
}
