//! What is hashed for a name that nobody has: a decoy that takes the time of somebody's hash.
//!
//! After the parameters of hashing changed, an account keeps its old ones until its owner signs in again. Were decoys
//! all made with today's, whatever took the old time would be somebody's. So a name's decoy has the old or the new
//! parameters as often as accounts have them, always the same for one name, and for all we tell they are an account's.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use rocket::tokio::time::sleep;

use crate::hashing::Parameters;
use crate::store::accounts::hash_beginnings;
use crate::store::{Fault, Pool};

/// How many sets of parameters are told apart: those that most accounts have.
const SETS: usize = 8;

/// How many times the work of today's parameters a decoy takes at most. An import may bring hashes that take seconds and
/// much memory, and whoever tries names that nobody has would have them computed without end.
const DEAREST: u64 = 4;

/// How many accounts are looked at in one go, and the pause after it.
const BATCH: i64 = 1000;
const PAUSE: Duration = Duration::from_millis(50);

/// How often is counted anew, and how soon again where that failed.
const COUNTING: Duration = Duration::from_secs(3600);
const AGAIN: Duration = Duration::from_secs(60);

/// Chooses decoys.
pub struct Decoys {
    key: hmac::Key,
    today: Parameters,
    mix: RwLock<Mix>,
}

/// How many accounts have which parameters. Today's come last: an account that changes to them moves one border, and
/// the decoys that change with it do so as accounts would.
struct Mix {
    today: Parameters,
    counts: Vec<(Parameters, u64)>,
}

impl Decoys {
    /// Decoys under a key of their own. `today`: the parameters of new hashes. Looks at some accounts, which is all of
    /// them in a small installation; [`Self::keep`] looks at the rest.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn begin(key: &[u8], today: Parameters, pool: &Pool) -> Result<Arc<Self>, Fault> {
        let decoys = Self {
            key: hmac::Key::new(HMAC_SHA256, key),
            today,
            mix: RwLock::new(Mix::new(today)),
        };
        // Ids are random, and so are the first of them.
        let some = hash_beginnings(pool, "", BATCH).await?;
        let mut mix = Mix::new(today);
        some.iter().for_each(|(_, hash)| mix.count(hash));
        decoys.learn(mix);
        Ok(Arc::new(decoys))
    }

    /// The hash that nobody has, for a name in the form in which names are compared.
    pub fn of(&self, name: &str) -> String {
        let tag = hmac::sign(&self.key, name.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&tag.as_ref()[..8]);
        let mix = self.mix.read().unwrap_or_else(PoisonError::into_inner);
        mix.at(u64::from_be_bytes(first))
            .unwrap_or(self.today)
            .decoy()
    }

    fn learn(&self, mix: Mix) {
        *self.mix.write().unwrap_or_else(PoisonError::into_inner) = mix.in_order();
    }

    /// Counts all accounts now and then, for as long as the database is open.
    pub async fn keep(self: Arc<Self>, pool: Pool) {
        while !pool.is_closed() {
            let pause = match count(&pool, self.today).await {
                Ok(mix) => {
                    self.learn(mix);
                    COUNTING
                }
                // A database that is gone is told of by those who need it.
                Err(_) => AGAIN,
            };
            sleep(pause).await;
        }
    }
}

/// Some at a time, so that nobody waits for it.
async fn count(pool: &Pool, today: Parameters) -> Result<Mix, Fault> {
    let (mut mix, mut after) = (Mix::new(today), String::new());
    loop {
        let some = hash_beginnings(pool, &after, BATCH).await?;
        some.iter().for_each(|(_, hash)| mix.count(hash));
        match some.into_iter().last() {
            Some((last, _)) => after = last,
            None => return Ok(mix),
        }
        sleep(PAUSE).await;
    }
}

impl Mix {
    fn new(today: Parameters) -> Self {
        Self {
            today,
            counts: Vec::new(),
        }
    }

    fn count(&mut self, hash: &str) {
        // Other kinds of hashes have no decoys, nor have dear ones.
        let most = DEAREST * self.today.work();
        let Some(parameters) = Parameters::of(hash).filter(|one| one.work() <= most) else {
            return;
        };
        let counts = &mut self.counts;
        let room = counts.len() < SETS * SETS;
        match counts.iter_mut().find(|(known, _)| *known == parameters) {
            Some((_, times)) => *times += 1,
            None if room => counts.push((parameters, 1)),
            None => {}
        }
    }

