//! What an operator may do to an account from the command line. A running server hears of it within a second.

use zeroize::Zeroizing;

use super::letters::outstanding::Lives;
use super::letters::{Letters, Purpose};
use super::making::{self, Parts};
use super::{find, passwords, rules};
use crate::error::{Error, FieldError};
use crate::hashing::Hashing;
use crate::store::accounts::{self as rows, Account, raise_version};
use crate::store::changes::{self, Changed};
use crate::store::events::{self, Event};
use crate::store::failures;
use crate::store::letters::void_purpose;
use crate::store::roster::{Details, Listed, Wanted};
use crate::store::sessions::end_all;
use crate::store::{Fault, Pool, roster};
use crate::tokens::Role;
use crate::world::Chance;

/// What is done to an account.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Nobody may sign in with it, and everything it has out there ends.
    Disable,
    /// Whoever knows its password may sign in again.
    Enable,
    /// Everything it has out there ends.
    EndSessions,
    /// It may do from now on what this role may, and everything it has out there ends: who holds the new one has signed
    /// in for it.
    Role(Role),
}

impl Act {
    /// What its owner reads of it. Ended sessions say so themselves.
    fn kind(self) -> Option<&'static str> {
        match self {
            Self::Disable => Some("disabled"),
            Self::Enable => Some("enabled"),
            Self::EndSessions => None,
            Self::Role(Role::Admin) => Some("made_admin"),
            Self::Role(Role::User) => Some("made_user"),
        }
    }
}

/// What came of it.
pub struct Done {
    /// The account as it was.
    pub account: Account,
    /// Whether it was not so already.
    pub changed: bool,
    /// How many sessions ended.
    pub ended: u64,
}

/// An account that an operator makes.
pub struct Newcomer {
    /// As at registration, here and below.
    pub username: String,
    /// An address.
    pub email: String,
    /// The password.
    pub password: Zeroizing<String>,
    /// What it may do beyond its own affairs.
    pub role: Role,
}

/// From where and with what operators do things, as owners read it.
const WHERE: (&str, &str) = ("the service itself", "its command line");

/// How many accounts of the list are in memory at a time.
const PAGE: i64 = 500;

/// Makes an account, by the same rules as registration. The inner error says what is refused, the outer one that the
/// database does not answer or cannot write.
///
/// # Errors
/// [`Error::Invalid`] with a reason a field; [`Error::Taken`]; [`Error::Internal`] when the system gives no random
/// bytes.
pub async fn add(
    pool: &Pool,
    hashing: &Hashing,
    chance: &Chance,
    newcomer: Newcomer,
    now: i64,
) -> Result<Result<Account, Error>, Fault> {
    let parts = match parts_of(hashing, chance, newcomer).await {
        Ok(parts) => parts,
        Err(refused) => return Ok(Err(refused)),
    };
    let (account, keys) = making::account(parts, now);
    let inserted = rows::insert(pool, &account, &keys).await?;
    Ok(if inserted {
        Ok(account)
    } else {
        Err(Error::Taken)
    })
}

async fn parts_of(hashing: &Hashing, chance: &Chance, newcomer: Newcomer) -> Result<Parts, Error> {
    let Newcomer {
        username,
        email,
        password,
        role,
    } = newcomer;
    let mut faults = making::faults(&username, &email, &password);
    if faults.is_empty() {
        let weak = passwords::weakness(&password, &[username.clone(), email.clone()]);
        faults.extend(weak.map(|why| FieldError::new("password", why)));
    }
    if !faults.is_empty() {
        return Err(Error::Invalid(faults));
    }
    Ok(Parts {
        id: chance.id()?,
        password_hash: hashing.hash(password, chance.bytes()?).await?,
        username,
        email,
        role,
    })
}

/// Hands over every wanted account, by name, for as long as `each` wants more; a few at a time, so that a hundred
/// thousand fill no memory and hold up nobody who writes.
///
/// # Errors
/// The database does not answer.
pub async fn list(
    pool: &Pool,
    wanted: Wanted<'_>,
    mut each: impl FnMut(&Listed) -> bool,
) -> Result<(), Fault> {
    let mut after = String::new();
    loop {
        let page = roster::page(pool, &after, wanted, PAGE).await?;
        if !page.iter().all(&mut each) || page.len() < PAGE as usize {
            return Ok(());
        }
        after = page.last().map(|last| last.key.clone()).unwrap_or_default();
    }
}

/// An account and what there is to say of it. `None`: nobody has this name.
///
/// # Errors
/// The database does not answer.
pub async fn show(pool: &Pool, name: &str) -> Result<Option<(Account, Details)>, Fault> {
    let Some(account) = find(pool, name).await? else {
        return Ok(None);
    };
    let details = roster::details(pool, &account.id).await?;
    Ok(Some((account, details)))
}

