//! The settings as an operator wrote them, and the checks that turn them into [`Settings`].

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use url::Url;

use super::{Algorithm, Fault, HashSettings, LogFormat, Origin, Secret, SessionSettings, Settings};

/// Seconds.
const DAY: i64 = 86_400;

/// The settings as they stand in files and the environment, before anything is checked.
#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Raw {
    data_dir: PathBuf,
    database_url: Option<String>,
    database_url_file: Option<PathBuf>,
    database_insecure: bool,
    database_connections: u32,
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
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            data_dir: "data".into(),
            database_url: None,
            database_url_file: None,
            database_insecure: false,
            database_connections: 8,
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
        }
    }
}

impl Raw {
    /// Checks everything that can be checked without looking at the world.
    pub(super) fn check(self, debug: bool) -> Result<Settings, Fault> {
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
        within(
            "database_connections",
            "connections",
            self.database_connections,
            1,
            1000,
        )?;
        within("hash_memory_kib", "KiB", self.hash_memory_kib, 8, 1_048_576)?;
        within("hash_passes", "passes", self.hash_passes, 1, 1000)?;
        let threads = self.hash_threads.unwrap_or_else(cores);
        within("hash_threads", "threads", threads, 1, 1024)?;
        within("hash_queue", "waiting", self.hash_queue, 1, 1_000_000)?;
        Ok(Settings {
            data_dir: self.data_dir,
            database_url,
            embedded,
            database_connections: self.database_connections,
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

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn embedded_url(data_dir: &Path) -> String {
    // Absolute, or "a:b" would read as a host and a port; escaped, since a path may hold what means something in a URL.
    let folder = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let path = folder.join("vestibule.db");
    let path: String = path.to_string_lossy().bytes().map(escaped).collect();
    format!("sqlite://{path}?mode=rwc")
}

fn escaped(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
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

fn checked_database(url: Secret, insecure: bool) -> Result<Secret, Fault> {
    let scheme = url.reveal().split(':').next().unwrap_or_default();
    match scheme {
        "sqlite" => Ok(url),
        "postgres" | "postgresql" => {
            if insecure || postgres_is_safe(url.reveal()) {
                return Ok(url);
            }
            Err(Fault(
                "The PostgreSQL is on another machine, and its connection would not be verified.\n\
                 Add sslmode=verify-full to database_url (and sslrootcert=… for a private authority),\n\
                 or accept the risk under [default.vestibule]:\n    database_insecure = true"
                    .into(),
            ))
        }
        _ => Err(Fault(
            "database_url must begin with postgres:// or sqlite:.".into(),
        )),
    }
}

/// Not `db.localhost`: that may be asked of a name server.
fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// A socket, a loopback host, or a connection that verifies both certificate and name.
fn postgres_is_safe(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    let option = |names: &[&str]| {
        url.query_pairs()
            .filter(|(name, _)| names.contains(&name.as_ref()))
            .map(|(_, value)| value.into_owned())
            .last()
    };
    // What libpq's environment variables could redirect counts as another machine.
    let host = option(&["host", "hostaddr"])
        .or_else(|| url.host_str().map(str::to_owned))
        .unwrap_or_default();
    let verified = option(&["sslmode", "ssl-mode"]).is_some_and(|mode| mode == "verify-full");
    verified
        || host.starts_with('/')
        || host.starts_with("%2F")
        || host.starts_with("%2f")
        || is_this_machine(&host)
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
    fn a_distant_postgres_must_be_verified() {
        let url = |text: &str| postgres_is_safe(text);
        assert!(
            url("postgres://u@127.0.0.1/db")
                && url("postgres://u@localhost/db")
                && url("postgres://u@[::1]/db")
        );
        assert!(
            url("postgres:///db?host=/run/postgresql")
                && url("postgres://u@db.example/db?sslmode=verify-full")
        );
        assert!(
            !url("postgres://u@db.example/db")
                && !url("postgres://u@db.example/db?sslmode=require")
        );
        assert!(!url("postgres://u@db.localhost/db"));
        assert!(!url("postgres:///db") && !url("postgres://u@localhost/db?host=db.example"));
        assert!(!url(
            "postgres://u@db.example/db?sslmode=verify-full&sslmode=disable"
        ));
    }
}
