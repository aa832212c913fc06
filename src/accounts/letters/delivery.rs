//! Sending what waits in the queue, beside everything else. Any number of instances may do it at once: a letter is taken
//! for a while by one of them, in the write that asks for it.
//!
//! What is promised is *at least once*: where a server took a letter and the answer was lost, it goes out again, under
//! the same Message-ID.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rocket::futures::future::join_all;
use rocket::tokio::time::{sleep, timeout};

use super::opened;
use crate::accounts::rules::{deliverable, email_key};
use crate::log::Log;
use crate::post::{Envelope, Post, Undelivered};
use crate::store::outbox::{self as rows, Queued};
use crate::store::{Fault, Pool, accounts, letters};
use crate::tokens::Sealing;
use crate::world::Clock;

use super::LetterKeys;

/// How often is looked whether letters are due.
const POLL: Duration = Duration::from_millis(500);

/// How long one instance has a letter for itself, in seconds: longer than any try takes, even by clocks that differ.
const LEASE: i64 = 300;

/// How long a letter that our secret does not open is left alone, in seconds.
const CLOSED: i64 = 60;

/// What is said of it.
const CLOSED_WHY: &str =
    "The server secret does not open it. It waits for the one that it was written with.";

/// How many letters are sent at once.
const AT_ONCE: i64 = 8;

/// How often is tidied up.
const TIDYING: Duration = Duration::from_secs(60);

/// How long letters that ended are shown to the operator, in seconds.
const SHOWN: i64 = 7 * 86_400;

/// How long letters that nobody may answer any more are kept, in seconds.
const ANSWERABLE: i64 = 86_400;

/// How long one question to the database may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends letters for as long as the service runs.
pub struct Delivery {
    pool: Pool,
    sealing: Arc<Sealing>,
    /// `None`: letters wait for the operator.
    post: Option<Post>,
    clock: Clock,
    log: Log,
}

impl Delivery {
    /// Sends what waits in this database, with this post.
    pub fn new(pool: Pool, keys: &LetterKeys, post: Option<Post>, clock: Clock, log: Log) -> Self {
        Self {
            pool,
            sealing: Arc::clone(&keys.sealing),
            post,
            clock,
            log,
        }
    }

    /// Sends and tidies up until the database is closed.
    pub async fn keep(self: Arc<Self>) {
        let mut tidied = None::<Instant>;
        while !self.pool.is_closed() {
            // A database that is away is told of elsewhere; the letters are in it and wait.
            let sent = match &self.post {
                Some(post) => self.send_due(post).await.unwrap_or(0),
                None => 0,
            };
            if tidied.is_none_or(|at| at.elapsed() > TIDYING) {
                tidied = Some(Instant::now());
                let _ = timeout(TIDYING, self.tidy()).await;
            }
            if sent == 0 {
                sleep(POLL).await;
            }
        }
    }

    async fn send_due(&self, post: &Post) -> Result<usize, Fault> {
        let now = self.clock.unix();
        let asked = timeout(PATIENCE, rows::is_due(&self.pool, now)).await;
        if !asked.unwrap_or_else(|_| Err(Fault::silent()))? {
            return Ok(0);
        }
        let letters = rows::claim(&self.pool, now, now + LEASE, AT_ONCE).await?;
        join_all(letters.iter().map(|letter| self.try_one(post, letter))).await;
        Ok(letters.len())
    }

