//! The keys in the database: sealed, added, and no longer trusted.

use data_encoding::BASE64URL_NOPAD;

use super::key;
use super::ring::{Ring, place_of};
use super::seal::{IfMissing, ServerSecret};
use crate::config::{Algorithm, Fault, Settings};
use crate::store::keys::{self as rows, SealedKey};
use crate::store::{self, Pool};
use crate::world::Chance;

/// The keys that all instances share, and the secret that opens them.
pub struct Vault {
    pub(super) pool: Pool,
    pub(super) secret: ServerSecret,
    /// How new tokens are signed.
    pub(super) wanted: Algorithm,
    /// How long a token lives, in seconds.
    pub(super) lifetime: i64,
    pub(super) chance: Chance,
}

impl Vault {
    /// The keys in this database.
    ///
    /// # Errors
    /// A database that does not answer, or a server secret that does not open the keys.
    pub async fn open(
        pool: Pool,
        secret: ServerSecret,
        wanted: Algorithm,
        lifetime: i64,
        chance: Chance,
    ) -> Result<Self, Fault> {
        let vault = Self {
            pool,
            secret,
            wanted,
            lifetime,
            chance,
        };
        fits(&vault.secret, &vault.rows().await?, wanted)?;
        Ok(vault)
    }

    /// Closes the database.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(super) async fn rows(&self) -> Result<Vec<SealedKey>, Fault> {
        rows::all(&self.pool).await.map_err(unreadable)
    }

    /// Makes a key. `None`: somebody else made one of this generation.
    pub(super) async fn make(
        &self,
        generation: i64,
        now: i64,
        signs_from: i64,
    ) -> Result<Option<String>, Fault> {
        let failed = |what: String| Fault(format!("No signing key could be made: {what}."));
        let private =
            key::generate(self.wanted, &self.chance).map_err(|error| failed(error.to_string()))?;
        let kid = self
            .chance
            .id()
            .map_err(|error| failed(error.to_string()))?;
        let added = self.add(&kid, &private, generation, now, signs_from);
        Ok(added.await?.then_some(kid))
    }

    /// Adds a key. `false`: there is one of this generation or this name.
    pub(super) async fn add(
        &self,
        kid: &str,
        private: &[u8],
        generation: i64,
        now: i64,
        signs_from: i64,
    ) -> Result<bool, Fault> {
        let algorithm = self.wanted.name();
        let sealed = self
            .secret
            .seal(&place_of(kid, algorithm), private)
            .map_err(|_| Fault("The signing key could not be sealed.".into()))?;
        let row = SealedKey {
            kid: kid.to_owned(),
            algorithm: algorithm.to_owned(),
            generation,
            sealed_private: BASE64URL_NOPAD.encode(&sealed),
            created_at: now,
            signs_from,
            ended_at: None,
            ended_why: None,
        };
        rows::insert(&self.pool, &row).await.map_err(unwritable)
    }
}

/// The secret of the server that has this database, for what works beside it: where keys are there, it must open them,
/// since whatever is made with another is good for nothing. `at_first` says what to do without one where no keys are
/// there yet.
///
/// # Errors
/// A database that does not answer, or a secret that is not there or does not open the keys.
pub async fn secret_of(
    pool: &Pool,
    settings: &Settings,
    chance: &Chance,
    at_first: IfMissing,
) -> Result<ServerSecret, Fault> {
    let rows = rows::all(pool).await.map_err(unreadable)?;
    let if_missing = if rows.is_empty() {
        at_first
    } else {
        IfMissing::Refuse
    };
    let secret = ServerSecret::obtain(settings, chance, if_missing)?;
    fits(&secret, &rows, settings.algorithm)?;
    Ok(secret)
}

fn fits(secret: &ServerSecret, rows: &[SealedKey], wanted: Algorithm) -> Result<(), Fault> {
    let (_, closed) = Ring::from_rows(rows, secret, wanted, None);
    if closed.is_empty() {
        return Ok(());
    }
    Err(Fault(
        "The server secret does not open the signing keys in the database.\n\
         Give the secret that this database was made with (server_secret, or the file server-secret in the data directory)."
            .into(),
    ))
}

fn unreadable(error: store::Fault) -> Fault {
    Fault(format!("The signing keys cannot be read. {error}"))
}

pub(super) fn unwritable(error: store::Fault) -> Fault {
    Fault(format!("The signing keys cannot be written. {error}"))
}

/// The number that the next key of an algorithm gets. What was wiped counts, too.
pub(super) fn next_generation(rows: &[SealedKey], algorithm: Algorithm) -> i64 {
    let same = rows.iter().filter(|row| row.algorithm == algorithm.name());
    same.map(|row| row.generation).max().unwrap_or(0) + 1
}

/// The row of the key that signs with this algorithm.
pub(super) fn signer_of(rows: &[SealedKey], algorithm: &str, now: i64) -> Option<SealedKey> {
    let able = rows
        .iter()
        .filter(|row| row.algorithm == algorithm && row.may_sign());
    super::ring::signer(able.map(|row| (row.signs_from, row)), now).cloned()
}
