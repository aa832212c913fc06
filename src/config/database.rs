//! Where the database is, and whether the way to it is safe.

use std::net::IpAddr;
use std::path::Path;

use url::Url;

use super::{Fault, Secret};

/// The embedded one.
pub(super) fn embedded_url(data_dir: &Path) -> String {
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

/// A database that was named, if its connection is safe or the operator takes the risk.
pub fn checked_database(url: Secret, insecure: bool) -> Result<Secret, Fault> {
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
pub(super) fn is_this_machine(host: &str) -> bool {
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
