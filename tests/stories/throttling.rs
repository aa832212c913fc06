//! Guessing is slow, and keeps nobody out who was here before.

use serde_json::json;

use crate::house::{Answer, Call, Database, House, PASSWORD};

const WRONG: &str = "not the password";

/// A house that limits guessing, behind a proxy that is trusted, so that one machine can be many clients.
fn guarded(more: &[(&str, &str)]) -> House {
    let mut settings = vec![
        ("vestibule.throttle", "on"),
        ("vestibule.trusted_proxies", "[\"127.0.0.1\"]"),
    ];
    settings.extend_from_slice(more);
    House::with(&settings)
}

fn from(call: Call, address: &str) -> Call {
    call.header("X-Forwarded-For", address)
}

fn api(house: &House, address: &str, name: &str, password: &str) -> Answer {
    from(house.post("/auth/token"), address).form(&[("username", name), ("password", password)])
}

fn page(house: &House, address: &str, cookie: &str, name: &str, password: &str) -> Answer {
    from(house.post("/login"), address)
        .header("Origin", &house.origin)
        .header("Cookie", cookie)
        .page()
        .form(&[("username", name), ("password", password)])
}

/// What a browser keeps after signing out.
fn device_of(house: &House, address: &str, name: &str) -> String {
    let answer = page(house, address, "", name, PASSWORD);
    assert_eq!(answer.status, 303, "{}", answer.text);
    let set = answer.set_cookie("vestibule-device");
    set.split(';').next().expect("a pair").to_owned()
}

fn wait_of(answer: &Answer) -> i64 {
    assert_eq!(answer.status, 429, "{}", answer.text);
    answer.header("Retry-After").parse().expect("seconds")
}

/// Guesses until somebody says to wait, from ever new networks.
fn spend_name(house: &House, name: &str) -> Answer {
    for number in 0..=5 {
        let answer = api(house, &format!("198.18.{number}.1"), name, WRONG);
        if answer.status == 429 {
            return answer;
        }
        assert_eq!(answer.status, 401);
    }
    panic!("nobody was told to wait");
}

#[test]
fn guessing_spends_the_strangers_budget_and_the_owners_browser_gets_in() {
    let house = guarded(&[]);
    house.register("ana");
    let device = device_of(&house, "203.0.113.1", "ana");
    let refused = spend_name(&house, "ana");
    assert_eq!(wait_of(&refused), 1);
    assert_eq!(
        refused.json()["detail"],
        "Too many wrong passwords for this name. Try again in 1 second."
    );
    assert_eq!(refused.json()["code"], "too_many_attempts");
    // The right password does not help a stranger now, but it does help the owner's browser, wherever it is.
    assert_eq!(api(&house, "192.0.2.7", "ana", PASSWORD).status, 429);
    assert_eq!(page(&house, "192.0.2.8", "", "ana", PASSWORD).status, 429);
    assert_eq!(
        page(&house, "192.0.2.9", &device, "ana", PASSWORD).status,
        303
    );
    // Not with a cookie that somebody made up, nor for another account.
    let forged = device.replacen('.', ".A", 1);
    assert_eq!(
        page(&house, "192.0.2.9", &forged, "ana", PASSWORD).status,
        429
    );
    house.register("ben");
    spend_name(&house, "ben");
    assert_eq!(
        page(&house, "192.0.2.9", &device, "ben", PASSWORD).status,
        429
    );
    let events = house.events("login_refused");
    assert!(events.iter().any(|event| event["limit"] == "name"));
}

