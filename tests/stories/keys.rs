//! The keys that sign tokens: replaced by themselves, and by the operator.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::Value;
use vestibule::world::Clock;

use crate::house::{Database, House, PASSWORD, SECRET};

const DAY: i64 = 86_400;

/// Instances have ports of their own.
const ISSUER: (&str, &str) = ("vestibule.issuer", "https://login.example.org");

/// A house whose clock shows what commands see, and can be moved all the same.
fn house_today(settings: &[(&str, &str)]) -> House {
    let settings = [&[ISSUER], settings].concat();
    House::at(
        Database::fresh(),
        &settings,
        Clock::set_to(Clock::Real.unix()),
    )
}

/// `vestibule keys …` with the settings of the house, and more.
fn run(house: &House, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command
        .current_dir(house.database.folder())
        .env_clear()
        .env("VESTIBULE_DATA_DIR", house.database.data_dir())
        .arg("keys")
        .args(arguments);
    if let Some(url) = house.database.url() {
        command.env("VESTIBULE_DATABASE_URL", url);
        command.env("VESTIBULE_SERVER_SECRET", SECRET);
    }
    command.envs(settings.iter().copied());
    command.output().expect("it runs")
}

/// What it said.
fn keys(house: &House, arguments: &[&str]) -> String {
    let done = run(house, arguments, &[]);
    let faults = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{arguments:?}: {faults}");
    String::from_utf8(done.stdout).expect("text")
}

/// Why it did not.
fn refused(house: &House, arguments: &[&str]) -> String {
    let done = run(house, arguments, &[]);
    assert!(!done.status.success(), "{arguments:?}");
    String::from_utf8(done.stderr).expect("text")
}

/// The list for scripts.
fn list(house: &House) -> Vec<Value> {
    let printed: Value = serde_json::from_str(&keys(house, &["list", "--json"])).expect("JSON");
    printed["keys"].as_array().expect("a list").clone()
}

/// The state of each key in the list.
fn states(house: &House) -> Vec<String> {
    let states = list(house).into_iter().map(|key| text(&key, "state"));
    states.collect()
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().expect("text").to_owned()
}

/// The names of the published keys.
fn published(house: &House) -> Vec<String> {
    let set = house.get("/.well-known/jwks.json").send().json();
    let keys = set["keys"].as_array().expect("keys").iter();
    keys.map(|key| text(key, "kid")).collect()
}

/// Waits until it is so; gives how long that took.
fn until(what: &str, so: impl Fn() -> bool) -> Duration {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < Duration::from_secs(10), "{what}");
    }
    started.elapsed()
}

/// Generous, for a machine that runs all tests at once.
fn assert_soon(took: Duration) {
    assert!(took < Duration::from_secs(2), "{took:?}");
}

fn kid_of(token: &str) -> String {
    let header = token.split('.').next().expect("a header");
    let header = BASE64URL_NOPAD
        .decode(header.as_bytes())
        .expect("base64url");
    text(&serde_json::from_slice(&header).expect("JSON"), "kid")
}

/// A new access token of somebody who is registered.
fn token(house: &House) -> String {
    house.log_in("ana", PASSWORD).text_of("access_token")
}

fn pem(label: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        BASE64.encode(der)
    )
}

fn p256() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key")
}

fn pkcs8(pair: &EcdsaKeyPair) -> String {
    pem("PRIVATE KEY", pair.to_pkcs8v1().expect("a key").as_ref())
}

/// Puts it in a file of that name.
fn file(house: &House, name: &str, content: &str) -> String {
    let path = house.database.folder().join(name);
    std::fs::write(&path, content).expect("written");
    path.to_str().expect("text").to_owned()
}

