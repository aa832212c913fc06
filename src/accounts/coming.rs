//! Coming from elsewhere and going there: accounts with their hashes, many at once.
//!
//! Who comes in meets the rules of registration, but for the password, which nobody here knows. An account is one
//! row, so it is here whole or not at all; who comes a second time is found and left as it is. So an import that was
//! cut off is simply run again. Only a name and an address are no proof that somebody is here: a stranger can register
//! with another person's.

mod arrival;

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use rocket::futures::future::try_join_all;

pub use arrival::{Arrival, Field};

use crate::config::{Fault, HashSettings};
use crate::hashing::Hashing;
use crate::hashing::foreign::{Fast, Reading};
use crate::store::Pool;
use crate::store::crowd::{self, Known, Newcomer};
use crate::world::Chance;

/// How many arrivals are taken in at once.
pub const TOGETHER: usize = crowd::MOST;

/// What became of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is here now; or would be, where nothing is changed.
    Added,
    /// It was here already.
    Here,
    /// It is not here, for this reason.
    LeftOut(&'static str),
    /// A name of it stands in this line, too.
    Twice(u64),
}

/// A line that could not be read as somebody.
pub struct Unread {
    /// Why.
    pub reason: &'static str,
    /// The last line that was not read for it: an open quote takes others along.
    pub last: u64,
}

/// What there is to tell of a line.
pub struct Told {
    /// Its number in the file.
    pub line: u64,
    /// That of the last line that went the same way.
    pub last: u64,
    /// The username as the file has it, shortened where it is long: a stranger's words, maybe no name at all.
    pub username: Option<String>,
    /// Whether it may do what administrators may.
    pub is_admin: bool,
    /// What became of it.
    pub end: End,
}

/// Where accounts come in.
pub struct Gate {
    pool: Pool,
    hashing: Hashing,
    threads: usize,
    chance: Chance,
    reading: Reading,
    now: i64,
    dry: bool,
    seen: Seen,
}

/// Somebody judged, who waits for the others of the batch.
struct Waiting {
    line: u64,
    newcomer: Newcomer,
    fast: Option<Fast>,
    /// Whether its id came with it.
    has_own_id: bool,
    /// Whether the file says since when it is.
    says_when: bool,
}

impl Gate {
    /// Opens it. `dry`: nothing is changed.
    ///
    /// # Errors
    /// Hashing threads that cannot start.
    pub fn open(
        pool: Pool,
        settings: HashSettings,
        chance: Chance,
        reading: Reading,
        now: i64,
        dry: bool,
    ) -> Result<Self, Fault> {
        let hashing = Hashing::start(settings)
            .map_err(|error| Fault(format!("The hashing threads cannot start: {error}.")))?;
        Ok(Self {
            pool,
            hashing,
            threads: settings.threads,
            chance,
            reading,
            now,
            dry,
            seen: Seen::default(),
        })
    }

    /// Takes in [`TOGETHER`] at most, and tells what became of each, in the order of their lines.
    ///
    /// # Errors
    /// The database does not answer or cannot write, or the system gives no random bytes.
    pub async fn take(
        &mut self,
        arrivals: Vec<(u64, Result<Arrival, Unread>)>,
    ) -> Result<Vec<Told>, Fault> {
        let (mut told, mut waiting) = (Vec::new(), Vec::new());
        for (line, arrival) in arrivals {
            match self.judge(line, arrival) {
                Ok(one) => waiting.push(one),
                Err(refused) => told.push(refused),
            }
        }
        let mut new = Vec::new();
        let known = self.known(&waiting).await?;
        for one in waiting {
            if let Some(other) = self.seen.before(&one) {
                told.push(one.told(End::Twice(other)));
                continue;
            }
            let end = known.end_of(&one);
            // Who is left out keeps no name from others.
            if !matches!(end, Some(End::LeftOut(_))) {
                self.seen.note(&one);
            }
            match end {
                Some(end) => told.push(one.told(end)),
                None => new.push(one),
            }
        }
        if !self.dry {
            self.wrap(&mut new).await?;
            let added = self.insert(&mut new).await?;
            told.extend(added);
        }
        told.extend(new.iter().map(|one| one.told(End::Added)));
        told.sort_by_key(|told| told.line);
        Ok(told)
    }

