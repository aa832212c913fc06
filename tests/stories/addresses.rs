//! Changing the address: confirmed at the new one, told to the old one, taken back from there.

use serde_json::json;
use vestibule::accounts::operator::Act;

use crate::house::operator::act;
use crate::house::{Answer, Database, House, PASSWORD};

const DAY: i64 = 86_400;
const OLD: &str = "ana@example.org";
const NEW: &str = "ana@new.example";

fn token(house: &House, name: &str) -> String {
    let answer = house.log_in(name, PASSWORD);
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.text_of("access_token")
}

fn ana(house: &House) -> String {
    house.register("ana");
    token(house, "ana")
}

fn ask(house: &House, token: &str, email: &str) -> Answer {
    house
        .post("/auth/email")
        .bearer(token)
        .json(&json!({ "email": email }))
}

fn confirm(house: &House, token: &str, code: &str) -> Answer {
    house
        .post("/auth/email/confirm")
        .bearer(token)
        .json(&json!({ "code": code }))
}

fn press(house: &House, path: &str) -> Answer {
    house.submit(path, &[])
}

/// Asks, reads the letter and follows its link.
fn change(house: &House, token: &str, email: &str) {
    assert_eq!(ask(house, token, email).status, 202);
    let link = house
        .letter("confirm-address", email, 0)
        .path("/address/confirm/");
    let done = press(house, &link);
    assert_eq!(
        (done.status, done.header("Location")),
        (303, "/address/confirmed"),
        "{}",
        done.text
    );
}

fn address_of(house: &House, name: &str) -> String {
    let sql = format!("select email from accounts where username_key = '{name}'");
    house.database.ask(&sql).remove(0)
}

#[test]
fn the_code_from_the_new_address_changes_it_and_the_old_one_hears_of_it() {
    let house = House::new();
    let access = ana(&house);
    let asked = ask(&house, &access, NEW);
    assert_eq!((asked.status, &*asked.text_of("email")), (202, NEW));
    // Until it is confirmed nothing changes.
    assert_eq!(address_of(&house, "ana"), OLD);
    assert_eq!(house.log_in(NEW, PASSWORD).status, 401);
    let code = house.letter("confirm-address", NEW, 0).code();
    assert_eq!(confirm(&house, &access, "BBBB-BBBB").status, 400);
    let done = confirm(&house, &access, &code.to_lowercase());
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!(address_of(&house, "ana"), NEW);
    assert_eq!(house.log_in(NEW, PASSWORD).status, 200);
    assert_eq!(house.log_in(OLD, PASSWORD).status, 401);
    // The session goes on; a letter works once.
    assert_eq!(house.status_of(&access), 200);
    assert_eq!(confirm(&house, &access, &code).status, 400);
    let told = house.letter("address-changed", OLD, 0);
    assert!(told.path("/address/undo/").len() > 30);
    let verified = house
        .database
        .ask("select count(*) from accounts where email_verified_at is not null");
    assert_eq!(verified, ["1"]);
    let events = house.get("/auth/events").bearer(&access).send();
    assert!(
        events
            .text
            .contains("Email address changed. It was ana@example.org before.")
    );
}

#[test]
fn the_page_asks_and_the_letter_is_answered_by_code_or_link() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    let send = |path: &str, fields: &[(&str, &str)]| {
        house
            .post(path)
            .page()
            .header("Origin", &house.origin)
            .header("Cookie", &cookie)
            .form(fields)
    };
    let page = || {
        house
            .get("/account/email")
            .page()
            .header("Cookie", &cookie)
            .send()
    };
    assert!(page().text.contains(OLD) && !page().text.contains("id=\"code\""));
    let bad = send("/account/email", &[("email", "ana@new")]);
    assert_eq!(bad.status, 422);
    assert!(bad.text.contains("id=\"email-error\"") && bad.text.contains("value=\"ana@new\""));
    let sent = send("/account/email", &[("email", NEW)]);
    assert_eq!(
        (sent.status, sent.header("Location")),
        (303, "/account/email")
    );
    assert!(page().text.contains(NEW) && page().text.contains("id=\"code\""));
    let wrong = send("/account/email/confirm", &[("code", "BCDF-GHJK")]);
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("id=\"code-error\""));
    // A scanner that follows the link burns nothing.
    let letter = house.letter("confirm-address", NEW, 0);
    let link = letter.path("/address/confirm/");
    for _ in 0..3 {
        let look = house.get(&link).page().send();
        assert_eq!(look.status, 200);
        assert!(look.text.contains(NEW) && look.text.contains("Use this address"));
    }
    let done = send("/account/email/confirm", &[("code", &letter.code())]);
    assert_eq!(
        (done.status, done.header("Location")),
        (303, "/account?done=email")
    );
    let look = house.get(&link).page().send();
    assert_eq!(look.status, 400);
    assert!(look.text.contains("no longer"));
}

