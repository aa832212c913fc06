//! What ended lately, in memory: asked on every guarded request, so it must cost next to nothing.
//!
//! Only what ended within one access token's life is kept: older tokens have expired by themselves. Other instances'
//! endings arrive by asking the database again and again for what ended since a watermark, which reaches back far
//! enough for transactions that commit late and clocks that differ. An instance that has not heard for too long says
//! so ([`Ended::is_deaf`]), and the guard closes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::tokens::{Claims, key_of};

/// How far each question reaches back behind the last answer, in seconds: for transactions that commit late.
const OVERLAP: i64 = 60;

/// How far two instances' clocks may differ, in seconds, with a minute to spare.
const FAR: i64 = 660;

/// How often is asked about everything that can still matter, in milliseconds.
const WHOLE: u64 = 15_000;

/// Sessions and versions that are no longer good.
pub struct Ended {
    inner: RwLock<Inner>,
    lifetime: i64,
    grace: Duration,
    born: Instant,
    /// Milliseconds after birth at which the database last answered.
    heard_at: AtomicU64,
    /// Milliseconds after birth at which the last question about everything was asked.
    whole_at: AtomicU64,
    /// Up to when everything is known, in seconds since 1970.
    known_to: AtomicI64,
}

#[derive(Default)]
struct Inner {
    /// When each session ended.
    sessions: HashMap<u128, i64>,
    /// The lowest good version of an account, and when it was raised.
    versions: HashMap<u128, (i64, i64)>,
    swept_at: i64,
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
            whole_at: AtomicU64::new(0),
            known_to: AtomicI64::new(i64::MIN),
        }
    }

    /// Whether a token's session ended, or its account's version was raised above its own. The strictest rule wins.
    pub fn holds(&self, claims: &Claims) -> bool {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let outdated = |(least, _): &(i64, i64)| claims.version < *least;
        inner.sessions.contains_key(&claims.session_key)
            || inner
                .versions
                .get(&claims.account_key)
                .is_some_and(outdated)
    }

    /// Notes sessions that ended, each with its moment. Takes the guard's lock only for what is new.
    pub fn note<'i>(&self, endings: impl IntoIterator<Item = (&'i str, i64)>) {
        // An id of ours always reads; anything else is no session of ours.
        let mut new: Vec<(u128, i64)> = endings
            .into_iter()
            .filter_map(|(id, at)| Some((key_of(id)?, at)))
            .collect();
        {
            let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
            new.retain(|(key, _)| !inner.sessions.contains_key(key));
        }
        if !new.is_empty() {
            let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
            inner.sessions.extend(new);
        }
    }

    /// Notes the lowest good version of an account.
    pub fn note_version(&self, account: &str, least: i64, at: i64) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = key_of(account) {
            let known = inner.versions.entry(key).or_insert((least, at));
            *known = (known.0.max(least), known.1.max(at));
        }
    }

    /// From when on the database must be asked for endings. Now and then, and whenever the clock went back, about
    /// everything that can still matter: the moment of an ending is another instance's, whose clock may differ.
    pub fn watermark(&self, now: i64) -> i64 {
        let known_to = self.known_to.load(Ordering::Relaxed);
        let elapsed = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        let whole = self.whole_at.load(Ordering::Relaxed);
        if now < known_to || known_to == i64::MIN || elapsed.saturating_sub(whole) > WHOLE {
            self.whole_at.store(elapsed, Ordering::Relaxed);
            return now - self.lifetime - FAR;
        }
        known_to - OVERLAP
    }

    /// The database answered: everything up to `now` is known. Forgets what no token can outlive.
    pub fn heard(&self, now: i64) {
        self.known_to.store(now, Ordering::Relaxed);
        let millis = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard_at.store(millis, Ordering::Relaxed);
        let swept_at = self
            .inner
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .swept_at;
        if (now - swept_at).abs() < OVERLAP {
            return;
        }
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let oldest = now - self.lifetime - 2 * FAR;
        inner.sessions.retain(|_, at| *at >= oldest);
        inner.versions.retain(|_, (_, at)| *at >= oldest);
        inner.swept_at = now;
    }

    /// Whether the database has been silent for longer than the guard may go on without it.
    pub fn is_deaf(&self) -> bool {
        self.silence() > self.grace
    }

    fn silence(&self) -> Duration {
        let heard_at = Duration::from_millis(self.heard_at.load(Ordering::Relaxed));
        self.born.elapsed().saturating_sub(heard_at)
    }
}
