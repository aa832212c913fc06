//! Everything that cannot be computed: the time, random bytes, and where log lines go.
//!
//! Each is a small enum with a real face and one that a test sets. They are passed in, never looked up, so a
//! story can be told at any moment of any day.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use time::OffsetDateTime;

use crate::log::Log;

/// What the service is handed at birth.
#[derive(Clone)]
pub struct World {
    /// The time.
    pub clock: Clock,
    /// Random bytes.
    pub chance: Chance,
    /// Where lines for the operator go.
    pub log: Log,
}

impl World {
    /// The world as it is: the system's clock and random source, lines on standard output.
    pub fn real(log: Log) -> Self {
        Self {
            clock: Clock::Real,
            chance: Chance::real(),
            log,
        }
    }
}

/// The time.
#[derive(Clone)]
pub enum Clock {
    /// The system's clock.
    Real,
    /// Microseconds since 1970 that a test moves.
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands still at `unix_seconds` until [`Clock::advance`] moves it.
    pub fn set_to(unix_seconds: i64) -> Self {
        Self::Set(Arc::new(AtomicI64::new(unix_seconds * 1_000_000)))
    }

    /// Moves a set clock by so many seconds; a real clock is not ours to move.
    pub fn advance(&self, seconds: i64) {
        if let Self::Set(micros) = self {
            micros.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
        }
    }

    /// Now, in UTC.
    pub fn now(&self) -> OffsetDateTime {
        match self {
            #[expect(
                clippy::disallowed_methods,
                reason = "the one place that reads the system's clock"
            )]
            Self::Real => OffsetDateTime::now_utc(),
            Self::Set(micros) => {
                let nanos = i128::from(micros.load(Ordering::SeqCst)) * 1_000;
                OffsetDateTime::from_unix_timestamp_nanos(nanos)
                    .unwrap_or(OffsetDateTime::UNIX_EPOCH)
            }
        }
    }

    /// Now, in whole seconds since 1970.
    pub fn unix(&self) -> i64 {
        self.now().unix_timestamp()
    }
}

/// A moment in words, in UTC; a script may say it in the reader's own zone.
pub fn in_words(unix: i64) -> String {
    let format = time::macros::format_description!(
        "[day padding:none] [month repr:long] [year], [hour]:[minute] UTC"
    );
    let moment = OffsetDateTime::from_unix_timestamp(unix).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(format).unwrap_or_default()
}

/// Random bytes.
#[derive(Clone)]
pub enum Chance {
    /// The system's cryptographic source.
    Real(SystemRandom),
    /// The counter of a test: different bytes at every call, the same in every run.
    Set(Arc<AtomicI64>),
}

impl Chance {
    /// The system's cryptographic source.
    pub fn real() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that opens the random source"
        )]
        Self::Real(SystemRandom::new())
    }

    /// A repeatable source for tests.
    pub fn counting() -> Self {
        Self::Set(Arc::default())
    }

    /// Has the source ready before somebody waits for its first bytes.
    pub fn wake(&self) {
        if let Self::Real(source) = self {
            // Who needs bytes will be told.
            let _ = source.fill(&mut [0]);
        }
    }

    /// `N` random bytes.
    ///
    /// # Errors
    /// When the system gives none. Nothing secret can be made then, so callers must stop.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], NoChance> {
        let mut bytes = [0; N];
        match self {
            Self::Real(source) => source.fill(&mut bytes).map_err(|_| NoChance)?,
            Self::Set(counter) => {
                let count = counter.fetch_add(1, Ordering::SeqCst);
                for (byte, value) in bytes.iter_mut().rev().zip(count.to_le_bytes()) {
                    *byte = value;
                }
            }
        }
        Ok(bytes)
    }

    /// 128 random bits in 26 lower-case letters and digits: an id that cannot be guessed and needs no escaping.
    ///
    /// # Errors
    /// As [`Chance::bytes`].
    pub fn id(&self) -> Result<String, NoChance> {
        Ok(data_encoding::BASE32_NOPAD
            .encode(&self.bytes::<16>()?)
            .to_ascii_lowercase())
    }
}

/// The system's random source gave nothing.
#[derive(Debug)]
pub struct NoChance;

impl std::fmt::Display for NoChance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the system's random source gave nothing")
    }
}

impl std::error::Error for NoChance {}