#[test]
fn the_old_address_takes_it_back_and_everybody_is_signed_out() {
    let house = House::on(Database::fresh(), &[("vestibule.issuer", "x")]);
    let beside = house.beside(&[("vestibule.issuer", "x")]);
    let access = ana(&house);
    change(&house, &access, NEW);
    let undo = house
        .letter("address-changed", OLD, 0)
        .path("/address/undo/");
    // For a week, whatever else happens: a new password does not void it.
    let changed = house
        .post("/auth/password")
        .bearer(&access)
        .json(&json!({ "current_password": PASSWORD, "new_password": "marble otter gazette" }));
    let access = changed.text_of("access_token");
    house.clock.advance(7 * DAY - 1);
    let look = house.get(&undo).page().send();
    assert!(look.text.contains("Give me my old address back"));
    let answer = house
        .log_in("ana", "marble otter gazette")
        .text_of("access_token");
    let done = press(&house, &undo);
    assert_eq!(
        (done.status, done.header("Location")),
        (303, "/address/undone"),
        "{}",
        done.text
    );
    assert_eq!(address_of(&house, "ana"), OLD);
    for token in [&access, &answer] {
        assert_eq!(house.status_of(token), 401);
    }
    beside.hears_of_the_end_of(&answer, 1);
    assert_eq!(press(&house, &undo).status, 400);
    // The way on from there leads to the old address.
    let forgot = house.post("/auth/forgot").json(&json!({ "email": OLD }));
    assert!(matches!(forgot.status, 200 | 202), "{}", forgot.text);
    house.letter("reset", OLD, 0);
}

#[test]
fn after_a_week_it_cannot_be_taken_back() {
    let house = House::new();
    let access = ana(&house);
    change(&house, &access, NEW);
    let undo = house
        .letter("address-changed", OLD, 0)
        .path("/address/undo/");
    house.clock.advance(7 * DAY + 1);
    assert_eq!(house.get(&undo).page().send().status, 400);
    assert_eq!(press(&house, &undo).status, 400);
    assert_eq!(address_of(&house, "ana"), NEW);
}

#[test]
fn nobody_gets_the_old_address_while_it_can_be_taken_back() {
    let house = House::new();
    let access = ana(&house);
    change(&house, &access, NEW);
    let thief = json!({ "username": "thief", "email": "Ana@Example.org", "password": PASSWORD });
    let register = || house.post("/auth/register").json(&thief);
    assert_eq!(register().status, 400);
    house.register("bob");
    let bob = token(&house, "bob");
    // Nor a letter: whoever asks is told no less.
    assert_eq!(ask(&house, &bob, OLD).status, 202);
    let written = "select ended_how, sealed from outbox where letter = 'confirm-address'";
    assert!(
        house
            .database
            .ask(written)
            .contains(&"withheld|".to_owned())
    );
    house.clock.advance(7 * DAY + 1);
    assert_eq!(register().status, 201);
}

#[test]
fn whoever_gave_an_address_up_may_ask_for_it_again_at_once() {
    let house = House::new();
    let access = ana(&house);
    change(&house, &access, NEW);
    change(&house, &access, OLD);
    assert_eq!(address_of(&house, "ana"), OLD);
}

#[test]
fn an_address_that_was_free_when_it_was_asked_for_may_be_kept_for_another_since() {
    let house = House::new();
    let access = ana(&house);
    house.register("bob");
    let bob = token(&house, "bob");
    assert_eq!(ask(&house, &bob, "third@new.example").status, 202);
    let link = house
        .letter("confirm-address", "third@new.example", 0)
        .path("/address/confirm/");
    house.clock.advance(1);
    assert_eq!(ask(&house, &access, "third@new.example").status, 202);
    let hers = house
        .letter("confirm-address", "third@new.example", 1)
        .path("/address/confirm/");
    assert_eq!(press(&house, &hers).status, 303);
    change(&house, &access, NEW);
    assert_eq!(address_of(&house, "ana"), NEW);
    assert_eq!(press(&house, &link).status, 400);
    assert_eq!(address_of(&house, "bob"), "bob@example.org");
}

