//! The measures, one a function.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rocket::tokio;
use serde_json::{Value, json};
use vestibule::config::HashSettings;
use vestibule::hashing::{Hashing, Verdict};
use zeroize::Zeroizing;

use crate::drive::{self, Turn, Until};
use crate::process::{Bare, Memory, Vestibule};
use crate::report::{Target, median, quantile, say};
use crate::wire::{self, Answer, Wire};
use crate::{Done, Plan};

const PASSWORD: &str = "quartz balloon tundra";

/// How many people log in during a measure: enough that none of them has too many sessions by the end.
const CROWD: usize = 200;

/// People with accounts, and one of them with a token.
pub struct People {
    names: Vec<String>,
    bearer: String,
}

impl People {
    pub fn register(port: u16) -> Done<Self> {
        let names: Vec<String> = (0..=CROWD)
            .map(|number| format!("person-{number}"))
            .collect();
        for name in &names {
            let account = json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
            post(port, "/auth/register", &account.to_string(), 201)?;
        }
        let people = Self {
            names,
            bearer: String::new(),
        };
        people.returned(port)
    }

    /// The same people at a server that was started anew, with a token of its own.
    pub fn returned(mut self, port: u16) -> Done<Self> {
        self.bearer = format!("Bearer {}", self.log_in(port, 0)?.access);
        Ok(self)
    }

    /// Logs one of them in.
    pub fn log_in(&self, port: u16, number: usize) -> Done<Tokens> {
        Tokens::of(&post(port, "/auth/token", &self.credentials(number), 200)?)
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// What one of them is called.
    pub fn name(&self, number: usize) -> &str {
        &self.names[number]
    }

    fn credentials(&self, number: usize) -> String {
        json!({ "username": self.names[number], "password": PASSWORD }).to_string()
    }

    fn asks_for_data(&self, port: u16) -> Vec<u8> {
        wire::request(
            port,
            "GET",
            "/secure-data",
            &[("Authorization", &self.bearer)],
            "",
        )
    }

    /// Everybody but the one with the token, each logging in.
    pub fn log_ins(&self, port: u16) -> Vec<Vec<u8>> {
        let log_in =
            |number| wire::request(port, "POST", "/auth/token", &[], &self.credentials(number));
        (1..self.names.len()).map(log_in).collect()
    }
}

/// What somebody signed in holds.
pub struct Tokens {
    pub access: String,
    pub refresh: String,
}

impl Tokens {
    pub fn of(answer: &Answer) -> Done<Self> {
        let body: Value = serde_json::from_slice(&answer.body)?;
        let text = |name: &str| {
            body[name]
                .as_str()
                .map(str::to_owned)
                .ok_or("no token in the answer")
        };
        Ok(Self {
            access: text("access_token")?,
            refresh: text("refresh_token")?,
        })
    }
}

pub fn post(port: u16, path: &str, body: &str, wanted: u16) -> Done<Answer> {
    let answer = Wire::open(port)?.ask_all(&wire::request(port, "POST", path, &[], body))?;
    if answer.status == wanted {
        Ok(answer)
    } else {
        Err(format!("POST {path} was answered {}", answer.status).into())
    }
}

/// Guarded requests beside the bare route.
pub fn requests(plan: &Plan, server: &Vestibule, people: &People) -> Done<()> {
    const CONNECTIONS: usize = 32;
    let ours = people.asks_for_data(server.port);
    let answer = Wire::open(server.port)?.ask_all(&ours)?;
    let bare = Bare::start(&answer)?;
    let theirs = people.asks_for_data(bare.port);
    same(&answer, &Wire::open(bare.port)?.ask_all(&theirs)?)?;
    let until = Until::Passed(plan.turn);
    let (mut rates, mut efforts) = (Vec::new(), Vec::new());
    for _ in 0..plan.turns {
        let before = (server.effort()?, bare.effort()?);
        let full = drive::without_pause(server.port, &[ours.clone()], CONNECTIONS, &until)?;
        let plain = drive::without_pause(bare.port, &[theirs.clone()], CONNECTIONS, &until)?;
        let after = (server.effort()?, bare.effort()?);
        rates.push((full.rate(), plain.rate()));
        let each = |seconds: f64, turn: &Turn| seconds / turn.rate();
        efforts.push(each(after.0 - before.0, &full) / each(after.1 - before.1, &plain));
    }
    let of = |pick: fn(&(f64, f64)) -> f64| median(rates.iter().map(pick).collect());
    let how = format!(
        "{:.0}/s ÷ {:.0}/s; processor time a request × {:.2}",
        of(|rate| rate.0),
        of(|rate| rate.1),
        median(efforts)
    );
    say(
        "GET /secure-data ÷ bare route, 32 connections",
        of(|rate| rate.0 / rate.1),
        "",
        &Target::AtLeast(0.9),
        &how,
    );
    Ok(())
}

/// The comparison is worth nothing unless both say the same.
fn same(one: &Answer, other: &Answer) -> Done<()> {
    let headers = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        headers.retain(|(name, _)| name != "date");
        headers.sort();
        headers
    };
    let equal =
        one.status == other.status && one.body == other.body && headers(one) == headers(other);
    equal
        .then_some(())
        .ok_or_else(|| "the bare route answers something else".into())
}