#[test]
fn a_network_that_is_spent_keeps_no_known_browser_out_and_its_own_budget_is_bounded() {
    let house = guarded(&[("vestibule.failures_per_address", "3")]);
    house.register("ana");
    let device = device_of(&house, "203.0.113.1", "ana");
    for name in ["a1", "a2", "a3"] {
        assert_eq!(api(&house, "203.0.113.1", name, WRONG).status, 401);
    }
    let refused = api(&house, "203.0.113.1", "a4", WRONG);
    assert_eq!(wait_of(&refused), 1);
    assert_eq!(
        refused.json()["detail"],
        "Too many failed attempts from your network. Try again in 1 second."
    );
    assert_eq!(
        page(&house, "203.0.113.1", &device, "ana", PASSWORD).status,
        303
    );
    for _ in 0..5 {
        assert_eq!(
            page(&house, "203.0.113.1", &device, "ana", WRONG).status,
            401
        );
    }
    assert_eq!(
        page(&house, "203.0.113.1", &device, "ana", PASSWORD).status,
        429
    );
    // That was the browser's own; a stranger elsewhere has another.
    assert_eq!(api(&house, "192.0.2.1", "ana", PASSWORD).status, 200);
}

#[test]
fn a_program_gets_in_from_a_network_that_it_used_before() {
    let house = guarded(&[]);
    house.register("ana");
    assert_eq!(api(&house, "203.0.113.1", "ana", PASSWORD).status, 200);
    spend_name(&house, "ana");
    assert_eq!(api(&house, "203.0.113.2", "ana", PASSWORD).status, 429);
    assert_eq!(api(&house, "203.0.113.1", "ana", PASSWORD).status, 200);
    assert_eq!(api(&house, "203.0.113.1", "ANA", PASSWORD).status, 200);
    let known = "select network from known_networks order by network";
    // Where it registered, and from where it signed in.
    assert_eq!(house.database.ask(known), ["127.0.0.1", "203.0.113.1"]);
    // Three months later it is somebody else's.
    house.clock.advance(91 * 86_400);
    spend_name(&house, "ana");
    assert_eq!(api(&house, "203.0.113.1", "ana", PASSWORD).status, 429);
}

#[test]
fn a_program_is_known_where_it_registered_its_account() {
    let house = guarded(&[]);
    let fields = json!({ "username": "ana", "email": "ana@example.org", "password": PASSWORD });
    let made = from(house.post("/auth/register"), "203.0.113.1").json(&fields);
    assert_eq!(made.status, 201);
    spend_name(&house, "ana");
    assert_eq!(api(&house, "203.0.113.2", "ana", PASSWORD).status, 429);
    assert_eq!(api(&house, "203.0.113.1", "ana", PASSWORD).status, 200);
}

#[test]
fn a_browser_is_known_for_a_year_and_until_the_account_ends_what_it_has_out_there() {
    let house = guarded(&[]);
    house.register("ana");
    let device = device_of(&house, "203.0.113.1", "ana");
    let known = || {
        spend_name(&house, "ana");
        let status = page(&house, "192.0.2.9", &device, "ana", PASSWORD).status;
        assert!(matches!(status, 303 | 429), "{status}");
        status == 303
    };
    house.clock.advance(364 * 86_400);
    assert!(known());
    house.clock.advance(2 * 86_400);
    assert!(!known());
    house.clock.advance(-2 * 86_400);
    assert!(known());
    // As with a new password, or when the operator ends all sessions.
    house
        .database
        .ask("update accounts set version = version + 1");
    assert!(!known());
}

#[test]
fn a_guesser_beside_a_program_gains_one_guess_with_each_of_its_sign_ins() {
    let house = guarded(&[]);
    house.register("ana");
    assert_eq!(api(&house, "203.0.113.1", "ana", PASSWORD).status, 200);
    let mut checked = 0;
    for _ in 0..10 {
        for _ in 0..4 {
            checked += u32::from(api(&house, "203.0.113.1", "ana", WRONG).status == 401);
        }
        // The program waits as it is told, and gets in.
        let seconds = api(&house, "203.0.113.1", "ana", PASSWORD);
        house
            .clock
            .advance(seconds.header("Retry-After").parse().unwrap_or(0));
        api(&house, "203.0.113.1", "ana", PASSWORD);
    }
    assert!(checked <= 5 + 10, "{checked} guesses");
    assert_eq!(api(&house, "203.0.113.1", "ana", PASSWORD).status, 200);
}

