//! How fast this machine hashes, and which parameters take as long as they should.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use argon2::{Argon2, Block};

use super::{OUTPUT, SALT, compute, parameters};
use crate::config::HashSettings;

/// OWASP's least, in KiB and passes. Never less.
pub const LEAST_KIB: u32 = 19_456;
/// See [`LEAST_KIB`].
pub const LEAST_PASSES: u32 = 2;

/// More memory for one hash makes a rush of logins dearer than a guesser's machine: then passes are added.
const MOST_KIB: u32 = 262_144;

/// How long one measurement lasts at least, and all together at most.
const LOOK: Duration = Duration::from_millis(600);
const PATIENCE: Duration = Duration::from_secs(10);

/// How fast it is when all threads are busy.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Of one hash.
    pub milliseconds: f64,
    /// Hashes, on all threads together.
    pub per_second: f64,
}

/// Parameters, and how fast they are here.
pub struct Calibrated {
    /// What to set.
    pub settings: HashSettings,
    /// How fast they are.
    pub measured: Measured,
}

/// Hashes on all threads at once, since they share the way to memory, for `at_least` so long. At normal priority: how
/// fast the machine is, not how busy. `None`: it takes longer than `patience`, or a thread cannot start.
pub fn measure(settings: HashSettings, at_least: Duration, patience: Duration) -> Option<Measured> {
    let (tell, told) = mpsc::channel();
    let start = Instant::now();
    for _ in 0..settings.threads {
        let tell = tell.clone();
        // A thread that is not waited for ends with the program.
        let hashing = move || tell.send(hash_for(settings, at_least));
        std::thread::Builder::new().spawn(hashing).ok()?;
    }
    drop(tell);
    let mut all = Vec::with_capacity(settings.threads);
    while all.len() < settings.threads {
        let left = patience.checked_sub(start.elapsed())?;
        all.push(told.recv_timeout(left).ok()??);
    }
    let hashes: u32 = all.iter().map(|(hashes, _)| hashes).sum();
    let busy: Duration = all.iter().map(|(_, took)| *took).sum();
    let each = busy.as_secs_f64() / f64::from(hashes);
    Some(Measured {
        milliseconds: each * 1000.0,
        per_second: settings.threads as f64 / each,
    })
}

/// Hashes one after another, and gives how many and in what time. The first is not counted: it gets its memory.
fn hash_for(settings: HashSettings, at_least: Duration) -> Option<(u32, Duration)> {
    let mut memory: Vec<Block> = Vec::new();
    let (argon2, mut output) = (parameters(settings).ok()?, [0; OUTPUT]);
    let first = parameters(HashSettings {
        passes: 1,
        ..settings
    });
    let first = first.ok()?;
    let mut hash = |argon2: &Argon2<'_>| {
        compute(argon2, b"calibration", &[7; SALT], &mut output, &mut memory).ok()
    };
    hash(&first)?;
    let (start, mut hashes) = (Instant::now(), 0);
    while hashes == 0 || start.elapsed() < at_least {
        hash(&argon2)?;
        hashes += 1;
    }
    Some((hashes, start.elapsed()))
}

/// The parameters with which one hash takes about so long on this machine when all threads are busy; never less than
/// OWASP's least, however long that takes. `most_kib`: for all threads together. `None`: even the least takes more than
/// ten seconds, or a thread cannot start.
pub fn calibrate(
    start: HashSettings,
    target: Duration,
    most_kib: Option<u64>,
) -> Option<Calibrated> {
    let share = most_kib.map_or(MOST_KIB, |kib| {
        u32::try_from(kib / start.threads.max(1) as u64).unwrap_or(MOST_KIB)
    });
    let most = share.clamp(LEAST_KIB, MOST_KIB);
    let at = |(memory_kib, passes)| HashSettings {
        memory_kib,
        passes,
        ..start
    };
    let begun = Instant::now();
    let look = |settings| measure(settings, LOOK, PATIENCE.saturating_sub(begun.elapsed()));
    let mut settings = at((LEAST_KIB, LEAST_PASSES));
    let mut measured = look(settings)?;
    // Time grows with the work, but not quite evenly: what is found once is corrected once.
    for _ in 0..2 {
        let factor = target.as_secs_f64() * 1000.0 / measured.milliseconds;
        let work = f64::from(settings.memory_kib) * f64::from(settings.passes) * factor;
        let next = at(parameters_for(work, most));
        if (next.memory_kib, next.passes) == (settings.memory_kib, settings.passes) {
            break;
        }
        let Some(again) = look(next) else {
            break;
        };
        (settings, measured) = (next, again);
    }
    Some(Calibrated { settings, measured })
}

/// Splits the work, memory times passes: memory first, which is what a guesser's machine has too little of.
fn parameters_for(work: f64, most_kib: u32) -> (u32, u32) {
    let least = f64::from(LEAST_PASSES);
    let passes = (work / f64::from(most_kib)).round().clamp(least, 1000.0);
    let memory = (work / passes / 1024.0).round() * 1024.0;
    let memory = memory.clamp(f64::from(LEAST_KIB), f64::from(most_kib));
    (memory as u32, passes as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_first_and_never_less_than_the_least() {
        assert_eq!(parameters_for(0.0, MOST_KIB), (LEAST_KIB, 2));
        assert_eq!(parameters_for(38_912.0, MOST_KIB), (LEAST_KIB, 2));
        assert_eq!(parameters_for(131_072.0, MOST_KIB), (65_536, 2));
        assert_eq!(parameters_for(524_288.0, MOST_KIB), (MOST_KIB, 2));
        assert_eq!(parameters_for(1_048_576.0, MOST_KIB), (MOST_KIB, 4));
        assert_eq!(parameters_for(131_072.0, LEAST_KIB), (LEAST_KIB, 7));
    }

    #[test]
    fn what_takes_too_long_is_not_waited_for() {
        let endless = HashSettings {
            memory_kib: 65_536,
            passes: 1000,
            threads: 1,
            queue: 1,
        };
        assert!(measure(endless, LOOK, Duration::from_millis(50)).is_none());
    }
}
