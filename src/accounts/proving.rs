//! Proving a password: the same steps for everybody, in the same order, whoever tries and whether or not the name is
//! anybody's. One statement, one place in the budgets, one hash; after a failure one write.

use zeroize::Zeroizing;

use super::devices::Whose;
use super::{Accounts, passwords, rules};
use crate::client::Client;
use crate::error::{Error, FieldError};
use crate::hashing::Verdict;
use crate::store::accounts::{self as rows, Account, Candidate, Key};
use crate::store::{events, failures, networks};
use crate::throttle::Who;

/// How old a note of a network may be before it is renewed: not every login needs another write.
const FRESH: i64 = 86_400;

/// Through which door somebody comes.
pub enum Door {
    /// A browser, with the cookie that says who signed in there before.
    Page(Option<String>),
    /// A program, known by its network.
    Api,
    /// Somebody signed in already, by the session's id. It began with the password, so it has a budget of its own.
    Inside(String),
}

/// A name in the form in which names are compared. A username holds no "@", so the two cannot be confused.
pub(super) enum Name {
    Username(String),
    Email(String),
}

impl Name {
    pub(super) fn new(name: &str) -> Self {
        if name.contains('@') {
            Self::Email(rules::email_key(name))
        } else {
            Self::Username(rules::username_key(name))
        }
    }

    /// By which the database finds it.
    pub(super) fn key(&self) -> Key<'_> {
        match self {
            Self::Username(key) => Key::Username(key),
            Self::Email(key) => Key::Email(key),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Username(key) | Self::Email(key) => key,
        }
    }

    /// Where the failures of a name are counted that nobody has: as many places as do not stand in each other's way.
    fn nobodys(&self) -> String {
        format!("-{}", self.text().bytes().fold(0, u8::wrapping_add))
    }
}

impl Accounts {
    /// Whom a submitted name may belong to.
    pub(super) async fn candidate(
        &self,
        name: &str,
        client: &Client,
    ) -> Result<(Name, Option<Candidate>), Error> {
        if let Some(reason) = rules::name_fault(name) {
            return Err(Error::Invalid(vec![FieldError::new("username", reason)]));
        }
        let name = Name::new(name);
        // Nobody is known from nowhere.
        let network = self.throttle.network_of(client).unwrap_or_default();
        let candidate = rows::candidate(&self.pool, name.key(), &network).await?;
        // An address that waits to be confirmed is nobody's yet: or whoever registered it would learn here whether it
        // had been free.
        let nobodys = |found: &Candidate| {
            matches!(name, Name::Email(_)) && found.account.pending_until.is_some()
        };
        let candidate = candidate.filter(|found| !nobodys(found));
        Ok((name, candidate))
    }

    /// The account of somebody signed in, to be proven once more.
    pub(super) async fn own_candidate(
        &self,
        account: &str,
        client: &Client,
    ) -> Result<(Name, Candidate), Error> {
        let network = self.throttle.network_of(client).unwrap_or_default();
        let candidate = rows::candidate(&self.pool, Key::Id(account), &network).await?;
        // Gone meanwhile.
        let candidate = candidate.ok_or(Error::InvalidToken)?;
        Ok((Name::new(&candidate.account.username), candidate))
    }

    /// Checks a password within the budgets. Every place that asks for one comes through here.
    ///
    /// # Errors
    /// [`Error::WrongPassword`]; [`Error::TooMany`]; [`Error::Busy`]; [`Error::Unavailable`].
    pub(super) async fn prove(
        &self,
        name: &Name,
        candidate: Option<&Candidate>,
        password: Zeroizing<String>,
        client: &Client,
        door: &Door,
    ) -> Result<(), Error> {
        let who = self.who(name, candidate, door);
        let attempt = self.throttle.attempt(&who, client).await?;
        let open = candidate.filter(|candidate| self.is_open(candidate, &who));
        match self.check(name, candidate, open.is_some(), password).await {
            Ok(()) => {
                attempt.succeeded();
                self.forget_failures(candidate, client).await?;
                // Right as it was: what somebody signed in can do has an end, too.
                let account = candidate.map_or("", |candidate| &candidate.account.id);
                Ok(self.throttle.sign_in(&who, account, client)?)
            }
            Err(Error::WrongPassword) => {
                // What cannot be counted is not answered: the attempt is dropped and has failed.
                self.count_failure(name, candidate, client).await?;
                // Boxed, so that those who wait in the line of the hashing pool do not hold room for it.
                Box::pin(self.note_failure(name, candidate, client)).await?;
                Err(attempt.failed().map_or(Error::WrongPassword, Error::from))
            }
            Err(error) => {
                attempt.undone();
                Err(error)
            }
        }
    }