/// An answer without what differs between any two: the id and the date.
fn bare(answer: &Answer) -> (u16, String, String) {
    let mut headers = answer.headers.clone();
    headers.remove("date");
    let mut text = answer.text.clone();
    if text.starts_with('{') {
        let mut body = answer.json();
        body["request_id"] = json!("");
        text = body.to_string();
    }
    (answer.status, format!("{headers:?}"), text)
}

/// Forty guesses, each as soon as it is allowed and once too early, and what came back.
fn guesses(house: &House, name: &str, network: &str) -> Vec<(u16, String, String)> {
    let mut answers = Vec::new();
    for number in 0..20 {
        let address = format!("{network}.{number}");
        for password in [WRONG, PASSWORD] {
            let answer = if number % 2 == 0 {
                api(house, &address, name, password)
            } else {
                page(house, &address, "", name, password)
            };
            let seconds = answer.header("Retry-After").parse().unwrap_or(0);
            answers.push(bare(&answer));
            house.clock.advance(seconds);
        }
    }
    answers
}

#[test]
fn an_unknown_name_a_locked_and_a_disabled_account_get_the_same_answers() {
    let settings = [("vestibule.failures_per_account", "10")];
    let house = guarded(&settings);
    house.register("ana");
    house.register("eve");
    // Locked before it begins; so every password is refused, the right one included.
    for number in 0..12 {
        api(
            &house,
            &format!("198.18.{number}.1"),
            "ana@example.org",
            WRONG,
        );
        house.clock.advance(900);
    }
    assert_eq!(house.events("closed_to_strangers").len(), 1);
    house
        .database
        .ask("update accounts set disabled_at = 1 where username = 'eve'");
    house.clock.advance(86_400);
    // Names of the same length, and each house clock at the same second of its minute.
    let swapped = |answers: Vec<(u16, String, String)>, name: &str| -> Vec<_> {
        answers
            .into_iter()
            .map(|(status, headers, text)| (status, headers, text.replace(name, "NAME")))
            .collect()
    };
    let start = house.clock.unix();
    let mut told = Vec::new();
    for (name, network) in [
        ("ana", "192.0.2"),
        ("nob", "198.51.100"),
        ("eve", "203.0.113"),
    ] {
        let answers = swapped(guesses(&house, name, network), name);
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.0).collect();
        assert!(
            statuses.contains(&401) && statuses.contains(&429),
            "{statuses:?}"
        );
        assert!(
            statuses.iter().all(|status| matches!(status, 401 | 429)),
            "{name}: {statuses:?}"
        );
        told.push(answers);
        house
            .clock
            .advance(start + 86_400 * told.len() as i64 - house.clock.unix());
    }
    let times = |answers: &[(u16, String, String)]| -> Vec<(u16, String, usize)> {
        answers
            .iter()
            .map(|(status, headers, text)| (*status, headers.clone(), text.len()))
            .collect()
    };
    assert_eq!(times(&told[0]), times(&told[1]));
    assert_eq!(times(&told[1]), times(&told[2]));
    let json = |answers: &[(u16, String, String)]| -> Vec<String> {
        answers
            .iter()
            .map(|answer| answer.2.clone())
            .filter(|text| text.starts_with('{'))
            .collect()
    };
    assert_eq!(json(&told[0]), json(&told[1]));
    // Each hash that was computed left one write behind, whoever's name it was.
    let counted = |whose: &str| {
        house.database.ask(&format!(
            "select failures from login_failures where account_id {whose}"
        ))
    };
    let eves = counted("in (select id from accounts where username = 'eve')");
    assert_eq!(eves, counted("not in (select id from accounts)"));
    assert!(eves[0].parse::<u32>().expect("a number") > 10, "{eves:?}");
}

#[test]
fn waits_grow_pass_and_reach_fifteen_minutes() {
    let house = guarded(&[]);
    let mut waits = Vec::new();
    for number in 0..18 {
        let address = format!("198.18.{number}.1");
        let answer = api(&house, &address, "nobody", WRONG);
        // At the longest wait the answer to the guess itself says so.
        let answer = match answer.status {
            401 => api(&house, &address, "nobody", WRONG),
            _ => answer,
        };
        if answer.status == 429 {
            waits.push(wait_of(&answer));
            house.clock.advance(wait_of(&answer));
        }
    }
    // The first two rounds spend two free ones each.
    assert_eq!(waits[..11], [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900]);
    assert_eq!(waits.last(), Some(&900));
}

