//! The settings as an operator wrote them, and the checks that turn them into [`Settings`].

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use super::database::{checked_database, embedded_url};
use super::{
    Algorithm, Fault, HashSettings, LetterSettings, LogFormat, Origin, RegistrationMode, Secret,
    SessionSettings, Settings, Switch, ThrottleSettings, VerifyEmail, mail,
};
use crate::hashing::memory::of_this_machine;

/// Seconds.
const DAY: i64 = 86_400;

/// What the process takes beside hashing.
const BASE_KIB: u64 = 64 * 1024;

/// The settings as they stand in files and the environment, before anything is checked.
#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Raw {
    data_dir: PathBuf,
    database_url: Option<String>,
    database_url_file: Option<PathBuf>,
    database_insecure: bool,
    database_connections: Option<u32>,
    server_secret: Option<String>,
    server_secret_file: Option<PathBuf>,
    public_url: Option<String>,
    insecure_http: bool,
    trusted_proxies: Vec<String>,
    query_credentials: bool,
    algorithm: Algorithm,
    access_minutes: i64,
    idle_days: i64,
    session_days: i64,
    sessions_per_account: i64,
    revocation_grace: u64,
    issuer: Option<String>,
    audience: Option<String>,
    docs: bool,
    log: Option<LogFormat>,
    hash_memory_kib: u32,
    hash_passes: u32,
    hash_threads: Option<usize>,
    hash_queue: usize,
    registration: RegistrationMode,
    throttle: Switch,
    failures_per_name: u32,
    failures_per_address: u32,
    failures_per_network: u32,
    longest_wait_minutes: i64,
    failures_per_account: i64,
    sign_ins_per_account: u32,
    sign_ins_per_address: u32,
    sign_ins_per_network: u32,
    registrations_per_address: u32,
    registrations_per_network: u32,
    smtp_url: Option<String>,
    smtp_url_file: Option<PathBuf>,
    mail_from: Option<String>,
    verify_email: Option<VerifyEmail>,
    verify_hours: i64,
    code_minutes: i64,
    letters_per_address: u32,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            data_dir: "data".into(),
            database_url: None,
            database_url_file: None,
            database_insecure: false,
            database_connections: None,
            server_secret: None,
            server_secret_file: None,
            public_url: None,
            insecure_http: false,
            trusted_proxies: Vec::new(),
            query_credentials: false,
            algorithm: Algorithm::ES256,
            access_minutes: 15,
            idle_days: 14,
            session_days: 30,
            sessions_per_account: 50,
            revocation_grace: 30,
            issuer: None,
            audience: None,
            docs: true,
            log: None,
            hash_memory_kib: 19_456,
            hash_passes: 2,
            hash_threads: None,
            hash_queue: 256,
            registration: RegistrationMode::Open,
            throttle: Switch::On,
            failures_per_name: 5,
            failures_per_address: 20,
            failures_per_network: 100,
            longest_wait_minutes: 15,
            failures_per_account: 100,
            sign_ins_per_account: 120,
            sign_ins_per_address: 1200,
            sign_ins_per_network: 6000,
            registrations_per_address: 20,
            registrations_per_network: 100,
            smtp_url: None,
            smtp_url_file: None,
            mail_from: None,
            verify_email: None,
            verify_hours: 24,
            code_minutes: 10,
            letters_per_address: 5,
        }
    }
}

