//! What may happen to an account: registering, signing in. The only place where rules live.
//!
//! Pages and API call the same functions and get the same refusals. Strangers learn as little as can be: a wrong
//! password and an unknown name are one answer, after the same statement and the same hash. What registration
//! reveals is one answer for a taken name and a taken address, as the API's contract says.

pub mod operator;
pub mod passwords;
pub mod rules;

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::client::Client;
use crate::error::{Error, FieldError};
use crate::hashing::{Hashing, Verdict};
use crate::sessions::{Granted, Sessions, Why};
use crate::store::accounts::{self as rows, Account, Keys};
use crate::store::sessions::Session;
use crate::store::{Fault, Pool};
use crate::world::World;

/// What registration asks for, as received.
pub struct Registration {
    /// 3–32 of `A–Z a–z 0–9 . _ -`.
    pub username: String,
    /// An address.
    pub email: String,
    /// 8–128 characters.
    pub password: Zeroizing<String>,
}

/// What signing in asks for, as received.
pub struct Credentials {
    /// A username or an address.
    pub name: String,
    /// The password.
    pub password: Zeroizing<String>,
}

/// Somebody who just proved a password.
pub struct SignedIn {
    /// Who.
    pub account: Account,
    /// What they hold from now on.
    pub granted: Granted,
}

/// The rules, and what they need.
pub struct Accounts {
    pool: Pool,
    hashing: Hashing,
    judging: Hashing,
    sessions: Arc<Sessions>,
    world: World,
}

impl Accounts {
    /// Accounts kept in this database. New passwords are judged by `judging`, a line of its own, so that strangers
    /// who register hold up nobody who logs in.
    pub fn new(
        pool: Pool,
        hashing: Hashing,
        judging: Hashing,
        sessions: Arc<Sessions>,
        world: World,
    ) -> Self {
        Self {
            pool,
            hashing,
            judging,
            sessions,
            world,
        }
    }

    /// Makes an account.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a reason a field; [`Error::Taken`]; [`Error::Busy`]; [`Error::Unavailable`].
    pub async fn register(&self, wanted: Registration, client: &Client) -> Result<Account, Error> {
        let registered = self.try_register(wanted).await;
        match &registered {
            Ok(account) => self
                .world
                .log
                .event("registered", client, Some(&account.id), &[]),
            Err(error) => self.refused("registration_refused", error, client, None),
        }
        registered
    }

    async fn try_register(&self, wanted: Registration) -> Result<Account, Error> {
        let Registration {
            username,
            email,
            password,
        } = wanted;
        let mut faults = Vec::new();
        faults.extend(rules::username_fault(&username).map(|why| FieldError::new("username", why)));
        faults.extend(rules::email_fault(&email).map(|why| FieldError::new("email", why)));
        faults
            .extend(passwords::length_fault(&password).map(|why| FieldError::new("password", why)));
        // Judging is the dear part, so what is refused anyway is not judged.
        if faults.is_empty() {
            let (context, judged) = ([username.clone(), email.clone()], password.clone());
            let judge = move || passwords::weakness(&judged, &context);
            faults.extend(
                self.judging
                    .beside(judge)
                    .await?
                    .map(|why| FieldError::new("password", why)),
            );
        }
        if !faults.is_empty() {
            return Err(Error::Invalid(faults));
        }
        let keys = Keys {
            username: rules::username_key(&username),
            email: rules::email_key(&email),
        };
        // Hashed before anyone asks whether the name is free, so that the answer's time says nothing about it.
        let password_hash = self
            .hashing
            .hash(password, self.world.chance.bytes()?)
            .await?;
        let account = Account {
            id: self.world.chance.id()?,
            username,
            email,
            password_hash,
            created_at: self.world.clock.unix(),
            version: 1,
            disabled_at: None,
        };
        let inserted = rows::insert(&self.pool, &account, &keys).await?;
        if inserted {
            Ok(account)
        } else {
            Err(Error::Taken)
        }
    }

    /// Checks a password and starts a session.
    ///
    /// # Errors
    /// [`Error::WrongPassword`] for a wrong password and an unknown name alike; [`Error::Invalid`] for a name that
    /// cannot be one; [`Error::Busy`]; [`Error::Unavailable`].
    pub async fn log_in(
        &self,
        credentials: Credentials,
        client: &Client,
    ) -> Result<SignedIn, Error> {
        let found = match rules::name_fault(&credentials.name) {
            Some(reason) => Err(Error::Invalid(vec![FieldError::new("username", reason)])),
            None => self.find(&credentials.name).await,
        };
        let account =
            found.inspect_err(|error| self.refused("login_refused", error, client, None))?;
        let checked = self.check(credentials.password, account.as_ref()).await;
        checked
            .inspect_err(|error| self.refused("login_refused", error, client, account.as_ref()))?;
        let account = account.ok_or(Error::WrongPassword)?;
        self.let_in(account, "password", client).await
    }