#[test]
fn a_success_starts_anew() {
    let house = guarded(&[]);
    house.register("ana");
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(page(&house, "192.0.2.1", "", "ana", WRONG).status, 401);
        }
        assert_eq!(page(&house, "192.0.2.1", "", "ana", PASSWORD).status, 303);
    }
    assert_eq!(
        house.database.ask("select count(*) from login_failures"),
        ["0"]
    );
}

#[test]
fn signing_in_to_an_account_of_ones_own_buys_no_guesses() {
    let house = guarded(&[("vestibule.failures_per_address", "6")]);
    house.register("mallory");
    let mut checked = 0;
    for number in 0..20 {
        checked +=
            u32::from(page(&house, "192.0.2.1", "", &format!("n{number}"), WRONG).status == 401);
        page(&house, "192.0.2.1", "", "mallory", PASSWORD);
    }
    assert_eq!(checked, 6);
}

#[test]
fn a_burst_checks_no_more_passwords_than_the_budget_has() {
    let house = guarded(&[]);
    house.register("ana");
    let burst = |password: &str| -> Vec<u16> {
        std::thread::scope(|scope| {
            let house = &house;
            let all: Vec<_> = (0..50)
                .map(|_| scope.spawn(move || api(house, "192.0.2.1", "ana", password).status))
                .collect();
            all.into_iter()
                .map(|one| one.join().expect("an answer"))
                .collect()
        })
    };
    // Many at once with the right password wait for each other.
    assert!(burst(PASSWORD).iter().all(|status| *status == 200));
    let statuses = burst(WRONG);
    assert_eq!(
        statuses.iter().filter(|status| **status == 401).count(),
        5,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 429).count(),
        45,
        "{statuses:?}"
    );
    assert_eq!(
        house.database.ask("select failures from login_failures"),
        ["5"]
    );
}

#[test]
fn neighbours_share_a_larger_budget() {
    let house = guarded(&[("vestibule.failures_per_network", "8")]);
    let status =
        |address: &str, name: usize| api(&house, address, &format!("name{name}"), WRONG).status;
    for number in 0..8 {
        assert_eq!(status(&format!("192.0.2.{number}"), number), 401);
    }
    assert_eq!(status("192.0.2.200", 100), 429);
    assert_eq!(status("192.0.3.1", 101), 401);
    let house = guarded(&[
        ("vestibule.failures_per_address", "2"),
        ("vestibule.failures_per_network", "4"),
    ]);
    let status =
        |address: &str, name: usize| api(&house, address, &format!("name{name}"), WRONG).status;
    // One machine has all of a /64; one customer a /48.
    assert_eq!(status("2001:db8:1:1::1", 1), 401);
    assert_eq!(status("2001:db8:1:1:ffff::2", 2), 401);
    assert_eq!(status("2001:db8:1:1:2:3:4:5", 3), 429);
    assert_eq!(status("2001:db8:1:2::1", 4), 401);
    assert_eq!(status("2001:db8:1:3::1", 5), 401);
    assert_eq!(status("2001:db8:1:4::1", 6), 429);
    assert_eq!(status("2001:db8:2:1::1", 7), 401);
}

