//! Being signed in: how it starts, goes on, is recognised, and ends.
//!
//! A session is a row. Its access token is verified without asking for the row, so each instance keeps in memory
//! which sessions ended within one access token's life ([`ended`]): a logout is true in the very next request. Its
//! refresh token renews the access token and is itself renewed each time ([`refresh`]).

pub mod ended;
pub mod refresh;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rocket::tokio::time::timeout;

use crate::client::Client;
use crate::config::SessionSettings;
use crate::error::Error;
use crate::log::Log;
use crate::store::accounts::{self, Account};
use crate::store::sessions::{self as rows, Chain, Session};
use crate::store::{Fault, Pool};
use crate::tokens::{Bearer, Claims, Minted, Refusal, ServerSecret, Tokens};
use crate::world::{Chance, World};

use ended::Ended;
use refresh::{RefreshKey, RefreshToken};

/// Seconds that a refresh token stays good after its successor was first used.
const OVERLAP: i64 = 30;

/// Seconds for which ended sessions are shown to their owner.
const SHOWN: i64 = 30 * 86_400;

/// Starts, renews, recognises and ends sessions.
pub struct Sessions {
    pool: Pool,
    tokens: Tokens,
    refreshing: RefreshKey,
    ended: Ended,
    settings: SessionSettings,
    chance: Chance,
    log: Log,
}

/// What somebody signed in holds.
pub struct Granted {
    /// The access token.
    pub access: Minted,
    /// The refresh token. A secret.
    pub refresh: String,
    /// How long the session can last at most, in seconds.
    pub lasts: i64,
}

/// Why a session ended, as the database remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its owner signed out there.
    LoggedOut,
    /// Its owner ended it from elsewhere.
    EndedByOwner,
    /// A refresh token was used again long after its successor: it may have been stolen.
    Reused,
}

impl Why {
    fn name(self) -> &'static str {
        match self {
            Self::LoggedOut => "logged_out",
            Self::EndedByOwner => "ended_by_owner",
            Self::Reused => "reused",
        }
    }
}

/// A reason from the database, in words for the owner.
pub fn why_in_words(name: &str) -> &'static str {
    match name {
        "logged_out" => "Signed out.",
        "ended_by_owner" => "Ended by you.",
        "reused" => "Ended for safety: an old key of it was used again.",
        "ended_by_operator" => "Ended by the operator.",
        "surplus" => "Ended because newer sessions took its place.",
        "expired" => "Reached its longest time.",
        "idle" => "Not used for too long.",
        _ => "Ended.",
    }
}

