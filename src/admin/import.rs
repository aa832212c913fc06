//! `vestibule import`: accounts from elsewhere, with the passwords that people have.

mod csv;
mod file;
mod jsonl;
mod report;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use data_encoding::{BASE64, BASE64URL};
use rocket::figment::Figment;
use zeroize::Zeroizing;

use crate::accounts::coming::{Gate, TOGETHER};
use crate::config::{Fault, Settings};
use crate::hashing::foreign::{Kind, Reading};
use crate::store::Pool;
use crate::store::pool::Tables;
use crate::world::{Chance, Clock};

use file::{Format, People};
use report::Report;

/// What the help says at its end.
pub const HELP: &str = "\
Names of columns or members, of which the first three are needed:
  username              or user_name, login, user
  email                 or email_address, mail
  password_hash         or hashed_password, hash, password
  role                  user or admin
  created_at            or created, date_joined
  email_verified_at     or email_verified: when, or true
  disabled_at           or disabled; is_active says the contrary

Hashes: argon2, scrypt and pbkdf2 as PHC strings or as passlib writes them; bcrypt, and passlib's bcrypt-sha256; those
of Django and Werkzeug;
$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==$SALT$HASH for Firebase (mem_cost, rounds, salt separator). MD5, SHA-1, SHA-256
and SHA-512 are wrapped in Argon2id, which takes its time. Passwords in the clear are never taken.

Run it again whenever it was cut off: who is here already is left as they are.
Exit status: 0 when everybody is here, 3 when lines were left out, 1 when it could not go on.";

#[derive(Args)]
pub struct Import {
    /// A SQLite file with a table of people, CSV with a header, or one JSON object a line.
    file: PathBuf,
    /// Its form; usually found out.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The table of a SQLite file; else users, user, auth_user or accounts.
    #[arg(long)]
    table: Option<String>,
    /// Say of each line what would happen, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// For scripts: one JSON object a line, the last one with the numbers.
    #[arg(long)]
    json: bool,
    /// What bare hexadecimal is.
    #[arg(long, value_enum)]
    bare_hash: Option<Bare>,
    /// A file with the signer key of the Firebase project (base64_signer_key). It is not kept.
    #[arg(long)]
    firebase_key: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Bare {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

impl Bare {
    fn kind(self) -> Kind {
        match self {
            Self::Md5 => Kind::Md5,
            Self::Sha1 => Kind::Sha1,
            Self::Sha256 => Kind::Sha256,
            Self::Sha512 => Kind::Sha512,
        }
    }
}

/// Does it.
pub async fn import(figment: &Figment, wanted: &Import) -> Result<ExitCode, Fault> {
    let settings = Settings::read(figment)?;
    let reading = Reading {
        bare: wanted.bare_hash.map(Bare::kind),
        signer_key: wanted.firebase_key.as_deref().map(signer_key).transpose()?,
    };
    let mut people = People::open(&wanted.file, wanted.format, wanted.table.as_deref()).await?;
    let pool = open(&settings, wanted.dry_run).await?;
    let mut gate = Gate::open(
        pool.clone(),
        settings.hashing,
        Chance::real(),
        reading,
        Clock::Real.unix(),
        wanted.dry_run,
    )?;
    warn_of_readers(&wanted.file);
    let mut report = Report::new(wanted.dry_run, wanted.json, people.unit());
    loop {
        let lines = people.next(TOGETHER).await?;
        if lines.is_empty() {
            break;
        }
        let told = gate.take(lines).await.inspect_err(|_| report.pause())?;
        report.tell(&told);
        report.show(people.read(), people.length);
    }
    report.end(&people.left());
    pool.close().await;
    Ok(if report.left_out() == 0 {
        ExitCode::SUCCESS
    } else {
        // Not 2, with which a misspelt option ends.
        ExitCode::from(3)
    })
}

async fn open(settings: &Settings, dry: bool) -> Result<Pool, Fault> {
    super::started_once(settings)?;
    let url = settings.database_url.reveal();
    if !dry {
        return Pool::open(url, 2).await.map_err(super::unusable);
    }
    let pool = Pool::look(url).await.map_err(super::unusable)?;
    match pool.tables().await.map_err(super::unusable)? {
        Tables::Ours => Ok(pool),
        _ => Err(Fault(
            "The tables are not those of this version. Start the server once, then try again."
                .into(),
        )),
    }
}

fn signer_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let said = |what: &str| Fault(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|error| said(&format!("it cannot be read: {error}.")))?;
    let key = text.trim().as_bytes();
    let key = BASE64.decode(key).or_else(|_| BASE64URL.decode(key));
    match key {
        Ok(key) if key.len() >= 16 => Ok(key.into()),
        _ => Err(said(
            "it must hold the signer key in base64 and nothing else.",
        )),
    }
}

fn warn_of_readers(path: &Path) {
    let mode = path.metadata().map_or(0, |file| file.permissions().mode());
    if mode & 0o077 != 0 {
        let path = path.display();
        eprintln!("Others can read {path}, which holds password hashes. Type: chmod 600 {path}");
    }
}
