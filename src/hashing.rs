//! Passwords are hashed here: Argon2id (RFC 9106) on threads of its own.
//!
//! A hash takes 19 MiB and 13 ms, so it is a resource with an owner. As many threads as cores, each keeping its
//! memory between hashes (freed blocks would stay in per-thread arenas: hundreds of MiB in a storm) and running
//! below normal priority, so that guarded requests never wait behind a login. Jobs stand in one bounded line, first
//! come, first served; a full line is said at once, because a caller who waits longer than a person would is gone.

mod calibrate;
pub mod foreign;
pub mod memory;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use data_encoding::BASE64_NOPAD;
use rocket::tokio::sync::oneshot;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::config::HashSettings;
use crate::error::Error;

use foreign::Fast;

pub use calibrate::{Calibrated, LEAST_KIB, LEAST_PASSES, Measured, calibrate, measure};

/// Bytes of an Argon2id output, and of its salt (NIST SP 800-63B section 3.1.1.2 wants 32 bits or more).
const OUTPUT: usize = 32;
const SALT: usize = 16;

/// The most that a stored hash may ask for: 1 GiB, and 16 passes over it. Hashes from elsewhere were let in within
/// narrower bounds; ours may have been made with settings that were in force once.
const MOST_KIB: u32 = 1_048_576;
const MOST_KIB_PASSES: u64 = 16 * MOST_KIB as u64;

/// Under what each hash is told of, at a level that no operator sees: for tests that count them.
pub const HASHES: &str = "vestibule::hashes";

/// The pool. Cheap to clone; its threads end with the last clone.
#[derive(Clone)]
pub struct Hashing {
    door: Arc<Door>,
    settings: HashSettings,
}

/// The side of the line where jobs enter. The threads hold the line alone, so they see when the door is gone.
struct Door(Arc<Line>);

/// Where jobs wait.
struct Line {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

/// Work for a hashing thread. It says itself whom to tell, and owns what it reads.
type Job = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

impl Line {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No job runs under the lock, so a poisoned one still holds a whole line.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What decides how long an Argon2id hash takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Parameters {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Parameters {
    /// Those of a PHC string, or of its beginning up to the salt; `None` for other kinds of hashes, and for what
    /// [`Hashing::verify`] would not compute.
    pub fn of(hash: &str) -> Option<Self> {
        let mut parts = hash.strip_prefix("$argon2id$v=19$")?.split('$');
        let mut fields = parts.next()?.split(',');
        // Without its end, the last number may be cut.
        parts.next()?;
        let mut field = |name| fields.next()?.strip_prefix(name)?.parse().ok();
        let parameters = Self {
            memory_kib: field("m=")?,
            passes: field("t=")?,
            lanes: field("p=")?,
        };
        let affordable = parameters.memory_kib <= MOST_KIB && parameters.work() <= MOST_KIB_PASSES;
        let usable = affordable && parameters.params().is_ok();
        (usable && fields.next().is_none()).then_some(parameters)
    }

    /// What they cost: memory times passes.
    pub fn work(self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.passes)
    }

    /// A hash with them that no password has.
    pub fn decoy(self) -> String {
        let (salt, output) = ([0; SALT], [0; OUTPUT]);
        let (salt, output) = (BASE64_NOPAD.encode(&salt), BASE64_NOPAD.encode(&output));
        format!("{}${salt}${output}", self.prefix())
    }

    fn prefix(self) -> String {
        format!(
            "$argon2id$v=19$m={},t={},p={}",
            self.memory_kib, self.passes, self.lanes
        )
    }