    fn judge(&self, line: u64, arrival: Result<Arrival, Unread>) -> Result<Waiting, Told> {
        let refused = |username, reason| Told {
            line,
            last: line,
            username,
            is_admin: false,
            end: End::LeftOut(reason),
        };
        let arrival = arrival.map_err(|unread| Told {
            last: unread.last,
            ..refused(None, unread.reason)
        })?;
        let username = arrival.shown();
        let says_when = arrival.says_when();
        let judged = arrival.judge(&self.reading, self.now);
        let (mut newcomer, fast) = judged.map_err(|reason| refused(username.clone(), reason))?;
        let has_own_id = !newcomer.account.id.is_empty();
        if !has_own_id {
            let id = self.chance.id();
            let none = |_| refused(username, "The system gives no random bytes.");
            newcomer.account.id = id.map_err(none)?;
        }
        Ok(Waiting {
            line,
            newcomer,
            fast,
            has_own_id,
            says_when,
        })
    }

    async fn known(&self, waiting: &[Waiting]) -> Result<Met, Fault> {
        let newcomers: Vec<_> = waiting.iter().map(|one| &one.newcomer).collect();
        let known = crowd::known(&self.pool, &newcomers).await;
        Ok(Met::new(known.map_err(lost)?))
    }

    /// Wraps the fast hashes among them, on all threads.
    async fn wrap(&self, new: &mut [Waiting]) -> Result<(), Fault> {
        let mut fast = Vec::new();
        for (index, one) in new.iter_mut().enumerate() {
            if let Some(hash) = one.fast.take() {
                let salt = self.chance.bytes();
                let salt = salt.map_err(|no| Fault(format!("Nothing can be made: {no}.")))?;
                fast.push((index, (hash, salt)));
            }
        }
        let share = fast.len().div_ceil(self.threads).max(1);
        let mut shares = Vec::new();
        while !fast.is_empty() {
            shares.push(fast.split_off(fast.len().saturating_sub(share)));
        }
        let wrapped = shares.into_iter().map(async |share| {
            let (places, hashes): (Vec<_>, Vec<_>) = share.into_iter().unzip();
            let wrapped = self.hashing.wrap(hashes).await;
            let wrapped = wrapped.map_err(|_| Fault("A hash cannot be wrapped.".into()))?;
            Ok::<_, Fault>(places.into_iter().zip(wrapped))
        });
        for (place, hash) in try_join_all(wrapped).await?.into_iter().flatten() {
            new[place].newcomer.account.password_hash = hash;
        }
        Ok(())
    }

    /// Inserts them, and tells of those that somebody else was faster than; they are taken out.
    async fn insert(&self, new: &mut Vec<Waiting>) -> Result<Vec<Told>, Fault> {
        let newcomers: Vec<_> = new.iter().map(|one| &one.newcomer).collect();
        let added = crowd::insert(&self.pool, &newcomers).await.map_err(lost)?;
        let missed: Vec<_> = new
            .extract_if(.., |one| !added.contains(&one.newcomer.account.id))
            .collect();
        let known = self.known(&missed).await?;
        let taken = End::LeftOut(TAKEN);
        let told = |one: &Waiting| one.told(known.end_of(one).unwrap_or(taken));
        Ok(missed.iter().map(told).collect())
    }
}

impl Waiting {
    fn told(&self, end: End) -> Told {
        Told {
            line: self.line,
            last: self.line,
            username: Some(self.newcomer.account.username.clone()),
            is_admin: self.newcomer.account.role == "admin",
            end,
        }
    }
}

fn lost(fault: crate::store::Fault) -> Fault {
    Fault(format!(
        "The database does not do it. {fault}\nWhat was added so far is whole. Run the same again: it goes on there."
    ))
}

const TAKEN: &str = "The username or the address belongs to another account here.";
const RESERVED_NAME: &str =
    "The username is reserved, since its account was deleted, or renamed lately. Give it another.";
const RESERVED_ADDRESS: &str =
    "The address was lately that of an account here, which can still take it back.";