/// Deletes an account with all that is known of it, as its owner could, and writes to its address that it is gone. Its
/// name stays reserved for nobody, and every token of it is refused from now on. `false`: it was changed meanwhile, or
/// is gone, and nothing was done.
///
/// # Errors
/// [`Error::Unavailable`]; [`Error::Internal`] when the letter cannot be written.
pub async fn delete(
    pool: &Pool,
    letters: &Letters,
    account: &Account,
    now: i64,
) -> Result<bool, Error> {
    let key = rules::username_key(&account.username);
    let mut work = pool.begin().await?;
    let readers = letters.readers(&mut work, account).await?;
    let (id, version) = (&account.id, account.version);
    let deleted = changes::delete(&mut work, pool, id, &key, version, now).await?;
    if deleted != Changed::Done {
        return Ok(false);
    }
    letters.put_goodbye(&mut work, account, &readers).await?;
    work.commit().await?;
    pool.tell().await;
    Ok(true)
}

/// A link that lets its holder set an account's password, once.
pub struct ResetLink {
    /// Whose.
    pub account: Account,
    /// A secret.
    pub link: Zeroizing<String>,
    /// Until when, in seconds since 1970.
    pub good_until: i64,
}

/// Makes one, good for `lasts` seconds, for an operator to hand over: nothing is sent. There is no code, since nobody
/// waits who could type one. `None`: nobody has this name, or it waits for an address that is another account's.
///
/// # Errors
/// [`Error::Unavailable`]; [`Error::Internal`] when the system gives no random bytes.
pub async fn reset_link(
    pool: &Pool,
    letters: &Letters,
    name: &str,
    lasts: i64,
    now: i64,
) -> Result<Option<ResetLink>, Error> {
    let Some(account) = find(pool, name).await?.filter(has_address) else {
        return Ok(None);
    };
    let lives = Lives {
        link: lasts,
        code: 0,
    };
    let mut work = pool.begin().await?;
    let (id, to) = (&account.id, &account.email);
    let issued = letters
        .issue(&mut work, Purpose::Reset, id, to, lives)
        .await?;
    work.commit().await?;
    events::note(pool, &done_here(id, "reset_link_made", now)).await?;
    Ok(Some(ResetLink {
        link: Zeroizing::new(letters.link(&format!("/reset/{}", *issued.secret))),
        good_until: now + lasts,
        account,
    }))
}

/// Whether an account has an address of its own. One that was made with another account's address, where addresses must
/// be confirmed, has none, and is forgotten by itself.
pub fn has_address(account: &Account) -> bool {
    !account.email.is_empty()
}

/// Notes that an account's address is its owner's, as the operator knows; one that waited for that may be used from now
/// on. `None`: nobody has this name; else whether it was not known already.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn verify(pool: &Pool, name: &str, now: i64) -> Result<Option<(Account, bool)>, Fault> {
    let Some(account) = find(pool, name).await? else {
        return Ok(None);
    };
    let known = account.email_verified_at.is_some() && account.pending_until.is_none();
    if known || !has_address(&account) {
        return Ok(Some((account, false)));
    }
    let (id, email) = (&account.id, &account.email);
    let mut work = pool.begin().await?;
    let changed = rows::confirm_address(&mut work, id, email, now).await?;
    work.commit().await?;
    if changed {
        events::note(pool, &done_here(id, "email_vouched_for", now)).await?;
    }
    Ok(Some((account, changed)))
}

/// Opens an account to strangers again that too many failures have closed to them. `None`: nobody has this name.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn unlock(pool: &Pool, name: &str) -> Result<Option<Account>, Fault> {
    let account = find(pool, name).await?;
    if let Some(account) = &account {
        failures::forget(pool, &account.id).await?;
    }
    Ok(account)
}

/// Does it, all or nothing. `None`: nobody has this name.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn act(pool: &Pool, name: &str, act: Act, now: i64) -> Result<Option<Done>, Fault> {
    let Some(account) = find(pool, name).await? else {
        return Ok(None);
    };
    let id = &account.id;
    let mut work = pool.begin().await?;
    // First the version, which a login that is under way cannot slip past: its session has the old one.
    let changed = match act {
        Act::Role(role) => roster::set_role(&mut work, pool, id, role.name(), now).await?,
        Act::Disable => raise_version(&mut work, pool, id, Some(true), now).await?,
        Act::Enable => raise_version(&mut work, pool, id, Some(false), now).await?,
        Act::EndSessions => raise_version(&mut work, pool, id, None, now).await?,
    };
    let mut ended = 0;
    if changed {
        ended = end_all(&mut work, pool, id, "ended_by_operator", now).await?;
        // Whoever is signed out gets no address confirmed that they asked for.
        void_purpose(&mut work, id, Purpose::ChangeAddress.name(), now).await?;
        if let Some(kind) = act.kind() {
            events::add(&mut work, &done_here(id, kind, now)).await?;
        }
        work.commit().await?;
        pool.tell().await;
    } else {
        work.undo().await?;
    }
    Ok(Some(Done {
        account,
        changed,
        ended,
    }))
}

/// What was done to the account, for its owner to read.
fn done_here(id: &str, kind: &str, now: i64) -> Event {
    Event {
        account_id: id.to_owned(),
        kind: kind.to_owned(),
        happened_at: now,
        client: WHERE.0.to_owned(),
        device: WHERE.1.to_owned(),
        detail: String::new(),
    }
}
