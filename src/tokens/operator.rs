//! What an operator may do to the keys from the command line. A running server hears of it within a second.

use super::LEEWAY;
use super::key::name_of;
use super::pem;
use super::rotation::{AHEAD, PERIOD, is_astray};
use super::vault::{Vault, next_generation, signer_of, unwritable};
use crate::config::{Algorithm, Fault};
use crate::store::keys::{self as rows, SealedKey};
use crate::store::{self, Pool};

/// A key as the operator sees it.
pub struct Listed {
    /// Its name.
    pub kid: String,
    /// `ES256`, `EdDSA` or `HS256`.
    pub algorithm: String,
    /// What becomes of it.
    pub state: State,
    /// Since when, in seconds since 1970.
    pub since: i64,
    /// Until when; `None`: for good.
    pub until: Option<i64>,
}

/// The life of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Published, to sign later.
    Next,
    /// It signs.
    Signing,
    /// Tokens that it signed are still good.
    Verifying,
    /// No longer trusted.
    Retired,
    /// No longer trusted: somebody else may have it.
    Compromised,
}

impl State {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Signing => "signing",
            Self::Verifying => "verifying",
            Self::Retired => "retired",
            Self::Compromised => "compromised",
        }
    }
}

/// A key that is published and will sign.
pub struct Upcoming {
    /// Its name.
    pub kid: String,
    /// From when on, in seconds since 1970.
    pub signs_from: i64,
    /// Whether it waited already, so that none was made.
    pub waited: bool,
}

/// The time that the key which signs now has.
pub struct Period {
    /// Its name.
    pub kid: String,
    /// Since when it signs, in seconds since 1970, here and below.
    pub signs_from: i64,
    /// Until when it should.
    pub until: i64,
    /// When its successor should be published.
    pub next_due: i64,
    /// From when on the successor signs, where it is published.
    pub next_from: Option<i64>,
}

/// The time of the key that signs with this algorithm, without opening it. `None`: no key does.
///
/// # Errors
/// The database does not answer.
pub async fn period(
    pool: &Pool,
    algorithm: Algorithm,
    now: i64,
) -> Result<Option<Period>, store::Fault> {
    let rows = rows::all(pool).await?;
    let signer = signer_of(&rows, algorithm.name(), now);
    Ok(signer.map(|signer| Period {
        kid: signer.kid.clone(),
        signs_from: signer.signs_from,
        until: signer.signs_from + PERIOD,
        next_due: signer.signs_from + PERIOD - AHEAD,
        next_from: waiting(&rows, &signer, now).map(|next| next.signs_from),
    }))
}