const OTHER_ID: &str = "An account with this name and address is here under another id.";
const DEPARTED: &str =
    "The account with this id was deleted here. Without the id it would be a new one.";
const PENDING: &str = "Somebody registered with this name and address and did not confirm it. Delete that account, then run this again: \
     vestibule user delete NAME";
const UNCONFIRMED: &str = "An account with this name and address is here that nobody confirmed, maybe a stranger's. Give the owner of the \
     address a link to a new password: vestibule user reset-link NAME";

/// The accounts here that a batch meets, by what it may meet them by.
#[derive(Default)]
struct Met {
    ids: HashSet<String>,
    /// Those of accounts that were deleted.
    departed: HashSet<String>,
    emails: HashSet<String>,
    usernames: HashMap<String, Known>,
    /// Usernames and addresses that nobody may have now. None of one kind is one of the other.
    reserved: HashSet<String>,
}

impl Met {
    fn new(known: Vec<Known>) -> Self {
        let mut met = Self::default();
        for one in known {
            if one.is_reserved() {
                met.reserved.extend([one.username_key, one.email_key]);
                continue;
            }
            if one.is_departed() {
                met.departed.insert(one.id);
                continue;
            }
            met.ids.insert(one.id.clone());
            met.emails.insert(one.email_key.clone());
            met.usernames.insert(one.username_key.clone(), one);
        }
        met
    }

    /// What becomes of somebody who meets others; `None`: there is nobody like them.
    fn end_of(&self, one: &Waiting) -> Option<End> {
        let Newcomer { account, keys } = &one.newcomer;
        // Whatever it is called by now.
        if self.ids.contains(&account.id) {
            return Some(End::Here);
        }
        if self.departed.contains(&account.id) {
            return Some(End::LeftOut(DEPARTED));
        }
        if self.reserved.contains(&keys.username) {
            return Some(End::LeftOut(RESERVED_NAME));
        }
        match self.usernames.get(&keys.username) {
            Some(other) if other.email_key != keys.email => Some(End::LeftOut(TAKEN)),
            Some(other) if other.is_pending => Some(End::LeftOut(PENDING)),
            Some(_) if one.has_own_id => Some(End::LeftOut(OTHER_ID)),
            Some(other) if !is_same(other, one) => Some(End::LeftOut(UNCONFIRMED)),
            Some(_) => Some(End::Here),
            None if self.emails.contains(&keys.email) => Some(End::LeftOut(TAKEN)),
            None => {
                let reserved = self.reserved.contains(&keys.email);
                reserved.then_some(End::LeftOut(RESERVED_ADDRESS))
            }
        }
    }
}

/// Whether an account with the same name and address is the same person's. An address that nobody confirmed proves
/// nothing. A hash of another kind than ours came by an import, as only those do; and after its owner signed in, the
/// moment since when the account is still is what the file says.
fn is_same(known: &Known, one: &Waiting) -> bool {
    let account = &one.newcomer.account;
    known.is_confirmed
        || !known.password_hash.starts_with("$argon2id$")
        || known.password_hash == account.password_hash
        || one.says_when && known.created_at == account.created_at
}

/// The lines in which names were seen before. Hashed, so that a million lines take some 50 MiB.
#[derive(Default)]
struct Seen {
    lines: HashMap<u64, u64>,
    hasher: RandomState,
}

impl Seen {
    /// The line that has a name of this one, too.
    fn before(&self, one: &Waiting) -> Option<u64> {
        let mut hashes = self.hashes(one);
        hashes.find_map(|hash| self.lines.get(&hash)).copied()
    }

    fn note(&mut self, one: &Waiting) {
        let hashes: Vec<_> = self.hashes(one).collect();
        self.lines
            .extend(hashes.into_iter().map(|hash| (hash, one.line)));
    }

    fn hashes(&self, one: &Waiting) -> impl Iterator<Item = u64> {
        let Newcomer { account, keys } = &one.newcomer;
        let names = [
            ("u", &keys.username),
            ("e", &keys.email),
            ("i", &account.id),
        ];
        // An id that was just made is nobody else's.
        let count = if one.has_own_id { 3 } else { 2 };
        let hashes = names.map(|name| self.hasher.hash_one(name));
        hashes.into_iter().take(count)
    }
}