#[test]
fn right_passwords_of_an_account_have_a_budget_that_only_its_owner_hears_of() {
    let house = guarded(&[("vestibule.sign_ins_per_account", "3")]);
    house.register("ana");
    let device = device_of(&house, "203.0.113.1", "ana");
    for number in 0..2 {
        let address = format!("198.51.100.{number}");
        assert_eq!(api(&house, &address, "ana", PASSWORD).status, 200);
    }
    let refused = api(&house, "192.0.2.1", "ana", PASSWORD);
    assert_eq!(wait_of(&refused), 1200);
    assert_eq!(refused.json()["code"], "too_many_sign_ins");
    assert_eq!(
        refused.json()["detail"],
        "Too many sign-ins with this name. Try again in 20 minutes."
    );
    // A browser that is known there is told before anything is hashed, whatever the password.
    for password in [PASSWORD, WRONG] {
        let told = page(&house, "192.0.2.9", &device, "ana", password);
        assert_eq!(wait_of(&told), 1200);
    }
    // Nobody else learns of it, and wrong passwords spend nothing of it.
    for number in 0..3 {
        let address = format!("198.18.{number}.1");
        let (ana, nobody) = (
            api(&house, &address, "ana", WRONG),
            api(&house, &address, "nob", WRONG),
        );
        assert_eq!(bare(&ana), bare(&nobody));
        assert_eq!(ana.status, 401);
    }
    house.clock.advance(1200);
    assert_eq!(
        page(&house, "192.0.2.9", &device, "ana", PASSWORD).status,
        303
    );
    assert_eq!(api(&house, "192.0.2.1", "ana", PASSWORD).status, 429);
    let events = house.events("login_refused");
    assert!(
        events
            .iter()
            .any(|event| event["limit"] == "account_sign_ins")
    );
}

#[test]
fn right_passwords_from_a_network_have_a_budget_that_keeps_no_one_out_who_is_known_there() {
    let house = guarded(&[
        ("vestibule.sign_ins_per_address", "2"),
        ("vestibule.sign_ins_per_network", "3"),
    ]);
    for name in ["ana", "ben"] {
        house.register(name);
        assert_eq!(api(&house, "192.0.2.1", name, PASSWORD).status, 200);
    }
    house.register("cat");
    // Before anything is hashed, so that names that somebody has or nobody, right and wrong passwords are alike.
    for (name, password) in [("cat", PASSWORD), ("nob", PASSWORD), ("cat", WRONG)] {
        let refused = api(&house, "192.0.2.1", name, password);
        assert_eq!(wait_of(&refused), 1800);
        assert_eq!(
            refused.json()["detail"],
            "Too many sign-ins from your network. Try again in 30 minutes."
        );
    }
    // One account at the address, that somebody signs in to without end, keeps no other owner out.
    assert_eq!(api(&house, "192.0.2.1", "ana", PASSWORD).status, 200);
    assert_eq!(api(&house, "192.0.2.2", "cat", PASSWORD).status, 200);
    assert_eq!(api(&house, "192.0.2.3", "cat", PASSWORD).status, 429);
    assert_eq!(api(&house, "192.0.3.1", "cat", PASSWORD).status, 200);
}

#[test]
fn right_passwords_that_are_refused_spend_the_network_too() {
    let house = guarded(&[
        ("vestibule.sign_ins_per_account", "1"),
        ("vestibule.sign_ins_per_address", "3"),
    ]);
    house.submit(
        "/register",
        &[
            ("username", "ana"),
            ("email", "ana@example.org"),
            ("password", PASSWORD),
        ],
    );
    let sign_in = || page(&house, "192.0.2.1", "", "ana", PASSWORD);
    assert_eq!(sign_in().status, 303);
    // Each has cost a hash, so that there is an end to them.
    let told = [
        "Too many sign-ins with this name.",
        "Too many sign-ins with this name.",
        "Too many sign-ins from your network.",
        "Too many sign-ins from your network.",
    ];
    for word in told {
        let refused = sign_in();
        assert_eq!(refused.status, 429);
        assert!(refused.text.contains(word), "{}", refused.text);
    }
    assert_eq!(
        house.events("login_refused").last().expect("one")["limit"],
        "network_sign_ins"
    );
}

#[test]
fn one_address_has_a_share_of_the_hashing_queue_however_many_browsers_are_known_there() {
    let house = guarded(&[("vestibule.hash_queue", "8")]);
    house.register("ana");
    let devices: Vec<String> = (0..20)
        .map(|_| device_of(&house, "203.0.113.1", "ana"))
        .collect();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let house = &house;
        let all: Vec<_> = devices
            .iter()
            .cycle()
            .take(60)
            .map(|device| {
                scope.spawn(move || page(house, "203.0.113.1", device, "ana", PASSWORD).status)
            })
            .collect();
        let all = all.into_iter().map(|one| one.join().expect("an answer"));
        all.collect()
    });
    // They wait for each other, so that a full queue (503) is never one's alone.
    assert!(statuses.iter().all(|status| *status == 303), "{statuses:?}");
}