impl Raw {
    /// Checks everything that can be checked without looking at the world.
    pub(super) fn check(self, debug: bool) -> Result<Settings, Fault> {
        let (throttle, threads) = (self.throttle()?, self.threads());
        let smtp_url = one_of("smtp_url", self.smtp_url, self.smtp_url_file)?;
        let mail = mail::checked(smtp_url, self.mail_from)?;
        within("verify_hours", "hours", self.verify_hours, 1, 168)?;
        within("code_minutes", "minutes", self.code_minutes, 5, 60)?;
        // Without a mail server nobody would get the letter.
        let usual = match mail {
            Some(_) => VerifyEmail::Optional,
            None => VerifyEmail::Off,
        };
        let letters = LetterSettings {
            verify: self.verify_email.unwrap_or(usual),
            verify_life: self.verify_hours * 3_600,
            code_life: self.code_minutes * 60,
        };
        let database_url = one_of("database_url", self.database_url, self.database_url_file)?;
        let embedded = database_url.is_none();
        let database_url = match database_url {
            Some(url) => checked_database(url, self.database_insecure)?,
            None => Secret::new(embedded_url(&self.data_dir)),
        };
        let server_secret = one_of("server_secret", self.server_secret, self.server_secret_file)?;
        if let Some(secret) = &server_secret {
            within(
                "server_secret",
                "characters long",
                secret.reveal().len(),
                32,
                4096,
            )?;
        } else if !embedded && !database_url.reveal().starts_with("sqlite:") {
            return Err(Fault(
                "With PostgreSQL, server_secret must be given: every instance needs the same one.\n\
                 Make one with `openssl rand -hex 32`, keep it in a file and write under [default.vestibule]:\n    \
                 server_secret_file = \"/etc/vestibule/server-secret\""
                    .into(),
            ));
        }
        within("access_minutes", "minutes", self.access_minutes, 1, 1440)?;
        within("idle_days", "days", self.idle_days, 1, 365)?;
        within("session_days", "days", self.session_days, 1, 365)?;
        within(
            "sessions_per_account",
            "sessions",
            self.sessions_per_account,
            1,
            10_000,
        )?;
        within(
            "revocation_grace",
            "seconds",
            self.revocation_grace,
            1,
            3600,
        )?;
        // SQLite writes over one and reads over the others: two where one is not enough, so that who hears of many
        // ended sessions makes nobody wait for long.
        let usual = if database_url.reveal().starts_with("sqlite:") {
            3
        } else {
            8
        };
        let connections = self.database_connections.unwrap_or(usual);
        within("database_connections", "connections", connections, 1, 1000)?;
        within("hash_memory_kib", "KiB", self.hash_memory_kib, 8, 1_048_576)?;
        within("hash_passes", "passes", self.hash_passes, 1, 1000)?;
        within("hash_threads", "threads", threads, 1, 1024)?;
        within("hash_queue", "waiting", self.hash_queue, 1, 1_000_000)?;
        Ok(Settings {
            throttle,
            mail,
            registration: self.registration,
            letters,
            data_dir: self.data_dir,
            database_url,
            embedded,
            database_connections: connections,
            server_secret,
            public_url: self
                .public_url
                .map(|url| checked_origin(&url))
                .transpose()?,
            insecure_http: self.insecure_http,
            trusted_proxies: self
                .trusted_proxies
                .iter()
                .map(|net| checked_net(net))
                .collect::<Result<_, _>>()?,
            query_credentials: self.query_credentials,
            algorithm: self.algorithm,
            access_minutes: self.access_minutes,
            sessions: SessionSettings {
                idle: self.idle_days * DAY,
                longest: self.session_days * DAY,
                most: self.sessions_per_account,
                grace: Duration::from_secs(self.revocation_grace),
            },
            issuer: self.issuer,
            audience: self.audience,
            docs: self.docs,
            log: self.log.unwrap_or(if debug {
                LogFormat::Text
            } else {
                LogFormat::Json
            }),
            hashing: HashSettings {
                memory_kib: self.hash_memory_kib,
                passes: self.hash_passes,
                threads,
                queue: self.hash_queue,
            },
        })
    }
}

/// An address's share of the hashing queue. All threads have work with it, and seven others find room.
fn share(queue: usize, threads: usize) -> usize {
    (queue / 8).max(threads.saturating_mul(2))
}

impl Raw {
    fn threads(&self) -> usize {
        self.hash_threads.unwrap_or_else(|| {
            affordable(cores(), self.hash_memory_kib, of_this_machine().limit_kib)
        })
    }

