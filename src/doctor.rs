//! Whether this installation is safe: named checks, each with what is wrong, why it matters and what to type.
//!
//! Nothing is changed by looking. What a check cannot see from here it says, instead of guessing.

mod database;
mod files;
mod machine;
mod passage;
mod words;

use rocket::Config;
use rocket::figment::Figment;

use crate::config::Settings;
use crate::log::Log;
use crate::store::{Pool, observations};
use crate::traffic::REMEMBERED;
use crate::world::Clock;

/// Every check, in the order in which they are told. One that finds several things tells each.
pub const NAMES: &[&str] = &[
    "settings",
    "public_url",
    "trusted_proxies",
    "cookies",
    "secret_files",
    "database",
    "wal",
    "keys",
    "clock",
    "disk",
    "open_files",
    "hash_memory",
    "hash_time",
    "registration",
    "mail",
];

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// Something the operator should know, but may have meant.
    Warning,
    /// Not safe, or broken.
    Wrong,
    /// It cannot be seen from here.
    Unknown,
}

impl Verdict {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Warning => "warning",
            Self::Wrong => "wrong",
            Self::Unknown => "unknown",
        }
    }
}

/// What a check found.
#[derive(Debug)]
pub struct Check {
    /// One of [`NAMES`].
    pub name: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// What is so.
    pub what: String,
    /// Why it matters; empty where all is well.
    pub why: &'static str,
    /// What to type, or to write into which file.
    pub type_this: Option<String>,
}

impl Check {
    fn new(name: &'static str, verdict: Verdict, what: impl Into<String>) -> Self {
        Self {
            name,
            verdict,
            what: what.into(),
            why: "",
            type_this: None,
        }
    }

    fn fine(name: &'static str, what: impl Into<String>) -> Self {
        Self::new(name, Verdict::Fine, what)
    }

    fn unknown(name: &'static str, what: impl Into<String>) -> Self {
        Self::new(name, Verdict::Unknown, what)
    }

    fn warning(name: &'static str, what: impl Into<String>) -> Self {
        Self::new(name, Verdict::Warning, what)
    }

    fn wrong(name: &'static str, what: impl Into<String>) -> Self {
        Self::new(name, Verdict::Wrong, what)
    }

    fn because(self, why: &'static str) -> Self {
        Self { why, ..self }
    }

    fn type_this(self, line: impl Into<String>) -> Self {
        Self {
            type_this: Some(line.into()),
            ..self
        }
    }
}

/// What is looked at.
struct Subject {
    figment: Figment,
    settings: Settings,
    rocket: Config,
    now: i64,
}

impl Subject {
    /// Whether people reach it over https.
    fn https(&self) -> bool {
        let public = self.settings.public_url.as_ref();
        public.map_or(self.rocket.tls_enabled(), |url| url.https())
    }

    /// Whether nobody beyond this machine reaches it, as far as the settings say.
    fn is_local(&self) -> bool {
        let public = self.settings.public_url.as_ref();
        let name = public.is_none_or(|url| crate::config::is_loopback_name(url.host()));
        name && self.rocket.address.to_canonical().is_loopback()
    }
}

/// Every check. Takes a few seconds at most: it hashes, and waits for a database that does not answer.
pub async fn examine(figment: &Figment, clock: &Clock) -> Vec<Check> {
    let subject = match subject(figment, clock) {
        Ok(subject) => subject,
        Err(refused) => return without_settings(refused),
    };
    let mut checks = at_rest(&subject);
    match database::reach(&subject).await {
        Ok(pool) => {
            checks.extend(asked(&subject, &pool).await);
            database::opened(&subject, &pool, &mut checks).await;
            pool.close().await;
        }
        Err(check) => checks.extend(std::iter::once(check).chain(unasked(&subject))),
    }
    checks.push(machine::hash_time(&subject, &checks).await);
    in_order(checks)
}