/// Fails so often in a row, over days, that strangers are locked out.
fn lock(house: &House, name: &str) {
    for number in 0..10 {
        assert_ne!(
            api(house, &format!("198.18.{number}.1"), name, WRONG).status,
            200
        );
        house.clock.advance(900);
    }
    house.clock.advance(86_400);
}

#[test]
fn after_too_many_in_a_row_strangers_wait_for_the_owner_or_the_operator() {
    let house = guarded(&[("vestibule.failures_per_account", "10")]);
    house.register("ana");
    let device = device_of(&house, "203.0.113.1", "ana");
    let stranger = |password: &str| page(&house, "192.0.2.1", "", "ana", password).status;
    lock(&house, "ana");
    assert_eq!(stranger(PASSWORD), 401);
    // Kept in the database: a restart opens nothing.
    assert_eq!(
        house.database.ask("select failures from login_failures"),
        ["11"]
    );
    assert_eq!(
        page(&house, "192.0.2.2", &device, "ana", PASSWORD).status,
        303
    );
    assert_eq!(house.events("open_to_strangers").len(), 1);
    assert_eq!(stranger(PASSWORD), 303);
    lock(&house, "ana");
    assert_eq!(stranger(PASSWORD), 401);
    unlock(&house.database, "ANA@example.org");
    assert_eq!(stranger(PASSWORD), 303);
}

/// As `vestibule user unlock` does it beside a running server.
fn unlock(database: &Database, name: &str) {
    use vestibule::{accounts::operator, store::Pool};
    let url = database.pool();
    let runtime = rocket::tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let pool = Pool::open(&url, 1).await.expect("the database opens");
        let done = operator::unlock(&pool, name).await.expect("it is written");
        assert!(done.is_some());
        assert!(
            operator::unlock(&pool, "nobody")
                .await
                .expect("it is read")
                .is_none()
        );
        pool.close().await;
    });
}

#[test]
fn forged_refresh_tokens_spend_the_network_and_never_hold_up_a_genuine_one() {
    let house = guarded(&[("vestibule.failures_per_address", "3")]);
    house.register("ana");
    let token = api(&house, "192.0.2.1", "ana", PASSWORD).text_of("refresh_token");
    let refresh = |token: &str| {
        from(house.post("/auth/token"), "192.0.2.1")
            .form(&[("grant_type", "refresh_token"), ("refresh_token", token)])
    };
    for forged in [
        format!("{token}A"),
        "nonsense".to_owned(),
        token.replace(".0.", ".1."),
    ] {
        assert_eq!(refresh(&forged).status, 400, "{forged}");
    }
    let refused = refresh("vestibule_rt_a.0.AA");
    assert_eq!(wait_of(&refused), 1);
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    assert_eq!(api(&house, "192.0.2.1", "ben", WRONG).status, 429);
    assert_eq!(refresh(&token).status, 200);
    // A browser with a stale cookie is a stranger, not a culprit.
    let stale = from(house.get("/account"), "192.0.2.1")
        .page()
        .header("Cookie", "vestibule-refresh=vestibule_rt_a.0.AA")
        .send();
    assert_eq!(
        (stale.status, stale.header("Location")),
        (303, "/login?next=%2Faccount")
    );
}

#[test]
fn a_token_of_ours_that_nobody_remembers_is_no_forgery() {
    let house = guarded(&[("vestibule.failures_per_address", "3")]);
    house.register("ana");
    let token = api(&house, "192.0.2.1", "ana", PASSWORD).text_of("refresh_token");
    house.database.ask("delete from sessions");
    for _ in 0..10 {
        let answer = from(house.post("/auth/token"), "192.0.2.1")
            .form(&[("grant_type", "refresh_token"), ("refresh_token", &token)]);
        assert_eq!(
            (answer.status, answer.text_of("error").as_str()),
            (400, "invalid_grant")
        );
    }
    assert_eq!(api(&house, "192.0.2.1", "ben", WRONG).status, 401);
}

