//! Staying signed in, and logging out: the very next request knows.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::house::{Answer, Database, House, PASSWORD, START};
use vestibule::world::Clock;

const DAY: i64 = 86_400;

/// Registers and logs in; gives the access and the refresh token.
fn signed_in(house: &House, name: &str) -> (String, String) {
    house.register(name);
    tokens(&house.log_in(name, PASSWORD))
}

fn tokens(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    (
        answer.text_of("access_token"),
        answer.text_of("refresh_token"),
    )
}

fn assert_invalid_grant(answer: &Answer) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(answer.text_of("error"), "invalid_grant");
}

fn sessions(house: &House, token: &str) -> Vec<Value> {
    let answer = house.get("/auth/sessions").bearer(token).send();
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["sessions"]
        .as_array()
        .expect("a list")
        .clone()
}

#[test]
fn a_refresh_token_gets_a_new_pair_by_form_and_by_json() {
    let house = House::new();
    let (access, refresh) = signed_in(&house, "ana");
    assert!(refresh.starts_with("vestibule_rt_"));
    let (next, second) = tokens(&house.refresh(&refresh));
    assert!(next != access && second != refresh);
    assert_eq!(house.status_of(&next), 200);
    let json = serde_json::json!({ "grant_type": "refresh_token", "refresh_token": second });
    let answer = house.post("/auth/token").json(&json);
    assert_eq!(
        (answer.status, answer.header("Cache-Control")),
        (200, "no-store")
    );
    assert_eq!(answer.json()["expires_in"], 900);
}

#[test]
fn one_token_has_one_successor_however_often_it_is_sent() {
    let house = House::new();
    let (_, refresh) = signed_in(&house, "ana");
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..32)
            .map(|_| scope.spawn(|| house.refresh(&refresh)))
            .collect();
        all.into_iter()
            .map(|one| one.join().expect("an answer"))
            .collect()
    });
    let (_, successor) = tokens(&answers[0]);
    for answer in &answers {
        let (access, refresh) = tokens(answer);
        assert_eq!(refresh, successor);
        assert_eq!(house.status_of(&access), 200);
    }
    // The answer was lost; the client tries again, hours later.
    house.clock.advance(5 * 3600);
    assert_eq!(tokens(&house.refresh(&refresh)).1, successor);
}

#[test]
fn a_token_is_good_until_half_a_minute_after_its_successors_first_use() {
    let house = House::new();
    let (_, first) = signed_in(&house, "ana");
    let (_, second) = tokens(&house.refresh(&first));
    let (_, third) = tokens(&house.refresh(&second));
    let (_, fourth) = tokens(&house.refresh(&third));
    // However many rotations came since.
    house.clock.advance(30);
    assert_eq!(tokens(&house.refresh(&first)).1, second);
    assert_eq!(tokens(&house.refresh(&third)).1, fourth);
    house.clock.advance(1);
    assert_invalid_grant(&house.refresh(&second));
}

#[test]
fn a_stolen_token_dies_with_its_first_misuse_and_the_owner_can_see_why() {
    let house = House::new();
    let (_, stolen) = signed_in(&house, "ana");
    let (_, second) = tokens(&house.refresh(&stolen));
    let (access, third) = tokens(&house.refresh(&second));
    house.clock.advance(31);
    assert_eq!(house.status_of(&access), 200);
    assert_invalid_grant(&house.refresh(&stolen));
    // Everything of that session is dead, for the thief and for the owner.
    assert_eq!(house.status_of(&access), 401);
    assert_invalid_grant(&house.refresh(&third));
    let (access, _) = tokens(&house.log_in("ana", PASSWORD));
    let seen = sessions(&house, &access);
    assert_eq!(seen.len(), 2);
    assert_eq!(
        seen[1]["ended_why"],
        "Ended for safety: an old key of it was used again."
    );
    assert_eq!(house.events("refresh_refused")[0]["reason"], "reused");
}

