//! What somebody got from us and sends back: a browser's mark, the letter's link or code, an invitation.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use rocket::http::Method;
use serde_json::json;
use vestibule::accounts::devices::{DeviceKey, Whose};
use vestibule::accounts::invites::Code;
use vestibule::accounts::letters::{Issued, Letters, Lives, Purpose};
use vestibule::store::Pool;
use vestibule::store::accounts::Account;
use vestibule::world::Chance;

use crate::house::{START, mail, operator};
use crate::scene::{Call, JSON, Scene};
use crate::tokens::id;
use crate::{Change, change, hold, touched, woven};

fn touches(most: usize) -> impl Strategy<Value = Vec<(Index, Change)>> {
    prop::collection::vec((any::<Index>(), change()), 0..=most)
}

fn touched_by(text: &str, touches: &[(Index, Change)]) -> String {
    let touch = |text: String, (at, change): &(Index, Change)| touched(&text, *at, *change);
    touches.iter().fold(text.to_owned(), touch)
}

/// What stands in all of these, and others.
fn texts() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "aaaaaaaaaaaaaaaaaaaaaaaaaa",
        ".20717",
        ".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ".",
        "+",
        "BCDF",
        "ghjk",
        "-",
        " ",
        "\u{a0}",
        "ß",
        "\0",
        "%00",
        "'",
    ];
    prop_oneof![woven(PIECES), any::<String>()]
}

// --- A browser's mark -----------------------------------------------------------------------------------------------

fn account(id: String, version: i64) -> Account {
    Account {
        id,
        username: String::new(),
        email: String::new(),
        password_hash: String::new(),
        created_at: 0,
        version,
        disabled_at: None,
        email_verified_at: None,
        role: "user".to_owned(),
        pending_until: None,
    }
}

#[test]
fn a_browsers_mark_has_one_spelling() {
    let (key, other, chance) = (
        DeviceKey::new(&[7; 32]),
        DeviceKey::new(&[8; 32]),
        Chance::real(),
    );
    let cases = (
        (any::<[u8; 16]>(), any::<[u8; 16]>(), 0..1_000_i64),
        0..1_000_000 * 86_400_i64,
        select(&["", "", "0", "000", "+", "-"][..]),
        touches(2),
    );
    hold(
        2000,
        &cases,
        |((device, one, version), now, sign, touches)| {
            let (device, one) = (id(device), account(id(one), version));
            let whose = Whose::of(Some(&one));
            let knows = |cookie: &str| key.knows(cookie, whose, now).is_some();
            let alone = key
                .mark(Some(&device), whose, now, &chance)
                .expect("a mark");
            assert_eq!(key.knows(&alone, whose, now), Some(&*device));
            assert_eq!(other.knows(&alone, whose, now), None);
            let day = now / 86_400;
            let signed = alone.replacen(&format!(".{day}."), &format!(".{sign}{day}."), 1);
            assert_eq!(knows(&signed), signed == alone, "{signed}");
            let cookie = touched_by(&alone, &touches);
            assert_eq!(knows(&cookie), cookie == alone, "{cookie}");
            // Beside one that says nothing to us: whatever is taken is given back as it was, without what is too old.
            let before = other
                .mark(Some(&device), whose, now, &chance)
                .expect("a mark");
            let both = key
                .mark(Some(&before), whose, now, &chance)
                .expect("a mark");
            assert!(knows(&both));
            let cookie = touched_by(&both, &touches);
            if knows(&cookie) {
                let renewed = key
                    .mark(Some(&cookie), whose, now, &chance)
                    .expect("a mark");
                assert!(renewed == cookie || renewed == alone, "{cookie}");
            }
        },
    );
    hold(2000, &texts(), |text| {
        let one = account(id([1; 16]), 1);
        let whose = Whose::of(Some(&one));
        assert_eq!(key.knows(&text, whose, START), None, "{text:?}");
        let fresh = key
            .mark(Some(&text), whose, START, &chance)
            .expect("a mark");
        assert!(fresh.is_ascii() && fresh.len() < 500, "{fresh:?}");
        assert!(key.knows(&fresh, whose, START).is_some(), "{fresh:?}");
    });
}