    async fn try_one(&self, post: &Post, letter: &Queued) {
        if letter.good_until <= self.clock.unix() {
            return self
                .give_up(letter, "late", "It was of no use any more.")
                .await;
        }
        let Some(written) = opened(&self.sealing, letter) else {
            return self.leave_closed(letter).await;
        };
        let envelope = Envelope {
            id: &letter.id,
            to: &deliverable(&letter.sent_to),
            subject: &written.subject,
            text: &written.text,
            html: &written.html,
            written_at: letter.created_at,
        };
        match post.send(&envelope).await {
            Ok(()) => {
                self.tell("letter_sent", "info", letter, None);
                self.note(|| rows::end(&self.pool, &letter.id, "sent", None, self.clock.unix()))
                    .await;
            }
            Err(Undelivered::Never(cause)) => self.give_up(letter, "refused", &cause).await,
            Err(Undelivered::Later(cause)) => {
                self.tell("letter_delayed", "warn", letter, Some(&cause));
                let due = self.clock.unix() + pause(letter.tries);
                self.postpone(letter, letter.tries, &cause, due).await;
            }
        }
    }

    /// The right secret may come back, with the next start or in another instance: until it is of no use, the letter
    /// waits. Each is told of once.
    async fn leave_closed(&self, letter: &Queued) {
        if letter.last_fault.as_deref() != Some(CLOSED_WHY) {
            self.tell("letter_not_opened", "error", letter, Some(CLOSED_WHY));
        }
        let due = self.clock.unix() + CLOSED;
        // No server was asked, so this is no try.
        self.postpone(letter, letter.tries - 1, CLOSED_WHY, due)
            .await;
    }

    async fn postpone(&self, letter: &Queued, tries: i64, cause: &str, due: i64) {
        self.note(|| rows::postpone(&self.pool, (&letter.id, tries), cause, due))
            .await;
    }

    async fn give_up(&self, letter: &Queued, how: &str, cause: &str) {
        self.tell("letter_given_up", "error", letter, Some(cause));
        self.note(|| rows::end(&self.pool, &letter.id, how, Some(cause), self.clock.unix()))
            .await;
    }

    /// Writes down what became of a letter, and tries that for as long as nobody else may have the letter: a database
    /// that was away for a moment must not make it go out twice.
    async fn note<F: Future<Output = Result<(), Fault>>>(&self, write: impl Fn() -> F) {
        let began = Instant::now();
        while write().await.is_err() {
            let over = began.elapsed() > Duration::from_secs(LEASE.unsigned_abs() / 2);
            if over || self.pool.is_closed() {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    fn tell(&self, event: &str, level: &str, letter: &Queued, cause: Option<&str>) {
        let tries = letter.tries.to_string();
        let mut more = vec![
            ("letter", letter.letter.as_str()),
            ("outbox", letter.id.as_str()),
            ("tries", tries.as_str()),
        ];
        more.extend(letter.account_id.as_deref().map(|id| ("account", id)));
        // A server may repeat the address in what it says, and the log holds none.
        let cause = cause.map(|cause| without_address(cause, &letter.sent_to));
        more.extend(cause.as_deref().map(|cause| ("cause", cause)));
        self.log.notice(level, event, &more);
    }

    async fn tidy(&self) -> Result<(), Fault> {
        let now = self.clock.unix();
        rows::tidy(&self.pool, now, now - SHOWN).await?;
        accounts::forget_pending(&self.pool, now).await?;
        letters::forget(&self.pool, now - ANSWERABLE).await
    }
}

/// How long to wait after so many tries, in seconds: 10, 20, 40 … up to an hour.
fn pause(tries: i64) -> i64 {
    let doublings = u32::try_from(tries.clamp(1, 10) - 1).unwrap_or(0);
    (10 << doublings).min(3_600)
}

/// Words without an address, in each of the spellings that a server has it from us or makes of it.
fn without_address(words: &str, address: &str) -> String {
    let spellings = [address.to_owned(), deliverable(address), email_key(address)];
    spellings
        .iter()
        .fold(words.to_owned(), |words, one| words.replace(one, "…"))
}

#[cfg(test)]
mod tests {
    use super::pause;

    #[test]
    fn pauses_grow_to_an_hour() {
        let pauses: Vec<i64> = (1..=11).map(pause).collect();
        assert_eq!(
            pauses,
            [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600]
        );
    }
}