#[test]
fn what_is_no_token_of_ours_ends_nobodys_session() {
    let house = House::new();
    let (access, refresh) = signed_in(&house, "ana");
    let (start, mac) = refresh.rsplit_once('.').expect("parts");
    let (session, _) = start.rsplit_once('.').expect("parts");
    let flipped = if mac.starts_with('A') {
        mac.replacen('A', "B", 1)
    } else {
        format!("A{}", &mac[1..])
    };
    for forged in [
        format!("{session}.0.{flipped}"),
        format!("{session}.1.{mac}"),
        format!("{session}.0."),
        "x".into(),
        access.clone(),
    ] {
        assert_invalid_grant(&house.refresh(&forged));
    }
    assert_eq!(
        house
            .post("/auth/token")
            .form(&[("grant_type", "refresh_token")])
            .status,
        400
    );
    assert_eq!(house.status_of(&access), 200);
    assert_eq!(house.refresh(&refresh).status, 200);
    // A refresh token is no access token.
    assert_eq!(house.status_of(&refresh), 401);
}

#[test]
fn logging_out_is_true_in_the_very_next_request() {
    let house = House::new();
    let (access, refresh) = signed_in(&house, "ana");
    let (again, _) = tokens(&house.refresh(&refresh));
    let (elsewhere, _) = tokens(&house.log_in("ana", PASSWORD));
    // Remembered as good a moment ago.
    assert_eq!(
        (house.status_of(&access), house.status_of(&again)),
        (200, 200)
    );
    assert_eq!(
        house.post("/auth/logout").bearer(&access).send().status,
        200
    );
    assert_eq!(
        (house.status_of(&access), house.status_of(&again)),
        (401, 401)
    );
    let as_cookie = house
        .get("/secure-data")
        .header("Cookie", &format!("vestibule={again}"))
        .send();
    assert_eq!(as_cookie.status, 401);
    assert_invalid_grant(&house.refresh(&refresh));
    assert_eq!(house.status_of(&elsewhere), 200);
    assert_eq!(
        house.post("/auth/logout").bearer(&access).send().status,
        401
    );
}

#[test]
fn a_browser_that_logs_out_takes_its_session_along() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    let out = || house.post("/logout").header("Origin", &house.origin).page();
    let left = out().header("Cookie", &cookie).send();
    assert_eq!((left.status, left.set_cookies().len()), (303, 2));
    assert!(
        left.set_cookies()
            .iter()
            .all(|set| set.contains("Max-Age=0"))
    );
    // A copy of the cookies is worth nothing now.
    assert_eq!(
        house
            .get("/auth/me")
            .header("Cookie", &cookie)
            .send()
            .status,
        401
    );
    // Nor does an expired access cookie keep anyone in.
    let cookie = house.cookie_of("bob");
    house.clock.advance(1000);
    assert_eq!(out().header("Cookie", &cookie).send().status, 303);
    assert_eq!(
        house
            .get("/auth/me")
            .header("Cookie", &cookie)
            .send()
            .status,
        401
    );
}

#[test]
fn the_browser_stays_signed_in_past_an_access_tokens_life() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    house.clock.advance(901);
    let page = house
        .get("/account")
        .page()
        .header("Cookie", &cookie)
        .send();
    assert_eq!(page.status, 200);
    for name in ["vestibule", "vestibule-refresh"] {
        let set = page.set_cookie(name);
        assert!(
            set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/"),
            "{set}"
        );
    }
    let renewed = page.cookie();
    assert_ne!(renewed, cookie);
    let next = house
        .get("/account")
        .page()
        .header("Cookie", &renewed)
        .send();
    assert_eq!((next.status, next.set_cookies().len()), (200, 0));
    // The other requests of the same page had the old cookies, too.
    let late = house
        .get("/secure-data")
        .page()
        .header("Cookie", &cookie)
        .send();
    assert_eq!(late.status, 200);
    assert_eq!(
        late.set_cookie("vestibule-refresh"),
        page.set_cookie("vestibule-refresh")
    );
}