    async fn let_in(
        &self,
        account: Account,
        method: &str,
        client: &Client,
    ) -> Result<SignedIn, Error> {
        let granted = self.sessions.start(&account, method, client).await?;
        self.world.log.event(
            "logged_in",
            client,
            Some(&account.id),
            &[("method", method)],
        );
        Ok(SignedIn { account, granted })
    }

    async fn find(&self, name: &str) -> Result<Option<Account>, Error> {
        Ok(find(&self.pool, name).await?)
    }

    async fn check(
        &self,
        password: Zeroizing<String>,
        account: Option<&Account>,
    ) -> Result<(), Error> {
        // Nobody has a password that registration refuses; a longer one costs the same hash and no more.
        let possible = passwords::length_fault(&password).is_none();
        let tried = if possible {
            password.clone()
        } else {
            Zeroizing::default()
        };
        let stored = account.map(|account| account.password_hash.clone());
        match self.hashing.verify(tried, stored).await? {
            // After the hash, like any wrong password: strangers learn nothing.
            _ if account.is_some_and(|account| account.disabled_at.is_some()) => {
                Err(Error::WrongPassword)
            }
            Verdict::Right if possible => Ok(()),
            Verdict::Outdated if possible => {
                if let Some(account) = account {
                    self.renew(account, password).await;
                }
                Ok(())
            }
            _ => Err(Error::WrongPassword),
        }
    }

    /// Stores the hash anew with today's parameters. The password was right, so nothing that fails here may keep
    /// the owner out: the next login tries again.
    async fn renew(&self, account: &Account, password: Zeroizing<String>) {
        let Ok(salt) = self.world.chance.bytes() else {
            return;
        };
        if let Ok(hash) = self.hashing.hash(password, salt).await {
            // The fault is in the log already.
            let _ = rows::replace_hash(&self.pool, &account.id, &account.password_hash, &hash)
                .await
                .map_err(Error::from);
        }
    }

    /// Starts a session for an account that was just registered.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Internal`] when the system gives no random bytes.
    pub async fn sign_in_new(&self, account: Account, client: &Client) -> Result<SignedIn, Error> {
        self.let_in(account, "registration", client).await
    }

    /// Renews what somebody holds. See [`Sessions::refresh`].
    ///
    /// # Errors
    /// As there.
    pub async fn refresh(&self, token: &str, client: &Client) -> Result<Granted, Error> {
        self.sessions.refresh(token, client).await
    }

    /// Signs out of one's own session: all its tokens are refused from now on.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: the session goes on, and whoever wanted to leave must be told.
    pub async fn log_out(
        &self,
        account: &str,
        session: &str,
        client: &Client,
    ) -> Result<(), Error> {
        self.sessions.leave(account, session).await?;
        self.world
            .log
            .event("logged_out", client, Some(account), &[]);
        Ok(())
    }

    /// Ends the session that a browser had before it signed in anew, if any (ASVS v5.0.0-7.2.4). The new one is good
    /// whatever becomes of the old.
    pub async fn replace(&self, old: Option<(String, String)>, client: &Client) {
        if let Some((account, session)) = old {
            let _ = self.log_out(&account, &session, client).await;
        }
    }

    /// Ends another session of one's own.
    ///
    /// # Errors
    /// [`Error::NotFound`] for somebody else's and for none alike; [`Error::Unavailable`].
    pub async fn end_session(
        &self,
        account: &str,
        session: &str,
        client: &Client,
    ) -> Result<(), Error> {
        if !self
            .sessions
            .end(account, session, Why::EndedByOwner)
            .await?
        {
            return Err(Error::NotFound);
        }
        self.world.log.event(
            "session_ended",
            client,
            Some(account),
            &[("session", session)],
        );
        Ok(())
    }

    /// Ends every session of one's own but this one, and says how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end_other_sessions(
        &self,
        account: &str,
        keep: &str,
        client: &Client,
    ) -> Result<usize, Error> {
        let ended = self
            .sessions
            .end_others(account, keep, Why::EndedByOwner)
            .await?;
        self.world.log.event(
            "other_sessions_ended",
            client,
            Some(account),
            &[("count", &ended.to_string())],
        );
        Ok(ended)
    }

    /// One's own sessions. See [`Sessions::of_account`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn sessions(&self, account: &str) -> Result<Vec<Session>, Error> {
        self.sessions.of_account(account).await
    }

    /// Whether the database answers, and this instance hears what ended elsewhere.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ready(&self) -> Result<(), Error> {
        if self.sessions.is_deaf() {
            return Err(Error::Unavailable);
        }
        Ok(self.pool.ping().await?)
    }

    fn refused(&self, event: &str, error: &Error, client: &Client, account: Option<&Account>) {
        self.world.log.event(
            event,
            client,
            account.map(|account| account.id.as_str()),
            &[("reason", error.row().code)],
        );
    }
}

/// The account of a username or an address.
async fn find(pool: &Pool, name: &str) -> Result<Option<Account>, Fault> {
    // A username holds no "@", so the two cannot be confused.
    if name.contains('@') {
        rows::by_email(pool, &rules::email_key(name)).await
    } else {
        rows::by_username(pool, &rules::username_key(name)).await
    }
}
