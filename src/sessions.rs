//! Being signed in: how it starts, goes on, is recognised, and ends.
//!
//! A session is a row. Its access token is verified without asking for the row, so each instance keeps in memory
//! which sessions ended within one access token's life ([`ended`]): a logout is true in the very next request. Its
//! refresh token renews the access token and is itself renewed each time ([`refresh`]).

pub mod ended;
pub mod handover;
mod keeping;
pub mod proof;
pub mod refresh;

use std::sync::Arc;

use crate::client::Client;
use crate::config::SessionSettings;
use crate::error::Error;
use crate::log::Log;
use crate::store::accounts::Account;
use crate::store::sessions::{self as rows, Chain, Session};
use crate::store::{Fault, Pool};
use crate::throttle::Throttle;
use crate::tokens::{Bearer, Claims, Minted, Refusal, Role, Rotation, Tokens};
use crate::world::{Chance, World};

use ended::Ended;
use refresh::{RefreshKey, RefreshToken};

/// Seconds that a refresh token stays good after its successor was first used.
const OVERLAP: i64 = 30;

/// Seconds for which ended sessions are shown to their owner.
const SHOWN: i64 = 30 * 86_400;

/// Seconds after which a session whose token was asked for again counts as seen anew: not every retry needs a write.
const SEEN: i64 = 3600;

/// Starts, renews, recognises and ends sessions.
pub struct Sessions {
    pool: Pool,
    tokens: Tokens,
    rotation: Rotation,
    refreshing: RefreshKey,
    ended: Ended,
    settings: SessionSettings,
    throttle: Arc<Throttle>,
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
    /// A new password was set with a letter.
    PasswordReset,
    /// A refresh token was used again long after its successor: it may have been stolen.
    Reused,
}

impl Why {
    fn name(self) -> &'static str {
        match self {
            Self::LoggedOut => "logged_out",
            Self::EndedByOwner => "ended_by_owner",
            Self::PasswordReset => "password_reset",
            Self::Reused => "reused",
        }
    }
}