    fn throttle(&self) -> Result<ThrottleSettings, Fault> {
        let count = |name, value, most| within(name, "in number", value, 1, most);
        count("failures_per_name", self.failures_per_name, 100)?;
        count("failures_per_address", self.failures_per_address, 10_000)?;
        count("failures_per_network", self.failures_per_network, 100_000)?;
        count("sign_ins_per_account", self.sign_ins_per_account, 100_000)?;
        count("sign_ins_per_address", self.sign_ins_per_address, 100_000)?;
        count("sign_ins_per_network", self.sign_ins_per_network, 100_000)?;
        count(
            "registrations_per_address",
            self.registrations_per_address,
            3600,
        )?;
        count(
            "registrations_per_network",
            self.registrations_per_network,
            3600,
        )?;
        count("letters_per_address", self.letters_per_address, 100)?;
        within(
            "longest_wait_minutes",
            "minutes",
            self.longest_wait_minutes,
            1,
            60,
        )?;
        // No more than NIST SP 800-63B section 3.2.2 allows.
        within(
            "failures_per_account",
            "in number",
            self.failures_per_account,
            10,
            100,
        )?;
        Ok(ThrottleSettings {
            on: self.throttle == Switch::On,
            per_name: self.failures_per_name,
            per_address: self.failures_per_address,
            per_network: self.failures_per_network,
            longest_wait: self.longest_wait_minutes * 60,
            per_account: self.failures_per_account,
            at_once: u32::try_from(share(self.hash_queue, self.threads())).unwrap_or(u32::MAX),
            sign_ins_per_account: self.sign_ins_per_account,
            sign_ins_per_address: self.sign_ins_per_address,
            sign_ins_per_network: self.sign_ins_per_network,
            registrations_per_address: self.registrations_per_address,
            registrations_per_network: self.registrations_per_network,
            letters_per_address: self.letters_per_address,
        })
    }
}

/// As many threads as cores, as far as three quarters of the memory that this process may have reach for them: a
/// container with many cores and a small limit must not be ended by the system in a rush.
fn affordable(cores: usize, kib_each: u32, limit_kib: Option<u64>) -> usize {
    let Some(limit) = limit_kib else {
        return cores;
    };
    let room = limit.saturating_sub(BASE_KIB) / 4 * 3;
    let threads = usize::try_from(room / u64::from(kib_each.max(1))).unwrap_or(cores);
    threads.clamp(1, cores.max(1))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn one_of(
    name: &str,
    text: Option<String>,
    file: Option<PathBuf>,
) -> Result<Option<Secret>, Fault> {
    match (text, file) {
        (Some(_), Some(_)) => Err(Fault(format!(
            "{name} and {name}_file are both given. Keep one of them."
        ))),
        (Some(text), None) => Ok(Some(Secret::new(text))),
        (None, Some(path)) => match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(Secret::new(
                text.trim_end_matches(['\r', '\n']).to_owned(),
            ))),
            Err(error) => Err(Fault(format!(
                "{name}_file: {} cannot be read: {error}.",
                path.display()
            ))),
        },
        (None, None) => Ok(None),
    }
}

fn checked_origin(url: &str) -> Result<Origin, Fault> {
    // Not the value: somebody may have written a password into it.
    let words =
        "public_url must be an address like https://login.example.org, without a path or a name.";
    Origin::parse(url).ok_or_else(|| Fault(words.into()))
}

fn checked_net(text: &str) -> Result<IpNet, Fault> {
    let net = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    match net {
        Ok(net) if net.prefix_len() > 0 => Ok(net),
        Ok(_) => Err(Fault(format!(
            "trusted_proxies: {text:?} would believe anybody. Name the proxy's address."
        ))),
        Err(_) => Err(Fault(format!(
            "trusted_proxies: {text:?} is neither an address like 10.0.0.1 nor a network like 10.0.0.0/8."
        ))),
    }
}

fn within<T: PartialOrd + fmt::Display>(
    name: &str,
    unit: &str,
    value: T,
    least: T,
    most: T,
) -> Result<(), Fault> {
    if value >= least && value <= most {
        return Ok(());
    }
    // Not the value: it may be the length of a secret, and the range says enough.
    Err(Fault(format!("{name} must be {least} to {most} {unit}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashing_takes_as_many_threads_as_cores_and_memory_allow() {
        let gib = Some(1024 * 1024);
        assert_eq!(affordable(4, 19_456, gib), 4);
        assert_eq!(affordable(64, 19_456, gib), 37);
        assert_eq!(affordable(64, 19_456, None), 64);
        assert_eq!(affordable(64, 1_048_576, gib), 1);
        assert_eq!(affordable(2, 0, Some(0)), 1);
    }
}
