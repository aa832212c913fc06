//! Two ways to ask: as fast as the answers come, and at a fixed rate whatever the answers do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rocket::tokio;

use crate::Done;
use crate::wire::{AsyncWire, Wire};

/// Before anything counts: connections open, caches fill.
const WARM: Duration = Duration::from_millis(300);

/// One turn's result.
#[derive(Default)]
pub struct Turn {
    /// How long each answer took.
    pub took: Vec<Duration>,
    /// How long the turn was.
    pub time: Duration,
}

impl Turn {
    pub fn rate(&self) -> f64 {
        self.took.len() as f64 / self.time.as_secs_f64()
    }
}

/// When to stop: at some time, or when told.
#[derive(Clone)]
pub enum Until {
    Passed(Duration),
    Told(Arc<AtomicBool>),
}

impl Until {
    fn is_over(&self, since: Instant) -> bool {
        match self {
            Self::Passed(time) => since.elapsed() >= *time,
            Self::Told(told) => told.load(Ordering::Relaxed),
        }
    }
}

/// Asks over so many connections, each again as soon as its answer is there, with these requests in turn. One thread
/// is enough for all.
pub fn without_pause(
    port: u16,
    requests: &[Vec<u8>],
    connections: usize,
    until: &Until,
) -> Done<Turn> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let requests: Arc<[Vec<u8>]> = requests.into();
    runtime.block_on(async {
        let start = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for first in 0..connections {
            let (requests, until) = (Arc::clone(&requests), until.clone());
            tasks.spawn(async move {
                let mine = requests.iter().cycle().skip(first).step_by(connections);
                one_of_many(port, mine, start, &until).await
            });
        }
        let mut turn = Turn::default();
        while let Some(took) = tasks.join_next().await {
            turn.took.extend(took??);
        }
        turn.time = start.elapsed() - WARM;
        Ok(turn)
    })
}

async fn one_of_many(
    port: u16,
    requests: impl Iterator<Item = &Vec<u8>>,
    start: Instant,
    until: &Until,
) -> std::io::Result<Vec<Duration>> {
    let mut wire = AsyncWire::open(port).await?;
    let mut took = Vec::with_capacity(1 << 14);
    let mut asked = start;
    for request in requests {
        let status = wire.ask(request).await?;
        let now = Instant::now();
        if status != 200 {
            return Err(std::io::Error::other(format!("an answer was {status}")));
        }
        if now - start >= WARM {
            took.push(now - asked);
        }
        if until.is_over(start + WARM) {
            break;
        }
        asked = now;
    }
    Ok(took)
}

/// Asks `rate` times a second on a schedule that no answer moves. An answer's time counts from the moment it should
/// have been asked for, so one that is late cannot hide the ones that wait behind it.
pub fn at_a_rate(port: u16, request: &[u8], rate: u32, time: Duration) -> Done<Turn> {
    const THREADS: u32 = 8;
    let gap = Duration::from_secs(1) / rate;
    let start = Instant::now() + WARM;
    let slots = (time.as_secs_f64() * f64::from(rate)) as u32;
    let one = |first: u32| -> std::io::Result<Vec<Duration>> {
        let mut wire = Wire::open(port)?;
        wire.ask(request)?;
        let mine = (first..slots).step_by(THREADS as usize);
        mine.map(|slot| {
            let due = start + gap * slot;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let status = wire.ask(request)?;
            let took = due.elapsed();
            (status == 200)
                .then_some(took)
                .ok_or_else(|| std::io::Error::other(format!("an answer was {status}")))
        })
        .collect()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|first| scope.spawn(move || one(first)))
            .collect();
        let mut turn = Turn {
            took: Vec::new(),
            time,
        };
        for thread in threads {
            turn.took
                .extend(thread.join().map_err(|_| "a thread panicked")??);
        }
        Ok(turn)
    })
}
