//! Who may make an account: everybody, those with an invitation, nobody.

use serde_json::json;
use vestibule::accounts::invites::Wanted;
use vestibule::tokens::Role;

use crate::house::operator::{invite, wanted, withdraw};
use crate::house::{Answer, House, PASSWORD};

fn by_invitation() -> House {
    House::with(&[("vestibule.registration", "invite")])
}

fn come(house: &House, name: &str, code: &str) -> Answer {
    house.post("/auth/register").json(&json!({
        "username": name, "email": format!("{name}@example.org"), "password": PASSWORD, "invite": code,
    }))
}

fn code_of(answer: &Answer) -> (u16, String) {
    (answer.status, answer.text_of("code"))
}

fn refused(answer: &Answer) {
    assert_eq!(code_of(answer), (403, "invitation_refused".to_owned()));
}

fn left(house: &House) -> Vec<String> {
    house.database.ask("select uses_left from invites")
}

fn accounts(house: &House) -> String {
    house
        .database
        .ask("select count(*) from accounts")
        .remove(0)
}

#[test]
fn closed_registration_says_so_and_hashes_nothing() {
    // A hash would take longer than anybody waits.
    let house = House::with(&[
        ("vestibule.registration", "closed"),
        ("vestibule.hash_memory_kib", "1048576"),
        ("vestibule.hash_passes", "1000"),
    ]);
    let (_, code) = invite(&house, wanted(1));
    for answer in [house.register("ana"), come(&house, "ana", &code)] {
        assert_eq!(code_of(&answer), (403, "registration_closed".to_owned()));
        assert!(answer.text.contains("Ask whoever runs this service"));
    }
    let fields = [
        ("username", "ana"),
        ("email", "ana@example.org"),
        ("password", PASSWORD),
    ];
    for page in [
        house.get("/register").page().send(),
        house.get(&format!("/invite/{code}")).page().send(),
        house.submit("/register", &fields),
    ] {
        assert_eq!(page.status, 403);
        assert!(
            page.text.contains("Registration is closed"),
            "{}",
            page.text
        );
        assert!(!page.text.contains("<input"));
    }
    for path in ["/", "/login"] {
        let page = house.get(path).page().send();
        assert!(!page.text.contains("/register"), "{path}");
    }
    assert_eq!(
        (accounts(&house), left(&house)),
        ("0".into(), vec!["1".into()])
    );
}

#[test]
fn nobody_comes_in_without_an_invitation() {
    let house = by_invitation();
    let answer = house.register("ana");
    assert_eq!(code_of(&answer), (403, "invitation_required".to_owned()));
    for code in ["BCDF-GHJK-LMNP-QRST", "nonsense", "' or 1=1 --"] {
        refused(&come(&house, "ana", code));
    }
    assert_eq!(
        code_of(&come(&house, "ana", "")),
        (403, "invitation_required".to_owned())
    );
    let typed = house.post("/auth/register").json(&json!({
        "username": "ana", "email": "ana@example.org", "password": PASSWORD, "invite": ["x"],
    }));
    assert_eq!(typed.status, 422);
    assert_eq!(accounts(&house), "0");
}

#[test]
fn an_invitation_is_good_as_often_as_it_was_made_for() {
    let house = by_invitation();
    let (id, code) = invite(&house, wanted(2));
    assert_eq!(come(&house, "ana", &code).status, 201);
    // However it is typed.
    let typed = code.to_lowercase().replace('-', " ");
    assert_eq!(come(&house, "ben", &typed).status, 201);
    refused(&come(&house, "cem", &code));
    assert_eq!(
        (accounts(&house), left(&house)),
        ("2".into(), vec!["0".into()])
    );
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
    let log = house.log.taken();
    assert!(!log.contains(&code) && !log.contains(&code.replace('-', "")));
    // Nor is the code in the database.
    let kept = house.database.ask("select id, digest, note from invites");
    assert!(kept[0].starts_with(&id) && !kept[0].contains(&code[..4]));
}

#[test]
fn an_invitation_ends_with_its_time() {
    let house = by_invitation();
    let (_, code) = invite(&house, wanted(1));
    house.clock.advance(3599);
    assert!(house.get(&format!("/invite/{code}")).page().send().status == 200);
    house.clock.advance(1);
    refused(&come(&house, "ana", &code));
}

#[test]
fn an_invitation_that_was_taken_back_is_good_for_nothing() {
    let house = by_invitation();
    let (id, code) = invite(&house, wanted(5));
    assert_eq!(come(&house, "ana", &code).status, 201);
    withdraw(&house, &id);
    refused(&come(&house, "ben", &code));
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
}

#[test]
fn a_refused_registration_uses_nothing_up() {
    let house = by_invitation();
    let (_, code) = invite(&house, wanted(2));
    assert_eq!(come(&house, "ana", &code).status, 201);
    let taken = come(&house, "ana", &code);
    assert_eq!(taken.status, 400);
    let odd = come(&house, "a b", &code);
    assert_eq!(odd.status, 422);
    let weak = house.post("/auth/register").json(&json!({
        "username": "ben", "email": "ben@example.org", "password": "password1", "invite": code,
    }));
    assert_eq!(weak.status, 422);
    // Nor does looking at its page.
    for _ in 0..3 {
        let page = house.get(&format!("/invite/{code}")).page().send();
        assert_eq!(page.status, 200);
    }
    assert_eq!(left(&house), ["1"]);
    assert_eq!(come(&house, "ben", &code).status, 201);
}

