//! The settings: what an operator may say, where it was said, and what is refused at launch.
//!
//! They stand under `[default.vestibule]` in `Rocket.toml`, or as `VESTIBULE_*` in the environment, which wins.
//! A secret can also be named by file: `server_secret_file = "/run/secrets/vestibule"`. Address, port and TLS are
//! Rocket's own (`address`, `port`, `tls`, or `ROCKET_*`).

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use rocket::Config;
use rocket::figment::providers::{Env, Format, Serialized, Toml};
use rocket::figment::value::{Dict, Value};
use rocket::figment::{Figment, Profile};
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

/// Where our settings stand in the figment.
const TABLE: &str = "vestibule";

/// A setting as the documentation tells of it.
pub struct Field {
    /// Its name in `Rocket.toml`; in the environment `VESTIBULE_` and the same in capitals.
    pub name: &'static str,
    /// What holds when nobody says anything, in words.
    pub default: &'static str,
    /// A secret is never printed and may be given as `NAME_file`.
    pub secret: bool,
    /// What it does.
    pub meaning: &'static str,
}

const fn field(name: &'static str, default: &'static str, meaning: &'static str) -> Field {
    Field {
        name,
        default,
        secret: false,
        meaning,
    }
}

const fn secret(name: &'static str, default: &'static str, meaning: &'static str) -> Field {
    Field {
        name,
        default,
        secret: true,
        meaning,
    }
}

/// Every setting there is. The README's table and `vestibule settings` are held against it.
pub const FIELDS: &[Field] = &[
    field(
        "data_dir",
        "data",
        "The folder for the embedded database and the server secret; made with mode 0700.",
    ),
    secret(
        "database_url",
        "SQLite in data_dir",
        "postgres://… for several instances, or sqlite:….",
    ),
    field(
        "database_insecure",
        "false",
        "Allow a PostgreSQL on another machine without sslmode=verify-full.",
    ),
    field(
        "database_connections",
        "8",
        "Connections to the database that this process opens at most.",
    ),
    secret(
        "server_secret",
        "made at first start",
        "Seals the signing keys; at least 32 characters. PostgreSQL needs it given, since instances share it.",
    ),
    field(
        "public_url",
        "none",
        "The address people see, such as https://login.example.org.",
    ),
    field(
        "insecure_http",
        "false",
        "Allow http beyond this machine. Passwords then travel readable.",
    ),
    field(
        "trusted_proxies",
        "[]",
        "Addresses or networks whose X-Forwarded-For is believed.",
    ),
    field(
        "query_credentials",
        "false",
        "Accept username and password in the query of POST /auth/token, for old clients.",
    ),
    field(
        "algorithm",
        "ES256",
        "How tokens are signed: ES256, EdDSA or HS256.",
    ),
    field(
        "access_minutes",
        "15",
        "How long an access token lives, 1 to 1440 minutes.",
    ),
    field(
        "issuer",
        "public_url, else the bound origin",
        "The iss claim of our tokens.",
    ),
    field("audience", "the issuer", "The aud claim of our tokens."),
    field("docs", "true", "Serve /docs and /openapi.json."),
    field(
        "log",
        "text in debug builds, else json",
        "How lines on standard output look: json or text.",
    ),
    field(
        "hash_memory_kib",
        "19456",
        "Argon2id memory for new passwords, in KiB.",
    ),
    field("hash_passes", "2", "Argon2id passes for new passwords."),
    field(
        "hash_threads",
        "as many as cores",
        "Threads that hash passwords; each keeps hash_memory_kib.",
    ),
    field(
        "hash_queue",
        "256",
        "Passwords that may wait for a thread; one more is answered 503.",
    ),
];

/// What an operator said, checked.
#[derive(Clone)]
pub struct Settings {
    /// See [`FIELDS`], here and below.
    pub data_dir: PathBuf,
    /// Always set: SQLite in the data directory where nobody said otherwise.
    pub database_url: Secret,
    /// Whether the data directory holds the database, so that it must be made.
    pub embedded: bool,
    /// Connections at most.
    pub database_connections: u32,
    /// `None`: in the data directory.
    pub server_secret: Option<Secret>,
    /// The address people see.
    pub public_url: Option<Origin>,
    /// Whether http beyond loopback was asked for.
    pub insecure_http: bool,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether the query may hold credentials.
    pub query_credentials: bool,
    /// How new tokens are signed.
    pub algorithm: Algorithm,
    /// How long an access token lives.
    pub access_minutes: i64,
    /// `None`: our own origin.
    pub issuer: Option<String>,
    /// `None`: the issuer.
    pub audience: Option<String>,
    /// Whether the API page is served.
    pub docs: bool,
    /// How log lines look.
    pub log: LogFormat,
    /// Argon2id parameters and the pool that computes it.
    pub hashing: HashSettings,
}

