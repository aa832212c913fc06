//! The database, what it would keep through a crash, and the keys in it.

use url::Url;

use super::{Check, Subject, Verdict};
use crate::store::pool::{Durability, Pool, Tables};
use crate::tokens::operator::{Period, period};
use crate::tokens::{IfMissing, ServerSecret, Vault};
use crate::world::Chance;

const DAY: i64 = 86_400;

/// How long after a successor was due it is missed: a server that was off does it at its next start.
const LATE: i64 = 3_600;

const NO_DATABASE: &str = "Without it nobody registers or signs in, and after revocation_grace seconds the guard answers 503.";

/// Opens the database to look at it.
pub(super) async fn reach(subject: &Subject) -> Result<Pool, Check> {
    let settings = &subject.settings;
    let file = settings.data_dir.join("vestibule.db");
    if settings.embedded && !file.exists() {
        let told = format!("There is none in {} yet.", settings.data_dir.display());
        return Err(
            Check::unknown("database", told).type_this("vestibule  # start the server once")
        );
    }
    Pool::look(settings.database_url.reveal())
        .await
        .map_err(|fault| {
            let line = if settings.is_shared() {
                is_ready(settings.database_url.reveal())
            } else {
                "vestibule settings  # see data_dir and database_url".to_owned()
            };
            Check::wrong("database", format!("It cannot be reached. {fault}"))
                .because(NO_DATABASE)
                .type_this(line)
        })
}

/// Host and port only: a password may stand between them.
fn is_ready(url: &str) -> String {
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or("localhost");
    let port = url.as_ref().and_then(Url::port).unwrap_or(5432);
    format!("pg_isready -h {host} -p {port}")
}

pub(super) async fn tables(pool: &Pool) -> Check {
    match pool.tables().await {
        Ok(Tables::Ours) => Check::fine("database", "It answers."),
        Ok(Tables::Older) => Check::warning(
            "database",
            "It answers; its tables are of an older version.",
        )
        .because("What is told of keys and traffic needs today's tables.")
        .type_this("vestibule  # the next start brings them up to date"),
        Ok(Tables::Newer) => Check::wrong("database", "A newer version of Vestibule has used it.")
            .because("This version does not start on it.")
            .type_this("vestibule --version  # install the newer one"),
        Ok(Tables::Missing) => {
            Check::unknown("database", "It answers, and holds nothing of ours yet.")
                .type_this("vestibule  # start the server once")
        }
        Err(fault) => {
            Check::wrong("database", format!("It does not answer. {fault}")).because(NO_DATABASE)
        }
    }
}

pub(super) async fn wal(pool: &Pool) -> Check {
    let settings = match pool.durability().await {
        Ok(settings) => settings,
        Err(fault) => return Check::unknown("wal", format!("The database does not say. {fault}")),
    };
    let (safe, loose): (Vec<_>, Vec<_>) = settings.iter().partition(|one| one.is_safe);
    let told = |all: &[&Durability]| {
        let each = all
            .iter()
            .map(|one| format!("{} is {}", one.name, one.value));
        each.collect::<Vec<_>>().join(", ") + "."
    };
    if loose.is_empty() {
        return Check::fine("wal", told(&safe));
    }
    if loose.iter().any(|one| one.name == "journal_mode") {
        return Check::warning("wal", told(&loose))
            .because("Readers wait for writers until the next start turns the write-ahead log on.")
            .type_this("vestibule  # start it again");
    }
    let lines = loose
        .iter()
        .map(|one| format!("alter system set {} = on;", one.name));
    Check::wrong("wal", told(&loose))
        .because("A crash can take back registrations and logouts that were acknowledged.")
        .type_this(format!(
            "{}  -- in psql; then restart PostgreSQL",
            lines.collect::<Vec<_>>().join(" ")
        ))
}

pub(super) async fn keys(subject: &Subject, pool: &Pool) -> Check {
    let (algorithm, now) = (subject.settings.algorithm, subject.now);
    let signing = match period(pool, algorithm, now).await {
        Ok(Some(signing)) => signing,
        Ok(None) => {
            let told = format!("No key signs with {} yet.", algorithm.name());
            return Check::unknown("keys", told).type_this("vestibule  # the next start makes one");
        }
        Err(fault) => return Check::unknown("keys", format!("The database does not say. {fault}")),
    };
    judge(&signing, now)
}

fn judge(signing: &Period, now: i64) -> Check {
    let days = |seconds: i64| seconds.max(0) / DAY;
    let (age, kid) = (days(now - signing.signs_from), &signing.kid);
    let told = format!("{kid} signs since {age} days");
    let why = "A key that signs for longer than it should is worth more to a thief, and no server replaces it.";
    let late = "vestibule keys rotate  # and look for rotation_failed in the server's log";
    match signing.next_from {
        Some(next) => {
            let hours = (next - now).max(0) / 3600;
            Check::fine(
                "keys",
                format!("{told}; the next is published and signs in {hours} hours."),
            )
        }
        None if now > signing.until => {
            let over = format!(
                "{told}; its time was over {} days ago.",
                days(now - signing.until)
            );
            Check::wrong("keys", over).because(why).type_this(late)
        }
        None if now > signing.next_due + LATE => {
            let due = format!("{told}; the next should be published by now, and is not.");
            Check::warning("keys", due).because(why).type_this(late)
        }
        None => {
            let left = days(signing.next_due - now);
            Check::fine("keys", format!("{told}; the next is due in {left} days."))
        }
    }
}

/// Whether the server secret opens the keys: a server that runs has found out already.
pub(super) async fn opened(subject: &Subject, pool: &Pool, checks: &mut [Check]) {
    let keys = checks
        .iter_mut()
        .find(|check| check.name == "keys" && check.verdict != Verdict::Unknown);
    let Some(keys) = keys else { return };
    let (settings, chance) = (&subject.settings, Chance::real());
    let opening = async {
        let secret = ServerSecret::obtain(settings, &chance, IfMissing::Refuse)?;
        let lifetime = settings.access_minutes * 60;
        Vault::open(
            pool.clone(),
            secret,
            settings.algorithm,
            lifetime,
            chance.clone(),
        )
        .await
    };
    if let Err(fault) = opening.await {
        *keys = Check::wrong("keys", fault.0)
            .because("The server does not start with it.")
            .type_this("vestibule settings  # see server_secret");
    }
}
