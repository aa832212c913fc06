//! Keys replace each other in time, by themselves.
//!
//! A key signs for 90 days. Its successor is published a day before it signs, so that verifiers which keep the key set
//! know it by then; the old one stays until the last token that it signed has expired. Every instance does what is due
//! and asks in the write, so that several at once make one key.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::LEEWAY;
use super::ring::Ring;
use super::seal::ServerSecret;
use super::vault::{Vault, next_generation, signer_of, unwritable};
use crate::config::{Algorithm, Fault};
use crate::log::Log;
use crate::store;
use crate::store::keys::{self as rows, SealedKey};
use crate::world::World;

/// Seconds for which a key signs.
pub(super) const PERIOD: i64 = 90 * DAY;

/// Seconds for which a key is published before it signs.
pub(super) const AHEAD: i64 = DAY;

const DAY: i64 = 86_400;

/// Follows the keys in the database, and does what is due.
pub struct Rotation {
    vault: Vault,
    log: Log,
    known: Mutex<Known>,
}

/// The rows of the ring in force.
#[derive(Default)]
struct Known {
    rows: Vec<SealedKey>,
    /// The same, without what the secret does not open.
    usable: Vec<SealedKey>,
}

/// Something that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key of this generation, which signs after being published for so many seconds.
    Make(i64, i64),
    /// This key never signs again, and verifies until then.
    Supersede(String, i64),
    /// Keys whose time is over are wiped.
    Wipe,
}

