//! What sessions cost: renewing them, remembering those that ended, and telling other instances.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rocket::tokio;
use sqlx::Connection;

use crate::crowd::{self, Crowd};
use crate::drive::{self, Until};
use crate::measures::{People, Tokens, post};
use crate::process::Vestibule;
use crate::report::{Target, median, quantile, say};
use crate::wire::{self, AsyncWire, Wire};
use crate::{Done, Plan};

/// As many as the targets speak of.
const CLIENTS: usize = 32;

/// Renewals a second by 32 clients, each with a session of its own, written down for good before they are answered.
pub fn refreshes(plan: &Plan, server: &Vestibule, people: &People) -> Done<()> {
    let sessions: Vec<Tokens> = (1..=CLIENTS)
        .map(|number| people.log_in(server.port, number))
        .collect::<Done<_>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (port, time) = (server.port, plan.turn * plan.turns as u32);
    let count = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for session in sessions {
            tasks.spawn(renew(port, session.refresh, time));
        }
        let mut count = 0;
        while let Some(done) = tasks.join_next().await {
            count += done??;
        }
        Done::Ok(count)
    })?;
    say(
        "refreshes a second, 32 clients, SQLite",
        f64::from(count) / time.as_secs_f64(),
        "",
        &Target::AtLeast(1000.0),
        &format!("{count} in {:.0} s", time.as_secs_f64()),
    );
    Ok(())
}

async fn renew(port: u16, mut token: String, time: Duration) -> Done<u32> {
    let mut wire = AsyncWire::open(port).await?;
    let (since, mut count) = (Instant::now(), 0);
    while since.elapsed() < time {
        let body = format!(r#"{{"grant_type":"refresh_token","refresh_token":"{token}"}}"#);
        let request = wire::request(port, "POST", "/auth/token", &[], &body);
        let status = wire.ask(&request).await?;
        if status != 200 {
            return Err(format!("a refresh was answered {status}").into());
        }
        let answer: serde_json::Value = serde_json::from_slice(wire.body())?;
        token = answer["refresh_token"]
            .as_str()
            .ok_or("no token")?
            .to_owned();
        count += 1;
    }
    Ok(count)
}

/// The guard while so many ended sessions are remembered, beside one that remembers none.
pub fn many_ended(plan: &Plan, folder: &Path) -> Done<()> {
    // All of them within the life of an access token.
    let (few, many) = crowd::pair(
        folder,
        "ended",
        &Crowd {
            accounts: 1,
            ended: 100_000,
            within: 60,
        },
    )?;
    let (before, after) = (few.memory()?, many.memory()?);
    let ratio = guarded(plan, &many, &few)?;
    say(
        "the guard with 100,000 ended sessions ÷ with none",
        ratio,
        "",
        &Target::AtLeast(0.95),
        "requests a second, 32 connections",
    );
    say(
        "memory for 100,000 ended sessions",
        after.resident - before.resident,
        " MiB",
        &Target::AtMost(10.0),
        &format!("{:.1} MiB − {:.1} MiB", after.resident, before.resident),
    );
    Ok(())
}

/// Guard and login on a database that has grown, beside an empty one.
pub fn grown(plan: &Plan, folder: &Path) -> Done<()> {
    let month = 29 * 86_400;
    let (small, large) = crowd::pair(
        folder,
        "grown",
        &Crowd {
            accounts: 100_000,
            ended: 1_000_000,
            within: month,
        },
    )?;
    let ratio = guarded(plan, &large, &small)?;
    let how = "100,000 accounts, 1,000,000 ended sessions";
    say(
        "the guard, grown ÷ empty",
        ratio,
        "",
        &Target::AtLeast(0.9),
        how,
    );
    let logins = |server: &Vestibule| -> Done<Vec<Vec<u8>>> {
        Ok(People::register(server.port)?.log_ins(server.port))
    };
    let (to_small, to_large) = (logins(&small)?, logins(&large)?);
    let until = Until::Passed(plan.long_turn);
    let mut ratios = Vec::new();
    for _ in 0..plan.turns {
        let with = drive::without_pause(large.port, &to_large, 16, &until)?.rate();
        ratios.push(with / drive::without_pause(small.port, &to_small, 16, &until)?.rate());
    }
    say(
        "logins, grown ÷ empty",
        median(ratios),
        "",
        &Target::AtLeast(0.9),
        how,
    );
    Ok(())
}

/// The quotient of two servers' guarded requests.
fn guarded(plan: &Plan, one: &Vestibule, other: &Vestibule) -> Done<f64> {
    let (to_one, to_other) = (asks_for_data(one)?, asks_for_data(other)?);
    let until = Until::Passed(plan.turn);
    let mut ratios = Vec::new();
    for _ in 0..plan.turns {
        let rate = drive::without_pause(one.port, &to_one, CLIENTS, &until)?.rate();
        ratios.push(rate / drive::without_pause(other.port, &to_other, CLIENTS, &until)?.rate());
    }
    Ok(median(ratios))
}

/// The request of somebody who signs in for it.
fn asks_for_data(server: &Vestibule) -> Done<Vec<Vec<u8>>> {
    let account =
        r#"{"username":"marguerite","email":"m@example.org","password":"quartz balloon tundra"}"#;
    post(server.port, "/auth/register", account, 201)?;
    let log_in = r#"{"username":"marguerite","password":"quartz balloon tundra"}"#;
    let token = Tokens::of(&post(server.port, "/auth/token", log_in, 200)?)?.access;
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str())];
    Ok(vec![wire::request(
        server.port,
        "GET",
        "/secure-data",
        &headers,
        "",
    )])
}