/// Argon2id parameters (RFC 9106) and the pool that computes it.
#[derive(Clone, Copy)]
pub struct HashSettings {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes.
    pub passes: u32,
    /// Threads.
    pub threads: usize,
    /// Waiting at most.
    pub queue: usize,
}

/// How tokens are signed (RFC 7518 section 3.1, RFC 8037).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
    /// HMAC with SHA-256: only this service can verify its tokens.
    HS256,
}

impl Algorithm {
    /// The name in a token's header.
    pub fn name(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
            Self::HS256 => "HS256",
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person who is developing.
    Text,
}

/// What must not be seen. No `Debug`, no `Display`, wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps what must not be seen.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. The name is meant to stand out where it is used.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// A scheme, a host and a port (RFC 6454).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    https: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// An origin of these parts; an IPv6 host in brackets.
    pub fn new(https: bool, host: impl Into<String>, port: u16) -> Self {
        Self {
            https,
            host: host.into(),
            port,
        }
    }

    /// Reads `https://login.example.org`; `None` for anything with a path, a query, a name or another scheme.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let anonymous = url.username().is_empty() && url.password().is_none();
        (bare && anonymous).then_some(())?;
        Some(Self::new(
            https,
            url.host_str()?.to_ascii_lowercase(),
            url.port_or_known_default()?,
        ))
    }

    /// Whether it is https.
    pub fn https(&self) -> bool {
        self.https
    }

    /// The host, lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether this `Host` header names it, with or without the scheme's own port.
    pub fn is_host(&self, host: &str, port: Option<u16>) -> bool {
        self.host.eq_ignore_ascii_case(host) && port.unwrap_or(self.default_port()) == self.port
    }

    fn default_port(&self) -> u16 {
        if self.https { 443 } else { 80 }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == self.default_port() {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

/// Why the service does not start, in words for the operator that say what to write.
#[derive(Debug)]
pub struct Fault(pub String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

/// The settings as they stand in files and the environment, before anything is checked.
#[derive(Deserialize)]
#[serde(default)]
struct Raw {
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

/// What the standalone service reads: our defaults for Rocket, then `Rocket.toml`, `ROCKET_*` and `VESTIBULE_*`.
pub fn figment() -> Figment {
    let ours = Dict::from([
        // No version, no name (ASVS v5.0.0-13.4.6).
        ("ident".into(), Value::from(false)),
        // Anyone can send X-Real-IP; `client::address` decides whom to believe.
        ("ip_header".into(), Value::from(false)),
        // Rocket's own lines hold whole URIs; ours do not.
        ("log_level".into(), Value::from("off")),
        ("cli_colors".into(), Value::from(false)),
        // Longer than the slowest request, a login behind a full queue, so that none is cut.
        (
            "shutdown".into(),
            Dict::from([
                ("grace".into(), Value::from(15)),
                ("mercy".into(), Value::from(2)),
            ])
            .into(),
        ),
    ]);
    Figment::from(Config::default())
        .merge(Serialized::defaults(ours))
        .merge(Toml::file(Env::var_or("ROCKET_CONFIG", "Rocket.toml")).nested())
        .merge(Env::prefixed("ROCKET_").ignore(&["PROFILE"]).global())
        .merge(
            Env::prefixed("VESTIBULE_")
                .map(|key| format!("{TABLE}.{}", key.as_str().to_ascii_lowercase()).into())
                .global(),
        )
        .select(Profile::from_env_or(
            "ROCKET_PROFILE",
            Config::DEFAULT_PROFILE,
        ))
}

impl Settings {
    /// Reads and checks the settings.
    ///
    /// # Errors
    /// A name nobody knows, a value of the wrong kind or range, two places for one secret, or a way to listen that
    /// would expose passwords; always with the line to write.
    pub fn read(figment: &Figment) -> Result<Self, Fault> {
        refuse_unknown(figment)?;
        let raw: Raw = if figment.contains(TABLE) {
            figment
                .extract_inner(TABLE)
                .map_err(|error| Fault(unreadable(&error)))?
        } else {
            Raw::default()
        };
        let rocket: Config = figment
            .extract()
            .map_err(|error| Fault(unreadable(&error)))?;
        let debug = figment.profile() == Config::DEBUG_PROFILE;
        let settings = raw.check(debug)?;
        settings.check_listening(rocket.address, rocket.tls_enabled())?;
        Ok(settings)
    }

    /// Where this process is reached when `public_url` is not set.
    pub fn bound_origin(rocket: &Config) -> Origin {
        let host = match rocket.address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        Origin::new(rocket.tls_enabled(), host, rocket.port)
    }

    fn check_listening(&self, address: IpAddr, tls: bool) -> Result<(), Fault> {
        let example = "public_url = \"https://login.example.org\"";
        if address.is_unspecified() && self.public_url.is_none() {
            return Err(Fault(format!(
                "address {address} listens on every network, so the address people use must be said.\n\
                 Write in Rocket.toml, under [default.vestibule]:\n    {example}"
            )));
        }
        let https = tls || self.public_url.as_ref().is_some_and(Origin::https);
        let local = address.is_loopback()
            && self
                .public_url
                .as_ref()
                .is_none_or(|url| url.https() || is_loopback_name(url.host()));
        if local || https || self.insecure_http {
            return Ok(());
        }
        Err(Fault(format!(
            "Passwords would travel readable: the service would be reached beyond this machine over http.\n\
             Put a reverse proxy with TLS in front and write in Rocket.toml, under [default.vestibule]:\n    {example}\n\
             or give Rocket a certificate ([default.tls]), or accept the risk:\n    insecure_http = true"
        )))
    }
}

impl Raw {
    fn check(self, debug: bool) -> Result<Settings, Fault> {
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
        within(
            "database_connections",
            "connections",
            self.database_connections,
            1,
            1000,
        )?;
        within("hash_memory_kib", "KiB", self.hash_memory_kib, 8, 4_194_304)?;
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

/// Whether a host can only be this machine (RFC 6761 section 6.3).
pub fn is_loopback_name(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn embedded_url(data_dir: &std::path::Path) -> String {
    // A path may hold characters that mean something in a URL.
    let path = data_dir
        .join("vestibule.db")
        .to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23");
    format!("sqlite://{path}?mode=rwc")
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
        || is_loopback_name(&host)
}

fn checked_origin(url: &str) -> Result<Origin, Fault> {
    Origin::parse(url).ok_or_else(|| {
        Fault(format!(
            "public_url = {url:?} is not an address like https://login.example.org, without a path."
        ))
    })
}

fn checked_net(text: &str) -> Result<IpNet, Fault> {
    text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
        Fault(format!("trusted_proxies: {text:?} is neither an address like 10.0.0.1 nor a network like 10.0.0.0/8."))
    })
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

/// Figment names the place; the value is left out, since it may be a secret in the wrong field.
fn unreadable(error: &rocket::figment::Error) -> String {
    use rocket::figment::error::Kind;
    let problem = match &error.kind {
        Kind::InvalidType(_, expected) => format!("must be {expected}"),
        Kind::UnknownVariant(_, known) => format!("must be one of {}", known.join(", ")),
        Kind::InvalidValue(_, expected) => format!("must be {expected}"),
        Kind::Message(text) if error.path.is_empty() => text.clone(),
        _ => "cannot be read".to_owned(),
    };
    let path: Vec<&str> = error
        .path
        .iter()
        .map(String::as_str)
        .filter(|part| *part != TABLE)
        .collect();
    let source = error
        .metadata
        .as_ref()
        .map(|from| format!(" ({})", place(from, &path.join("."))))
        .unwrap_or_default();
    format!("The setting {} {problem}{source}.", path.join("."))
}

fn refuse_unknown(figment: &Figment) -> Result<(), Fault> {
    let Ok(table) = figment.find_value(TABLE) else {
        return Ok(());
    };
    let Some(table) = table.as_dict() else {
        return Err(Fault(
            "[default.vestibule] must be a table of settings.".into(),
        ));
    };
    for name in table.keys() {
        if !known_names().any(|known| known == *name) {
            let from = figment
                .find_metadata(&format!("{TABLE}.{name}"))
                .map(|from| format!(" ({})", place(from, name)))
                .unwrap_or_default();
            let near = nearest(name)
                .map(|near| format!(" Did you mean {near}?"))
                .unwrap_or_default();
            return Err(Fault(format!(
                "There is no setting {name}{from}.{near}\n`vestibule settings --all` lists them."
            )));
        }
    }
    Ok(())
}

fn known_names() -> impl Iterator<Item = String> {
    FIELDS.iter().flat_map(|field| {
        let file = field.secret.then(|| format!("{}_file", field.name));
        std::iter::once(field.name.to_owned()).chain(file)
    })
}

fn nearest(name: &str) -> Option<String> {
    known_names()
        .map(|known| (strsim::jaro_winkler(name, &known), known))
        .filter(|(similar, _)| *similar > 0.7)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}

/// Where a value was written, as an operator would say it.
fn place(from: &rocket::figment::Metadata, name: &str) -> String {
    match from.source.as_ref().and_then(|source| source.file_path()) {
        Some(path) => path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned(),
        None if from.name.contains("environment") => {
            format!("VESTIBULE_{} in the environment", name.to_ascii_uppercase())
        }
        None => from.name.to_string(),
    }
}

/// One line of `vestibule settings`.
pub struct InForce {
    /// The setting.
    pub name: &'static str,
    /// Its value, masked where secret.
    pub value: String,
    /// Where it comes from.
    pub source: String,
}

/// Every setting with its value and where it comes from. Secrets are masked.
pub fn in_force(figment: &Figment) -> Vec<InForce> {
    FIELDS
        .iter()
        .map(|field| {
            let key = format!("{TABLE}.{}", field.name);
            let file_key = format!("{key}_file");
            let (key, name) = if field.secret && figment.contains(&file_key) {
                (file_key, format!("{}_file", field.name))
            } else {
                (key, field.name.to_owned())
            };
            match figment.find_value(&key) {
                Ok(value) => InForce {
                    name: field.name,
                    value: if field.secret {
                        "********".into()
                    } else {
                        written(&value)
                    },
                    source: figment
                        .find_metadata(&key)
                        .map(|from| place(from, &name))
                        .unwrap_or_default(),
                },
                Err(_) => InForce {
                    name: field.name,
                    value: field.default.into(),
                    source: "default".into(),
                },
            }
        })
        .collect()
}

fn written(value: &Value) -> String {
    match value {
        Value::String(_, text) => text.clone(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(pairs: &[(&str, &str)]) -> Result<Settings, Fault> {
        let mut figment = Figment::from(Config::default());
        for (key, value) in pairs {
            let value: Value = value.parse().unwrap();
            figment = figment.merge((*key, value));
        }
        Settings::read(&figment)
    }

    fn refused(pairs: &[(&str, &str)]) -> String {
        said(pairs).err().expect("refused").to_string()
    }

    #[test]
    fn nothing_said_is_safe_on_loopback() {
        let settings = said(&[]).unwrap();
        assert!(settings.embedded && settings.public_url.is_none() && !settings.query_credentials);
    }

    #[test]
    fn beyond_loopback_wants_https() {
        let wide = ("address", "192.0.2.1");
        let public = ("vestibule.public_url", "https://login.example.org");
        assert!(refused(&[wide]).contains("public_url = \"https://"));
        assert!(
            refused(&[wide, ("vestibule.public_url", "http://login.example.org")])
                .contains("insecure_http")
        );
        assert!(
            refused(&[("vestibule.public_url", "http://login.example.org")])
                .contains("insecure_http")
        );
        assert!(said(&[wide, public]).is_ok());
        assert!(said(&[wide, ("vestibule.insecure_http", "true")]).is_ok());
    }

    #[test]
    fn a_wildcard_address_always_wants_the_public_url() {
        let every = ("address", "0.0.0.0");
        assert!(refused(&[every, ("vestibule.insecure_http", "true")]).contains("every network"));
        assert!(said(&[every, ("vestibule.public_url", "https://login.example.org")]).is_ok());
    }

    #[test]
    fn a_misspelt_setting_is_named_with_the_nearest() {
        assert!(
            refused(&[("vestibule.publc_url", "https://a.example")])
                .contains("Did you mean public_url?")
        );
        assert!(
            refused(&[("vestibule.acces_minute", "5")]).contains("Did you mean access_minutes?")
        );
    }

    #[test]
    fn wrong_values_are_named_without_being_shown() {
        assert!(refused(&[("vestibule.access_minutes", "0")]).contains("1 to 1440"));
        assert!(refused(&[("vestibule.algorithm", "none")]).contains("ES256, EdDSA, HS256"));
        assert!(!refused(&[("vestibule.docs", "s3cret")]).contains("s3cret"));
        assert!(
            refused(&[("vestibule.server_secret", "short-secret")]).contains("at least")
                || refused(&[("vestibule.server_secret", "short-secret")]).contains("32 to")
        );
        assert!(
            refused(&[("vestibule.public_url", "https://a.example/path")])
                .contains("without a path")
        );
        assert!(
            refused(&[("vestibule.trusted_proxies", "[\"10.0.0.0/33\"]")]).contains("10.0.0.0/33")
        );
    }

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
        assert!(!url("postgres:///db") && !url("postgres://u@localhost/db?host=db.example"));
        assert!(!url(
            "postgres://u@db.example/db?sslmode=verify-full&sslmode=disable"
        ));
    }

    #[test]
    fn origins_are_compared_by_their_parts() {
        let origin = Origin::parse("https://Login.Example.org:443/").unwrap();
        assert_eq!(origin.to_string(), "https://login.example.org");
        assert!(
            origin.is_host("login.example.ORG", None)
                && origin.is_host("login.example.org", Some(443))
        );
        assert!(
            !origin.is_host("login.example.org", Some(8443))
                && !origin.is_host("example.org", None)
        );
        for bad in [
            "login.example.org",
            "ftp://a.example",
            "https://u@a.example",
            "https://a.example/?q",
        ] {
            assert!(Origin::parse(bad).is_none(), "{bad}");
        }
    }
}
