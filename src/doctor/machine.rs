//! What the machine gives: time, open files, and memory and speed for hashing.

use std::path::Path;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};

use super::{Check, Subject, Verdict};
use crate::hashing::{measure, memory};
use crate::store::Pool;

/// Connections are files: fewer are used up by one impatient client; below that not even the database is sure of its
/// own.
const FILES: u64 = 4096;
const FEWEST_FILES: u64 = 256;

/// Seconds by which the database's clock may differ: to notice, and to be refused by other instances.
const DRIFT: i64 = 5;
const ASTRAY: i64 = 60;

/// Left by those who set this machine's clock over the network.
const SYNCHRONISED: &[&str] = &[
    "/run/systemd/timesync/synchronized",
    "/run/chrony/chronyd.pid",
    "/run/chronyd.pid",
    "/run/ntpd.pid",
    "/run/ntp/ntpd.pid",
];

/// What the process takes beside hashing, in KiB.
const BASE: u64 = 64 * 1024;

/// Milliseconds between which a hash costs a guesser enough and a person nothing.
const LEAST_MS: f64 = 10.0;
const MOST_MS: f64 = 500.0;

/// How long is waited for the measurement.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn open_files(subject: &Subject) -> Check {
    // The server raises its own limit as far as it may.
    let Some(most) = getrlimit(Resource::Nofile).maximum else {
        return Check::fine("open_files", "Without limit.");
    };
    let told = format!("{most} at most, for what is started from here.");
    let needed = FEWEST_FILES + u64::from(subject.settings.database_connections) * 4;
    let check = match most {
        _ if most >= FILES => return Check::fine("open_files", told),
        _ if most >= needed => Check::warning("open_files", told),
        _ => Check::wrong("open_files", told),
    };
    check
        .because("Every connection is a file: with none left, nobody else is answered.")
        .type_this("LimitNOFILE=65536  # in the systemd unit, under [Service]; or before the start: ulimit -n 65536")
}

pub(super) async fn clock(subject: &Subject, pool: &Pool) -> Check {
    let why = "Tokens of one instance are refused by another, or live too long.";
    let line = "timedatectl set-ntp true && timedatectl";
    let there = match pool.now().await {
        Ok(there) => there,
        Err(fault) => {
            return Check::unknown(
                "clock",
                format!("The database does not say its time. {fault}"),
            );
        }
    };
    let apart = (there - subject.now).abs();
    let told = format!("The database's clock is {apart} seconds apart from this machine's.");
    if apart > ASTRAY {
        return Check::wrong("clock", told).because(why).type_this(line);
    }
    if apart > DRIFT {
        return Check::warning("clock", told).because(why).type_this(line);
    }
    if SYNCHRONISED.iter().any(|mark| Path::new(mark).exists()) {
        return Check::fine(
            "clock",
            "It is set over the network, and agrees with the database.",
        );
    }
    Check::unknown(
        "clock",
        "It agrees with the database; whether it is set over the network cannot be seen from here.",
    )
    .type_this("timedatectl")
}

/// What hashing takes when all threads have their memory, in KiB.
fn pool_kib(subject: &Subject) -> u64 {
    let hashing = subject.settings.hashing;
    u64::from(hashing.memory_kib) * hashing.threads as u64
}

pub(super) fn hash_memory(subject: &Subject) -> Check {
    let (needed, memory) = ((pool_kib(subject) + BASE) / 1024, memory::of_this_machine());
    let Some(limit) = memory.limit_kib.map(|kib| kib / 1024) else {
        return Check::unknown(
            "hash_memory",
            format!("{needed} MiB are needed; the system does not say how many there are."),
        );
    };
    let told =
        format!("{needed} MiB are needed when all hashing threads are busy, of {limit} MiB.");
    let check = if needed > limit {
        Check::wrong("hash_memory", told)
    } else if needed * 4 > limit * 3 {
        Check::warning("hash_memory", told)
    } else if memory.available_kib.is_some_and(|kib| kib / 1024 < needed) {
        Check::warning("hash_memory", format!("{told} Fewer are free now."))
    } else {
        return Check::fine("hash_memory", told);
    };
    check
        .because("The system ends the server when many people sign in at once.")
        .type_this("hash_threads = 1  # in Rocket.toml, under [default.vestibule]; see also: vestibule hash calibrate")
}

/// Measures with all threads, as in a rush. `others`: what was found about memory.
pub(super) async fn hash_time(subject: &Subject, others: &[Check]) -> Check {
    let short = |check: &Check| check.name == "hash_memory" && check.verdict == Verdict::Wrong;
    if others.iter().any(short) {
        return Check::unknown("hash_time", "Not measured: the memory for it is not there.");
    }
    let settings = subject.settings.hashing;
    let measuring = move || measure(settings, Duration::from_millis(200), PATIENCE);
    let measured = rocket::tokio::task::spawn_blocking(measuring)
        .await
        .ok()
        .flatten();
    let Some(measured) = measured else {
        return too_slow(format!(
            "A hash takes more than {} seconds.",
            PATIENCE.as_secs()
        ));
    };
    let (ms, rate) = (measured.milliseconds, measured.per_second);
    let told = format!(
        "{ms:.1} ms a hash with {} at once, {rate:.0} logins a second.",
        settings.threads
    );
    match ms {
        ..LEAST_MS => Check::warning("hash_time", told)
            .because("What is fast here is fast for those who guess with a stolen database.")
            .type_this("vestibule hash calibrate"),
        _ if ms > MOST_MS => too_slow(told),
        _ => Check::fine("hash_time", told),
    }
}

fn too_slow(told: String) -> Check {
    Check::warning("hash_time", told)
        .because("People wait, and a few logins at once keep all others waiting.")
        .type_this("vestibule hash calibrate")
}
