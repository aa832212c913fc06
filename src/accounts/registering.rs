//! Making an account, and the letter that goes with it.
//!
//! Where addresses must be confirmed, a taken address is answered like a free one: whoever asks gets an account that
//! cannot be used, and the owner of the address a letter. Both ways run the same statements. An account that nobody
//! confirms is forgotten after a week, and its names are free again.

use zeroize::Zeroizing;

use super::events::Kind;
use super::{Accounts, making};
use crate::client::Client;
use crate::config::VerifyEmail;
use crate::error::Error;
use crate::store::Work;
use crate::store::accounts::{self as rows, Account, Key, Keys};
use crate::store::addresses;
use crate::store::events;
use crate::store::invites::{self, Invite};
use crate::tokens::Role;

/// How long an account waits for its address to be confirmed, in seconds.
const PENDING: i64 = 7 * 86_400;

/// How often is tried again when somebody took the same name or address in the same moment.
const TRIES: usize = 3;

/// An account that was just made.
pub struct Registered {
    /// It.
    pub account: Account,
    /// Names the request that the code in its letter belongs to, where one was written.
    pub request: Option<String>,
}

impl Accounts {
    pub(super) async fn make(
        &self,
        username: String,
        email: String,
        password: Zeroizing<String>,
        invite: Option<&Invite>,
        client: &Client,
    ) -> Result<Registered, Error> {
        // Hashed before anyone asks whether the name is free, so that the answer's time says nothing about it.
        let password_hash = self
            .hashing
            .hash(password, self.world.chance.bytes()?)
            .await?;
        let parts = making::Parts {
            id: self.world.chance.id()?,
            username,
            email,
            password_hash,
            role: invite.map_or(Role::User, |invite| Role::named(&invite.role)),
        };
        let (account, keys) = making::account(parts, self.world.clock.unix());
        match self.verifies() {
            VerifyEmail::Required => self.make_pending(account, &keys, invite, client).await,
            mode => {
                let asks = mode == VerifyEmail::Optional;
                self.make_at_once(account, &keys, invite, asks).await
            }
        }
    }

    /// `asks`: whether a letter asks if the address is theirs.
    async fn make_at_once(
        &self,
        account: Account,
        keys: &Keys,
        invite: Option<&Invite>,
        asks: bool,
    ) -> Result<Registered, Error> {
        let chance = &self.world.chance;
        let request = asks.then(|| chance.id()).transpose()?;
        let mut work = self.pool.begin().await?;
        if !rows::insert_in(&mut work, &account, keys).await? {
            work.undo().await?;
            return Err(Error::Taken);
        }
        spend(&mut work, invite, &account).await?;
        if let Some(request) = request.clone() {
            // Or whoever registers, leaves and registers again would write to somebody else's address without end.
            // Only now, since a name that is taken costs no letter; where it is refused, all of this is undone.
            self.throttle.registration_with(&keys.email)?;
            self.letters
                .put_verification(&mut work, &account, request)
                .await?;
        }
        work.commit().await?;
        Ok(Registered { account, request })
    }

    async fn make_pending(
        &self,
        mut account: Account,
        keys: &Keys,
        invite: Option<&Invite>,
        client: &Client,
    ) -> Result<Registered, Error> {
        account.pending_until = Some(account.created_at + PENDING);
        for _ in 0..TRIES {
            let made = self.try_pending(&account, keys, invite, client).await?;
            if let Some(request) = made {
                return Ok(Registered {
                    account,
                    request: Some(request),
                });
            }
        }
        Err(Error::Taken)
    }

    /// `None`: somebody took the name or the address in this moment.
    async fn try_pending(
        &self,
        account: &Account,
        keys: &Keys,
        invite: Option<&Invite>,
        client: &Client,
    ) -> Result<Option<String>, Error> {
        let request = self.world.chance.id()?;
        let mut work = self.pool.begin().await?;
        let named = rows::find_in(&mut work, Key::Username(&keys.username)).await?;
        let owner = rows::find_in(&mut work, Key::Email(&keys.email)).await?;
        if named.is_some() {
            work.undo().await?;
            return Err(Error::Taken);
        }
        // Without an address where that is somebody's: the key holds no "@", so nobody signs in with it.
        let (id, now) = (&account.id, account.created_at);
        let reserved = addresses::is_reserved(&mut work, &keys.email, id, now).await?;
        let (email, key) = if owner.is_none() && !reserved {
            (account.email.clone(), keys.email.clone())
        } else {
            (String::new(), format!("-{}", account.id))
        };
        let row = Account {
            email,
            ..account.clone()
        };
        let row_keys = Keys {
            username: keys.username.clone(),
            email: key,
        };
        if !rows::insert_in(&mut work, &row, &row_keys).await? {
            work.undo().await?;
            return Ok(None);
        }
        // No session says so yet.
        let event = self.happening(Kind::Registered, &account.id, client, "");
        events::add(&mut work, &event).await?;
        spend(&mut work, invite, account).await?;
        // As above, and whether or not the address is anybody's: or whoever registers again would feel which.
        self.throttle.registration_with(&keys.email)?;
        let letters = &self.letters;
        match owner {
            Some(owner) => letters.put_already_registered(&mut work, &owner).await?,
            // Kept for whoever had it until lately, who can take it back and is not written to.
            None if reserved => {
                letters
                    .withhold_verification(&mut work, account, request.clone())
                    .await?;
            }
            None => {
                letters
                    .put_verification(&mut work, account, request.clone())
                    .await?;
            }
        }
        work.commit().await?;
        Ok(Some(request))
    }
}

/// Spends one use of an invitation together with the account, both or neither.
async fn spend(
    work: &mut Work<'_>,
    invite: Option<&Invite>,
    account: &Account,
) -> Result<(), Error> {
    let Some(invite) = invite else { return Ok(()) };
    if invites::spend(work, &invite.id, account.created_at).await? {
        return Ok(());
    }
    // What the work did so far is undone when it is dropped.
    Err(Error::InvalidInvite)
}
