//! What may happen to an account: registering, signing in. The only place where rules live.
//!
//! Pages and API call the same functions and get the same refusals. Strangers learn as little as can be: a wrong
//! password and an unknown name are one answer, after the same statement and the same hash. What registration
//! reveals is one answer for a taken name and a taken address, as the API's contract says.

mod addresses;
mod changes;
mod codes;
pub mod coming;
mod confirming;
pub mod decoys;
pub mod devices;
pub mod events;
pub mod invites;
mod leaving;
pub mod letters;
mod making;
mod notices;
pub mod operator;
pub mod passwords;
mod proving;
mod recovery;
mod registering;
pub mod rules;

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::client::Client;
use crate::config::VerifyEmail;
use crate::error::{Error, FieldError};
use crate::hashing::Hashing;
use crate::sessions::proof::Recent;
use crate::sessions::{Granted, Sessions, Why};
use crate::store::accounts::{self as rows, Account};
use crate::store::letters as letter_rows;
use crate::store::sessions::Session;
use crate::store::{Fault, Pool};
use crate::throttle::Throttle;
use crate::world::{NoChance, World};

pub use addresses::Asked;
pub use changes::NewPassword;
pub use proving::Door;
pub use recovery::Proof;
pub use registering::Registered;

use decoys::Decoys;
use devices::{DeviceKey, Whose};
use invites::Admission;
use letters::{Letters, Purpose};
use proving::Name;

/// What registration asks for, as received.
pub struct Registration {
    /// 3–32 of `A–Z a–z 0–9 . _ -`.
    pub username: String,
    /// An address.
    pub email: String,
    /// 8–128 characters.
    pub password: Zeroizing<String>,
    /// The code of an invitation, where there is one.
    pub invite: Option<String>,
}

/// What signing in asks for, as received.
pub struct Credentials {
    /// A username or an address.
    pub name: String,
    /// The password.
    pub password: Zeroizing<String>,
    /// Where they come in.
    pub door: Door,
}

/// Somebody who just proved a password.
pub struct SignedIn {
    /// Who.
    pub account: Account,
    /// What they hold from now on.
    pub granted: Granted,
    /// By which a browser is known from now on.
    pub device: Option<String>,
}

/// What passwords are held against.
pub struct Hashers {
    /// Hashes them.
    pub hashing: Hashing,
    /// Judges new ones: a line of its own, so that strangers who register hold up nobody who logs in.
    pub judging: Hashing,
    /// Chooses what is hashed for names that nobody has.
    pub decoys: Arc<Decoys>,
}

/// The rules, and what they need.
pub struct Accounts {
    pool: Pool,
    hashing: Hashing,
    judging: Hashing,
    decoys: Arc<Decoys>,
    sessions: Arc<Sessions>,
    throttle: Arc<Throttle>,
    devices: DeviceKey,
    letters: Arc<Letters>,
    /// `None`: nobody may register.
    admission: Option<Admission>,
    world: World,
}

impl Accounts {
    /// Accounts kept in this database.
    pub fn new(
        pool: Pool,
        hashers: Hashers,
        sessions: Arc<Sessions>,
        throttle: Arc<Throttle>,
        devices: DeviceKey,
        letters: Letters,
        world: World,
    ) -> Self {
        let Hashers {
            hashing,
            judging,
            decoys,
        } = hashers;
        Self {
            pool,
            hashing,
            judging,
            decoys,
            sessions,
            throttle,
            devices,
            letters: Arc::new(letters),
            admission: None,
            world,
        }
    }

    /// Letters to people.
    pub fn letters(&self) -> &Letters {
        &self.letters
    }

    /// Lets people register, as far as this says.
    pub fn admitting(self, admission: Admission) -> Self {
        Self {
            admission: Some(admission),
            ..self
        }
    }

    /// Makes an account for a program, whose network is known from now on. It is signed in to nothing.
    ///
    /// # Errors
    /// As [`Self::register`].
    pub async fn register_by_program(
        &self,
        wanted: Registration,
        client: &Client,
    ) -> Result<Registered, Error> {
        let registered = self.register(wanted, client).await?;
        self.remember_network(&registered.account.id, None, client)
            .await;
        Ok(registered)
    }

    /// Makes an account.
    ///
    /// # Errors
    /// [`Error::RegistrationClosed`], [`Error::NeedsInvite`], [`Error::InvalidInvite`]; [`Error::Invalid`] with a reason
    /// a field; [`Error::Taken`]; [`Error::TooMany`]; [`Error::Busy`]; [`Error::Unavailable`].
    pub async fn register(
        &self,
        wanted: Registration,
        client: &Client,
    ) -> Result<Registered, Error> {
        let registered = self.try_register(wanted, client).await;
        match &registered {
            Ok(made) => self
                .world
                .log
                .event("registered", client, Some(&made.account.id), &[]),
            Err(error) => self.refused("registration_refused", error, client, None),
        }
        registered
    }

