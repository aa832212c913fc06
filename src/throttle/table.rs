//! The table of budgets: who failed how often and must wait until when, in bounded memory.
//!
//! A key is a keyed hash, so nothing personal is kept. After a few free failures each further one makes the next
//! attempt wait, twice as long each time, up to the longest wait; one failure is forgiven for every longest wait in
//! which nothing more happens. So whoever never stops gets one attempt per longest wait, and no more by pausing.
//!
//! An attempt that is under way holds a place in its budgets: were all of them to fail, no more would have been
//! checked than the budgets allow. Who comes when only others under way stand in the way waits for them, first come,
//! first served; most of them succeed and give their place back.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use rocket::tokio::sync::oneshot;

use super::limit::{Limit, Wait};

/// How many keys are tracked at most.
pub const MOST_KEYS: usize = 80_000;

/// How many attempts may wait for others.
const MOST_WAITING: usize = 4_096;

/// By how many seconds a clock is set back in passing.
const SET_BACK: i64 = 600;

/// One key's account.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// Failures that are not forgiven.
    failures: u32,
    /// Attempts under way.
    pending: u32,
    /// When the next attempt is allowed; else when the last failure was.
    until: i64,
}

/// A budget that an attempt needs.
#[derive(Clone, Copy)]
pub struct Budget {
    /// The hash of what it is for.
    pub key: u64,
    /// Which it is.
    pub limit: Limit,
    /// Failures without a wait; of a share, how many may be under way.
    pub free: u32,
}

/// The budgets of one attempt.
#[derive(Clone)]
pub struct Budgets {
    /// Those that must have room.
    pub held: Vec<Budget>,
    /// What a success takes back from them.
    pub returned: Returned,
}

/// What a success takes back from the budgets.
#[derive(Clone, Copy)]
pub enum Returned {
    /// What failed before: all of it was of whoever succeeds now.
    All,
    /// So many failures, where others may have failed, too.
    Some(u32),
    /// This name's failures from this address, which are counted under this key. Nobody else's: or a guesser would sign
    /// in to an account of his own between guesses.
    Pair(u64),
}

/// How an attempt ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The secret was wrong.
    Failed,
    /// The secret was right.
    Succeeded,
    /// Nothing was checked.
    Undone,
}

/// What an attempt meets at the door.
pub enum Entered {
    /// It may go on.
    Open,
    /// It may go on or not once others have ended.
    Waiting(oneshot::Receiver<Result<(), Wait>>),
    /// It may not.
    Refused(Wait),
}

enum Judged {
    Free,
    Full(Limit),
    Blocked(Wait),
}

struct Waiter {
    budgets: Arc<Budgets>,
    turn: oneshot::Sender<Result<(), Wait>>,
}

/// The table itself.
pub struct Table {
    entries: HashMap<u64, Entry>,
    waiting: VecDeque<Waiter>,
    longest: i64,
}

impl Table {
    /// An empty table whose waits grow up to `longest` seconds.
    pub fn new(longest: i64) -> Self {
        Self {
            entries: HashMap::new(),
            waiting: VecDeque::new(),
            longest,
        }
    }

    /// Lets an attempt in, has it wait for others, or refuses it.
    pub fn enter(&mut self, budgets: &Arc<Budgets>, now: i64) -> Entered {
        match self.judge(budgets, now) {
            Judged::Free => {
                self.take(budgets, now);
                Entered::Open
            }
            Judged::Blocked(wait) => Entered::Refused(wait),
            Judged::Full(limit) if self.waiting.len() >= MOST_WAITING => {
                Entered::Refused(Wait::new(limit, now + 1, now))
            }
            Judged::Full(_) => {
                let (turn, receiver) = oneshot::channel();
                self.waiting.push_back(Waiter {
                    budgets: Arc::clone(budgets),
                    turn,
                });
                Entered::Waiting(receiver)
            }
        }
    }