#[test]
fn a_key_is_published_a_day_before_it_signs_and_the_old_one_stays_until_its_last_token_has_expired()
{
    for algorithm in ["ES256", "EdDSA"] {
        let house = House::with(&[("vestibule.algorithm", algorithm)]);
        house.register("ana");
        let first = kid_of(&token(&house));
        assert_eq!(published(&house), [first.as_str()]);
        let before = house.get("/.well-known/jwks.json").send();
        house.clock.advance(89 * DAY);
        until("no key is next", || published(&house).len() == 2);
        let after = house.get("/.well-known/jwks.json").send();
        assert_ne!(before.header("ETag"), after.header("ETag"));
        assert_eq!(after.header("Cache-Control"), "public, max-age=300");
        let second = published(&house).pop().expect("the next key");
        assert_eq!(kid_of(&token(&house)), first);
        house.clock.advance(DAY - 1);
        let last = token(&house);
        assert_eq!(kid_of(&last), first);
        house.clock.advance(1);
        let new = token(&house);
        assert_eq!(kid_of(&new), second);
        assert_eq!((house.status_of(&last), house.status_of(&new)), (200, 200));
        house.clock.advance(898);
        assert_eq!(house.status_of(&last), 200);
        assert_eq!(published(&house).len(), 2);
        house.clock.advance(1);
        assert_eq!(house.status_of(&last), 401);
        house.clock.advance(61);
        until("the old key stays", || {
            published(&house) == [second.as_str()]
        });
        let sealed = house
            .database
            .ask("select sealed_private from signing_keys order by generation");
        assert!(sealed[0].is_empty() && !sealed[1].is_empty(), "{sealed:?}");
        assert_eq!(house.status_of(&token(&house)), 200);
        assert_eq!(house.events("key_made").len(), 2);
    }
}

#[test]
fn a_running_server_publishes_the_operators_next_key_within_a_second() {
    let house = house_today(&[]);
    house.register("ana");
    let first = kid_of(&token(&house));
    let said = keys(&house, &["rotate"]);
    assert_soon(until("it is not published", || {
        published(&house).len() == 2
    }));
    let second = published(&house).pop().expect("the next key");
    assert!(
        said.starts_with(&format!("{second} is published now and signs from 20")),
        "{said}"
    );
    // There is no second next one.
    let said = keys(&house, &["rotate"]);
    assert!(
        said.starts_with(&format!("{second} is published already")),
        "{said}"
    );
    assert_eq!(kid_of(&token(&house)), first);
    house.clock.advance(DAY + 5);
    assert_eq!(kid_of(&token(&house)), second);
    assert!(keys(&house, &["list"]).starts_with("KID  "));
}

#[test]
fn keys_that_may_be_known_to_others_lose_trust_at_once_everywhere_and_sessions_go_on() {
    let one = house_today(&[]);
    let other = one.beside(&[ISSUER]);
    one.register("ana");
    let cookie = one.cookie_of("bob");
    let pair = one.log_in("ana", PASSWORD);
    let (old, refresh) = (pair.text_of("access_token"), pair.text_of("refresh_token"));
    keys(&one, &["rotate"]);
    // Remembered as good from now on.
    assert_eq!((one.status_of(&old), other.status_of(&old)), (200, 200));
    let said = keys(&one, &["rotate", "--compromised"]);
    assert!(
        said.ends_with("signs from now on. Keys no longer trusted: 2.\n"),
        "{said}"
    );
    let new = said.split(' ').next().expect("its name").to_owned();
    assert_soon(until("the old key is trusted", || {
        one.status_of(&old) == 401
    }));
    assert_soon(until("the old key is trusted elsewhere", || {
        other.status_of(&old) == 401
    }));
    assert_eq!(
        (published(&one), published(&other)),
        (vec![new.clone()], vec![new.clone()])
    );
    let renewed = other.refresh(&refresh).text_of("access_token");
    assert_eq!(kid_of(&renewed), new);
    assert_eq!(
        (one.status_of(&renewed), other.status_of(&renewed)),
        (200, 200)
    );
    let page = one.get("/account").page().header("Cookie", &cookie).send();
    assert_eq!(page.status, 200);
    assert_eq!(states(&one), ["compromised", "compromised", "signing"]);
    let left = one
        .database
        .ask("select count(*) from signing_keys where sealed_private <> ''");
    assert_eq!(left, ["1"]);
}