#[test]
fn renewed_cookies_survive_a_request_that_fails() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    house.clock.advance(901);
    for (path, status) in [("/nothing", 404), ("/account/sessions/abc/end", 403)] {
        let call = if status == 404 {
            house.get(path)
        } else {
            house.post(path)
        };
        let answer = call.page().header("Cookie", &cookie).send();
        assert_eq!(answer.status, status);
        assert!(
            answer.set_cookie("vestibule-refresh").contains("HttpOnly"),
            "{path}"
        );
    }
}

#[test]
fn a_session_ends_when_nobody_uses_it_and_when_its_time_is_over() {
    let house = House::new();
    let (_, mut busy) = signed_in(&house, "ana");
    let (_, idle) = signed_in(&house, "bob");
    house.clock.advance(14 * DAY - 1);
    assert_eq!(house.refresh(&busy).status, 200);
    house.clock.advance(1);
    assert_invalid_grant(&house.refresh(&idle));
    // Activity never extends past the longest time.
    for _ in 0..3 {
        busy = tokens(&house.refresh(&busy)).1;
        house.clock.advance(5 * DAY);
    }
    let last = house.refresh(&busy);
    assert_eq!(last.status, 200);
    house.clock.advance(DAY - 10);
    let short = house.refresh(&last.text_of("refresh_token"));
    assert_eq!(short.json()["expires_in"], 10);
    house.clock.advance(10);
    assert_invalid_grant(&house.refresh(&short.text_of("refresh_token")));
    assert_eq!(house.status_of(&short.text_of("access_token")), 401);
}

#[test]
fn with_too_many_sessions_the_oldest_ends() {
    let house = House::with(&[("vestibule.sessions_per_account", "3")]);
    house.register("ana");
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(tokens(&house.log_in("ana", PASSWORD)));
        house.clock.advance(1);
    }
    let statuses: Vec<u16> = all
        .iter()
        .map(|(access, _)| house.status_of(access))
        .collect();
    assert_eq!(statuses, [401, 401, 200, 200, 200]);
    let seen = sessions(&house, &all[4].0);
    assert_eq!(
        seen.iter()
            .filter(|one| one["ended_why"] == "Ended because newer sessions took its place.")
            .count(),
        2
    );
}

#[test]
fn sessions_are_listed_and_ended_by_their_owner_alone() {
    let house = House::new();
    let (ana, _) = signed_in(&house, "ana");
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let second = house
        .post("/auth/token")
        .header("User-Agent", firefox)
        .form(&[("username", "ana"), ("password", PASSWORD)]);
    let (second, second_refresh) = tokens(&second);
    let (bob, _) = signed_in(&house, "bob");
    let seen = sessions(&house, &ana);
    assert_eq!(seen.len(), 2);
    let other = seen
        .iter()
        .find(|one| one["current"] == false)
        .expect("the other one");
    assert_eq!(
        (other["device"].as_str(), other["client"].as_str()),
        (Some("Firefox on Linux"), Some("127.0.0.1"))
    );
    assert_eq!(
        (other["started_at"].as_i64(), other["expires_at"].as_i64()),
        (Some(START), Some(START + 30 * DAY))
    );
    let path = format!("/auth/sessions/{}", other["id"].as_str().expect("an id"));
    assert_eq!(house.call("DELETE", &path).bearer(&bob).send().status, 404);
    assert_eq!(house.status_of(&second), 200);
    assert_eq!(house.call("DELETE", &path).bearer(&ana).send().status, 200);
    assert_eq!(
        (house.status_of(&second), house.status_of(&ana)),
        (401, 200)
    );
    assert_invalid_grant(&house.refresh(&second_refresh));
    assert_eq!(house.call("DELETE", &path).bearer(&ana).send().status, 404);
    assert_eq!(
        house
            .call("DELETE", "/auth/sessions/abc")
            .bearer(&ana)
            .send()
            .status,
        404
    );
    assert_eq!(sessions(&house, &bob).len(), 1);
}