    fn who<'a>(&self, name: &'a Name, candidate: Option<&'a Candidate>, door: &'a Door) -> Who<'a> {
        let account = candidate.map_or("", |candidate| &candidate.account.id);
        let (whose, now) = (
            Whose::of(candidate.map(|candidate| &candidate.account)),
            self.world.clock.unix(),
        );
        let device = match door {
            // For nobody, too: looking takes time.
            Door::Page(Some(cookie)) => self.devices.knows(cookie, whose, now),
            Door::Inside(session) => Some(session.as_str()),
            _ => None,
        };
        let since = now - networks::KNOWN;
        let by_network = candidate
            .and_then(|candidate| candidate.known_at)
            .is_some_and(|at| at > since);
        match device {
            Some(device) => Who::Device { device, account },
            None if by_network => Who::Network { account },
            None => Who::Stranger { name: name.text() },
        }
    }

    /// Whether the account takes this caller's password at all. Too many failures in a row close it to strangers (NIST
    /// SP 800-63B section 3.2.2), never to those who are known.
    fn is_open(&self, candidate: &Candidate, who: &Who<'_>) -> bool {
        let stranger = matches!(who, Who::Stranger { .. });
        let closed = self.throttle.is_on()
            && stranger
            && candidate.failures >= self.throttle.failures_per_account();
        candidate.account.disabled_at.is_none() && !closed
    }

    async fn check(
        &self,
        name: &Name,
        candidate: Option<&Candidate>,
        open: bool,
        password: Zeroizing<String>,
    ) -> Result<(), Error> {
        // What nobody can have costs the same hash and no more.
        let possible = passwords::may_be_tried(&password);
        let tried = if possible {
            password.clone()
        } else {
            Zeroizing::default()
        };
        let account = candidate.map(|candidate| &candidate.account);
        // For somebody, too: choosing takes time.
        let decoy = self.decoys.of(name.text());
        let stored = account.map_or(&decoy, |account| &account.password_hash);
        let mut verdict = self.hashing.verify(tried.clone(), stored.clone()).await?;
        if verdict == Verdict::Unreadable {
            // Whoever tries gets what they would for a wrong password; a link to a new one helps its owner.
            let id = account.map_or("", |account| &account.id);
            let log = &self.world.log;
            log.notice("error", "hash_unreadable", &[("account", id)]);
            verdict = self.hashing.verify(tried, decoy).await?;
        }
        // After the hash, like any wrong password: strangers learn nothing.
        if !(possible && open) {
            return Err(Error::WrongPassword);
        }
        match (verdict, account) {
            (Verdict::Right, Some(_)) => Ok(()),
            (Verdict::Outdated, Some(account)) => {
                self.renew(account, password).await;
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

    async fn count_failure(
        &self,
        name: &Name,
        candidate: Option<&Candidate>,
        client: &Client,
    ) -> Result<(), Error> {
        if !self.throttle.is_on() {
            return Ok(());
        }
        let account = candidate.map(|candidate| candidate.account.id.clone());
        let key = account.clone().unwrap_or_else(|| name.nobodys());
        let count = failures::count(&self.pool, &key).await?;
        if account.is_some() && count == self.throttle.failures_per_account() {
            let count = count.to_string();
            self.world.log.event(
                "closed_to_strangers",
                client,
                account.as_deref(),
                &[("failures", &count)],
            );
        }
        Ok(())
    }

    /// Notes it for the owner to read; for a name that nobody has, as many writes that note nothing of anybody.
    async fn note_failure(
        &self,
        name: &Name,
        candidate: Option<&Candidate>,
        client: &Client,
    ) -> Result<(), Error> {
        let now = self.world.clock.unix();
        let noted = match candidate.map(|candidate| &candidate.account.id) {
            Some(id) => {
                let address = client.address.to_string();
                events::count_wrong(&self.pool, id, &address, &client.device(), now).await
            }
            None => events::count_wrong(&self.pool, &name.nobodys(), "", "", now).await,
        };
        Ok(noted?)
    }

    async fn forget_failures(
        &self,
        candidate: Option<&Candidate>,
        client: &Client,
    ) -> Result<(), Error> {
        let Some(candidate) = candidate.filter(|candidate| candidate.failures > 0) else {
            return Ok(());
        };
        let id = &candidate.account.id;
        failures::forget(&self.pool, id).await?;
        if candidate.failures >= self.throttle.failures_per_account() {
            self.world
                .log
                .event("open_to_strangers", client, Some(id), &[]);
        }
        Ok(())
    }

    /// Remembers the network of a program that signed in. The login is good whatever becomes of this. `known_at`: when it
    /// did so last.
    pub(super) async fn remember_network(
        &self,
        account: &str,
        known_at: Option<i64>,
        client: &Client,
    ) {
        let now = self.world.clock.unix();
        let fresh = known_at.is_some_and(|at| at > now - FRESH);
        let network = self.throttle.network_of(client).filter(|_| !fresh);
        if let Some(network) = network {
            // The fault is in the log already.
            let _ = networks::note(&self.pool, account, &network, now)
                .await
                .map_err(Error::from);
        }
    }
}