    /// Ends an attempt that was let in, and lets in those who waited for it. The answer is the wait of its name where
    /// that is now the longest.
    pub fn settle(&mut self, budgets: &Budgets, outcome: Outcome, now: i64) -> Option<Wait> {
        let own = match budgets.returned {
            Returned::All => u32::MAX,
            Returned::Some(own) => own,
            Returned::Pair(pair) => self.note(pair, outcome, now),
        };
        let mut longest = None;
        for budget in &budgets.held {
            let mut entry = self.look(budget.key, now);
            entry.pending = entry.pending.saturating_sub(1);
            match outcome {
                Outcome::Undone => {}
                // Places alone: a failure there is another budget's affair.
                _ if budget.limit == Limit::Share => {}
                Outcome::Succeeded => entry.failures = entry.failures.saturating_sub(own),
                Outcome::Failed => {
                    entry.failures = entry.failures.saturating_add(1);
                    entry.until = now + waited(entry.failures, budget.free, self.longest);
                    let of_name = matches!(budget.limit, Limit::Name | Limit::Known);
                    if of_name && entry.until - now == self.longest {
                        longest = Some(Wait::new(budget.limit, entry.until, now));
                    }
                }
            }
            self.put(budget.key, entry, now);
        }
        self.admit(now);
        longest
    }

    /// Counts a name's failures from an address, and says how many there were.
    fn note(&mut self, pair: u64, outcome: Outcome, now: i64) -> u32 {
        let mut entry = self.look(pair, now);
        let before = entry.failures;
        match outcome {
            Outcome::Undone => return before,
            Outcome::Succeeded => entry.failures = 0,
            Outcome::Failed => {
                entry.failures = entry.failures.saturating_add(1);
                entry.until = now;
            }
        }
        self.put(pair, entry, now);
        before
    }

    /// Counts a failure that needed no place.
    ///
    /// # Errors
    /// A budget that is spent already.
    pub fn strike(&mut self, budgets: &Budgets, now: i64) -> Result<(), Wait> {
        if let Judged::Blocked(wait) = self.judge(budgets, now) {
            return Err(wait);
        }
        self.take(budgets, now);
        self.settle(budgets, Outcome::Failed, now);
        Ok(())
    }

    fn judge(&self, budgets: &Budgets, now: i64) -> Judged {
        let (mut blocked, mut full) = (None::<Wait>, None);
        for budget in &budgets.held {
            let entry = self.look(budget.key, now);
            let spent = entry.failures >= budget.free;
            if spent && entry.until > now {
                let wait = Wait::new(budget.limit, entry.until, now);
                if blocked
                    .as_ref()
                    .is_none_or(|other| wait.until > other.until)
                {
                    blocked = Some(wait);
                }
            }
            let room = if spent {
                1
            } else {
                budget.free - entry.failures
            };
            if entry.pending >= room {
                full = Some(budget.limit);
            }
        }
        match (blocked, full) {
            (Some(wait), _) => Judged::Blocked(wait),
            (None, Some(limit)) => Judged::Full(limit),
            (None, None) => Judged::Free,
        }
    }

    fn take(&mut self, budgets: &Budgets, now: i64) {
        for budget in &budgets.held {
            let mut entry = self.look(budget.key, now);
            entry.pending += 1;
            self.put(budget.key, entry, now);
        }
    }

    fn admit(&mut self, now: i64) {
        for waiter in std::mem::take(&mut self.waiting) {
            if waiter.turn.is_closed() {
                continue;
            }
            match self.judge(&waiter.budgets, now) {
                Judged::Full(_) => self.waiting.push_back(waiter),
                Judged::Blocked(wait) => drop(waiter.turn.send(Err(wait))),
                Judged::Free => {
                    self.take(&waiter.budgets, now);
                    if waiter.turn.send(Ok(())).is_err() {
                        self.release(&waiter.budgets, now);
                    }
                }
            }
        }
    }

    fn release(&mut self, budgets: &Budgets, now: i64) {
        for budget in &budgets.held {
            let mut entry = self.look(budget.key, now);
            entry.pending = entry.pending.saturating_sub(1);
            self.put(budget.key, entry, now);
        }
    }