/// The checks that cost a starting server nothing, on the database that it has open: no hashing.
pub async fn glance(figment: &Figment, pool: &Pool, clock: &Clock) -> Vec<Check> {
    let Ok(subject) = subject(figment, clock) else {
        return Vec::new();
    };
    let mut checks = asked(&subject, pool).await;
    // Files may be on a disk that is slow.
    let rest = rocket::tokio::task::spawn_blocking(move || at_rest(&subject)).await;
    checks.extend(rest.unwrap_or_default());
    in_order(checks)
}

/// One line in the log: how many are wrong or warn, and which.
pub fn summarise(checks: &[Check], log: &Log) {
    let of = |verdict| {
        let found = checks.iter().filter(|check| check.verdict == verdict);
        let mut names: Vec<&str> = found.map(|check| check.name).collect();
        names.dedup();
        names.join(" ")
    };
    let count = |verdict| {
        let found = checks.iter().filter(|check| check.verdict == verdict);
        found.count().to_string()
    };
    let (wrong, warnings) = (of(Verdict::Wrong), of(Verdict::Warning));
    let level = if wrong.is_empty() { "info" } else { "warn" };
    let (fine, unknown) = (count(Verdict::Fine), count(Verdict::Unknown));
    let more = [
        ("wrong", wrong.as_str()),
        ("warnings", &warnings),
        ("fine", &fine),
        ("unknown", &unknown),
        ("more", "vestibule doctor"),
    ];
    log.notice(level, "doctor", &more);
}

fn subject(figment: &Figment, clock: &Clock) -> Result<Subject, Check> {
    let refused = |text: String| {
        Check::wrong("settings", text)
            .because("The server does not start with them.")
            .type_this("vestibule settings")
    };
    let settings = Settings::read(figment).map_err(|fault| refused(fault.0))?;
    let rocket = figment
        .extract()
        .map_err(|_| refused("Rocket's own settings cannot be read.".into()))?;
    Ok(Subject {
        figment: figment.clone(),
        settings,
        rocket,
        now: clock.unix(),
    })
}

/// What can be said without asking anybody.
fn at_rest(subject: &Subject) -> Vec<Check> {
    let mut checks = words::settings(subject);
    checks.extend([
        words::cookies(subject),
        words::registration(subject),
        words::mail(subject),
        files::secret_files(subject),
        files::disk(subject),
        machine::open_files(subject),
        machine::hash_memory(subject),
    ]);
    checks
}

/// What the database is asked.
async fn asked(subject: &Subject, pool: &Pool) -> Vec<Check> {
    let tables = database::tables(pool).await;
    // Others have no such columns.
    if tables.verdict != Verdict::Fine {
        return std::iter::once(tables).chain(unasked(subject)).collect();
    }
    let seen = observations::since(pool, subject.now - REMEMBERED).await;
    let mut checks = passage::checks(subject, seen.as_deref().unwrap_or_default());
    checks.push(tables);
    checks.push(database::wal(pool).await);
    checks.push(database::keys(subject, pool).await);
    checks.push(machine::clock(subject, pool).await);
    checks
}

/// The same, where it cannot be asked.
fn unasked(subject: &Subject) -> Vec<Check> {
    let mut checks = passage::checks(subject, &[]);
    let unseen = |name| Check::unknown(name, "The database could not be asked.");
    checks.extend(["wal", "keys", "clock"].map(unseen));
    checks
}

fn without_settings(refused: Check) -> Vec<Check> {
    let others = NAMES.iter().filter(|name| **name != refused.name);
    let unseen = others
        .map(|name| Check::unknown(name, "Cannot be looked at before the settings are right."));
    let unseen: Vec<Check> = unseen.collect();
    std::iter::once(refused).chain(unseen).collect()
}

fn in_order(mut checks: Vec<Check>) -> Vec<Check> {
    checks.sort_by_key(|check| NAMES.iter().position(|name| *name == check.name));
    checks
}
