//! Several who end sessions at the same moment. On PostgreSQL they meet at the same rows; on SQLite one comes after the
//! other.

use rocket::tokio::runtime::Runtime;
use vestibule::store::{Pool, sessions};

use crate::house::busy::Busy;
use crate::house::mail::until;
use crate::house::{House, PASSWORD, START};

const DAY: i64 = 86_400;

/// A house with one account, which may have so many sessions.
fn house_of_ana(most: &str) -> House {
    let house = House::with(&[("vestibule.sessions_per_account", most)]);
    house.register("ana");
    house
}

/// Sessions of hers that nobody has tokens of.
fn add_old_sessions(house: &House, many: usize) {
    let ends = START + DAY;
    let row = |number| {
        format!(
            "select 'old{number}', id, 1, 1, 1, {START}, 'password', '127.0.0.1', '', {ends} from accounts"
        )
    };
    let rows: Vec<String> = (0..many).map(row).collect();
    house.database.ask(&format!(
        "insert into sessions (id, account_id, version, started_at, authenticated_at, last_seen_at, method, client,
                               device, expires_at) {}",
        rows.join(" union all ")
    ));
}

#[test]
fn of_many_who_sign_in_to_one_account_at_once_not_too_many_stay() {
    let house = house_of_ana("3");
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| assert_eq!(house.log_in("ana", PASSWORD).status, 200));
        }
    });
    let going = || {
        let counting = "select count(*) from sessions where ended_at is null";
        let counted = house.database.ask(counting);
        counted[0].parse::<i64>().expect("a number")
    };
    assert!(going() >= 3, "{}", going());
    // On PostgreSQL those who came at the same moment may not have seen each other.
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
    assert_eq!(going(), 3);
    assert_eq!(house.database.deadlocks(), "0");
}

#[test]
fn a_session_keeps_why_it_ended() {
    let house = house_of_ana("1");
    add_old_sessions(&house, 3);
    let ending = "update sessions set ended_at = 2, ended_why = 'reused' where id = 'old1'";
    match house.database.url() {
        None => {
            house.database.ask(ending);
            assert_eq!(house.log_in("ana", PASSWORD).status, 200);
        }
        // The login finds a session that goes on, and waits for whoever is ending it.
        Some(url) => std::thread::scope(|scope| {
            let busy = Busy::with(&url, &["begin", ending]);
            let login = scope.spawn(|| house.log_in("ana", PASSWORD).status);
            let waiting = "select count(*) from pg_stat_activity
                           where datname = current_database() and wait_event_type = 'Lock'";
            until("a login that waits", || {
                (house.database.ask(waiting) == ["1"]).then_some(())
            });
            busy.commit();
            assert_eq!(login.join().expect("an answer"), 200);
        }),
    }
    let why = "select ended_at, ended_why from sessions where id like 'old%' order by id";
    let surplus = format!("{START}|surplus");
    assert_eq!(
        house.database.ask(why),
        [surplus.as_str(), "2|reused", surplus.as_str()]
    );
}

/// Each takes its time for the sessions, in an order of its own, so that they meet.
#[test]
fn all_others_end_while_a_login_ends_what_is_too_much() {
    let house = house_of_ana("3");
    let first = house.log_in("ana", PASSWORD).text_of("access_token");
    add_old_sessions(&house, 20);
    if house.database.url().is_some() {
        house.database.ask(
            "create function slow() returns trigger language plpgsql
                 as $$ begin perform pg_sleep(0.02); return new; end $$;
             create trigger slow before update on sessions for each row execute function slow()",
        );
    }
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(house.log_in("ana", PASSWORD).status, 200));
        let done = house.call("DELETE", "/auth/sessions").bearer(&first).send();
        assert_eq!(done.status, 200, "{}", done.text);
    });
    let old = "select count(*) from sessions where id like 'old%' and ended_at is null";
    assert_eq!(house.database.ask(old), ["0"]);
    assert_eq!(house.database.deadlocks(), "0");
}

#[test]
fn tidying_waits_for_nobody_and_comes_again() {
    let house = house_of_ana("100");
    add_old_sessions(&house, 3);
    let of_old = |what: &str| {
        let sql = format!("select {what} from sessions where id like 'old%' order by id");
        house.database.ask(&sql)
    };
    let touch = "update sessions set device = 'held' where id = 'old1'";
    let busy = || {
        house
            .database
            .url()
            .map(|url| Busy::with(&url, &["begin", touch]))
    };
    let runtime = Runtime::new().expect("a runtime");
    let (pool, now) = (house.database.pool(), START + DAY);
    let pool = runtime.block_on(Pool::open(&pool, 2)).expect("the pool");

    let other = busy();
    let ended = runtime.block_on(sessions::end_expired(&pool, now, START));
    ended.expect("it ends what ran out");
    let held = if other.is_some() { "" } else { "expired" };
    assert_eq!(of_old("ended_why"), ["expired", held, "expired"]);
    other.into_iter().for_each(Busy::commit);
    let ended = runtime.block_on(sessions::end_expired(&pool, now, START));
    ended.expect("it ends the last");
    assert_eq!(of_old("ended_why"), ["expired"; 3]);

    let other = busy();
    let forgotten = runtime.block_on(sessions::forget(&pool, now + 1, now + 1));
    forgotten.expect("it forgets");
    let left: &[&str] = if other.is_some() { &["old1"] } else { &[] };
    assert_eq!(of_old("id"), left);
    other.into_iter().for_each(Busy::commit);
    let forgotten = runtime.block_on(sessions::forget(&pool, now + 1, now + 1));
    forgotten.expect("it forgets the last");
    assert!(of_old("id").is_empty());
    runtime.block_on(pool.close());
}