    fn params(self) -> Result<Params, argon2::Error> {
        Params::new(self.memory_kib, self.passes, self.lanes, Some(OUTPUT))
    }
}

impl From<HashSettings> for Parameters {
    /// Those of a new hash.
    fn from(settings: HashSettings) -> Self {
        Self {
            memory_kib: settings.memory_kib,
            passes: settings.passes,
            lanes: 1,
        }
    }
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The password is another.
    Wrong,
    /// The password is right.
    Right,
    /// The password is right, and its hash has other parameters than new ones get: hash it again.
    Outdated,
    /// The stored hash cannot be read, or asks for too much: no password is right.
    Unreadable,
}

impl Hashing {
    /// Starts the threads.
    ///
    /// # Errors
    /// Parameters that Argon2 does not take, or a system without threads to give.
    pub fn start(settings: HashSettings) -> Result<Self, std::io::Error> {
        parameters(settings).map_err(std::io::Error::other)?;
        let line = Arc::new(Line {
            state: Mutex::new(State::default()),
            arrived: Condvar::new(),
        });
        for number in 0..settings.threads {
            let line = Arc::clone(&line);
            std::thread::Builder::new()
                .name(format!("hashing-{number}"))
                .spawn(move || work(&line))?;
        }
        Ok(Self {
            door: Arc::new(Door(line)),
            settings,
        })
    }

    /// Hashes a new password with a salt of `SALT` random bytes. The answer is a PHC string.
    ///
    /// # Errors
    /// [`Error::Busy`] when the line is full.
    pub async fn hash(
        &self,
        password: Zeroizing<String>,
        salt: [u8; SALT],
    ) -> Result<String, Error> {
        let settings = self.settings;
        self.run(move |memory| made(&password, &salt, settings, memory))
            .await?
            .map_err(|_| Error::Internal)
    }

    /// Wraps fast hashes from elsewhere, each with its salt, one after the other: nobody waits for them.
    ///
    /// # Errors
    /// [`Error::Busy`] when the line is full.
    pub async fn wrap(&self, fast: Vec<(Fast, [u8; SALT])>) -> Result<Vec<String>, Error> {
        let settings = self.settings;
        self.run(move |memory| {
            let each = fast.into_iter().map(|(fast, salt)| {
                let phc = made(&fast.hex, &salt, settings, memory)?;
                Ok(foreign::wrapped(&fast.recipe, &phc))
            });
            each.collect::<Result<_, argon2::Error>>()
        })
        .await?
        .map_err(|_| Error::Internal)
    }

    /// Checks a password against a PHC string. An unknown name gets a decoy, so that it costs what a known one does.
    ///
    /// # Errors
    /// [`Error::Busy`] when the line is full.
    pub async fn verify(
        &self,
        password: Zeroizing<String>,
        stored: String,
    ) -> Result<Verdict, Error> {
        let settings = self.settings;
        let verdict = self.run(move |memory| check(&password, &stored, settings, memory));
        Ok(verdict.await?.unwrap_or(Verdict::Unreadable))
    }

    /// Runs other work that would block the executor, such as judging a new password, in the same line.
    ///
    /// # Errors
    /// [`Error::Busy`] when the line is full.
    pub async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.run(move |_| work()).await
    }

    async fn run<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    {
        let (done, answer) = oneshot::channel();
        self.enter(Box::new(move |memory| {
            // Who hung up while waiting is not worth a hash.
            if !done.is_closed() {
                let _ = done.send(work(memory));
            }
        }))?;
        // The sender is dropped without an answer only when the job panicked.
        answer.await.map_err(|_| Error::Internal)
    }