#[test]
fn all_other_sessions_end_at_once() {
    let house = House::new();
    let (first, _) = signed_in(&house, "ana");
    let others: Vec<_> = (0..3)
        .map(|_| tokens(&house.log_in("ana", PASSWORD)).0)
        .collect();
    let (bob, _) = signed_in(&house, "bob");
    let done = house.call("DELETE", "/auth/sessions").bearer(&first).send();
    assert_eq!((done.status, done.json()["ended"].as_i64()), (200, Some(3)));
    assert!(others.iter().all(|token| house.status_of(token) == 401));
    assert_eq!((house.status_of(&first), house.status_of(&bob)), (200, 200));
}

#[test]
fn the_page_lists_and_ends_sessions() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    let (api, _) = tokens(&house.log_in("ana", PASSWORD));
    let page = |path: &str| house.get(path).page().header("Cookie", &cookie).send();
    let list = page("/account/sessions");
    assert_eq!(list.status, 200);
    assert!(list.text.contains("This one") && list.text.contains("End all others"));
    let ends = list
        .text
        .split('"')
        .find(|part| part.starts_with("/account/sessions/") && part.ends_with("/end"));
    let end = house
        .post(ends.expect("a form"))
        .header("Origin", &house.origin)
        .page()
        .header("Cookie", &cookie)
        .send();
    assert_eq!(
        (end.status, end.header("Location")),
        (303, "/account/sessions")
    );
    assert_eq!(house.status_of(&api), 401);
    let list = page("/account/sessions");
    assert!(list.text.contains("Ended by you.") && !list.text.contains("End all others"));
    assert!(page("/account").text.contains("/account/sessions"));
}

#[test]
fn a_restart_forgets_nothing() {
    let house = House::with(&[("vestibule.issuer", "https://login.example.org")]);
    let (gone, _) = signed_in(&house, "ana");
    let (going, refresh) = tokens(&house.log_in("ana", PASSWORD));
    house.post("/auth/logout").bearer(&gone).send();
    let clock = house.clock.clone();
    let house = House::at(
        house.close(),
        &[("vestibule.issuer", "https://login.example.org")],
        clock,
    );
    assert_eq!(
        (house.status_of(&gone), house.status_of(&going)),
        (401, 200)
    );
    assert_eq!(house.refresh(&refresh).status, 200);
}

#[test]
fn a_shorter_life_for_tokens_brings_no_ended_session_back() {
    let issuer = ("vestibule.issuer", "https://login.example.org");
    let house = House::with(&[issuer, ("vestibule.access_minutes", "1440")]);
    let (gone, _) = signed_in(&house, "ana");
    let (going, _) = tokens(&house.log_in("ana", PASSWORD));
    house.post("/auth/logout").bearer(&gone).send();
    house.clock.advance(3 * 3600);
    assert_eq!(
        (house.status_of(&gone), house.status_of(&going)),
        (401, 200)
    );
    let clock = house.clock.clone();
    let house = House::at(house.close(), &[issuer], clock);
    // Neither lives longer than tokens do today, so what is remembered reaches far enough.
    assert_eq!(
        (house.status_of(&gone), house.status_of(&going)),
        (401, 401)
    );
}

#[test]
fn another_instance_hears_of_it_within_a_second() {
    let one = House::with(&[("vestibule.issuer", "https://login.example.org")]);
    let other = one.beside(&[("vestibule.issuer", "https://login.example.org")]);
    let (access, _) = signed_in(&one, "ana");
    assert_eq!(other.status_of(&access), 200);
    one.post("/auth/logout").bearer(&access).send();
    // Generous, for a machine that runs all tests at once; the bench measures it alone.
    other.hears_of_the_end_of(&access, 2);
}

