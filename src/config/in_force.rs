//! The settings in force, each with where it comes from.

use rocket::Config;
use rocket::figment::value::Value;
use rocket::figment::{Figment, Metadata};

use super::names::place;
use super::{FIELDS, Field, Settings, TABLE};

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
        "database_connections" => Some(settings.database_connections.to_string()),
        "hash_threads" => Some(settings.hashing.threads.to_string()),
        "verify_email" => Some(settings.letters.verify.name().to_owned()),
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