    fn enter(&self, job: Job) -> Result<(), Error> {
        let line = &self.door.0;
        let mut state = line.lock();
        if state.jobs.len() >= self.settings.queue {
            return Err(Error::Busy);
        }
        state.jobs.push_back(job);
        drop(state);
        line.arrived.notify_one();
        Ok(())
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.arrived.notify_all();
    }
}

fn work(line: &Line) {
    // Lowering one's own priority needs no privilege. Linux counts it for the thread, not the process. Where it is
    // refused, hashing works all the same.
    let _ = rustix::process::setpriority_process(None, 19);
    let mut memory = Vec::new();
    loop {
        let mut state = line.lock();
        let job = loop {
            if let Some(job) = state.jobs.pop_front() {
                break job;
            }
            if state.closed {
                return;
            }
            state = line
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        };
        drop(state);
        // A job that panics must not take its thread along: with the last thread, all logins would stop.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(&mut memory)));
    }
}

fn parameters(settings: HashSettings) -> Result<Argon2<'static>, argon2::Error> {
    let params = Parameters::from(settings).params()?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn compute(
    argon2: &Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    output: &mut [u8],
    memory: &mut Vec<Block>,
) -> Result<(), argon2::Error> {
    let params = argon2.params();
    log::trace!(target: HASHES, "{} {}", params.m_cost(), params.t_cost());
    let wanted = params.block_count();
    if memory.len() < wanted {
        memory.resize(wanted, Block::default());
    }
    argon2.hash_password_into_with_memory(password, salt, output, &mut memory[..wanted])
}

/// A new hash, as a PHC string.
fn made(
    text: &str,
    salt: &[u8],
    settings: HashSettings,
    memory: &mut Vec<Block>,
) -> Result<String, argon2::Error> {
    let argon2 = parameters(settings)?;
    let mut output = [0; OUTPUT];
    compute(&argon2, text.as_bytes(), salt, &mut output, memory)?;
    Ok(format!(
        "{}${}${}",
        Parameters::from(settings).prefix(),
        BASE64_NOPAD.encode(salt),
        BASE64_NOPAD.encode(&output)
    ))
}

/// `None` when the stored hash cannot be read or asks for too much.
fn check(
    password: &str,
    stored: &str,
    settings: HashSettings,
    memory: &mut Vec<Block>,
) -> Option<Verdict> {
    if stored.starts_with("$argon2") {
        let right = is_right(password, stored, settings, memory)?;
        let current = stored.starts_with(&format!("{}$", Parameters::from(settings).prefix()));
        return Some(match (right, current) {
            (false, _) => Verdict::Wrong,
            (true, true) => Verdict::Right,
            (true, false) => Verdict::Outdated,
        });
    }
    let right = foreign::is_right(password, stored, |text, phc| {
        is_right(text, phc, settings, memory)
    })?;
    Some(if right {
        Verdict::Outdated
    } else {
        Verdict::Wrong
    })
}

/// Whether a text belongs to a PHC string of Argon2; `None` when that cannot be read or asks for too much.
fn is_right(
    text: &str,
    stored: &str,
    settings: HashSettings,
    memory: &mut Vec<Block>,
) -> Option<bool> {
    let parsed = PasswordHash::new(stored).ok()?;
    let argon2 = argon2_of(&parsed)?;
    let (salt, expected) = (parsed.salt?, parsed.hash?);
    let mut output = vec![0; expected.as_ref().len()];
    compute(&argon2, text.as_bytes(), salt.as_ref(), &mut output, memory).ok()?;
    let usual = block_count(settings);
    if memory.len() > usual {
        // A hash from elsewhere wanted more; the thread does not keep it.
        memory.truncate(usual);
        memory.shrink_to_fit();
    }
    // In constant time, although the output of a slow hash says little: the habit is the point.
    Some(output.ct_eq(expected.as_ref()).into())
}

/// How a PHC string of Argon2 is computed; `None` where it cannot be, or asks for too much.
fn argon2_of(parsed: &PasswordHash) -> Option<Argon2<'static>> {
    let algorithm = Algorithm::try_from(parsed.algorithm.as_str()).ok()?;
    let version = parsed
        .version
        .map_or(Ok(Version::V0x13), Version::try_from)
        .ok()?;
    let params = Params::try_from(parsed).ok()?;
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    let affordable = params.m_cost() <= MOST_KIB && work <= MOST_KIB_PASSES;
    let salted = parsed.salt?.as_ref().len() >= argon2::MIN_SALT_LEN;
    (affordable && salted).then(|| Argon2::new(algorithm, version, params))
}