    /// A key's account as it stands now.
    fn look(&self, key: u64, now: i64) -> Entry {
        let mut entry = self.entries.get(&key).copied().unwrap_or_default();
        // Written by a clock that was wrong, and set right since: nobody waits for a moment that is so far ahead.
        if entry.until > now + self.longest + SET_BACK {
            entry.until = now;
        }
        let forgiven = (now - entry.until).max(0) / self.longest;
        entry.failures = entry
            .failures
            .saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX));
        if entry.failures > 0 {
            entry.until += forgiven * self.longest;
        }
        entry
    }

    fn put(&mut self, key: u64, entry: Entry, now: i64) {
        if entry.pending == 0 && entry.matters_until(self.longest) <= now {
            self.entries.remove(&key);
            return;
        }
        if self.entries.len() >= MOST_KEYS && !self.entries.contains_key(&key) {
            self.make_room(now);
        }
        self.entries.insert(key, entry);
    }

    /// Drops what no longer matters; then, down to nine tenths, what will soonest not matter. A name under attack has
    /// the longest to go and stays.
    fn make_room(&mut self, now: i64) {
        let longest = self.longest;
        let ends = |entry: &Entry| match entry.pending {
            0 => entry.matters_until(longest),
            _ => i64::MAX,
        };
        self.entries.retain(|_, entry| ends(entry) > now);
        let mut surplus = self.entries.len().saturating_sub(MOST_KEYS / 10 * 9);
        if surplus == 0 {
            return;
        }
        let mut moments: Vec<i64> = self.entries.values().map(ends).collect();
        let (_, &mut last, _) = moments.select_nth_unstable(surplus - 1);
        self.entries.retain(|_, entry| {
            let goes = surplus > 0 && ends(entry) <= last && entry.pending == 0;
            surplus -= usize::from(goes);
            !goes
        });
    }
}

impl Entry {
    /// When all of it is forgiven.
    fn matters_until(&self, longest: i64) -> i64 {
        self.until
            .saturating_add(longest.saturating_mul(self.failures.into()))
    }
}

