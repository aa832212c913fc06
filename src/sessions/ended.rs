//! What ended lately, in memory: asked on every guarded request, so it must cost next to nothing.
//!
//! Only what ended within one access token's life is kept: older tokens have expired by themselves. Other instances'
//! endings arrive by asking the database again and again for what was written down since a watermark, on its clock,
//! which is one for all; it reaches back far enough for transactions that commit late. An instance that has not heard
//! for too long says so ([`Ended::is_deaf`]), and the guard closes.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::store::Since;
use crate::tokens::{Claims, SET_BACK, key_of};

/// How far each question reaches back behind the last answer, in seconds: for transactions that commit late.
const OVERLAP: i64 = 10;

/// How far two instances' clocks may differ, in seconds, with a minute to spare.
const FAR: i64 = 660;

/// How often is asked about everything that can still matter, in seconds.
const WHOLE: u64 = 60;

/// How often what no token can outlive is forgotten, in seconds.
const SWEEP: u64 = 60;

/// Ids are random, so any part of one is as good a hash as can be made.
#[derive(Default)]
struct AlreadyRandom(u64);

impl Hasher for AlreadyRandom {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_ne_bytes(word);
        }
    }
}

type ById<T> = HashMap<u128, T, BuildHasherDefault<AlreadyRandom>>;

/// A session that ended, as it is noted. An id of ours always reads; anything else is no session of ours.
pub fn noted(id: &str, at: i64) -> Option<(u128, i64)> {
    Some((key_of(id)?, at))
}

/// Sessions and versions that are no longer good.
pub struct Ended {
    inner: RwLock<Inner>,
    lifetime: i64,
    grace: Duration,
    born: Instant,
    /// Milliseconds after birth at which the database last answered.
    heard_at: AtomicU64,
    /// Up to when everything is known, on our clock; and on the database's.
    known_to: AtomicI64,
    told_to: AtomicI64,
    /// When everything was last asked about, in seconds after birth.
    whole_at: AtomicU64,
}

#[derive(Default)]
struct Inner {
    sessions: ById<Mark>,
    /// The lowest good version of an account.
    versions: ById<(i64, Mark)>,
    /// Seconds after birth.
    swept_at: u64,
}

/// When something ended.
#[derive(Clone, Copy)]
struct Mark {
    /// On the clock of whoever ended it.
    at: i64,
    /// When we heard of it, in seconds after birth: a clock that jumps ahead makes nothing forgotten.
    heard: u32,
}

impl Ended {
    /// Nothing yet. Tokens live `lifetime` seconds.
    pub fn new(lifetime: i64, grace: Duration) -> Self {
        Self {
            inner: RwLock::default(),
            lifetime,
            grace,
            born: Instant::now(),
            heard_at: AtomicU64::new(0),
            known_to: AtomicI64::new(i64::MIN),
            told_to: AtomicI64::new(i64::MIN),
            whole_at: AtomicU64::new(0),
        }
    }

    /// Whether a token's session ended, or its account's version was raised above its own. The strictest rule wins.
    pub fn holds(&self, claims: &Claims) -> bool {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let outdated = |(least, _): &(i64, Mark)| claims.version < *least;
        inner.sessions.contains_key(&claims.session_key)
            || inner
                .versions
                .get(&claims.account_key)
                .is_some_and(outdated)
    }

    /// Notes sessions that ended, each with its moment. Takes the guard's lock only for what is new.
    pub fn note(&self, endings: impl IntoIterator<Item = (u128, i64)>) {
        let new: Vec<(u128, i64)> = {
            let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
            let is_new = |(key, _): &(u128, i64)| !inner.sessions.contains_key(key);
            endings.into_iter().filter(is_new).collect()
        };
        if !new.is_empty() {
            let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
            let marked = new.into_iter().map(|(key, at)| (key, self.mark(at)));
            inner.sessions.extend(marked);
        }
    }

    fn mark(&self, at: i64) -> Mark {
        let heard = u32::try_from(self.born.elapsed().as_secs()).unwrap_or(u32::MAX);
        Mark { at, heard }
    }