impl Vault {
    /// Every key there ever was, the newest of an algorithm last.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn list(&self, now: i64) -> Result<Vec<Listed>, Fault> {
        let rows = self.rows().await?;
        Ok(rows
            .iter()
            .map(|row| self.listed(row, &rows, now))
            .collect())
    }

    fn listed(&self, row: &SealedKey, rows: &[SealedKey], now: i64) -> Listed {
        let overlap = self.lifetime + LEEWAY;
        let signer = signer_of(rows, &row.algorithm, now);
        let (state, since, until) = match (row.ended_at, signer) {
            (Some(at), _) if !row.is_there() || at <= now => {
                let compromised = row.ended_why.as_deref() == Some("compromised");
                let state = if compromised {
                    State::Compromised
                } else {
                    State::Retired
                };
                (state, at, None)
            }
            (Some(at), _) => (State::Verifying, at - overlap, Some(at)),
            (None, Some(signer)) if row.generation < signer.generation => {
                let from = signer.signs_from;
                (State::Verifying, from, Some(from + overlap))
            }
            (None, Some(signer)) if row.generation > signer.generation => {
                (State::Next, row.created_at, Some(row.signs_from))
            }
            (None, _) => {
                let next =
                    waiting(rows, row, now).map_or(row.signs_from + PERIOD, |next| next.signs_from);
                (State::Signing, row.signs_from, Some(next))
            }
        };
        Listed {
            kid: row.kid.clone(),
            algorithm: row.algorithm.clone(),
            state,
            since,
            until,
        }
    }

    /// Has the next key made before its time. Where one waits already, that is it.
    ///
    /// # Errors
    /// No key signs here; the database does not answer or cannot write.
    pub async fn rotate(&self, now: i64) -> Result<Upcoming, Fault> {
        loop {
            let rows = self.rows().await?;
            if let Some(next) = waiting(&rows, &self.signer(&rows, now)?, now) {
                return Ok(Upcoming {
                    kid: next.kid.clone(),
                    signs_from: next.signs_from,
                    waited: true,
                });
            }
            let (generation, signs_from) = (next_generation(&rows, self.wanted), now + AHEAD);
            // Where somebody else was faster, theirs waits now.
            if let Some(kid) = self.make(generation, now, signs_from).await? {
                self.pool.tell().await;
                return Ok(Upcoming {
                    kid,
                    signs_from,
                    waited: false,
                });
            }
        }
    }

    /// Makes a key that signs at once, and ends trust in all others: whoever read one may have read them all. Gives
    /// the new key's name and how many are no longer trusted.
    ///
    /// # Errors
    /// No key signs here; the database does not answer or cannot write.
    pub async fn rotate_compromised(&self, now: i64) -> Result<(String, u64), Fault> {
        loop {
            let rows = self.rows().await?;
            self.signer(&rows, now)?;
            let generation = next_generation(&rows, self.wanted);
            // A key that somebody else made at this moment was made before trust ended: it goes, too.
            let Some(kid) = self.make(generation, now, now).await? else {
                continue;
            };
            let algorithm = self.wanted.name();
            let ended = rows::compromise(&self.pool, algorithm, generation, now).await;
            self.pool.tell().await;
            return Ok((kid, ended.map_err(unwritable)?));
        }
    }

    /// Takes a private key from elsewhere, PKCS#8 in PEM, as the next one.
    ///
    /// # Errors
    /// A key of another kind, one that is or was here, or another that waits already; the database does not answer or
    /// cannot write.
    pub async fn import(&self, text: &[u8], now: i64) -> Result<Upcoming, Fault> {
        let private = pem::private_key(text, self.wanted)?;
        let kid = name_of(self.wanted, &private).unwrap_or_default();
        let rows = self.rows().await?;
        if let Some(known) = rows.iter().find(|row| row.kid == kid) {
            let word = self.listed(known, &rows, now).state.name();
            return Err(Fault(format!("The key is here already: {kid}, {word}.")));
        }
        if let Some(next) = waiting(&rows, &self.signer(&rows, now)?, now) {
            let kid = &next.kid;
            return Err(Fault(format!(
                "Another key waits to sign already. Retire it first: vestibule keys retire {kid}"
            )));
        }
        let (generation, signs_from) = (next_generation(&rows, self.wanted), now + AHEAD);
        if !self
            .add(&kid, &private, generation, now, signs_from)
            .await?
        {
            return Err(Fault(
                "Another key was made at this moment. See: vestibule keys list".into(),
            ));
        }
        self.pool.tell().await;
        Ok(Upcoming {
            kid,
            signs_from,
            waited: false,
        })
    }

    /// Ends trust in a key, at once.
    ///
    /// # Errors
    /// There is none of that name, it signs now, or it is not trusted any more; the database does not answer or cannot
    /// write.
    pub async fn retire(&self, kid: &str, now: i64) -> Result<(), Fault> {
        let rows = self.rows().await?;
        let Some(row) = rows.iter().find(|row| row.kid == kid) else {
            return Err(Fault(format!(
                "There is no key {kid:?}. See: vestibule keys list"
            )));
        };
        match self.listed(row, &rows, now).state {
            State::Signing => Err(Fault(
                "This key signs now. Rotate first: vestibule keys rotate. It can be retired once the next key signs, a \
                 day later.\nIf somebody else may have it, end trust in it at once: vestibule keys rotate --compromised"
                    .into(),
            )),
            gone @ (State::Retired | State::Compromised) => {
                Err(Fault(format!("The key is {} already.", gone.name())))
            }
            State::Next | State::Verifying => {
                rows::retire(&self.pool, kid, now).await.map_err(unwritable)?;
                self.pool.tell().await;
                Ok(())
            }
        }
    }

    fn signer(&self, rows: &[SealedKey], now: i64) -> Result<SealedKey, Fault> {
        let algorithm = self.wanted.name();
        signer_of(rows, algorithm, now).ok_or_else(|| {
            Fault(format!(
                "No key signs with {algorithm} here. Give the settings that the server has, or start it once."
            ))
        })
    }
}

/// The key that signs after this one.
fn waiting<'r>(rows: &'r [SealedKey], signer: &SealedKey, now: i64) -> Option<&'r SealedKey> {
    rows.iter().find(|row| {
        row.may_sign()
            && row.algorithm == signer.algorithm
            && row.generation > signer.generation
            && !is_astray(row.signs_from, now)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_a_wrong_clock_made_is_no_successor() {
        let now = 1_790_000_000;
        let row = |generation: i64, signs_from: i64| SealedKey {
            kid: generation.to_string(),
            algorithm: "ES256".into(),
            generation,
            sealed_private: "sealed".into(),
            created_at: now,
            signs_from,
            ended_at: None,
            ended_why: None,
        };
        let signer = row(1, now);
        let next = |from| waiting(&[row(1, now), row(2, from)], &signer, now).is_some();
        assert!(next(now + AHEAD) && !next(now + 365 * AHEAD));
    }
}