// --- Letters --------------------------------------------------------------------------------------------------------

/// A password that is no good: with it a letter is looked at, and stays as it was.
const WEAK: &str = "12345678";

/// Who writes letters to ana, beside the service.
struct Desk {
    scene: Scene,
    letters: Letters,
    pool: Pool,
    ana: String,
}

impl Desk {
    fn new() -> Self {
        let scene = Scene::new();
        let (letters, pool) = scene.run(mail::letters_in(scene.database()));
        let ana = scene.database().ask("select id from accounts");
        Self {
            ana: ana.concat(),
            scene,
            letters,
            pool,
        }
    }

    fn issue(&self) -> Issued {
        self.scene.run(async {
            let mut work = self.pool.begin().await.expect("a transaction");
            let lives = Lives {
                link: 3600,
                code: 600,
            };
            let (purpose, to) = (Purpose::Reset, "ana@example.org");
            let issued = self.letters.issue(&mut work, purpose, &self.ana, to, lives);
            let issued = issued.await;
            work.commit().await.expect("written");
            issued.unwrap_or_else(|_| panic!("no letter"))
        })
    }

    fn close(self) {
        self.scene.run(self.pool.close());
        assert_eq!(self.scene.faults(), Vec::<String>::new());
    }
}

fn program(scene: &Scene, path: &str, body: &serde_json::Value) -> u16 {
    let call = Call::new(Method::Post, path).body(JSON, body.to_string());
    scene.send(&call).status
}

/// As one part of a path: what needs escapes has them.
fn escaped(part: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let escape = |byte| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    part.bytes().map(escape).collect()
}

#[test]
fn a_letter_opens_by_the_secret_of_its_link_and_by_nothing_near_it() {
    let desk = Desk::new();
    let issued = desk.issue();
    let opens = |secret: &str| {
        let scene = &desk.scene;
        let right = secret == issued.secret.as_str();
        let reset = program(
            scene,
            "/auth/reset",
            &json!({ "secret": secret, "password": WEAK }),
        );
        assert_eq!(reset, if right { 422 } else { 400 }, "{secret:?}");
        // It is good for one thing.
        let verify = program(scene, "/auth/verify", &json!({ "secret": secret }));
        assert_eq!(verify, 400, "{secret:?}");
        let path = format!("/reset/{}", escaped(secret));
        let page = Call::new(Method::Get, &path).header("Accept", "text/html");
        let looked = scene.send(&page).status;
        let form = Call::new(Method::Post, &path).form(&[("password", WEAK)]);
        let sent = scene.send(&form).status;
        assert!(looked < 500 && sent < 500, "{secret:?}: {looked} {sent}");
        assert_eq!((looked == 200, sent == 422), (right, right), "{secret:?}");
    };
    hold(60, &touches(2), |touches| {
        opens(&touched_by(&issued.secret, &touches));
    });
    hold(40, &texts(), |text| opens(&text));
    desk.close();
}

/// As people type a code: as it is shown, in small letters, without hyphens, with spaces.
fn typed(shown: &str, style: u8) -> String {
    match style {
        0 => shown.to_owned(),
        1 => shown.to_lowercase(),
        2 => shown.replace('-', ""),
        _ => format!(" {}\u{a0}", shown.replace('-', " ")),
    }
}

/// What is meant by a letter's code: its letters, large. Whatever else is typed does not count, by design.
fn meant(typed: &str) -> String {
    let letters = typed.chars().filter(char::is_ascii_alphabetic);
    letters.map(|c| c.to_ascii_uppercase()).collect()
}

