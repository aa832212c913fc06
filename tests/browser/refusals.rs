//! What somebody sees whose form was not accepted.

use crate::house::House;
use crate::person::Person;

#[test]
fn a_wrong_password_brings_the_form_back_with_words_that_help() {
    let house = House::new();
    house.register("ana");
    let ana = Person::at(&house);
    ana.open("/login?next=%2Fsecure-data");
    ana.log_in("ana", "not the password");
    assert_eq!((ana.place().as_str(), ana.status()), ("/login", 401));
    assert_eq!(
        ana.words("[role=alert]"),
        "Incorrect username or password. Check both and try again."
    );
    assert_eq!(ana.written_in("#username"), "ana");
    assert_eq!(ana.written_in("#password"), "");
    assert_eq!(ana.written_in("[name=next]"), "/secure-data");
    assert!(ana.title().starts_with("Please check: "));
}

#[test]
fn a_refusal_is_where_reading_starts_and_what_the_fields_point_at() {
    let house = House::new();
    let ana = Person::at(&house);
    ana.open("/login");
    ana.log_in("ana", "not the password");
    assert_eq!(
        ana.ask("return document.activeElement.getAttribute('role')"),
        "alert"
    );
    for field in ["#username", "#password"] {
        let pointed = ana
            .attribute(field, "aria-describedby")
            .expect("a description");
        assert!(ana.sees(&format!("#{pointed}[role=alert]")));
    }
}

#[test]
fn whoever_has_to_wait_reads_until_when_in_their_own_time() {
    let house = House::with(&[
        ("vestibule.throttle", "on"),
        ("vestibule.registrations_per_address", "1"),
    ]);
    assert_eq!(house.register("ben").status, 201);
    let ana = Person::at(&house);
    ana.open("/register");
    ana.register("ana");
    assert_eq!((ana.place().as_str(), ana.status()), ("/register", 429));
    let words = ana.words("[role=alert]");
    let start = "Too many new accounts from your network. Try again in 60 minutes. That is at ";
    assert!(words.starts_with(start), "{words}");
    let utc = ana.attribute("[role=alert] time", "title");
    assert!(utc.expect("the original words").ends_with("UTC"));
    assert_eq!(ana.written_in("#username"), "ana");
}

#[test]
fn somebody_unknown_reads_the_same_as_with_a_wrong_password() {
    let house = House::new();
    house.register("ana");
    let eve = Person::at(&house);
    let words = ["ana", "nobody"].map(|name| {
        eve.open("/login");
        eve.log_in(name, "not the password");
        eve.words("main").replace(name, "")
    });
    assert_eq!(words[0], words[1]);
}

#[test]
fn every_field_that_is_refused_says_why_beside_it() {
    let house = House::new();
    let ana = Person::at(&house);
    ana.open("/register");
    // All pass the browser's own checks, and fail ours.
    ana.write("#username", "a b c");
    ana.write("#email", "ana@example");
    ana.write("#password", &"too long ".repeat(15));
    ana.follow("main button[type=submit]");
    assert_eq!((ana.place().as_str(), ana.status()), ("/register", 422));
    for field in ["username", "email", "password"] {
        let input = format!("#{field}");
        assert_eq!(
            ana.attribute(&input, "aria-invalid").as_deref(),
            Some("true")
        );
        let described = ana
            .attribute(&input, "aria-describedby")
            .expect("a description");
        let error = described.split(' ').next().expect("an id").to_owned();
        assert_eq!(error, format!("{field}-error"));
        assert!(ana.words(&format!("#{error}")).len() > 10);
        // The summary leads to the field.
        ana.click(&format!("[role=alert] a[href='{input}']"));
        assert_eq!(ana.ask("return document.activeElement.id"), field);
    }
    assert_eq!(ana.written_in("#username"), "a b c");
    assert_eq!(ana.written_in("#email"), "ana@example");
    assert_eq!(ana.written_in("#password"), "");
}

#[test]
fn a_field_that_is_fine_is_not_marked() {
    let house = House::new();
    let ana = Person::at(&house);
    ana.open("/register");
    ana.write("#username", "ana");
    ana.write("#email", "ana@example.org");
    ana.write("#password", "password");
    ana.follow("main button[type=submit]");
    assert_eq!(ana.attribute("#username", "aria-invalid"), None);
    assert_eq!(
        ana.attribute("#password", "aria-invalid").as_deref(),
        Some("true")
    );
    assert!(!ana.sees("#username-error"));
}

#[test]
fn a_name_that_is_taken_is_said_and_nothing_is_lost() {
    let house = House::new();
    house.register("ana");
    let other = Person::at(&house);
    other.open("/register");
    other.register("ana");
    assert_eq!((other.place().as_str(), other.status()), ("/register", 400));
    assert!(other.words("[role=alert]").contains("already registered"));
    assert_eq!(other.written_in("#email"), "ana@example.org");
    assert!(!other.sees("header form[action='/logout']"));
}

#[test]
fn the_password_can_be_looked_at_and_is_hidden_again_when_it_leaves() {
    let house = House::new();
    let ana = Person::at(&house);
    ana.open("/login");
    ana.write("#password", "not the password");
    let kind = || ana.attribute("#password", "type").expect("a type");
    assert_eq!(kind(), "password");
    ana.click(".reveal");
    assert_eq!(kind(), "text");
    assert_eq!(
        ana.attribute(".reveal", "aria-pressed").as_deref(),
        Some("true")
    );
    ana.ask("window.addEventListener('submit', (event) => { event.preventDefault(); })");
    ana.write("#username", "ana");
    ana.click("main button[type=submit]");
    assert_eq!(kind(), "password");
}