#[test]
fn of_many_at_once_for_the_last_use_exactly_one_gets_it() {
    let house = by_invitation();
    let (_, code) = invite(&house, wanted(3));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..12)
            .map(|number| {
                let (house, code) = (&house, &code);
                scope.spawn(move || come(house, &format!("user{number}"), code).status)
            })
            .collect();
        all.into_iter()
            .map(|one| one.join().expect("an answer"))
            .collect()
    });
    let count = |status: u16| statuses.iter().filter(|one| **one == status).count();
    assert_eq!((count(201), count(403)), (3, 9), "{statuses:?}");
    assert_eq!(
        (accounts(&house), left(&house)),
        ("3".into(), vec!["0".into()])
    );
}

#[test]
fn an_invitation_may_be_for_one_address_and_carry_a_role() {
    let house = by_invitation();
    let (_, code) = invite(
        &house,
        Wanted {
            email: Some("Ana@Example.org".into()),
            role: Role::Admin,
            ..wanted(1)
        },
    );
    let other = come(&house, "ben", &code);
    assert_eq!(other.status, 422);
    assert_eq!(other.json()["errors"][0]["field"], "email");
    let page = house.get(&format!("/invite/{code}")).page().send();
    assert!(page.text.contains("value=\"Ana@Example.org\""));
    assert_eq!(come(&house, "ana", &code).status, 201);
    let token = house.log_in("ana", PASSWORD).text_of("access_token");
    let me = house.get("/auth/me").bearer(&token).send().json();
    assert_eq!(me["role"], "admin");
}

#[test]
fn guessing_codes_has_a_budget_and_a_good_one_costs_nothing() {
    let house = House::with(&[
        ("vestibule.registration", "invite"),
        ("vestibule.throttle", "on"),
        ("vestibule.registrations_per_address", "3"),
    ]);
    let day = Wanted {
        lasts: 86_400,
        ..wanted(5)
    };
    let (_, code) = invite(&house, day);
    let place = format!("/invite/{code}");
    for _ in 0..5 {
        assert_eq!(house.get(&place).page().send().status, 200);
    }
    refused(&come(&house, "ana", "BCDF-GHJK-LMNP-QRST"));
    let guess = house.get("/invite/BCDF-GHJK-LMNP-QRSV").page().send();
    assert_eq!(guess.status, 403);
    // The third is this account's.
    assert_eq!(come(&house, "ana", &code).status, 201);
    // Who has guessed too often is not told of a right one either, on no way.
    for answer in [
        come(&house, "ben", &code),
        come(&house, "ben", "nonsense"),
        house.get(&place).page().send(),
    ] {
        assert_eq!(answer.status, 429);
        assert!(!answer.header("Retry-After").is_empty());
    }
    house.clock.advance(3600);
    assert_eq!(come(&house, "ben", &code).status, 201);
}

#[test]
fn the_page_behind_the_link_makes_the_account() {
    let house = by_invitation();
    let (_, code) = invite(&house, wanted(1));
    let page = house.get(&format!("/invite/{code}")).page().send();
    assert_eq!(page.status, 200);
    assert!(page.text.contains(&format!("value=\"{code}\"")));
    assert_eq!(page.header("Cache-Control"), "no-store");
    let fields = |code| {
        [
            ("username", "ana"),
            ("email", "ana@example.org"),
            ("password", PASSWORD),
            ("invite", code),
        ]
    };
    for bad in ["", "BCDF-GHJK-LMNP-QRST"] {
        let again = house.submit("/register", &fields(bad));
        assert_eq!(again.status, 403);
        assert!(again.text.contains("id=\"invite-error\""), "{}", again.text);
        assert!(again.text.contains("value=\"ana\"") && !again.text.contains(PASSWORD));
    }
    let done = house.submit("/register", &fields(&code));
    assert_eq!(done.status, 303);
    let spent = house.get(&format!("/invite/{code}")).page().send();
    assert_eq!(spent.status, 403);
    assert!(spent.text.contains("This invitation is not valid"));
    // The log knows the way by its pattern alone.
    let log = house.log.taken();
    assert!(log.contains("/invite/<invite>") && !log.contains(&code));
}

#[test]
fn where_everybody_may_come_an_invitation_still_counts() {
    let house = House::new();
    let (_, code) = invite(
        &house,
        Wanted {
            role: Role::Admin,
            ..wanted(1)
        },
    );
    assert_eq!(house.register("ben").status, 201);
    refused(&come(&house, "ana", "BCDF-GHJK-LMNP-QRST"));
    assert_eq!(come(&house, "ana", &code).status, 201);
    let roles = house
        .database
        .ask("select username, role from accounts order by username");
    assert_eq!(roles, ["ana|admin", "ben|user"]);
    let page = house.get("/register").page().send();
    assert!(!page.text.contains("Invitation code"));
}