/// How long after a logout another instance still lets the token in.
pub fn hearing(plan: &Plan, postgres: &str) -> Done<()> {
    let trials = if plan.turns < 5 { 50 } else { 200 };
    let folder = tempfile::tempdir()?;
    let name = format!("vestibule_bench_{}", std::process::id());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let run = |sql: String| -> Done<()> {
        runtime.block_on(async {
            let mut connection =
                sqlx::PgConnection::connect(&format!("{postgres}/postgres")).await?;
            sqlx::query(sqlx::AssertSqlSafe(sql))
                .execute(&mut connection)
                .await?;
            Done::Ok(())
        })
    };
    run(format!("create database {name}"))?;
    let measured = hear(trials, &folder, &format!("{postgres}/{name}"));
    run(format!("drop database {name} with (force)"))?;
    let took = measured?;
    say(
        "from a logout to its refusal elsewhere, p99",
        quantile(&took, 990) * 1e3,
        " ms",
        &Target::AtMost(1000.0),
        &format!("of {trials}, p50 {:.1} ms", quantile(&took, 500) * 1e3),
    );
    Ok(())
}

fn hear(trials: usize, folder: &tempfile::TempDir, database: &str) -> Done<Vec<Duration>> {
    let settings = [
        ("VESTIBULE_DATABASE_URL", database),
        (
            "VESTIBULE_SERVER_SECRET",
            "a secret of the benchmark, long enough",
        ),
        ("VESTIBULE_ISSUER", "http://127.0.0.1"),
        ("VESTIBULE_THROTTLE", "off"),
    ];
    let one = Vestibule::start_with(folder.path(), &settings)?;
    let other = Vestibule::start_with(folder.path(), &settings)?;
    let people = People::register(one.port)?;
    let mut there = Wire::open(other.port)?;
    let mut took = Vec::new();
    for trial in 0..trials {
        let access = people.log_in(one.port, trial % people.count())?.access;
        let bearer = format!("Bearer {access}");
        let headers = [("Authorization", bearer.as_str())];
        let secured = wire::request(other.port, "GET", "/secure-data", &headers, "");
        if there.ask(&secured)? != 200 {
            return Err("the other instance does not know the token".into());
        }
        let leave = wire::request(one.port, "POST", "/auth/logout", &headers, "");
        Wire::open(one.port)?.ask(&leave)?;
        let left = Instant::now();
        while there.ask(&secured)? == 200 {
            if left.elapsed() > Duration::from_secs(20) {
                return Err("the other instance never hears".into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        took.push(left.elapsed());
    }
    Ok(took)
}