#[test]
fn registering_has_a_budget_by_network() {
    let house = guarded(&[
        ("vestibule.registrations_per_address", "2"),
        ("vestibule.registrations_per_network", "3"),
    ]);
    let register = |address: &str, name: &str, password: &str| {
        let email = format!("{name}@example.org");
        from(house.post("/auth/register"), address)
            .json(&json!({ "username": name, "email": email, "password": password }))
    };
    // What needs another value costs nothing.
    assert_eq!(register("192.0.2.1", "ana", "short").status, 422);
    assert_eq!(register("192.0.2.1", "ana", PASSWORD).status, 201);
    assert_eq!(register("192.0.2.1", "ana", PASSWORD).status, 400);
    let refused = register("192.0.2.1", "ana", PASSWORD);
    assert_eq!(wait_of(&refused), 1800);
    assert_eq!(refused.json()["code"], "too_many_registrations");
    assert_eq!(register("192.0.2.2", "ben", PASSWORD).status, 201);
    assert_eq!(register("192.0.2.3", "carl", PASSWORD).status, 429);
    assert_eq!(register("192.0.3.1", "carl", PASSWORD).status, 201);
    house.clock.advance(1800);
    assert_eq!(register("192.0.2.1", "dora", PASSWORD).status, 201);
    assert_eq!(
        house.events("registration_refused").last().expect("one")["limit"],
        "registrations"
    );
}

#[test]
fn having_passwords_judged_has_a_budget_too() {
    let house = guarded(&[
        ("vestibule.registrations_per_address", "1"),
        ("vestibule.registrations_per_network", "2"),
    ]);
    let register = |address: &str, name: &str, password: &str| {
        let email = format!("{name}@example.org");
        from(house.post("/auth/register"), address)
            .json(&json!({ "username": name, "email": email, "password": password }))
    };
    for _ in 0..10 {
        assert_eq!(register("192.0.2.1", "ana", "password1").status, 422);
    }
    let refused = register("192.0.2.1", "ana", "password1");
    assert_eq!(wait_of(&refused), 360);
    assert_eq!(refused.json()["code"], "too_many_registrations");
    // What is refused before anything is judged is told as ever.
    assert_eq!(register("192.0.2.1", "ana", "short").status, 422);
    for _ in 0..10 {
        assert_eq!(register("192.0.2.2", "ana", "password1").status, 422);
    }
    assert_eq!(register("192.0.2.3", "ana", PASSWORD).status, 429);
    assert_eq!(register("192.0.3.1", "ana", PASSWORD).status, 201);
    house.clock.advance(360);
    assert_eq!(register("192.0.2.1", "ben", PASSWORD).status, 201);
}

#[test]
fn a_page_says_until_when_and_keeps_the_name() {
    let house = guarded(&[("vestibule.registrations_per_address", "1")]);
    for number in 0..14 {
        let refused = page(&house, &format!("198.18.{number}.1"), "", "ana", WRONG);
        let again = page(&house, &format!("198.18.{number}.1"), "", "ana", WRONG);
        house
            .clock
            .advance(again.header("Retry-After").parse().unwrap_or(0));
        assert!(matches!(refused.status, 401 | 429));
    }
    let refused = page(&house, "192.0.2.1", "", "ana", WRONG);
    assert_eq!(wait_of(&refused), 900);
    assert!(
        refused
            .text
            .contains("Too many wrong passwords for this name. Try again in 15 minutes.")
    );
    assert!(refused.text.contains("<time datetime=\"20") && refused.text.contains("UTC</time>"));
    assert!(refused.text.contains("value=\"ana\"") && !refused.text.contains(WRONG));
    let form = |name: &str| {
        let email = format!("{name}@example.org");
        from(house.post("/register"), "192.0.2.1")
            .header("Origin", &house.origin)
            .page()
            .form(&[
                ("username", name),
                ("email", &email),
                ("password", PASSWORD),
            ])
    };
    assert_eq!(form("ben").status, 303);
    let refused = form("carl");
    assert_eq!(wait_of(&refused), 3600);
    assert!(
        refused.text.contains("value=\"carl\"") && refused.text.contains("<time datetime=\"20")
    );
}

