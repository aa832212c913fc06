//! Every setting by name: what is documented, what is refused as unknown, and what is in force.

use rocket::figment::value::Value;
use rocket::figment::{Figment, Metadata};

use super::{Fault, TABLE};

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

/// Refuses a name that is no setting, with the nearest that is.
pub(super) fn refuse_unknown(figment: &Figment) -> Result<(), Fault> {
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