    async fn try_register(
        &self,
        wanted: Registration,
        client: &Client,
    ) -> Result<Registered, Error> {
        let Registration {
            username,
            email,
            password,
            invite,
        } = wanted;
        // Before anything is judged or hashed: whoever may not come in costs nothing.
        let invite = self.admit(invite.as_deref(), client).await?;
        let mut faults = making::faults(&username, &email, &password);
        faults.extend(
            invite
                .as_ref()
                .and_then(|invite| invites::address_fault(invite, &email)),
        );
        // Judging is the dear part, so what is refused anyway is not judged.
        if faults.is_empty() {
            // A refusal costs its sender nothing else, and nobody's registration may wait behind a stranger's nonsense.
            self.throttle.judging(client)?;
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
        // Whether a name is taken is asked for here, so asking has a budget. Fields that need another value do not
        // spend it.
        self.throttle.registration(client)?;
        let made = self
            .make(username, email, password, invite.as_ref(), client)
            .await;
        if matches!(made, Err(Error::Busy | Error::Unavailable)) {
            self.throttle.give_registration_back(client);
        }
        made
    }

    /// Checks a password and starts a session.
    ///
    /// # Errors
    /// [`Error::WrongPassword`] for a wrong password and an unknown name alike; [`Error::TooMany`] where the budgets
    /// are spent; [`Error::Invalid`] for a name that cannot be one; [`Error::Busy`]; [`Error::Unavailable`].
    pub async fn log_in(
        &self,
        credentials: Credentials,
        client: &Client,
    ) -> Result<SignedIn, Error> {
        let Credentials {
            name,
            password,
            door,
        } = credentials;
        let refused =
            |error: &Error, account| self.refused("login_refused", error, client, account);
        let found = self.candidate(&name, client).await;
        let (name, candidate) = found.inspect_err(|error| refused(error, None))?;
        self.prove(&name, candidate.as_ref(), password, client, &door)
            .await
            .inspect_err(|error| refused(error, candidate.as_ref().map(|found| &found.account)))?;
        let candidate = candidate.ok_or(Error::WrongPassword)?;
        let known_at = candidate.known_at;
        let is_new = self.is_new_here(&candidate.account, known_at, client, &door);
        let signed_in = self
            .let_in(candidate.account, "password", client, &door)
            .await?;
        if matches!(door, Door::Api) {
            self.remember_network(&signed_in.account.id, known_at, client)
                .await;
        }
        if is_new {
            Box::pin(self.tell_of_new(&signed_in.account, client)).await;
        }
        Ok(signed_in)
    }

    async fn let_in(
        &self,
        account: Account,
        method: &str,
        client: &Client,
        door: &Door,
    ) -> Result<SignedIn, Error> {
        let confirmed = account.email_verified_at.is_some();
        let required = self.verifies() == VerifyEmail::Required;
        // One that waits does so also where the setting was changed meanwhile: its address may be somebody else's.
        if account.pending_until.is_some() || required && !confirmed {
            let error = Error::Unconfirmed;
            self.refused("login_refused", &error, client, Some(&account));
            return Err(error);
        }
        let device = self.mark(&account, door)?;
        // Boxed, so that those who wait in the line of the hashing pool do not hold room for what comes after it.
        let granted = Box::pin(self.sessions.start(&account, method, client)).await?;
        self.world.log.event(
            "logged_in",
            client,
            Some(&account.id),
            &[("method", method)],
        );
        Ok(SignedIn {
            account,
            granted,
            device,
        })
    }

    /// By which a browser is known to have been used for this account.
    fn mark(&self, account: &Account, door: &Door) -> Result<Option<String>, NoChance> {
        let Door::Page(before) = door else {
            return Ok(None);
        };
        let (before, now) = (before.as_deref(), self.world.clock.unix());
        let whose = Whose::of(Some(account));
        let mark = self.devices.mark(before, whose, now, &self.world.chance)?;
        Ok(Some(mark))
    }

    /// Starts a session for an account that was just registered.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Internal`] when the system gives no random bytes.
    pub async fn sign_in_new(
        &self,
        account: Account,
        client: &Client,
        door: &Door,
    ) -> Result<SignedIn, Error> {
        self.let_in(account, "registration", client, door).await
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
        recent: &Recent,
        session: &str,
        client: &Client,
    ) -> Result<(), Error> {
        let account = recent.account();
        let ended = self
            .sessions
            .end(account, session, Why::EndedByOwner)
            .await?;
        if ended {
            let which = [("session", session)];
            self.world
                .log
                .event("session_ended", client, Some(account), &which);
        }
        // Also where none ended: an earlier try may have broken off here.
        self.forget_asked_address(account).await?;
        ended.then_some(()).ok_or(Error::NotFound)
    }

    /// Ends every session of one's own but this one, and says how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end_other_sessions(
        &self,
        recent: &Recent,
        client: &Client,
    ) -> Result<usize, Error> {
        let account = recent.account();
        let ended = self
            .sessions
            .end_others(account, recent.session(), Why::EndedByOwner)
            .await?;
        self.world.log.event(
            "other_sessions_ended",
            client,
            Some(account),
            &[("count", &ended.to_string())],
        );
        self.forget_asked_address(account).await?;
        Ok(ended)
    }

    /// Once a session has ended, so that it cannot ask again: an address that it asked for would be a way back in.
    async fn forget_asked_address(&self, account: &str) -> Result<(), Error> {
        let (purpose, now) = (Purpose::ChangeAddress.name(), self.world.clock.unix());
        let mut work = self.pool.begin().await?;
        // One that is being asked for is not seen before it is there.
        rows::wait_for(&mut work, account).await?;
        letter_rows::void_purpose(&mut work, account, purpose, now).await?;
        Ok(work.commit().await?)
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
        let mut more = vec![("reason", error.row().code)];
        if let Error::TooMany(wait) = error {
            more.push(("limit", wait.limit.name()));
        }
        let account = account.map(|account| account.id.as_str());
        self.world.log.event(event, client, account, &more);
    }
}

/// The account of a username or an address.
async fn find(pool: &Pool, name: &str) -> Result<Option<Account>, Fault> {
    rows::find(pool, Name::new(name).key()).await
}