#[test]
fn behind_a_proxy_that_nobody_told_of_not_everyone_shares_one_budget() {
    let house = House::with(&[
        ("vestibule.throttle", "on"),
        ("vestibule.failures_per_address", "3"),
        ("vestibule.registrations_per_address", "2"),
    ]);
    house.register("ana");
    for _ in 0..60 {
        from(house.get("/login"), "192.0.2.1").page().send();
    }
    let told = house.events("untrusted_proxy");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["level"], "warn");
    assert_eq!(told[0]["write"], "trusted_proxies = [\"127.0.0.1\"]");
    // Whoever the proxy speaks for has a budget of their own, and all together ten times as much.
    let guess =
        |address: &str, number: usize| api(&house, address, &format!("n{number}"), WRONG).status;
    for number in 0..3 {
        assert_eq!(guess("192.0.2.1", number), 401);
    }
    assert_eq!(guess("192.0.2.1", 3), 429);
    assert_eq!(api(&house, "192.0.2.2", "ana", PASSWORD).status, 200);
    // One client can look like a proxy and claim to be ever others, so that the limits grow and do not end.
    let guesses = (4..40).filter(|number| guess(&format!("192.0.2.{number}"), *number) == 401);
    assert_eq!(guesses.count(), 27);
    house.clock.advance(86_400);
    let register = |number: usize| {
        let name = format!("name{number}");
        let fields = json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
        from(house.post("/auth/register"), &format!("192.0.2.{number}")).json(&fields)
    };
    let statuses: Vec<u16> = (0..21).map(|number| register(number).status).collect();
    assert!(
        statuses[..20].iter().all(|status| *status == 201),
        "{statuses:?}"
    );
    assert_eq!(statuses[20], 429);
    // Everyone comes from there, so it makes nobody known but who was before that was noticed, and that helps nobody;
    // and names have their budgets all the same.
    assert_eq!(
        house.database.ask("select count(*) from known_networks"),
        ["1"]
    );
    spend_name(&house, "ana");
    assert_eq!(api(&house, "192.0.2.2", "ana", PASSWORD).status, 429);
}

#[test]
fn the_device_cookie_is_out_of_reach_outlives_the_session_and_holds_nobodys_name() {
    let house = guarded(&[]);
    let answer = house.submit(
        "/register",
        &[
            ("username", "ana"),
            ("email", "a@example.org"),
            ("password", PASSWORD),
        ],
    );
    let set = answer.set_cookie("vestibule-device");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=31536000"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(
        !set.contains("ana") && !set.contains("example") && set.len() < 250,
        "{set}"
    );
    let out = house
        .post("/logout")
        .header("Origin", &house.origin)
        .header("Cookie", &answer.cookie())
        .page()
        .send();
    assert!(
        !out.set_cookies()
            .iter()
            .any(|set| set.starts_with("vestibule-device"))
    );
    let https = House::with(&[("vestibule.public_url", "https://login.example.org")]);
    let answer = https
        .post("/register")
        .header("Host", "login.example.org")
        .header("Origin", "https://login.example.org")
        .page()
        .form(&[
            ("username", "ana"),
            ("email", "a@example.org"),
            ("password", PASSWORD),
        ]);
    assert!(
        answer
            .set_cookie("__Host-vestibule-device")
            .contains("Secure")
    );
}

#[test]
fn without_limits_nothing_is_counted_and_the_operator_is_told() {
    let house = House::with(&[("vestibule.throttle", "off")]);
    house.register("ana");
    for _ in 0..30 {
        assert_eq!(house.log_in("ana", WRONG).status, 401);
    }
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
    assert_eq!(
        house.database.ask("select count(*) from login_failures"),
        ["0"]
    );
    let told = house.events("settings");
    assert!(
        told.iter()
            .any(|line| line["warning"].to_string().contains("throttle is off"))
    );
}