    /// Notes the lowest good version of an account.
    pub fn note_version(&self, account: &str, least: i64, at: i64) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = key_of(account) {
            let new = (least, self.mark(at));
            let known = inner.versions.entry(key).or_insert(new);
            if least > known.0 {
                *known = new;
            }
        }
    }

    /// From when on the database, whose clock says `told`, must be asked for endings. At first, now and then, and
    /// whenever a clock went back, about everything that can still matter: what was written down very late is heard then.
    pub fn watermark(&self, now: i64, told: i64) -> Since {
        let known_to = self.known_to.load(Ordering::Relaxed);
        let told_to = self.told_to.load(Ordering::Relaxed);
        if known_to == i64::MIN || now < known_to || told < told_to || self.is_due() {
            // The moment of an ending is another instance's, whose clock may differ from ours.
            let long = self.lifetime + FAR;
            return Since::Happened {
                at: now - long,
                told: told - long,
            };
        }
        Since::Told(told_to - OVERLAP)
    }

    /// The database answered: everything up to `now`, which is `told` on its clock, is known. Forgets what no token
    /// can outlive.
    pub fn heard(&self, now: i64, told: i64) {
        self.known_to.store(now, Ordering::Relaxed);
        self.told_to.store(told, Ordering::Relaxed);
        let millis = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard_at.store(millis, Ordering::Relaxed);
        self.sweep(now);
    }

    /// Forgets what no token can outlive, on our clock and in the time that really passed.
    fn sweep(&self, now: i64) {
        let elapsed = self.born.elapsed().as_secs();
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        if elapsed.saturating_sub(inner.swept_at) < SWEEP {
            return;
        }
        drop(inner);
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let long = self.lifetime + 2 * FAR;
        let (oldest, since) = (now - long, elapsed.saturating_sub(long.unsigned_abs()));
        let matters = |mark: &Mark| mark.at >= oldest || u64::from(mark.heard) >= since;
        inner.sessions.retain(|_, mark| matters(mark));
        inner.versions.retain(|_, (_, mark)| matters(mark));
        inner.swept_at = elapsed;
    }

    /// Whether nobody knows what ended: the database has been silent for longer than the guard may go on without it,
    /// or the clock was set back so far that what was forgotten counts again, until the database has been asked.
    pub fn is_deaf(&self, now: i64) -> bool {
        let known_to = self.known_to.load(Ordering::Relaxed);
        self.silence() > self.grace || known_to.saturating_sub(now) > SET_BACK
    }

    /// By how many seconds our clock and the database's differ, where that is more than can be.
    pub fn astray(&self) -> Option<i64> {
        Some(self.apart()).filter(|apart| apart.abs() > FAR)
    }

    /// A moment on our clock as the database's shows it, which is one for all instances; our own, where the two have
    /// nothing to do with each other.
    pub fn shared(&self, now: i64) -> i64 {
        let apart = self.apart();
        if apart.abs() > FAR { now } else { now + apart }
    }

    /// How far the database's clock was ahead of ours when it last answered.
    fn apart(&self) -> i64 {
        let known_to = self.known_to.load(Ordering::Relaxed);
        let told_to = self.told_to.load(Ordering::Relaxed);
        told_to.saturating_sub(known_to)
    }

    /// Whether it is time to ask about everything again, in the time that really passed.
    fn is_due(&self) -> bool {
        let elapsed = self.born.elapsed().as_secs();
        let whole_at = self.whole_at.load(Ordering::Relaxed);
        let due = elapsed.saturating_sub(whole_at) >= WHOLE;
        if due {
            self.whole_at.store(elapsed, Ordering::Relaxed);
        }
        due
    }

    fn silence(&self) -> Duration {
        let heard_at = Duration::from_millis(self.heard_at.load(Ordering::Relaxed));
        self.born.elapsed().saturating_sub(heard_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_set_by_the_databases_or_is_astray() {
        let ended = Ended::new(900, Duration::from_secs(30));
        assert_eq!((ended.astray(), ended.shared(5)), (None, 5));
        ended.heard(1000, 1045);
        assert_eq!((ended.astray(), ended.shared(1002)), (None, 1047));
        ended.heard(10_000, 9_400);
        assert_eq!((ended.astray(), ended.shared(10_000)), (None, 9_400));
        // A month ahead.
        ended.heard(2_600_000, 8_000);
        assert_eq!(ended.astray(), Some(-2_592_000));
        assert_eq!(ended.shared(2_600_000), 2_600_000);
    }
}