/// How long to wait after so many failures: 1 second, 2, 4 and so on, up to the longest.
fn waited(failures: u32, free: u32, longest: i64) -> i64 {
    match failures.checked_sub(free) {
        None => 0,
        Some(beyond) => 1_i64
            .checked_shl(beyond.min(62))
            .map_or(longest, |wait| wait.min(longest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(key: u64) -> Arc<Budgets> {
        let budget = Budget {
            key,
            limit: Limit::Name,
            free: 5,
        };
        Arc::new(Budgets {
            held: vec![budget],
            returned: Returned::All,
        })
    }

    fn fail(table: &mut Table, budgets: &Arc<Budgets>, now: i64) -> Option<Wait> {
        assert!(matches!(table.enter(budgets, now), Entered::Open));
        table.settle(budgets, Outcome::Failed, now)
    }

    fn seconds(table: &mut Table, budgets: &Arc<Budgets>, now: i64) -> u32 {
        match table.enter(budgets, now) {
            Entered::Refused(wait) => wait.seconds,
            _ => 0,
        }
    }

    #[test]
    fn waits_double_up_to_the_longest_and_stay_there() {
        let (mut table, ana, mut now) = (Table::new(900), named(1), 1_000);
        for _ in 0..4 {
            assert!(fail(&mut table, &ana, now).is_none());
        }
        let mut waits = Vec::new();
        for _ in 0..12 {
            fail(&mut table, &ana, now);
            waits.push(seconds(&mut table, &ana, now));
            now += i64::from(waits.last().copied().unwrap());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
    }

    #[test]
    fn pausing_gains_no_more_than_one_attempt_per_longest_wait() {
        let (mut table, ana, mut now, start) = (Table::new(900), named(1), 0, 0);
        let mut attempts = 0;
        for _ in 0..5 {
            fail(&mut table, &ana, now);
        }
        // As cleverly as can be: always as soon as the wait is as short as it gets.
        for _ in 0..1_000 {
            now += 900;
            fail(&mut table, &ana, now);
            attempts += 1;
        }
        assert!(attempts <= (now - start) / 900);
        assert!(seconds(&mut table, &ana, now) >= 1);
    }

    #[test]
    fn quiet_forgives_everything_in_the_end() {
        let (mut table, ana) = (Table::new(900), named(1));
        let mut now = 0;
        for _ in 0..20 {
            fail(&mut table, &ana, now);
            now += 900;
        }
        now += 20 * 900;
        for _ in 0..4 {
            fail(&mut table, &ana, now);
            assert!(table.entries.len() == 1);
        }
        assert!(matches!(table.enter(&ana, now), Entered::Open));
    }

    #[test]
    fn those_who_come_together_wait_for_each_other_in_order() {
        let (mut table, ana) = (Table::new(900), named(1));
        for _ in 0..5 {
            assert!(matches!(table.enter(&ana, 0), Entered::Open));
        }
        let mut turns: Vec<_> = (0..3)
            .map(|_| match table.enter(&ana, 0) {
                Entered::Waiting(turn) => turn,
                _ => panic!("there is no room"),
            })
            .collect();
        table.settle(&ana, Outcome::Succeeded, 0);
        assert_eq!(turns[0].try_recv(), Ok(Ok(())));
        assert!(turns[1].try_recv().is_err());
        // Gone while waiting.
        drop(turns.remove(1));
        for _ in 0..5 {
            table.settle(&ana, Outcome::Failed, 0);
        }
        assert_eq!(turns[1].try_recv().unwrap().unwrap_err().seconds, 1);
    }

    #[test]
    fn a_success_takes_back_what_was_spent_on_the_way_to_it_and_nothing_else() {
        let mut table = Table::new(900);
        let address = Budget {
            key: 9,
            limit: Limit::Address,
            free: 20,
        };
        let from = |name, pair| {
            let name = Budget {
                key: name,
                limit: Limit::Name,
                free: 5,
            };
            Arc::new(Budgets {
                held: vec![address, name],
                returned: Returned::Pair(pair),
            })
        };
        let (own, other) = (from(1, 11), from(2, 12));
        for _ in 0..4 {
            fail(&mut table, &own, 0);
            fail(&mut table, &other, 0);
        }
        assert_eq!(table.look(9, 0).failures, 8);
        assert!(matches!(table.enter(&own, 0), Entered::Open));
        table.settle(&own, Outcome::Succeeded, 0);
        assert_eq!(
            (table.look(9, 0).failures, table.look(1, 0).failures),
            (4, 0)
        );
        assert_eq!(table.look(2, 0).failures, 4);
        assert_eq!(table.entries.len(), 3);
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nobody_out_for_longer() {
        let (mut table, ana) = (Table::new(900), named(1));
        for _ in 0..5 {
            fail(&mut table, &ana, 1_000_000);
        }
        assert!(seconds(&mut table, &ana, 999_900) <= 1_000);
        // Long before, nobody waits for what the clock said once, and failures count on.
        assert_eq!(seconds(&mut table, &ana, 0), 0);
        table.settle(&ana, Outcome::Failed, 0);
        assert_eq!(seconds(&mut table, &ana, 0), 2);
        assert_eq!(seconds(&mut table, &ana, 2), 0);
    }

    #[test]
    fn the_table_stays_bounded_and_keeps_a_name_under_attack() {
        let (mut table, ana, mut now) = (Table::new(900), named(0), 0);
        for _ in 0..10 {
            now = now.max(table.look(0, now).until);
            fail(&mut table, &ana, now);
        }
        let held = table.look(0, now).failures;
        for key in 1..150_000 {
            fail(&mut table, &named(key), now);
            assert!(table.entries.len() <= MOST_KEYS);
        }
        assert_eq!(table.look(0, now).failures, held);
        // What hashbrown takes for a slot: the pair and a byte; its slots are a power of two, seven eighths in use.
        let slots = (table.entries.capacity() * 8)
            .div_ceil(7)
            .next_power_of_two();
        let bytes = slots * (size_of::<(u64, Entry)>() + 1);
        assert!(bytes <= 16 * 1024 * 1024, "{bytes}");
    }
}