    fn in_order(mut self) -> Self {
        let (today, counts) = (self.today, &mut self.counts);
        counts.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        counts.truncate(SETS);
        counts.sort_by_key(|(parameters, _)| (*parameters == today, *parameters));
        self
    }

    /// Whose share of all numbers this one falls into; `None` where nothing was counted.
    fn at(&self, number: u64) -> Option<Parameters> {
        let all: u64 = self.counts.iter().map(|(_, times)| times).sum();
        let mut place = (u128::from(number) * u128::from(all)) >> 64;
        for (parameters, times) in &self.counts {
            match place.checked_sub(u128::from(*times)) {
                Some(rest) => place = rest,
                None => return Some(*parameters),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "$argon2id$v=19$m=8,t=1,p=1$";
    const NEW: &str = "$argon2id$v=19$m=160,t=1,p=1$";

    fn decoys(counts: &[(&str, u64)]) -> Decoys {
        let today = Parameters::of(NEW).unwrap();
        let mut mix = Mix::new(today);
        for (beginning, times) in counts {
            (0..*times).for_each(|_| mix.count(beginning));
        }
        let decoys = Decoys {
            key: hmac::Key::new(HMAC_SHA256, &[1; 32]),
            today,
            mix: RwLock::new(Mix::new(today)),
        };
        decoys.learn(mix);
        decoys
    }

    fn old_ones(decoys: &Decoys) -> Vec<u32> {
        let names = (0..1000).filter(|number| decoys.of(&format!("n{number}")).starts_with(OLD));
        names.collect()
    }

    #[test]
    fn decoys_are_mixed_as_accounts_are_and_a_name_keeps_its_own() {
        let mixed = decoys(&[(NEW, 30), (OLD, 10)]);
        let old = old_ones(&mixed);
        assert!((200..300).contains(&old.len()), "{}", old.len());
        assert_eq!(old, old_ones(&mixed));
        // As owners sign in, decoys change to the new ones and none changes back.
        let fewer = old_ones(&decoys(&[(NEW, 39), (OLD, 1)]));
        assert!(fewer.len() < 60 && fewer.iter().all(|number| old.contains(number)));
        assert_eq!(old_ones(&decoys(&[(OLD, 1)])).len(), 1000);
    }

    #[test]
    fn without_accounts_and_for_other_kinds_of_hashes_todays_are_taken() {
        let foreign = [
            "$2b$12$abcdefghijklmnopqrstuv",
            "",
            "$argon2i$v=19$m=8,t=1,p=1$",
        ];
        for counts in [vec![], foreign.map(|hash| (hash, 3)).to_vec()] {
            assert!(old_ones(&decoys(&counts)).is_empty());
        }
    }

    #[test]
    fn no_decoy_takes_more_than_four_times_todays_work() {
        let dear = ["m=262144,t=3,p=1", "m=641,t=1,p=1", "m=160,t=5,p=1"]
            .map(|costs| format!("$argon2id$v=19${costs}$"));
        let counts = dear.each_ref().map(|one| (one.as_str(), 100));
        let decoys = decoys(&[&counts[..], &[(OLD, 1), (NEW, 1)]].concat());
        let works = (0..1000).map(|number| Parameters::of(&decoys.of(&format!("n{number}"))));
        assert!(works.flatten().all(|one| one.work() <= 160));
        assert!((400..600).contains(&old_ones(&decoys).len()));
    }

    #[test]
    fn sets_are_bounded_and_the_most_frequent_stay() {
        let rare: Vec<String> = (0..500)
            .map(|number| format!("$argon2id$v=19$m={},t=1,p=1$", 100 + number))
            .collect();
        let mut counts = vec![(OLD, 100)];
        counts.extend(rare.iter().map(|one| (one.as_str(), 1)));
        let decoys = decoys(&counts);
        assert!(decoys.mix.read().unwrap().counts.len() <= SETS);
        assert!(old_ones(&decoys).len() > 800);
    }
}