#[test]
fn a_key_from_elsewhere_is_the_next_one() {
    let house = house_today(&[]);
    house.register("ana");
    let pair = p256();
    let theirs = file(&house, "theirs.pem", &pkcs8(&pair));
    let said = keys(&house, &["import", &theirs]);
    let kid = said.split(' ').next().expect("its name").to_owned();
    assert_soon(until("it is not published", || {
        published(&house).contains(&kid)
    }));
    assert!(refused(&house, &["import", &theirs]).contains("is here already"));
    let another = file(&house, "another.pem", &pkcs8(&p256()));
    assert!(refused(&house, &["import", &another]).contains(&format!("retire {kid}")));
    house.clock.advance(DAY + 5);
    let token = token(&house);
    assert_eq!((kid_of(&token), house.status_of(&token)), (kid, 200));
    // One that lost trust does not come back.
    keys(&house, &["rotate", "--compromised"]);
    assert!(refused(&house, &["import", &theirs]).contains("compromised"));
}

#[test]
fn what_is_no_private_key_of_the_right_kind_is_refused_in_words() {
    let house = house_today(&[]);
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key");
    let ed25519 = Ed25519KeyPair::generate().expect("a key");
    let ed25519 = ed25519.to_pkcs8().expect("a key");
    let pair = p256();
    let sec1 = pair.private_key().as_der().expect("a key");
    let whole = pkcs8(&pair);
    for (content, words) in [
        (
            pem("PRIVATE KEY", ed25519.as_ref()),
            "This is a key for EdDSA",
        ),
        (pkcs8(&p384), "This is no key for ES256"),
        (pem("PRIVATE KEY", b"nonsense"), "This is no key for ES256"),
        (pem("EC PRIVATE KEY", sec1.as_ref()), "openssl pkcs8 -topk8"),
        (
            pem("ENCRYPTED PRIVATE KEY", b"nonsense"),
            "Decrypt it first",
        ),
        (pem("CERTIFICATE", b"nonsense"), "holds no private key"),
        ("nonsense".to_owned(), "holds no private key"),
        (whole[..whole.len() - 40].to_owned(), "damaged"),
        (format!("{whole}{whole}"), "Leave one in it"),
    ] {
        let path = file(&house, "key.pem", &content);
        let said = refused(&house, &["import", &path]);
        assert!(said.contains(words), "{content}: {said}");
    }
    assert!(refused(&house, &["import", "nowhere.pem"]).contains("cannot be read"));
    let path = file(&house, "key.pem", &whole);
    let done = run(
        &house,
        &["import", &path],
        &[("VESTIBULE_ALGORITHM", "HS256")],
    );
    assert!(String::from_utf8_lossy(&done.stderr).contains("Keys of HS256 are not imported"));
    assert_eq!(states(&house), ["signing"]);
}

#[test]
fn a_key_that_does_not_sign_can_be_retired_and_the_one_that_signs_cannot() {
    let house = house_today(&[]);
    house.register("ana");
    let old = token(&house);
    let first = kid_of(&old);
    assert!(refused(&house, &["retire", &first]).contains("Rotate first: vestibule keys rotate"));
    assert!(refused(&house, &["retire", "nobody"]).contains("There is no key"));
    keys(&house, &["rotate"]);
    let second = text(&list(&house)[1], "kid");
    keys(&house, &["retire", &second]);
    assert_soon(until("it is published", || {
        published(&house) == [first.as_str()]
    }));
    assert!(refused(&house, &["retire", &second]).contains("retired already"));
    // Its number is not given again.
    keys(&house, &["rotate"]);
    let third = text(&list(&house)[2], "kid");
    // The day passes for the command, too, whose clock no test sets.
    let now = Clock::Real.unix();
    house.clock.advance(60);
    house.database.ask(&format!(
        "update signing_keys set signs_from = {now} where kid = '{third}'"
    ));
    let why = format!("select ended_why from signing_keys where kid = '{first}'");
    until("the old key may sign", || {
        house.database.ask(&why) == ["superseded"]
    });
    assert_eq!(kid_of(&token(&house)), third);
    assert_eq!(house.status_of(&old), 200);
    let done = keys(&house, &["retire", &first]);
    assert_eq!(
        done,
        format!("{first} is retired. Tokens that it signed are refused.\n")
    );
    assert_soon(until("it is trusted", || house.status_of(&old) == 401));
}