#[test]
fn a_letter_opens_by_what_means_its_code_with_its_own_request() {
    let desk = Desk::new();
    let opens = |issued: &Issued, request: &str, code: &str| {
        let right = meant(code) == meant(&issued.code);
        let body = json!({ "request": request, "code": code, "password": WEAK });
        let by_program = program(&desk.scene, "/auth/reset", &body);
        let both = right && request == issued.request;
        assert_eq!(
            by_program,
            if both { 422 } else { 400 },
            "{request:?} {code:?}"
        );
        let body = json!({ "request": request, "code": code });
        assert_eq!(program(&desk.scene, "/auth/verify", &body), 400);
        // A browser holds the request in its cookie.
        let mut form =
            Call::new(Method::Post, "/reset").form(&[("code", code), ("password", WEAK)]);
        form.cookies = vec![("vestibule-letter".to_owned(), issued.request.clone())];
        let by_person = desk.scene.send(&form).status;
        assert_eq!(by_person, if right { 422 } else { 400 }, "{code:?}");
    };
    let cases = (0..4_u8, touches(2), touches(1));
    hold(60, &cases, |(style, code, request)| {
        let issued = desk.issue();
        let code = touched_by(&typed(&issued.code, style), &code);
        opens(&issued, &touched_by(&issued.request, &request), &code);
    });
    hold(40, &(texts(), texts()), |(request, code)| {
        opens(&desk.issue(), &request, &code);
    });
    desk.close();
}

// --- Invitations ----------------------------------------------------------------------------------------------------

/// What is meant by an invitation's code: its letters, large, without hyphens and space. Nothing else may be there.
fn invited_by(typed: &str) -> String {
    let kept = typed.chars().filter(|c| !c.is_whitespace() && *c != '-');
    kept.map(|c| c.to_ascii_uppercase()).collect()
}

#[test]
fn an_invitation_is_read_as_what_its_code_means_or_not_at_all() {
    let cases = (0..4_u8, touches(3));
    let read = |text: &str| {
        let code = Code::parse(text)?;
        let shown = code.shown();
        assert_eq!(shown.replace('-', ""), invited_by(text), "{text:?}");
        let again = Code::parse(&shown).expect("what we show");
        assert_eq!(*again.shown(), *shown);
        Some(shown)
    };
    hold(2000, &cases, |(style, touches)| {
        let code = Code::new(&Chance::real()).expect("a code");
        let text = touched_by(&typed(&code.shown(), style), &touches);
        let same = read(&text).is_some_and(|shown| *shown == *code.shown());
        assert_eq!(
            same,
            invited_by(&text) == invited_by(&code.shown()),
            "{text:?}"
        );
    });
    hold(2000, &texts(), |text| drop(read(&text)));
}

#[test]
fn an_invitation_lets_nobody_in_by_what_does_not_mean_its_code() {
    let scene = Scene::new();
    let (_, code) = operator::invite_to(scene.database(), operator::wanted(100), START);
    let opens = |text: &str| {
        // Without one everybody may come here.
        if text.trim().is_empty() {
            return;
        }
        let right = invited_by(text) == invited_by(&code) && text.len() <= 64;
        // Fields that are no good keep it from being used up.
        let body = json!({ "username": "", "email": "", "password": "", "invite": text });
        let status = program(&scene, "/auth/register", &body);
        assert_eq!(status, if right { 422 } else { 403 }, "{text:?}");
        let path = format!("/invite/{}", escaped(text));
        let page = Call::new(Method::Get, &path).header("Accept", "text/html");
        let looked = scene.send(&page).status;
        // None of our paths has escapes.
        let good = right && escaped(text) == text;
        assert!(
            looked < 500 && (looked == 200) == good,
            "{text:?}: {looked}"
        );
    };
    let cases = (0..4_u8, touches(2));
    hold(80, &cases, |(style, touches)| {
        opens(&touched_by(&typed(&code, style), &touches));
    });
    hold(40, &texts(), |text| opens(&text));
    assert_eq!(scene.faults(), Vec::<String>::new());
}