/// Logins beside the hashing pool alone.
pub fn logins(plan: &Plan, server: &Vestibule, people: &People) -> Done<()> {
    const CONNECTIONS: usize = 16;
    let requests = people.log_ins(server.port);
    let alone = Alone::start()?;
    let mut rates = Vec::new();
    let mut spreads = Vec::new();
    for _ in 0..plan.turns {
        let turn = drive::without_pause(
            server.port,
            &requests,
            CONNECTIONS,
            &Until::Passed(plan.long_turn),
        )?;
        rates.push((turn.rate(), alone.rate(CONNECTIONS, plan.long_turn)?));
        spreads.push((quantile(&turn.took, 990), quantile(&turn.took, 500)));
    }
    let of = |pairs: &[(f64, f64)], pick: fn(&(f64, f64)) -> f64| {
        median(pairs.iter().map(pick).collect())
    };
    let ratio = |pair: &(f64, f64)| pair.0 / pair.1;
    let how = format!(
        "{:.1}/s ÷ {:.1}/s",
        of(&rates, |rate| rate.0),
        of(&rates, |rate| rate.1)
    );
    say(
        "logins ÷ the hashing pool alone, 16 connections",
        of(&rates, ratio),
        "",
        &Target::AtLeast(0.97),
        &how,
    );
    let how = format!(
        "{:.1} ms ÷ {:.1} ms",
        of(&spreads, |spread| spread.0) * 1e3,
        of(&spreads, |spread| spread.1) * 1e3
    );
    say(
        "a login's p99 ÷ p50, 16 connections",
        of(&spreads, ratio),
        "",
        &Target::AtMost(1.2),
        &how,
    );
    Ok(())
}

/// The same pool that the server has, here.
struct Alone {
    runtime: tokio::runtime::Runtime,
    hashing: Hashing,
    stored: String,
}