#[test]
fn instances_that_rotate_at_once_make_one_key() {
    let one = House::with(&[ISSUER]);
    let other = one.beside(&[ISSUER]);
    one.clock.advance(89 * DAY);
    until("no key is next", || {
        published(&one).len() == 2 && published(&other).len() == 2
    });
    assert_eq!(published(&one), published(&other));
    one.clock.advance(2 * DAY);
    until("the old key stays", || {
        published(&one).len() == 1 && published(&other).len() == 1
    });
    assert_eq!(one.database.ask("select count(*) from signing_keys"), ["2"]);
    let made = one.events("key_made").len() + other.events("key_made").len();
    assert_eq!(made, 2);
}

#[test]
fn operators_who_rotate_at_once_make_one_key() {
    let house = house_today(&[]);
    let said: Vec<String> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| keys(&house, &["rotate"])))
            .collect();
        all.into_iter()
            .map(|one| one.join().expect("words"))
            .collect()
    });
    let made = said
        .iter()
        .filter(|said| said.contains("published now"))
        .count();
    let names: std::collections::BTreeSet<_> = said
        .iter()
        .map(|said| said.split(' ').next().expect("a name"))
        .collect();
    assert_eq!((made, names.len()), (1, 1), "{said:?}");
    assert_eq!(states(&house), ["signing", "next"]);
    // Nobody is left without a key, whoever comes last.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| keys(&house, &["rotate", "--compromised"]));
        }
    });
    let states = states(&house);
    assert_eq!(
        states.iter().filter(|state| *state == "signing").count(),
        1,
        "{states:?}"
    );
    assert_eq!(
        states
            .iter()
            .filter(|state| *state == "compromised")
            .count(),
        states.len() - 1
    );
}

#[test]
fn a_clock_that_is_set_back_takes_no_rotation_back() {
    let house = House::with(&[ISSUER]);
    house.register("ana");
    house.clock.advance(89 * DAY);
    until("no key is next", || published(&house).len() == 2);
    let second = published(&house).pop().expect("the next key");
    house.clock.advance(DAY);
    let last = "select count(*) from signing_keys where ended_at is not null";
    until("the old key may sign", || house.database.ask(last) == ["1"]);
    house.clock.advance(-300);
    assert_eq!(kid_of(&token(&house)), second);
    // Nor does a restart, which has not seen the later time.
    let clock = house.clock.clone();
    let house = House::at(house.close(), &[ISSUER], clock);
    assert_eq!(kid_of(&token(&house)), second);
    house.clock.advance(300 + 961);
    until("the old key stays", || {
        published(&house) == [second.as_str()]
    });
    house.clock.advance(-7200);
    let new = token(&house);
    assert_eq!(kid_of(&new), second);
    until("the guard stays closed", || house.status_of(&new) == 200);
    assert_eq!(published(&house), [second]);
}

#[test]
fn keys_of_hs256_are_never_published() {
    let house = house_today(&[("vestibule.algorithm", "\"HS256\"")]);
    house.register("ana");
    let old = token(&house);
    let settings = [("VESTIBULE_ALGORITHM", "HS256")];
    assert!(run(&house, &["rotate"], &settings).status.success());
    assert!(
        run(&house, &["rotate", "--compromised"], &settings)
            .status
            .success()
    );
    assert_soon(until("the old key is trusted", || {
        house.status_of(&old) == 401
    }));
    assert_eq!(house.status_of(&token(&house)), 200);
    assert!(published(&house).is_empty());
}

#[test]
fn the_list_says_what_becomes_of_each_key() {
    let house = house_today(&[]);
    house.register("ana");
    let now = house.clock.unix();
    keys(&house, &["rotate"]);
    let seen = list(&house);
    let signing = &seen[0];
    assert_eq!(text(signing, "algorithm"), "ES256");
    assert_eq!(
        (text(signing, "state"), text(&seen[1], "state")),
        ("signing".into(), "next".into())
    );
    assert_eq!(signing["since"], now);
    // The one goes on until the other begins.
    assert_eq!(signing["until"], seen[1]["until"]);
    assert!((seen[1]["until"].as_i64().expect("a time") - now - DAY).abs() < 60);
    let members: Vec<_> = signing.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["algorithm", "kid", "since", "state", "until"]);
    keys(&house, &["rotate", "--compromised"]);
    assert_eq!(list(&house)[0]["until"], Value::Null);
    let table = keys(&house, &["list"]);
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].starts_with("KID") && lines.len() == 4, "{table}");
    let (newest, rest) = lines[3].split_once(' ').expect("a name");
    assert!(rest.contains(" signing "), "{table}");
    until("another key is published", || published(&house) == [newest]);
    // Without the settings of the server it touches nothing.
    let wrong = run(&house, &["rotate"], &[("VESTIBULE_ALGORITHM", "EdDSA")]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("No key signs with EdDSA here"));
    let secret = (
        "VESTIBULE_SERVER_SECRET",
        "another secret, as long as it must be",
    );
    let wrong = run(&house, &["rotate", "--compromised"], &[secret]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("does not open the signing keys"));
    assert_eq!(list(&house).len(), 3);
}