#[test]
fn a_link_that_is_followed_twice_at_once_undoes_once() {
    let house = House::new();
    let access = ana(&house);
    change(&house, &access, NEW);
    let letter = house.letter("address-changed", OLD, 0);
    let body = json!({ "secret": letter.secret("/address/undo/") });
    let press = || house.post("/auth/email/undo").json(&body).status;
    let mut answers = std::thread::scope(|scope| {
        let presses: Vec<_> = (0..8).map(|_| scope.spawn(press)).collect();
        let answers = presses
            .into_iter()
            .map(|one| one.join().expect("an answer"));
        answers.collect::<Vec<_>>()
    });
    answers.sort_unstable();
    assert_eq!(answers, [200, 400, 400, 400, 400, 400, 400, 400]);
    assert_eq!(address_of(&house, "ana"), OLD);
}

#[test]
fn of_several_changes_the_first_owner_wins_and_the_thief_cannot_go_back() {
    let house = House::new();
    let access = ana(&house);
    // Somebody at her computer.
    change(&house, &access, "thief@one.example");
    house.clock.advance(5);
    change(&house, &access, "thief@two.example");
    let thiefs = house
        .letter("address-changed", "thief@one.example", 0)
        .path("/address/undo/");
    let hers = house
        .letter("address-changed", OLD, 0)
        .path("/address/undo/");
    assert_eq!(press(&house, &hers).status, 303);
    assert_eq!(address_of(&house, "ana"), OLD);
    assert_eq!(press(&house, &thiefs).status, 400);
    assert_eq!(address_of(&house, "ana"), OLD);
    assert_eq!(
        house
            .database
            .ask("select count(*) from reserved_addresses"),
        ["0"]
    );
}

#[test]
fn a_thief_who_goes_back_one_step_takes_the_owner_no_way_back() {
    let house = House::new();
    let access = ana(&house);
    change(&house, &access, "thief@one.example");
    house.clock.advance(5);
    change(&house, &access, "thief@two.example");
    let thiefs = house
        .letter("address-changed", "thief@one.example", 0)
        .path("/address/undo/");
    assert_eq!(press(&house, &thiefs).status, 303);
    assert_eq!(address_of(&house, "ana"), "thief@one.example");
    let hers = house
        .letter("address-changed", OLD, 0)
        .path("/address/undo/");
    assert_eq!(press(&house, &hers).status, 303);
    assert_eq!(address_of(&house, "ana"), OLD);
}

#[test]
fn of_two_who_want_one_address_the_first_to_confirm_gets_it() {
    let house = House::new();
    let access = ana(&house);
    house.register("bob");
    let bob = token(&house, "bob");
    for token in [&access, &bob] {
        assert_eq!(ask(&house, token, NEW).status, 202);
    }
    let links = [0, 1].map(|nth| {
        house
            .letter("confirm-address", NEW, nth)
            .path("/address/confirm/")
    });
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let all = links
            .each_ref()
            .map(|link| scope.spawn(|| press(&house, link).status));
        all.map(|one| one.join().expect("an answer")).into()
    });
    let mut sorted = statuses.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [303, 400]);
    let have = house
        .database
        .ask("select count(*) from accounts where email_key = 'ana@new.example'");
    assert_eq!(have, ["1"]);
}

#[test]
fn whether_an_address_is_somebodys_is_not_told() {
    let house = House::new();
    let access = ana(&house);
    house.register("bob");
    let taken = ask(&house, &access, "bob@example.org");
    let free = ask(&house, &access, NEW);
    assert_eq!((taken.status, free.status), (202, 202));
    assert_eq!(taken.text.replace("bob@example.org", NEW), free.text);
    // Nobody is written to about somebody else's account.
    let written = house
        .database
        .ask("select sent_to from outbox where letter = 'confirm-address' and ended_how is null");
    assert_eq!(written, [NEW]);
}

#[test]
fn what_cannot_be_an_address_or_is_asked_too_often_is_refused() {
    let house = House::new();
    let access = ana(&house);
    for bad in ["", "ana", "ana@x", OLD, "a b@example.org", "x@[127.0.0.1]"] {
        assert_eq!(ask(&house, &access, bad).status, 422, "{bad}");
    }
    house.clock.advance(601);
    assert_eq!(ask(&house, &access, NEW).status, 401);
    let access = token(&house, "ana");
    for number in 0..5 {
        let email = format!("ana{number}@new.example");
        assert_eq!(ask(&house, &access, &email).status, 202);
    }
    let more = ask(&house, &access, NEW);
    assert_eq!(more.status, 422);
    assert!(more.text.contains("several letters"));
    // Only the newest is still good.
    let link = |email: &str| {
        house
            .letter("confirm-address", email, 0)
            .path("/address/confirm/")
    };
    assert_eq!(press(&house, &link("ana3@new.example")).status, 400);
    assert_eq!(press(&house, &link("ana4@new.example")).status, 303);
}