#[test]
fn an_instance_that_hears_nothing_closes_and_opens_again() {
    let house = House::on(Database::sqlite(), &[("vestibule.revocation_grace", "1")]);
    let (access, _) = signed_in(&house, "ana");
    house.database.ask("alter table sessions rename to gone");
    let started = Instant::now();
    while house.status_of(&access) == 200 {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "it never closes"
        );
    }
    assert!(
        started.elapsed() > Duration::from_millis(400),
        "it goes on within the grace"
    );
    let closed = house.get("/secure-data").bearer(&access).send();
    assert_eq!(
        (closed.status, closed.text_of("code")),
        (503, "unavailable".to_owned())
    );
    assert_eq!(house.events("database_lost").len(), 1);
    house.database.ask("alter table gone rename to sessions");
    while house.status_of(&access) != 200 {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "it never opens"
        );
    }
    assert_eq!(house.events("database_back").len(), 1);
}

#[test]
fn a_clock_that_is_set_back_locks_nobody_out_and_brings_nothing_to_life() {
    let house = House::new();
    let (old, refresh) = signed_in(&house, "ana");
    house.clock.advance(900);
    assert_eq!(house.status_of(&old), 401);
    let (new, next) = tokens(&house.refresh(&refresh));
    house.clock.advance(-300);
    assert_eq!((house.status_of(&old), house.status_of(&new)), (401, 200));
    let (newer, _) = tokens(&house.refresh(&next));
    assert_eq!(house.status_of(&newer), 200);
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
}

#[test]
fn a_retry_after_a_sudden_end_gets_the_same_token() {
    let house = House::new();
    let (_, refresh) = signed_in(&house, "ana");
    let (_, successor) = tokens(&house.refresh(&refresh));
    let later = Clock::set_to(START + 3600);
    let house = House::at(house.close(), &[], later);
    assert_eq!(tokens(&house.refresh(&refresh)).1, successor);
    assert_eq!(house.refresh(&successor).status, 200);
}

#[test]
fn nothing_that_opens_a_session_is_kept_in_the_clear() {
    let house = House::new();
    let (access, refresh) = signed_in(&house, "ana");
    house.refresh(&refresh);
    let kept = house
        .database
        .ask("select id || device || client || method from sessions")
        .join(" ");
    let mac = refresh.rsplit_once('.').expect("parts").1;
    assert!(!kept.contains(mac) && !kept.contains(&access));
    assert!(!house.log.taken().contains(mac));
}

#[test]
fn a_clock_that_jumps_ahead_and_back_revives_no_session() {
    let house = House::new();
    let (gone, _) = signed_in(&house, "ana");
    house.post("/auth/logout").bearer(&gone).send();
    house.clock.advance(7200);
    let (later, _) = tokens(&house.log_in("ana", PASSWORD));
    assert_eq!(house.status_of(&later), 200);
    // Long enough for the instance to have listened, which it does on real time.
    std::thread::sleep(Duration::from_millis(900));
    house.clock.advance(-7200);
    let started = Instant::now();
    loop {
        // Closed until it knows again what ended; never open.
        match house.status_of(&gone) {
            401 => break,
            status => assert_eq!(status, 503, "a session that ended is back"),
        }
        assert!(started.elapsed() < Duration::from_secs(5), "still closed");
    }
    std::thread::sleep(Duration::from_millis(900));
    assert_eq!(house.status_of(&gone), 401);
}

#[test]
fn logging_out_twice_is_true_on_both_instances() {
    let issuer = [("vestibule.issuer", "https://login.example.org")];
    let one = House::with(&issuer);
    let other = one.beside(&issuer);
    for _ in 0..5 {
        one.register("ana");
        let (access, _) = tokens(&one.log_in("ana", PASSWORD));
        assert_eq!(
            (one.status_of(&access), other.status_of(&access)),
            (200, 200)
        );
        assert_eq!(one.post("/auth/logout").bearer(&access).send().status, 200);
        let again = other.post("/auth/logout").bearer(&access).send().status;
        assert!(matches!(again, 200 | 401));
        assert_eq!(other.status_of(&access), 401);
    }
}