/// A reason from the database, in words for the owner.
pub fn why_in_words(name: &str) -> &'static str {
    match name {
        "logged_out" => "Signed out.",
        "ended_by_owner" => "Ended by you.",
        "address_restored" => "Ended when a change of the address was taken back.",
        "password_changed" => "Ended when the password was changed.",
        "reused" => "Ended for safety: an old key of it was used again.",
        "password_reset" => "Ended because a new password was set.",
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
        rotation: Rotation,
        settings: SessionSettings,
        throttle: Arc<Throttle>,
        world: &World,
    ) -> Result<Self, Fault> {
        let sessions = Self {
            ended: Ended::new(tokens.lifetime(), settings.grace),
            refreshing: RefreshKey::new(rotation.secret().refreshing()),
            pool,
            tokens,
            rotation,
            settings,
            throttle,
            chance: world.chance.clone(),
            log: world.log.clone(),
        };
        sessions.listen_once().await?;
        Ok(sessions)
    }

    /// Starts a session for an account whose password was proven just now. With too many, the oldest ends, at the latest
    /// with the next.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Internal`] when the system gives no random bytes.
    pub async fn start(
        &self,
        account: &Account,
        method: &str,
        client: &Client,
    ) -> Result<Granted, Error> {
        let session = self.new_session(&account.id, account.version, method, client)?;
        let now = session.started_at;
        let surplus = rows::start(&self.pool, &session, self.settings.most).await?;
        self.spread(&surplus, now).await;
        self.grant(&session, holder(account), 0)
    }

    fn new_session(
        &self,
        account: &str,
        version: i64,
        method: &str,
        client: &Client,
    ) -> Result<Session, Error> {
        let now = self.tokens.now();
        Ok(Session {
            id: self.chance.id()?,
            account_id: account.to_owned(),
            version,
            started_at: now,
            authenticated_at: now,
            method: method.to_owned(),
            client: client.address.to_string(),
            device: client.device(),
            expires_at: now + self.settings.longest,
            last_seen_at: now,
            ended_at: None,
            ended_why: None,
        })
    }

    /// Makes endings true here at once, and elsewhere soon.
    async fn spread(&self, ids: &[String], now: i64) {
        if !ids.is_empty() {
            self.ended
                .note(ids.iter().filter_map(|id| ended::noted(id, now)));
            self.pool.tell().await;
        }
    }

    /// Renews a session: a new access token, and the one successor that this refresh token has. Retries, lost answers
    /// and parallel tabs all get the same.
    ///
    /// # Errors
    /// [`Error::InvalidGrant`] for a token that is not ours, too old, or whose session ended; one that is too old
    /// ends its session. [`Error::TooMany`] instead where too many that are not ours came from this network: a genuine
    /// one is never held up. [`Error::Unavailable`].
    pub async fn refresh(&self, token: &str, client: &Client) -> Result<Granted, Error> {
        let Some(token) = self.genuine(token) else {
            return Err(self.refuse_forged(client));
        };
        let Some(chain) = rows::chain(&self.pool, &token.session, token.generation).await? else {
            // Ours once, and forgotten since.
            return Err(self.refuse_refresh("unknown", None, client));
        };
        let (session, now) = (&chain.session, self.tokens.now());
        if let Some(reason) = self.over(&chain, now) {
            return Err(self.refuse_refresh(reason, Some(session), client));
        }
        // Another instance may have noted the use, so it is held against the clock that all share.
        let (newest, shared) = (chain.used.unwrap_or(-1), self.ended.shared(now));
        if token.generation > newest + 1 {
            // Only a database that was set back knows less than we gave out.
            return Err(self.refuse_refresh("ahead", Some(session), client));
        }
        if token.generation < newest && chain.followed_at.is_none_or(|at| at + OVERLAP < shared) {
            self.end(&session.account_id, &session.id, Why::Reused)
                .await?;
            return Err(self.refuse_refresh("reused", Some(session), client));
        }
        if token.generation == newest + 1 {
            // Twice the overlap: a use must be known for as long as it may be asked for.
            let forgotten = shared - 2 * OVERLAP;
            rows::note_use(&self.pool, &session.id, token.generation, shared, forgotten).await?;
        } else if session.last_seen_at + SEEN <= now {
            // A program that sends one and the same token again and again is there, too.
            rows::note_seen(&self.pool, &session.id, now).await?;
        }
        let holder = (&*chain.username, Role::named(&chain.role));
        self.grant(session, holder, token.generation + 1)
    }

    fn refuse_forged(&self, client: &Client) -> Error {
        match self.throttle.forged(client) {
            Ok(()) => self.refuse_refresh("unknown", None, client),
            Err(wait) => {
                let limit = ("limit", wait.limit.name());
                let error = Error::from(wait);
                let reason = ("reason", error.row().code);
                self.log
                    .event("refresh_refused", client, None, &[reason, limit]);
                error
            }
        }
    }

    fn refuse_refresh(&self, reason: &str, session: Option<&Session>, client: &Client) -> Error {
        let account = session.map(|session| session.account_id.as_str());
        self.log
            .event("refresh_refused", client, account, &[("reason", reason)]);
        Error::InvalidGrant
    }

    /// The token, if we made it. Told from forgeries before the database is asked, so that those cost no question.
    fn genuine(&self, token: &str) -> Option<RefreshToken> {
        RefreshToken::parse(token).filter(|token| self.refreshing.is_genuine(token))
    }

    fn over(&self, chain: &Chain, now: i64) -> Option<&'static str> {
        let session = &chain.session;
        if let Some(at) = session.ended_at {
            // Perhaps elsewhere, a moment ago.
            self.ended.note(ended::noted(&session.id, at));
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

    /// Makes the tokens of a session. What they say of their holder is as old as the session's version: whoever
    /// changes a role raises that.
    fn grant(
        &self,
        session: &Session,
        (username, role): (&str, Role),
        generation: i64,
    ) -> Result<Granted, Error> {
        let lasts = session.expires_at - self.tokens.now();
        let bearer = Bearer {
            account: &session.account_id,
            username,
            role,
            version: session.version,
            session: &session.id,
            auth_time: session.authenticated_at,
        };
        Ok(Granted {
            access: self.tokens.mint(&bearer, lasts)?,
            refresh: self.refreshing.token(&session.id, generation),
            lasts: lasts.min(self.settings.idle),
        })
    }

    /// Whose token this is. Asks no database.
    ///
    /// # Errors
    /// Why it is nobody's; [`Refusal::Deaf`] when this instance has not heard of endings for too long.
    pub fn whose(&self, token: &str) -> Result<Arc<Claims>, Refusal> {
        let claims = self.tokens.verify(token)?;
        if self.ended.is_deaf(self.tokens.now()) {
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
        rows::leave(&self.pool, account, id, now, Why::LoggedOut.name()).await?;
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
        let Some(token) = self.genuine(token) else {
            return Ok(None);
        };
        let chain = rows::chain(&self.pool, &token.session, token.generation).await?;
        Ok(chain.map(|chain| chain.session))
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
        self.ended.is_deaf(self.tokens.now())
    }
}

/// What tokens say of whom they are made for.
fn holder(account: &Account) -> (&str, Role) {
    (&account.username, Role::named(&account.role))
}
