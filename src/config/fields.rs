//! Every setting by name: what is documented, what is refused as unknown, and what is in force.

use rocket::Config;
use rocket::figment::value::{Dict, Value};
use rocket::figment::{Figment, Metadata};

use super::{Fault, Settings, TABLE};

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
        "idle_days",
        "14",
        "A session that nobody uses for so long ends, 1 to 365 days.",
    ),
    field(
        "session_days",
        "30",
        "Every session ends after so long, however busy, 1 to 365 days.",
    ),
    field(
        "sessions_per_account",
        "50",
        "With one more, the oldest ends.",
    ),
    field(
        "revocation_grace",
        "30",
        "Seconds that the guard goes on without the database before it answers 503, 1 to 3600.",
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

/// Refuses a name that is no setting, with the nearest that is.
pub(super) fn refuse_unknown(figment: &Figment) -> Result<(), Fault> {
    refuse_misplaced(figment)?;
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

/// Refuses a table that figment would leave aside without a word: `[vestibule]`, which is a profile to it, and
/// misspelt names beside ours and Rocket's.
fn refuse_misplaced(figment: &Figment) -> Result<(), Fault> {
    if figment.profiles().any(|profile| profile == TABLE) {
        return Err(Fault(
            "Rocket.toml has [vestibule]. Write [default.vestibule].".into(),
        ));
    }
    let known = [TABLE, "address", "port", "tls", "workers", "limits"];
    let Ok(top) = figment.extract::<Dict>() else {
        return Ok(());
    };
    for name in top.keys() {
        let near = known
            .iter()
            .find(|known| *name != **known && strsim::jaro_winkler(name, known) > 0.93);
        if let Some(near) = near {
            return Err(Fault(format!(
                "There is no setting {name}. Did you mean {near}?"
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
pub(super) fn place(from: &Metadata, name: &str) -> String {
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

/// Rocket's own settings that an operator looks for beside ours.
const ROCKETS: &[&str] = &["address", "port", "tls"];

/// Every setting with its value and where it comes from; then Rocket's own address, port and TLS. Secrets are masked.
pub fn in_force(figment: &Figment) -> Vec<InForce> {
    let settings = Settings::read(figment).ok().zip(figment.extract().ok());
    let by_default = |field: &Field| {
        let worked_out = settings
            .as_ref()
            .and_then(|(settings, rocket)| worked_out(field.name, settings, rocket));
        InForce {
            name: field.name,
            value: worked_out.unwrap_or(field.default.into()),
            source: "default".into(),
        }
    };
    let ours = FIELDS
        .iter()
        .map(|field| said(figment, field).unwrap_or_else(|| by_default(field)));
    let rockets = ROCKETS.iter().map(|name| InForce {
        name,
        value: figment
            .find_value(name)
            .map_or("none".into(), |value| rockets(name, &value)),
        source: figment
            .find_metadata(name)
            .map_or("default".into(), |from| rockets_place(from, name)),
    });
    ours.chain(rockets).collect()
}

/// A setting that somebody gave, by itself or by file.
fn said(figment: &Figment, field: &Field) -> Option<InForce> {
    let key = format!("{TABLE}.{}", field.name);
    let by_file = format!("{key}_file");
    let (key, name) = match field.secret && figment.contains(&by_file) {
        true => (by_file, format!("{}_file", field.name)),
        false => (key, field.name.to_owned()),
    };
    let value = figment.find_value(&key).ok()?;
    Some(InForce {
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
    })
}

/// What a default comes to, where it is more than a constant.
fn worked_out(name: &str, settings: &Settings, rocket: &Config) -> Option<String> {
    let origin = || {
        settings
            .public_url
            .clone()
            .unwrap_or_else(|| Settings::bound_origin(rocket))
            .to_string()
    };
    let in_data_dir = |file| settings.data_dir.join(file).display().to_string();
    match name {
        "database_url" => Some(in_data_dir("vestibule.db")),
        "server_secret" => Some(in_data_dir("server-secret")),
        "issuer" => Some(origin()),
        "audience" => Some(settings.issuer.clone().unwrap_or_else(origin)),
        "hash_threads" => Some(settings.hashing.threads.to_string()),
        "log" => Some(settings.log.name().to_owned()),
        _ => None,
    }
}

/// TLS holds paths, and may hold a key: only whether it is there.
fn rockets(name: &str, value: &Value) -> String {
    match (name, value) {
        ("tls", Value::Empty(..)) => "off".into(),
        ("tls", _) => "on".into(),
        _ => written(value),
    }
}

fn rockets_place(from: &Metadata, name: &str) -> String {
    match place(from, name) {
        environment if environment.contains("environment") => {
            format!("ROCKET_{} in the environment", name.to_ascii_uppercase())
        }
        default if default.starts_with("rocket::Config") => "default".into(),
        other => other,
    }
}

fn written(value: &Value) -> String {
    match value {
        Value::String(_, text) => text.clone(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}