impl Rotation {
    /// Opens the ring, with a first key where there is none that signs. Instances that start together end up with one
    /// and the same.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn begin(vault: Vault, world: &World) -> Result<(Self, Ring), Fault> {
        let (log, now) = (world.log.clone(), world.clock.unix());
        let rotation = Self {
            vault,
            log,
            known: Mutex::default(),
        };
        let wanted = rotation.vault.wanted;
        let rows = rotation.vault.rows().await?;
        if signer_of(&rows, wanted.name(), now).is_none() {
            rotation
                .carry_out(&Step::Make(next_generation(&rows, wanted), 0), now)
                .await?;
        }
        if let Err(fault) = rotation.leave_other_algorithms(&rows, now).await {
            rotation.complain(&fault);
        }
        let rows = rotation.vault.rows().await?;
        let (ring, _) = Ring::from_rows(&rows, &rotation.vault.secret, wanted, None);
        *rotation.known() = Known {
            usable: rows.clone(),
            rows,
        };
        Ok((rotation, ring))
    }

    /// Keys of another algorithm have signed for the last time. Only said at the start: two instances with different
    /// settings would end each other's keys for ever.
    async fn leave_other_algorithms(&self, rows: &[SealedKey], now: i64) -> Result<(), Fault> {
        for row in rows.iter().filter(|row| row.may_sign()) {
            if row.algorithm != self.vault.wanted.name() {
                let until = now + self.vault.lifetime + LEEWAY;
                self.carry_out(&Step::Supersede(row.kid.clone(), until), now)
                    .await?;
            }
        }
        Ok(())
    }

    /// The new ring, where the keys in the database are others than before.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn hear(&self, ring: &Ring) -> Result<Option<Ring>, store::Fault> {
        let rows = rows::all(&self.vault.pool).await?;
        let mut known = self.known();
        if known.rows == rows {
            return Ok(None);
        }
        let (secret, wanted) = (&self.vault.secret, self.vault.wanted);
        let (new, closed) = Ring::from_rows(&rows, secret, wanted, Some(ring));
        // Each is told once. The others go on.
        for kid in closed
            .iter()
            .filter(|kid| !known.rows.iter().any(|row| row.kid == **kid))
        {
            let cause = "The server secret does not open it. All instances must have the same.";
            let more = [("kid", *kid), ("cause", cause)];
            self.log.notice("error", "key_not_opened", &more);
        }
        known.usable = without(&rows, &closed);
        let trusted = known.usable.iter().filter(|row| row.is_there());
        let trusted: Vec<&str> = trusted.map(|row| row.kid.as_str()).collect();
        self.log
            .notice("info", "keys_changed", &[("trusted", &trusted.join(" "))]);
        known.rows = rows;
        Ok(Some(new))
    }

    /// The secret that seals the keys.
    pub fn secret(&self) -> &ServerSecret {
        &self.vault.secret
    }

    /// What is due, as far as is known here.
    pub fn due(&self, now: i64) -> Vec<Step> {
        let (wanted, lifetime) = (self.vault.wanted, self.vault.lifetime);
        plan(&self.known().usable, wanted, lifetime, now)
    }

    /// Does what is due.
    ///
    /// # Errors
    /// The database does not answer or cannot write; the system gives no random bytes.
    pub async fn keep_up(&self, now: i64) -> Result<(), Fault> {
        let rows = self.vault.rows().await?;
        let (secret, wanted) = (&self.vault.secret, self.vault.wanted);
        let (_, closed) = Ring::from_rows(&rows, secret, wanted, None);
        let steps = plan(&without(&rows, &closed), wanted, self.vault.lifetime, now);
        for step in &steps {
            self.carry_out(step, now).await?;
        }
        if !steps.is_empty() {
            self.vault.pool.tell().await;
        }
        Ok(())
    }

    async fn carry_out(&self, step: &Step, now: i64) -> Result<(), Fault> {
        let pool = &self.vault.pool;
        match step {
            Step::Make(generation, ahead) => {
                let made = self.vault.make(*generation, now, now + ahead).await?;
                if let Some(kid) = made {
                    self.log.notice("info", "key_made", &[("kid", &kid)]);
                }
                Ok(())
            }
            Step::Supersede(kid, until) => {
                rows::supersede(pool, kid, *until).await.map_err(unwritable)
            }
            Step::Wipe => rows::wipe_ended(pool, now).await.map_err(unwritable),
        }
    }

    fn complain(&self, fault: &Fault) {
        self.log
            .notice("error", "rotation_failed", &[("cause", &fault.0)]);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rows as they are for somebody who cannot open these: nothing may wait for such a key, or give way to it.
fn without(rows: &[SealedKey], closed: &[&str]) -> Vec<SealedKey> {
    let mut rows = rows.to_vec();
    for row in rows
        .iter_mut()
        .filter(|row| closed.contains(&row.kid.as_str()))
    {
        row.sealed_private.clear();
    }
    rows
}

/// Whether this is further ahead than anybody publishes: made by a clock that was wrong, which nobody waits for.
pub(super) fn is_astray(signs_from: i64, now: i64) -> bool {
    signs_from > now + 2 * AHEAD
}

/// What is due at this moment.
fn plan(rows: &[SealedKey], wanted: Algorithm, lifetime: i64, now: i64) -> Vec<Step> {
    let mut steps = Vec::new();
    let able = || {
        rows.iter()
            .filter(|row| row.algorithm == wanted.name() && row.may_sign())
    };
    let next = next_generation(rows, wanted);
    match signer_of(rows, wanted.name(), now) {
        None => steps.push(Step::Make(next, 0)),
        Some(signer) => {
            let waits = able()
                .any(|row| row.generation > signer.generation && !is_astray(row.signs_from, now));
            let old =
                now >= signer.signs_from + PERIOD - AHEAD || is_astray(signer.signs_from, now);
            if old && !waits {
                steps.push(Step::Make(next, AHEAD));
            }
            // No token that it signed lives longer. Noted, so that no clock makes it sign again.
            let until = signer.signs_from + lifetime + LEEWAY;
            let before = able().filter(|row| row.generation < signer.generation);
            steps.extend(before.map(|row| Step::Supersede(row.kid.clone(), until)));
        }
    }
    let over = |row: &SealedKey| row.is_there() && row.ended_at.is_some_and(|at| at <= now);
    if rows.iter().any(over) {
        steps.push(Step::Wipe);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000;

    fn row(generation: i64, signs_from: i64) -> SealedKey {
        SealedKey {
            kid: generation.to_string(),
            algorithm: "ES256".into(),
            generation,
            sealed_private: "sealed".into(),
            created_at: signs_from,
            signs_from,
            ended_at: None,
            ended_why: None,
        }
    }

    fn due(rows: &[SealedKey], now: i64) -> Vec<Step> {
        plan(rows, Algorithm::ES256, 900, now)
    }

    #[test]
    fn a_key_gets_a_successor_a_day_before_its_time_is_over() {
        let first = row(1, NOW);
        assert_eq!(due(&[], NOW), [Step::Make(1, 0)]);
        assert_eq!(due(std::slice::from_ref(&first), NOW + 89 * DAY - 1), []);
        assert_eq!(
            due(std::slice::from_ref(&first), NOW + 89 * DAY),
            [Step::Make(2, AHEAD)]
        );
        let mut rows = vec![first, row(2, NOW + 90 * DAY)];
        assert_eq!(due(&rows, NOW + 90 * DAY - 1), []);
        let until = NOW + 90 * DAY + 900 + LEEWAY;
        assert_eq!(
            due(&rows, NOW + 90 * DAY),
            [Step::Supersede("1".into(), until)]
        );
        rows[0].ended_at = Some(until);
        assert_eq!(due(&rows, until - 1), []);
        assert_eq!(due(&rows, until), [Step::Wipe]);
        rows[0].sealed_private.clear();
        assert_eq!(due(&rows, until), []);
    }

    #[test]
    fn a_clock_set_back_makes_no_superseded_key_sign_again() {
        let mut old = row(1, NOW - 90 * DAY);
        old.ended_at = Some(NOW + 960);
        let rows = [old, row(2, NOW)];
        let signs = |now| signer_of(&rows, "ES256", now).map(|row| row.generation);
        assert_eq!(signs(NOW), Some(2));
        assert_eq!(signs(NOW - 7200), Some(2));
        assert_eq!(due(&rows, NOW - 7200), []);
    }

    #[test]
    fn a_key_that_a_wrong_clock_made_is_not_waited_for() {
        let far = NOW + 4000 * DAY;
        assert_eq!(due(&[row(1, far)], NOW), [Step::Make(2, AHEAD)]);
        assert_eq!(due(&[row(1, far), row(2, NOW + DAY)], NOW), []);
        let rows = [row(1, NOW - 100 * DAY), row(2, far)];
        assert_eq!(due(&rows, NOW), [Step::Make(3, AHEAD)]);
    }

    #[test]
    fn a_number_is_not_given_twice() {
        let mut gone = row(2, NOW);
        gone.sealed_private.clear();
        gone.ended_at = Some(NOW);
        assert_eq!(
            due(&[row(1, NOW - 89 * DAY), gone], NOW),
            [Step::Make(3, AHEAD)]
        );
    }
}