impl Alone {
    fn start() -> Done<Self> {
        let hashing = Hashing::start(HashSettings {
            memory_kib: 19_456,
            passes: 2,
            threads: threads()?,
            queue: 256,
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let hash = runtime.block_on(hashing.hash(password(), [7; 16]));
        let stored = hash.map_err(|_| "the pool does not hash")?;
        Ok(Self {
            runtime,
            hashing,
            stored,
        })
    }

    /// Checks a second, by as many at once as there are connections otherwise.
    fn rate(&self, callers: usize, time: Duration) -> Done<f64> {
        self.runtime.block_on(async {
            let start = Instant::now();
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..callers {
                let (hashing, stored) = (self.hashing.clone(), self.stored.clone());
                tasks.spawn(async move {
                    let mut count = 0_u32;
                    while start.elapsed() < time {
                        let verdict = hashing.verify(password(), stored.clone()).await;
                        count += u32::from(verdict == Ok(Verdict::Right));
                    }
                    count
                });
            }
            let mut count = 0;
            while let Some(counted) = tasks.join_next().await {
                count += counted?;
            }
            Ok(f64::from(count) / start.elapsed().as_secs_f64())
        })
    }
}

fn password() -> Zeroizing<String> {
    Zeroizing::new(PASSWORD.to_owned())
}

/// As many as the server starts by default.
fn threads() -> Done<usize> {
    Ok(std::thread::available_parallelism()?.get())
}

/// Guarded requests at a steady rate, with and without people who log in without pause; and the memory meanwhile.
pub fn storm(plan: &Plan, server: &Vestibule, people: &People) -> Done<()> {
    const RATE: u32 = 200;
    let request = people.asks_for_data(server.port);
    let mut most = Memory::default();
    let mut late = Vec::new();
    for _ in 0..plan.turns {
        let calm = drive::at_a_rate(server.port, &request, RATE, plan.long_turn)?;
        let (stormy, memory) = in_a_storm(server, people, || {
            drive::at_a_rate(server.port, &request, RATE, plan.long_turn)
        })?;
        late.push((quantile(&stormy.took, 990), quantile(&calm.took, 990)));
        most = most.most(memory);
    }
    let of = |pick: fn(&(f64, f64)) -> f64| median(late.iter().map(pick).collect());
    let how = format!(
        "{:.0} µs ÷ {:.0} µs",
        of(|late| late.0) * 1e6,
        of(|late| late.1) * 1e6
    );
    say(
        "p99 of 200 requests/s in a storm of logins ÷ calm",
        of(|late| late.0 / late.1),
        "",
        &Target::AtMost(1.5),
        &how,
    );
    say_memory("memory in the storm, at most", most, limit_in_storm()?);
    Ok(())
}

/// Does something while 64 clients log in without pause.
fn in_a_storm<T>(
    server: &Vestibule,
    people: &People,
    act: impl FnOnce() -> Done<T>,
) -> Done<(T, Memory)> {
    const CLIENTS: usize = 64;
    let requests = people.log_ins(server.port);
    let over = Arc::new(AtomicBool::new(false));
    let until = Until::Told(Arc::clone(&over));
    thread::scope(|scope| {
        let logins = scope.spawn(|| drive::without_pause(server.port, &requests, CLIENTS, &until));
        let watch = scope.spawn(|| -> Done<Memory> {
            let mut most = Memory::default();
            while !over.load(Ordering::Relaxed) {
                most = most.most(server.memory()?);
                thread::sleep(Duration::from_millis(100));
            }
            Ok(most)
        });
        // Until every client stands in the line.
        thread::sleep(Duration::from_secs(1));
        let done = act();
        over.store(true, Ordering::Relaxed);
        logins.join().map_err(|_| "the storm panicked")??;
        let memory = watch.join().map_err(|_| "the watch panicked")??;
        Ok((done?, memory))
    })
}

fn limit_in_storm() -> Done<f64> {
    Ok(16.0 + 20.0 * threads()? as f64)
}

fn say_memory(measure: &str, memory: Memory, limit: f64) {
    let how = format!("{:.1} MiB of it anonymous", memory.anonymous);
    say(
        measure,
        memory.resident,
        " MiB",
        &Target::AtMost(limit),
        &how,
    );
}

/// Before anyone logged in.
pub fn memory_after_start(memory: Memory) {
    say_memory("memory after the start", memory, 16.0);
}

/// After the storm, and a rest.
pub fn memory_later(plan: &Plan, server: &Vestibule) -> Done<()> {
    thread::sleep(plan.rest);
    let measure = format!("memory {} s after the storm", plan.rest.as_secs());
    say_memory(&measure, server.memory()?, limit_in_storm()?);
    Ok(())
}

/// From the making of the process to its first answer, on the database that is there by now.
pub fn starts(plan: &Plan, folder: &Path) -> Done<()> {
    let mut took = Vec::new();
    for _ in 0..plan.starts {
        took.push(Vestibule::start(folder)?.first_answer);
    }
    let how = format!(
        "of {} starts, the slowest {:.1} ms",
        plan.starts,
        quantile(&took, 1000) * 1e3
    );
    say(
        "start to the first answer, median",
        quantile(&took, 500) * 1e3,
        " ms",
        &Target::AtMost(20.0),
        &how,
    );
    Ok(())
}
