//! Without scripts everything works, with less comfort.

use crate::house::{House, PASSWORD};
use crate::person::Person;

#[test]
fn the_whole_way_works_without_scripts() {
    let house = House::new();
    let ana = Person::without_scripts(&house);
    ana.open("/register");
    assert!(!ana.sees(".reveal"), "scripts run");
    ana.register("ana");
    assert_eq!(ana.place(), "/account");
    assert_eq!(ana.words(".sheet time"), "21 September 2026, 14:13 UTC");
    ana.log_out();
    ana.open("/secure-data");
    ana.log_in("ana", "not the password");
    assert!(ana.sees("[role=alert]"));
    ana.log_in("ana", PASSWORD);
    assert_eq!(ana.words(".message"), "Hello ana, this is sensitive data!");
}

#[test]
fn the_api_page_says_what_it_needs() {
    let house = House::new();
    let ana = Person::without_scripts(&house);
    ana.open("/docs");
    assert!(ana.words("main .note").contains("needs JavaScript"));
    ana.follow("main a[href='/openapi.json']");
    assert_eq!((ana.place().as_str(), ana.status()), ("/openapi.json", 200));
}