impl Sessions {
    /// Sessions kept in this database; what ended lately is loaded.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn open(
        pool: Pool,
        tokens: Tokens,
        secret: &ServerSecret,
        settings: SessionSettings,
        world: &World,
    ) -> Result<Self, Fault> {
        let sessions = Self {
            ended: Ended::new(tokens.lifetime(), settings.grace),
            refreshing: RefreshKey::new(secret.refreshing()),
            pool,
            tokens,
            settings,
            chance: world.chance.clone(),
            log: world.log.clone(),
        };
        sessions.listen_once().await?;
        Ok(sessions)
    }

    /// Starts a session for an account whose password was proven just now. With too many, the oldest ends.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Internal`] when the system gives no random bytes.
    pub async fn start(
        &self,
        account: &Account,
        method: &str,
        client: &Client,
    ) -> Result<Granted, Error> {
        let now = self.tokens.now();
        let session = Session {
            id: self.chance.id()?,
            account_id: account.id.clone(),
            version: account.version,
            seed: self.chance.id()?,
            started_at: now,
            authenticated_at: now,
            method: method.to_owned(),
            client: client.address.to_string(),
            device: client.device(),
            expires_at: now + self.settings.longest,
            last_seen_at: now,
            ended_at: None,
            ended_why: None,
        };
        rows::insert(&self.pool, &session).await?;
        let surplus = rows::end_surplus(
            &self.pool,
            &account.id,
            &session.id,
            self.settings.most,
            now,
        )
        .await?;
        self.spread(&surplus, now).await;
        self.grant(&session, &account.username, 0)
    }

    /// Makes endings true here at once, and elsewhere soon.
    async fn spread(&self, ids: &[String], now: i64) {
        if !ids.is_empty() {
            self.ended.note(ids.iter().map(|id| (id.as_str(), now)));
            self.pool.tell().await;
        }
    }

    /// Renews a session: a new access token, and the one successor that this refresh token has. Retries, lost answers
    /// and parallel tabs all get the same.
    ///
    /// # Errors
    /// [`Error::InvalidGrant`] for a token that is not ours, too old, or whose session ended; one that is too old
    /// ends its session. [`Error::Unavailable`].
    pub async fn refresh(&self, token: &str, client: &Client) -> Result<Granted, Error> {
        let Some((token, chain)) = self.chain_of(token).await? else {
            return Err(self.refuse_refresh("unknown", None, client));
        };
        let (session, now) = (&chain.session, self.tokens.now());
        if let Some(reason) = self.over(&chain, now) {
            return Err(self.refuse_refresh(reason, Some(session), client));
        }
        let newest = chain.used.unwrap_or(-1);
        if token.generation > newest + 1 {
            // Only a database that was set back knows less than we gave out.
            return Err(self.refuse_refresh("ahead", Some(session), client));
        }
        if token.generation < newest && chain.followed_at.is_none_or(|at| at + OVERLAP < now) {
            self.end(&session.account_id, &session.id, Why::Reused)
                .await?;
            return Err(self.refuse_refresh("reused", Some(session), client));
        }
        if token.generation == newest + 1 {
            rows::note_use(&self.pool, &session.id, token.generation, now).await?;
        }
        self.grant(session, &chain.username, token.generation + 1)
    }

    fn refuse_refresh(&self, reason: &str, session: Option<&Session>, client: &Client) -> Error {
        let account = session.map(|session| session.account_id.as_str());
        self.log
            .event("refresh_refused", client, account, &[("reason", reason)]);
        Error::InvalidGrant
    }

    /// The chain that a genuine refresh token belongs to.
    async fn chain_of(&self, token: &str) -> Result<Option<(RefreshToken, Chain)>, Error> {
        let Some(token) = RefreshToken::parse(token) else {
            return Ok(None);
        };
        let chain = rows::chain(&self.pool, &token.session, token.generation).await?;
        let genuine = chain.filter(|chain| self.refreshing.is_genuine(&token, &chain.session.seed));
        Ok(genuine.map(|chain| (token, chain)))
    }

    fn over(&self, chain: &Chain, now: i64) -> Option<&'static str> {
        let session = &chain.session;
        if let Some(at) = session.ended_at {
            // Perhaps elsewhere, a moment ago.
            self.ended.note([(session.id.as_str(), at)]);
            Some("ended")
        } else if session.version < chain.least {
            Some("outdated")
        } else if chain.disabled {
            Some("disabled")
        } else if session.expires_at <= now {
            Some("expired")
        } else if session.last_seen_at + self.settings.idle <= now {
            Some("idle")
        } else {
            None
        }
    }

    fn grant(&self, session: &Session, username: &str, generation: i64) -> Result<Granted, Error> {
        let lasts = session.expires_at - self.tokens.now();
        let bearer = Bearer {
            account: &session.account_id,
            username,
            version: session.version,
            session: &session.id,
            auth_time: session.authenticated_at,
        };
        Ok(Granted {
            access: self.tokens.mint(&bearer, lasts)?,
            refresh: self
                .refreshing
                .token(&session.id, generation, &session.seed),
            lasts: lasts.min(self.settings.idle),
        })
    }

    /// Whose token this is. Asks no database.
    ///
    /// # Errors
    /// Why it is nobody's; [`Refusal::Deaf`] when this instance has not heard of endings for too long.
    pub fn whose(&self, token: &str) -> Result<Arc<Claims>, Refusal> {
        let claims = self.tokens.verify(token)?;
        if self.ended.is_deaf() {
            return Err(Refusal::Deaf);
        }
        if self.ended.holds(&claims) {
            return Err(Refusal::Ended);
        }
        Ok(claims)
    }

    /// Ends the session of a token that was verified. It is over here whoever ended it first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn leave(&self, account: &str, id: &str) -> Result<(), Error> {
        let now = self.tokens.now();
        rows::end(&self.pool, account, id, now, Why::LoggedOut.name()).await?;
        self.spread(&[id.to_owned()], now).await;
        Ok(())
    }

    /// Ends one session of an account. `false`: it has none of that name that still goes on.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end(&self, account: &str, id: &str, why: Why) -> Result<bool, Error> {
        let now = self.tokens.now();
        let ended = rows::end(&self.pool, account, id, now, why.name()).await?;
        if ended {
            self.spread(&[id.to_owned()], now).await;
        }
        Ok(ended)
    }

    /// Ends every session of an account but this one, and says how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end_others(&self, account: &str, keep: &str, why: Why) -> Result<usize, Error> {
        let now = self.tokens.now();
        let ended = rows::end_others(&self.pool, account, keep, now, why.name()).await?;
        self.spread(&ended, now).await;
        Ok(ended.len())
    }

    /// The session that a refresh token belongs to, however old the token: for signing out with nothing else left.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn session_of(&self, token: &str) -> Result<Option<Session>, Error> {
        Ok(self.chain_of(token).await?.map(|(_, chain)| chain.session))
    }

    /// The account's sessions that go on, and those that ended within thirty days, the newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn of_account(&self, account: &str) -> Result<Vec<Session>, Error> {
        Ok(rows::of_account(&self.pool, account, self.tokens.now() - SHOWN).await?)
    }

    /// How long an access token lives, in seconds.
    pub fn access_lifetime(&self) -> i64 {
        self.tokens.lifetime()
    }

    /// The public keys of our tokens, for verifiers elsewhere.
    pub fn jwks(&self) -> serde_json::Value {
        self.tokens.ring().jwks()
    }

    /// Whether this instance has not heard of endings for too long, so that the guard is closed.
    pub fn is_deaf(&self) -> bool {
        self.ended.is_deaf()
    }

    /// Hears once what ended elsewhere.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn listen_once(&self) -> Result<(), Fault> {
        let now = self.tokens.now();
        let since = self.ended.watermark(now);
        let endings = rows::ended_since(&self.pool, since).await?;
        let versions = accounts::raised_since(&self.pool, since).await?;
        self.ended.note(
            endings
                .iter()
                .map(|ending| (ending.id.as_str(), ending.ended_at)),
        );
        for version in versions {
            self.ended
                .note_version(&version.account, version.least, version.raised_at);
        }
        self.ended.heard(now);
        Ok(())
    }

    /// Ends what ran out and forgets what nobody asks for any more.
    ///
    /// # Errors
    /// The database does not answer or cannot write.
    pub async fn tidy(&self) -> Result<(), Fault> {
        let now = self.tokens.now();
        rows::end_expired(&self.pool, now, now - self.settings.idle).await?;
        // Twice the overlap: a use must be known for as long as it may be asked for.
        rows::forget(&self.pool, now - SHOWN, now - 2 * OVERLAP).await
    }

    /// Hears of endings for as long as the service runs, and tidies up now and then.
    pub async fn keep(self: Arc<Self>) {
        let mut bell = self.pool.bell().await;
        let (mut lost, mut tidied) = (false, Instant::now());
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
            if !lost && tidied.elapsed() > TIDYING {
                tidied = Instant::now();
                // Beside the listening, which must not wait for it.
                rocket::tokio::spawn(Arc::clone(&self).tidy_up());
            }
            // Woken by another instance; else by the clock, so that a lost word costs half a second.
            bell.ring(POLL).await;
        }
    }
}

impl Sessions {
    async fn tidy_up(self: Arc<Self>) {
        if let Ok(Err(fault)) = timeout(TIDYING, self.tidy()).await {
            let cause = fault.to_string();
            self.log
                .notice("error", "tidying_failed", &[("cause", &cause)]);
        }
    }
}

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often is tidied up.
const TIDYING: Duration = Duration::from_secs(60);

/// How often the database is asked for endings. Well below the second within which a logout is true everywhere.
const POLL: Duration = Duration::from_millis(400);