#[test]
fn a_key_that_this_instance_cannot_open_is_told_once_and_changes_nothing() {
    let house = house_today(&[]);
    house.register("ana");
    let old = token(&house);
    let row = |kid: &str, generation: i64| {
        house.database.ask(&format!(
            "insert into signing_keys (kid, algorithm, generation, sealed_private, created_at, signs_from)
             values ('{kid}', 'ES256', {generation}, 'c29tZXRoaW5nIGVsc2UsIHNlYWxlZCBlbHNld2hlcmU', 1, 1)"
        ));
    };
    row("strange", 7);
    until("nobody is told", || {
        house.events("key_not_opened").len() == 1
    });
    row("stranger", 8);
    until("nobody is told", || {
        house.events("key_not_opened").len() == 2
    });
    let told = house.events("key_not_opened");
    assert_eq!(
        (&told[0]["kid"], &told[1]["kid"]),
        (&"strange".into(), &"stranger".into())
    );
    assert_eq!(
        (house.status_of(&old), kid_of(&token(&house))),
        (200, kid_of(&old))
    );
    let ended = house
        .database
        .ask("select count(*) from signing_keys where ended_at is not null");
    assert_eq!(ended, ["0"]);
}

#[test]
fn another_algorithm_leaves_the_old_keys_until_their_last_token_has_expired() {
    let house = House::with(&[ISSUER]);
    house.register("ana");
    let old = token(&house);
    let clock = house.clock.clone();
    let house = House::at(
        house.close(),
        &[ISSUER, ("vestibule.algorithm", "EdDSA")],
        clock,
    );
    let new = token(&house);
    assert_eq!((house.status_of(&old), house.status_of(&new)), (200, 200));
    assert_eq!(published(&house).len(), 2);
    house.clock.advance(961);
    until("the old key stays", || published(&house) == [kid_of(&new)]);
}

#[test]
fn instances_with_different_algorithms_live_side_by_side() {
    let one = House::with(&[ISSUER]);
    one.register("ana");
    let other = one.beside(&[ISSUER, ("vestibule.algorithm", "EdDSA")]);
    let keys = || {
        one.database
            .ask("select count(*) from signing_keys")
            .remove(0)
    };
    // The old key was sent away by the other's start; nobody who signs in meanwhile notices.
    for _ in 0..5 {
        assert_eq!(one.status_of(&token(&one)), 200);
    }
    until("there is no new key", || keys() == "3");
    one.clock.advance(961);
    until("the old key stays", || {
        published(&one).len() == 2 && published(&other).len() == 2
    });
    let (ours, theirs) = (token(&one), token(&other));
    assert_eq!((other.status_of(&ours), one.status_of(&theirs)), (200, 200));
    assert_eq!(keys(), "3");
}

#[test]
fn a_rotation_that_cannot_be_written_is_told_once_and_disturbs_nobody() {
    let house = House::on(Database::sqlite(), &[]);
    house.register("ana");
    let first = kid_of(&token(&house));
    house.database.ask(
        "create trigger full before insert on signing_keys begin select raise(abort, 'full'); end",
    );
    house.clock.advance(91 * DAY);
    until("nobody is told", || {
        !house.events("tidying_failed").is_empty()
    });
    // Several questions later.
    std::thread::sleep(Duration::from_millis(1300));
    let told = house.events("tidying_failed");
    assert!(told.len() == 1 && text(&told[0], "cause").contains("signing keys"));
    let token = token(&house);
    assert_eq!((kid_of(&token), house.status_of(&token)), (first, 200));
}