#[test]
fn a_browser_that_signs_in_anew_leaves_its_old_session() {
    let house = House::new();
    let old = house.cookie_of("ana");
    let form = [("username", "ana"), ("password", PASSWORD)];
    let anew = house
        .post("/login")
        .header("Origin", &house.origin)
        .header("Cookie", &old)
        .page()
        .form(&form);
    assert_eq!(anew.status, 303);
    assert_eq!(
        house.get("/auth/me").header("Cookie", &old).send().status,
        401
    );
    assert_eq!(
        house
            .get("/auth/me")
            .header("Cookie", &anew.cookie())
            .send()
            .status,
        200
    );
}

#[test]
fn the_newest_session_is_never_the_surplus() {
    let house = House::with(&[("vestibule.sessions_per_account", "1")]);
    house.register("ana");
    for _ in 0..10 {
        let (access, _) = tokens(&house.log_in("ana", PASSWORD));
        assert_eq!(house.status_of(&access), 200);
    }
}

#[test]
fn what_newer_sessions_took_the_place_of_is_forgotten_sooner_than_the_rest() {
    use vestibule::store::{Pool, sessions};
    let house = House::with(&[("vestibule.sessions_per_account", "1")]);
    house.register("ana");
    for _ in 0..4 {
        assert_eq!(house.log_in("ana", PASSWORD).status, 200);
    }
    let token = house.log_in("ana", PASSWORD).text_of("access_token");
    let answer = house.post("/auth/logout").bearer(&token).send();
    assert_eq!(answer.status, 200, "{}", answer.text);
    let why = "select ended_why from sessions order by ended_why";
    assert_eq!(
        house.database.ask(why),
        ["logged_out", "surplus", "surplus", "surplus", "surplus"]
    );
    let (pool, runtime) = (
        house.database.pool(),
        rocket::tokio::runtime::Runtime::new(),
    );
    let forget = |ended_before, surplus_before| {
        let runtime = runtime.as_ref().expect("a runtime");
        runtime.block_on(async {
            let pool = Pool::open(&pool, 1).await.expect("the database opens");
            let done = sessions::forget(&pool, ended_before, surplus_before).await;
            done.expect("it is written");
            pool.close().await;
        });
    };
    forget(house.clock.unix(), house.clock.unix());
    assert_eq!(house.database.ask(why).len(), 5);
    forget(house.clock.unix(), house.clock.unix() + 1);
    assert_eq!(house.database.ask(why), ["logged_out"]);
    forget(house.clock.unix() + 1, house.clock.unix() + 1);
    assert_eq!(house.database.ask(why), [""; 0]);
}

/// The time of the database, which no test sets.
fn time_there(database: &Database) -> i64 {
    let sql = match database.url() {
        Some(_) => "select cast(extract(epoch from now()) as bigint)",
        None => "select unixepoch()",
    };
    database.ask(sql)[0].parse().expect("seconds")
}

#[test]
fn a_retry_at_an_instance_whose_clock_is_ahead_ends_nothing() {
    let house = House::new();
    let (database, _) = (house.database.shared(), house.register("ana"));
    let now = time_there(&database);
    drop(house);
    let first = House::at(database.shared(), &[], Clock::set_to(now));
    let ahead = House::at(database.shared(), &[], Clock::set_to(now + 45));
    let token = first.log_in("ana", PASSWORD).text_of("refresh_token");
    let next = first.refresh(&token).text_of("refresh_token");
    assert_eq!(first.refresh(&next).status, 200);
    // On its own clock the old token was followed 45 seconds ago.
    let retry = ahead.refresh(&token);
    assert_eq!((retry.status, retry.text_of("refresh_token")), (200, next));
}

#[test]
fn a_program_that_always_sends_the_same_refresh_token_is_not_idle() {
    let house = House::new();
    house.register("ana");
    let token = house.log_in("ana", PASSWORD).text_of("refresh_token");
    for day in 0..6 {
        assert_eq!(house.refresh(&token).status, 200, "on day {}", day * 5);
        house.clock.advance(5 * 86_400);
    }
    assert_eq!(house.refresh(&token).status, 400, "after thirty days");
}