fn block_count(settings: HashSettings) -> usize {
    parameters(settings).map_or(0, |argon2| argon2.params().block_count())
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use super::*;

    const SMALL: HashSettings = HashSettings {
        memory_kib: 64,
        passes: 1,
        threads: 2,
        queue: 4,
    };

    fn plain(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[rocket::async_test]
    async fn a_password_is_recognised_and_another_is_not() {
        let hashing = Hashing::start(SMALL).unwrap();
        let stored = hashing
            .hash(plain("pass\0word é"), [7; SALT])
            .await
            .unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        let verify = |password: &str, stored: &str| {
            let (hashing, password, stored) = (hashing.clone(), plain(password), stored.to_owned());
            async move { hashing.verify(password, stored).await }
        };
        assert_eq!(verify("pass\0word é", &stored).await, Ok(Verdict::Right));
        assert_eq!(verify("pass\0word e", &stored).await, Ok(Verdict::Wrong));
        assert_eq!(verify("pass", &stored).await, Ok(Verdict::Wrong));
        assert_eq!(verify("x", "not a hash").await, Ok(Verdict::Unreadable));
        assert_eq!(
            verify(
                "x",
                "$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"
            )
            .await,
            Ok(Verdict::Unreadable)
        );
    }

    #[test]
    fn parameters_are_read_from_the_beginning_of_a_hash() {
        let ours = Parameters::from(SMALL);
        assert_eq!(Parameters::of(&ours.decoy()), Some(ours));
        assert_eq!(Parameters::of("$argon2id$v=19$m=64,t=1,p=1$c2"), Some(ours));
        for other in [
            "$argon2id$v=19$m=64,t=1,p=1",
            "$argon2i$v=19$m=64,t=1,p=1$c2",
            "$argon2id$v=19$m=64,t=1,p=1,keyid=x$c2",
            "$argon2id$v=19$m=4194304,t=1,p=1$c2",
            "$argon2id$v=19$m=1,t=0,p=1$c2",
            "$2b$12$c2",
            "",
        ] {
            assert_eq!(Parameters::of(other), None, "{other}");
        }
    }

    #[rocket::async_test]
    async fn an_older_hash_is_right_but_outdated() {
        let older = Hashing::start(SMALL).unwrap();
        let stored = older.hash(plain("password"), [7; SALT]).await.unwrap();
        let newer = Hashing::start(HashSettings {
            memory_kib: 128,
            ..SMALL
        })
        .unwrap();
        assert_eq!(
            newer.verify(plain("password"), stored).await,
            Ok(Verdict::Outdated)
        );
    }

    /// The vector of the reference implementation (phc-winner-argon2, test.c).
    #[rocket::async_test]
    async fn a_foreign_argon2_hash_is_understood() {
        let hashing = Hashing::start(SMALL).unwrap();
        let foreign =
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        assert_eq!(
            hashing.verify(plain("password"), foreign.into()).await,
            Ok(Verdict::Outdated)
        );
    }

    #[rocket::async_test]
    async fn a_full_line_is_said_at_once_and_empties_again() {
        let hashing = Hashing::start(HashSettings {
            threads: 1,
            queue: 1,
            ..SMALL
        })
        .unwrap();
        let (started, starts) = oneshot::channel();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let busy = hashing.clone();
        let first = rocket::tokio::spawn(async move {
            let hold = move || {
                let _ = started.send(());
                held.recv().unwrap();
            };
            busy.beside(hold).await
        });
        starts.await.unwrap();
        let decoy = Parameters::from(SMALL).decoy();
        let mut waiting = std::pin::pin!(hashing.verify(plain("x"), decoy.clone()));
        // Asked once, it stands in the line; the next finds the line full.
        let asked = std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context)));
        assert!(asked.await.is_pending());
        assert_eq!(hashing.verify(plain("x"), decoy).await, Err(Error::Busy));
        release.send(()).unwrap();
        assert_eq!(waiting.await, Ok(Verdict::Wrong));
        assert_eq!(first.await.unwrap(), Ok(()));
    }

    #[rocket::async_test]
    async fn a_job_that_panics_leaves_its_thread() {
        let hashing = Hashing::start(HashSettings {
            threads: 1,
            ..SMALL
        })
        .unwrap();
        assert_eq!(
            hashing.beside(|| panic!("on purpose")).await,
            Err::<(), _>(Error::Internal)
        );
        assert_eq!(hashing.beside(|| 1).await, Ok(1));
    }
}