#[test]
fn codes_and_links_end_and_belong_to_whoever_asked() {
    let house = House::new();
    let access = ana(&house);
    house.register("bob");
    let bob = token(&house, "bob");
    assert_eq!(ask(&house, &access, NEW).status, 202);
    let letter = house.letter("confirm-address", NEW, 0);
    // Not bob's.
    assert_eq!(confirm(&house, &bob, &letter.code()).status, 400);
    // Ten minutes for the code, a day for the link.
    house.clock.advance(601);
    assert_eq!(confirm(&house, &access, &letter.code()).status, 400);
    let link = letter.path("/address/confirm/");
    assert_eq!(house.get(&link).page().send().status, 200);
    house.clock.advance(DAY);
    assert_eq!(press(&house, &link).status, 400);
    // A new password makes it void.
    let access = token(&house, "ana");
    assert_eq!(ask(&house, &access, NEW).status, 202);
    let link = house
        .letter("confirm-address", NEW, 1)
        .path("/address/confirm/");
    let changed = house
        .post("/auth/password")
        .bearer(&access)
        .json(&json!({ "current_password": PASSWORD, "new_password": "marble otter gazette" }));
    assert_eq!(changed.status, 200);
    assert_eq!(press(&house, &link).status, 400);
    assert_eq!(address_of(&house, "ana"), OLD);
    // What was made up, and another letter's link, change nothing.
    for path in ["/address/confirm/abc", "/address/undo/abc"] {
        assert_eq!(press(&house, path).status, 400);
        assert_eq!(house.get(path).page().send().status, 400);
    }
    let made_up = house
        .post("/auth/email/undo")
        .json(&json!({ "secret": "abc" }));
    assert_eq!(
        (made_up.status, &*made_up.text_of("code")),
        (400, "letter_over")
    );
}

#[test]
fn a_program_takes_it_back_with_the_letters_secret() {
    let house = House::new();
    let access = ana(&house);
    change(&house, &access, NEW);
    let secret = house
        .letter("address-changed", OLD, 0)
        .secret("/address/undo/");
    let undone = house
        .post("/auth/email/undo")
        .json(&json!({ "secret": secret }));
    assert_eq!(
        (undone.status, &*undone.text_of("email")),
        (200, OLD),
        "{}",
        undone.text
    );
    assert_eq!(house.status_of(&access), 401);
    assert!(!house.log.taken().contains(&secret));
}

#[test]
fn an_address_asked_for_is_void_once_whoever_asked_is_signed_out() {
    let house = House::new();
    let mut thief = ana(&house);
    for by_operator in [false, true] {
        assert_eq!(ask(&house, &thief, "thief@new.example").status, 202);
        if by_operator {
            act(&house.database, "ana", Act::EndSessions, house.clock.unix());
        } else {
            let owner = token(&house, "ana");
            let ended = house.call("DELETE", "/auth/sessions").bearer(&owner).send();
            assert_eq!(ended.status, 200, "{}", ended.text);
        }
        let number = usize::from(by_operator);
        let letter = house.letter("confirm-address", "thief@new.example", number);
        assert_eq!(press(&house, &letter.path("/address/confirm/")).status, 400);
        thief = token(&house, "ana");
    }
    assert_eq!(address_of(&house, "ana"), OLD);
}

#[test]
fn the_download_does_not_tell_whether_an_address_is_somebodys() {
    let house = House::new();
    let access = ana(&house);
    house.register("bob");
    let held = |email: &str| {
        assert_eq!(ask(&house, &access, email).status, 202);
        let all = house.post("/auth/data").bearer(&access).send().json();
        let count = |list: &str| all[list].as_array().expect("a list").len();
        (count("letters_to_answer"), count("letters_sent"))
    };
    assert_eq!(held("bob@example.org"), (1, 0));
    assert_eq!(held(NEW), (2, 0));
}

#[test]
fn who_deletes_a_stolen_account_is_told_of_to_its_former_address() {
    let house = House::new();
    let access = ana(&house);
    change(&house, &access, NEW);
    let gone = house.call("DELETE", "/auth/me").bearer(&access).send();
    assert_eq!(gone.status, 200, "{}", gone.text);
    for reader in [OLD, NEW] {
        house.letter("account-deleted", reader, 0);
    }
}

#[test]
fn a_session_that_ended_elsewhere_asks_for_no_address_before_this_instance_hears_of_it() {
    let house = House::new();
    let access = ana(&house);
    // As another instance writes it down, but told of nowhere yet.
    house
        .database
        .ask("update sessions set ended_at = 1, ended_why = 'ended_by_owner'");
    assert_eq!(house.status_of(&access), 200);
    assert_eq!(ask(&house, &access, NEW).status, 401);
    let letters = "select count(*) from letters where purpose = 'change_address'";
    assert_eq!(house.database.ask(letters), ["0"]);
}
