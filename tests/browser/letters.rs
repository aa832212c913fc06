//! What people do with letters that really arrived.

use crate::house::mail::{Manners, Postbox, code_in, path_in, until};
use crate::house::{House, PASSWORD};
use crate::person::Person;

const NEW: &str = "brisk lantern meadow";

/// A house that sends its letters to a mail server, and that server.
fn house_with_post(required: bool) -> (House, Postbox) {
    let postbox = Postbox::open(Manners::Takes);
    let [url, from] = postbox.settings();
    let verify = if required {
        "\"required\""
    } else {
        "\"optional\""
    };
    let settings = [
        (url.0, url.1.as_str()),
        (from.0, &from.1),
        ("vestibule.verify_email", verify),
    ];
    (House::with(&settings), postbox)
}

/// The text of the `nth` letter that holds some words.
fn received(postbox: &Postbox, words: &str, nth: usize) -> String {
    until(words, || {
        let letters = postbox.letters().into_iter();
        // Long lines are folded with "=" at their ends.
        let letters = letters.map(|letter| letter.replace("=\n", ""));
        letters.filter(|letter| letter.contains(words)).nth(nth)
    })
}

#[test]
fn an_address_is_confirmed_with_a_press_on_the_page_behind_the_link() {
    let (house, postbox) = house_with_post(false);
    let ana = Person::at(&house);
    ana.open("/register");
    ana.register("ana");
    assert_eq!(ana.place(), "/account");
    assert!(ana.words(".sheet").contains("Not confirmed"));
    let letter = received(&postbox, "Subject: Please confirm your email address", 0);
    ana.open(&path_in(&letter, "/verify/"));
    assert!(ana.words("main").contains("ana@example.org"));
    ana.follow("main button[type=submit]");
    assert_eq!(ana.place(), "/verify/done");
    ana.follow("main a.button");
    assert_eq!(ana.place(), "/account");
    assert!(!ana.words(".sheet").contains("Not confirmed"));
    // The same link once more says what to do.
    ana.open(&path_in(&letter, "/verify/"));
    assert_eq!(ana.status(), 400);
    assert!(ana.words("[role=alert]").contains("ask for a new letter"));
}

#[test]
fn a_newcomer_types_the_code_where_that_is_required() {
    let (house, postbox) = house_with_post(true);
    for person in [Person::at(&house), Person::without_scripts(&house)] {
        let name = format!("ana{}", postbox.letters().len());
        person.open("/register");
        person.register(&name);
        assert_eq!(person.place(), "/verify");
        let letter = received(&postbox, &format!("To: {name}@example.org"), 0);
        person.write("#code", "BBBB-BBBB");
        person.follow("form[action='/verify'] button");
        assert_eq!(person.status(), 400);
        person.write("#code", &code_in(&letter).to_lowercase());
        person.follow("form[action='/verify'] button");
        assert_eq!(person.place(), "/verify/done");
        person.follow("main a.button");
        person.log_in(&name, PASSWORD);
        assert_eq!(person.place(), "/account");
    }
}

#[test]
fn a_letter_that_did_not_come_is_asked_for_again() {
    let (house, postbox) = house_with_post(false);
    let ana = Person::at(&house);
    ana.open("/register");
    ana.register("ana");
    received(&postbox, "Subject: Please confirm", 0);
    ana.follow("form[action='/verify/send'] button");
    assert_eq!(ana.place(), "/verify");
    let code = code_in(&received(&postbox, "Subject: Please confirm", 1));
    ana.write("#code", &code);
    ana.follow("form[action='/verify'] button");
    assert_eq!(ana.place(), "/verify/done");
}

#[test]
fn whoever_forgot_their_password_gets_back_in() {
    let (house, postbox) = house_with_post(false);
    house.register("ana");
    for (turn, person) in [Person::at(&house), Person::without_scripts(&house)]
        .iter()
        .enumerate()
    {
        let password = format!("{NEW} {turn}");
        person.open("/login");
        person.follow("main a[href='/forgot']");
        person.write("#email", "ana@example.org");
        person.follow("main button[type=submit]");
        assert_eq!(person.place(), "/reset");
        assert!(person.words("[role=status]").contains("on its way"));
        let letter = received(&postbox, "Subject: Choose a new password", turn);
        if turn == 0 {
            person.open(&path_in(&letter, "/reset/"));
            person.write("#password", "password1");
            person.follow("main button[type=submit]");
            assert!(person.words("#password-error").contains("most used"));
        } else {
            person.write("#code", &code_in(&letter));
        }
        person.write("#password", &password);
        person.follow("main button[type=submit]");
        assert_eq!(person.place(), "/reset/done");
        person.follow("main a.button");
        person.log_in("ana", &password);
        assert_eq!(person.place(), "/account");
    }
    received(&postbox, "Subject: Your password was changed", 1);
}

#[test]
fn nothing_behind_a_link_tells_its_path_to_anybody() {
    let (house, postbox) = house_with_post(false);
    house.register("ana");
    let letter = received(&postbox, "Subject: Please confirm", 0);
    let path = path_in(&letter, "/verify/");
    let ana = Person::at(&house);
    ana.open(&path);
    let lines = ana.log("performance");
    let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
    let referers: Vec<&String> = text
        .iter()
        .filter(|line| line.contains("Referer"))
        .collect();
    assert!(!referers.is_empty(), "the test sees no requests");
    for line in referers {
        assert!(
            !line.contains(&format!("Referer\\\\\\\":\\\\\\\"{}{path}", house.origin)),
            "{line}"
        );
        assert!(
            !line.contains(&format!("Referer\\\":\\\"{}{path}", house.origin)),
            "{line}"
        );
    }
    ana.follow("main button[type=submit]");
    assert_eq!(
        ana.ask("return document.referrer"),
        format!("{}/", house.origin)
    );
}
