//! What runs beside the requests: hearing what ended elsewhere, and tidying up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rocket::tokio::time::timeout;

use super::{SHOWN, Sessions, ended};
use crate::store::sessions as rows;
use crate::store::{Fault, accounts, addresses, changes, events, invites, networks};

/// Seconds for which those are shown whose place newer ones took, once their last token has expired.
const SURPLUS_SHOWN: i64 = 86_400;

/// For how many seconds more than a token lives is told that its account is gone: longer than any instance may be late
/// or its clock off.
const DEPARTED: i64 = 86_400;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often is tidied up.
const TIDYING: Duration = Duration::from_secs(60);

/// How often the database is asked for endings. Well below the second within which a logout is true everywhere.
const POLL: Duration = Duration::from_millis(400);

impl Sessions {
    /// Hears once what ended elsewhere, and which keys are trusted.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn listen_once(&self) -> Result<(), Fault> {
        if let Some(ring) = self.rotation.hear(&self.tokens.ring()).await? {
            self.tokens.replace(ring);
        }
        let now = self.tokens.now();
        // Asked first: what is written down while we read is asked for again next time.
        let told = self.pool.now().await?;
        let since = self.ended.watermark(now, told);
        let mut endings = Vec::new();
        rows::ended_since(&self.pool, since, |id, at| {
            endings.extend(ended::noted(id, at));
        })
        .await?;
        self.ended.note(endings);
        accounts::raised_since(&self.pool, since, |account, least, at| {
            self.ended.note_version(account, least, at);
        })
        .await?;
        self.ended.heard(now, told);
        Ok(())
    }

    /// Ends what ran out and forgets what nobody asks for any more.
    ///
    /// # Errors
    /// The database does not answer or cannot write.
    pub async fn tidy(&self) -> Result<(), Fault> {
        let now = self.tokens.now();
        rows::end_expired(&self.pool, now, now - self.settings.idle).await?;
        networks::forget(&self.pool, now - networks::KNOWN).await?;
        invites::forget(&self.pool, now - SHOWN).await?;
        events::forget(&self.pool, now - events::KEPT).await?;
        addresses::forget(&self.pool, now).await?;
        let left = now - self.tokens.lifetime() - DEPARTED;
        changes::forget(&self.pool, now - changes::NAME_KEPT, left).await?;
        let surplus = self.tokens.lifetime() + SURPLUS_SHOWN;
        rows::forget(&self.pool, now - SHOWN, now - surplus).await
    }

    /// Hears of endings for as long as the service runs, and tidies up now and then.
    pub async fn keep(self: Arc<Self>) {
        let mut bell = self.pool.bell().await;
        let (mut lost, mut tidied, mut tried) = (false, Instant::now(), Vec::new());
        let mut astray = false;
        loop {
            let heard = timeout(PATIENCE, self.listen_once())
                .await
                .unwrap_or_else(|_| Err(Fault::silent()));
            if self.pool.is_closed() {
                return;
            }
            // Told once, not twice a second.
            match &heard {
                Ok(()) if lost => self.log.notice("info", "database_back", &[]),
                Err(fault) if !lost => {
                    let cause = fault.to_string();
                    self.log
                        .notice("error", "database_lost", &[("cause", &cause)]);
                }
                _ => {}
            }
            lost = heard.is_err();
            if !lost {
                // What is due with the keys is tried at once and, where that fails, as often as everything else.
                let due = self.rotation.due(self.tokens.now());
                let at_once = !due.is_empty() && due != tried;
                let mut tidying = tidied.elapsed() > TIDYING;
                if tidying {
                    tidied = Instant::now();
                    // A clock that is wrong must end nobody's session and forget nothing.
                    let apart = self.ended.astray();
                    if let Some(apart) = apart.filter(|_| !astray) {
                        self.tell_astray(apart);
                    }
                    (astray, tidying) = (apart.is_some(), apart.is_none());
                }
                // Beside the listening, which must not wait for it.
                if at_once || tidying {
                    rocket::tokio::spawn(Arc::clone(&self).keep_up(tidying));
                }
                tried = due;
            }
            // Woken by another instance; else by the clock, so that a lost word costs half a second.
            bell.ring(POLL).await;
        }
    }
}

impl Sessions {
    fn tell_astray(&self, apart: i64) {
        let warning = "This machine's clock and the database's differ by more than ten minutes. Until they agree, no \
                       session is ended for its age and nothing old is deleted. See vestibule doctor.";
        let more = [("seconds", &*apart.to_string()), ("warning", warning)];
        self.log.notice("error", "clock_astray", &more);
    }

    /// Does what is due with the keys and, now and then, tidies up.
    async fn keep_up(self: Arc<Self>, tidying: bool) {
        let work = async {
            let keys = self.rotation.keep_up(self.tokens.now()).await;
            let sessions = if tidying { self.tidy().await } else { Ok(()) };
            [
                keys.err().map(|fault| fault.to_string()),
                sessions.err().map(|fault| fault.to_string()),
            ]
        };
        for cause in timeout(TIDYING, work).await.into_iter().flatten().flatten() {
            self.log
                .notice("error", "tidying_failed", &[("cause", &cause)]);
        }
    }
}
