//! Who else may read the secrets, and how much room is left.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rocket::http::RawStr;

use super::{Check, Subject};
use crate::config::{Settings, secret_files as written};

/// Beneath, the database soon cannot grow; and what a quiet installation needs for weeks. In MiB.
const LEAST_FREE: u64 = 128;
const PLENTY_FREE: u64 = 1024;

/// Where orchestrators put secrets, readable for everybody in the container: the container is the wall.
const MOUNTED: &[&str] = &["/run/secrets", "/var/run/secrets"];

/// What became of looking at a file.
enum Look {
    /// Nobody reads it who should not, or it is not there.
    Closed,
    /// Open to those who should not read it: its mode, and the one that it should have.
    Open(PathBuf, u32, u32),
    /// It cannot be looked at, and why.
    Hidden(PathBuf, std::io::Error),
}

pub(super) fn secret_files(subject: &Subject) -> Check {
    let looks = looks(subject);
    let open = |look: &Look| match look {
        Look::Open(path, mode, wanted) => Some((path.clone(), *mode, *wanted)),
        _ => None,
    };
    let open: Vec<_> = looks.iter().filter_map(open).collect();
    if open.is_empty() {
        return unseen(&looks)
            .unwrap_or_else(|| Check::fine("secret_files", "Nobody else may read them."));
    }
    let told = open
        .iter()
        .map(|(path, mode, _)| format!("{} has mode {mode:04o}.", path.display()));
    let lines = open
        .iter()
        .map(|(path, _, wanted)| format!("chmod {wanted:o} {}", quoted(path)));
    Check::wrong("secret_files", told.collect::<Vec<_>>().join(" "))
        .because("Whoever reads the secret and the database can sign in as anybody.")
        .type_this(lines.collect::<Vec<_>>().join(" && "))
}

fn looks(subject: &Subject) -> Vec<Look> {
    let data = &subject.settings.data_dir;
    let mut looks = vec![look(data.clone(), 0o077, 0o700)];
    let database = database_file(&subject.settings);
    let log = database.as_ref().map(|file| {
        let mut log = file.clone().into_os_string();
        log.push("-wal");
        PathBuf::from(log)
    });
    let ours = [Some(data.join("server-secret")), database, log];
    looks.extend(
        ours.into_iter()
            .flatten()
            .map(|path| look(path, 0o077, 0o600)),
    );
    // A group of those who run the service may read what an operator wrote.
    let theirs = written(&subject.figment).into_iter();
    let theirs = theirs.filter(|path| !MOUNTED.iter().any(|folder| path.starts_with(folder)));
    looks.extend(theirs.map(|path| look(path, 0o007, 0o640)));
    looks
}

fn unseen(looks: &[Look]) -> Option<Check> {
    let hidden = looks.iter().filter_map(|look| match look {
        Look::Hidden(path, why) => Some(format!("{} cannot be looked at: {why}.", path.display())),
        _ => None,
    });
    let told = hidden.collect::<Vec<_>>().join(" ");
    let check = Check::unknown("secret_files", &*told)
        .type_this("sudo -u vestibule vestibule doctor  # as the user that the server runs as");
    (!told.is_empty()).then_some(check)
}

/// What is not there is nobody's to read.
fn look(path: PathBuf, refused: u32, wanted: u32) -> Look {
    let mode = match path.metadata() {
        Ok(found) => found.permissions().mode() & 0o7777,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Look::Closed,
        Err(error) => return Look::Hidden(path, error),
    };
    if mode & refused == 0 {
        return Look::Closed;
    }
    Look::Open(path, mode, wanted)
}

/// As a shell takes it.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if path.bytes().all(plain) && !path.starts_with('-') {
        path
    } else {
        format!("-- '{}'", path.replace('\'', r"'\''"))
    }
}

pub(super) fn disk(subject: &Subject) -> Check {
    let Some(folder) = database_folder(&subject.settings) else {
        return Check::fine("disk", "The database is kept elsewhere.");
    };
    let there = folder
        .ancestors()
        .find(|folder| folder.exists())
        .unwrap_or(Path::new("/"));
    let Ok(disk) = rustix::fs::statvfs(there) else {
        return Check::unknown(
            "disk",
            format!("The disk of {} cannot be asked.", folder.display()),
        );
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize) / (1024 * 1024);
    let told = format!("{free} MiB are free where the database is.");
    let judged = match disk.f_favail {
        // Some file systems count no files, and say that of none are any free.
        0 if disk.f_files > 0 => {
            Check::wrong("disk", "The disk of the database takes no more files.")
        }
        _ if free < LEAST_FREE => Check::wrong("disk", told),
        _ if free < PLENTY_FREE => Check::warning("disk", told),
        _ => return Check::fine("disk", told),
    };
    judged
        .because("On a full disk nobody can register, sign in or sign out.")
        .type_this(format!("df -h {0} && df -i {0}", quoted(&folder)))
}

/// The folder of SQLite's database.
fn database_folder(settings: &Settings) -> Option<PathBuf> {
    let file = database_file(settings)?;
    std::path::absolute(file).ok()?.parent().map(Path::to_owned)
}

/// SQLite's database, which may stand elsewhere than the data directory.
fn database_file(settings: &Settings) -> Option<PathBuf> {
    if settings.embedded {
        return Some(settings.data_dir.join("vestibule.db"));
    }
    let path = settings.database_url.reveal().strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.split('?').next().unwrap_or_default();
    // In a URL a name may be written with escapes.
    let path = RawStr::new(path).percent_decode_lossy().into_owned();
    (!path.is_empty() && path != ":memory:").then(|| path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_looked_at_is_not_taken_for_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert!(matches!(look(path("none"), 0o077, 0o600), Look::Closed));
        std::os::unix::fs::symlink("round", path("round")).unwrap();
        assert!(matches!(
            look(path("round"), 0o077, 0o600),
            Look::Hidden(..)
        ));
        std::fs::write(path("file"), "").unwrap();
        let set = |mode| std::fs::set_permissions(path("file"), PermissionsExt::from_mode(mode));
        set(0o600).unwrap();
        assert!(matches!(look(path("file"), 0o077, 0o600), Look::Closed));
        set(0o640).unwrap();
        assert!(matches!(
            look(path("file"), 0o077, 0o600),
            Look::Open(_, 0o640, 0o600)
        ));
        let told = unseen(&[Look::Closed, look(path("round"), 0o077, 0o600)]).unwrap();
        assert!(
            told.what.contains("round cannot be looked at"),
            "{}",
            told.what
        );
        assert!(unseen(&[Look::Closed]).is_none());
    }
}
