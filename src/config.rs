//! The settings: what an operator may say, where it was said, and what is refused at launch.
//!
//! They stand under `[default.vestibule]` in `Rocket.toml`, or as `VESTIBULE_*` in the environment, which wins.
//! A secret can also be named by file: `server_secret_file = "/run/secrets/vestibule"`. Address, port and TLS are
//! Rocket's own (`address`, `port`, `tls`, or `ROCKET_*`).

mod database;
mod fields;
mod in_force;
mod mail;
mod names;
mod origin;
mod raw;
mod secrets;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use rocket::Config;
use rocket::figment::providers::{Env, Format, Serialized, Toml};
use rocket::figment::value::{Dict, Value};
use rocket::figment::{Figment, Profile};
use serde::Deserialize;
use zeroize::Zeroizing;

pub use database::checked_database;
pub use fields::{FIELDS, Field};
pub use in_force::{InForce, in_force};
pub use mail::{LetterSettings, MailSettings, Security, VerifyEmail};
pub use origin::{Origin, is_loopback_name};
pub use secrets::secret_files;

use names::{place, refuse_unknown};
use raw::Raw;

/// Where our settings stand in the figment.
pub const TABLE: &str = "vestibule";

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
    /// How long sessions last.
    pub sessions: SessionSettings,
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
    /// How much guessing is allowed.
    pub throttle: ThrottleSettings,
    /// How letters are sent; `None`: they wait in the queue.
    pub mail: Option<MailSettings>,
    /// Who may make an account.
    pub registration: RegistrationMode,
    /// What letters are for, and how long they are good.
    pub letters: LetterSettings,
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationMode {
    /// Everybody who reaches the service.
    Open,
    /// Whoever has an invitation.
    Invite,
    /// Nobody but the operator.
    Closed,
}

impl RegistrationMode {
    /// The word for it in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Closed => "closed",
        }
    }
}

/// How much guessing is allowed. Counts of failures, unless said otherwise.
#[derive(Clone, Copy)]
pub struct ThrottleSettings {
    /// Whether anything is limited at all.
    pub on: bool,
    /// With one name by strangers, and by one known browser or network, before anybody waits.
    pub per_name: u32,
    /// From one address, likewise.
    pub per_address: u32,
    /// From one network of addresses, likewise.
    pub per_network: u32,
    /// The longest wait, in seconds.
    pub longest_wait: i64,
    /// In a row with one account, after which it takes no stranger's password.
    pub per_account: i64,
    /// Attempts under way at once, from one address: not a setting, but a share of the hashing queue.
    pub at_once: u32,
    /// Right passwords an hour, of one account.
    pub sign_ins_per_account: u32,
    /// Right passwords an hour, from one address.
    pub sign_ins_per_address: u32,
    /// Right passwords an hour, from one network of addresses.
    pub sign_ins_per_network: u32,
    /// New accounts an hour, from one address.
    pub registrations_per_address: u32,
    /// New accounts an hour, from one network of addresses.
    pub registrations_per_network: u32,
    /// Letters an hour that strangers may ask for, to one address.
    pub letters_per_address: u32,
}

/// A setting that is `"on"` or `"off"`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Switch {
    On,
    Off,
}

/// How long sessions last, and how many there may be. Times in seconds.
#[derive(Clone, Copy)]
pub struct SessionSettings {
    /// Without use.
    pub idle: i64,
    /// At all.
    pub longest: i64,
    /// Of one account.
    pub most: i64,
    /// How long the guard goes on without hearing of endings.
    pub grace: Duration,
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

    /// The algorithm of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::ES256, Self::EdDSA, Self::HS256]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
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

impl LogFormat {
    /// The word for it in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text",
        }
    }
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

/// Why the service does not start, in words for the operator that say what to write.
#[derive(Debug)]
pub struct Fault(pub String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

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

    /// Whether several instances may share the database.
    pub fn is_shared(&self) -> bool {
        !self.database_url.reveal().starts_with("sqlite:")
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
        // A mapped IPv4 address is that address.
        let address = address.to_canonical();
        if tls && self.public_url.as_ref().is_some_and(|url| !url.https()) {
            return Err(Fault(
                "Rocket serves TLS, but public_url says http. Write https there.".into(),
            ));
        }
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
        let mapped = ("address", "\"::ffff:0.0.0.0\"");
        assert!(refused(&[mapped, ("vestibule.insecure_http", "true")]).contains("every network"));
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
    fn a_table_in_the_wrong_place_is_named() {
        let toml = |text: &str| Figment::from(Config::default()).merge(Toml::string(text).nested());
        let refused = |text: &str| {
            Settings::read(&toml(text))
                .err()
                .expect("refused")
                .to_string()
        };
        assert!(refused("[vestibule]\ndocs = false").contains("[default.vestibule]"));
        assert!(refused("[default.vestibul]\ndocs = false").contains("Did you mean vestibule?"));
        assert!(refused("[default]\nadress = \"0.0.0.0\"").contains("Did you mean address?"));
        assert!(Settings::read(&toml("[default]\nnotes = 1")).is_ok());
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
}
