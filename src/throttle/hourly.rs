//! Budgets of so many an hour: what is allowed, but not without end. They come back evenly over the hour.
//!
//! A key is a keyed hash, so nothing personal is kept, and memory is bounded.

use std::collections::HashMap;

use super::limit::{Limit, Wait};

/// How many keys are tracked at most.
pub const MOST_KEYS: usize = 20_000;

/// Milliseconds of an hour.
const HOUR: i64 = 3_600_000;

/// By how many milliseconds a clock is set back in passing.
const SET_BACK: i64 = 600_000;

/// So many an hour of something.
#[derive(Clone, Copy)]
pub struct Ration {
    /// The hash of what it is for.
    pub key: u64,
    /// Which it is.
    pub limit: Limit,
    /// How many an hour, and at once.
    pub most: u32,
}

impl Ration {
    /// How many milliseconds of the hour one is worth.
    fn share(&self) -> i64 {
        (HOUR / i64::from(self.most.max(1))).max(1)
    }
}

/// What is spent: for each key the moment at which all of it has come back, in milliseconds since 1970.
#[derive(Default)]
pub struct Hourly(HashMap<u64, i64>);

impl Hourly {
    /// Whether there is one left in each ration. Times are in seconds, here and below.
    ///
    /// # Errors
    /// A ration that is spent.
    pub fn look(&self, rations: &[Ration], now: i64) -> Result<(), Wait> {
        let now = now * 1000;
        let blocked = rations.iter().filter_map(|ration| {
            let next = self.back_at(ration.key, now) - HOUR + ration.share();
            // Rounded up, so that whoever waits so long finds one.
            let until = next.div_euclid(1000) + i64::from(next.rem_euclid(1000) > 0);
            (next > now).then(|| Wait::new(ration.limit, until, now / 1000))
        });
        blocked.max_by_key(|wait| wait.until).map_or(Ok(()), Err)
    }

    /// Spends one of each ration, or of none.
    ///
    /// # Errors
    /// A ration that is spent already.
    pub fn spend(&mut self, rations: &[Ration], now: i64) -> Result<(), Wait> {
        self.look(rations, now)?;
        let now = now * 1000;
        for ration in rations {
            let back_at = self.back_at(ration.key, now) + ration.share();
            self.make_room(ration.key, now);
            self.0.insert(ration.key, back_at);
        }
        Ok(())
    }

    /// Gives back what was spent for nothing.
    pub fn give_back(&mut self, rations: &[Ration], now: i64) {
        for ration in rations {
            let back_at = self.back_at(ration.key, now * 1000) - ration.share();
            if let Some(entry) = self.0.get_mut(&ration.key) {
                *entry = back_at;
            }
        }
    }

    /// Never later than in an hour. What lies further ahead was written by a clock that was wrong, and counts as back: or
    /// it would stay an hour ahead until the right time comes to it.
    fn back_at(&self, key: u64, now: i64) -> i64 {
        let back_at = self.0.get(&key).copied().unwrap_or(now);
        if back_at > now + HOUR + SET_BACK {
            return now;
        }
        back_at.clamp(now, now + HOUR)
    }

    /// Drops what has come back; then, down to nine tenths, what will come back soonest.
    fn make_room(&mut self, key: u64, now: i64) {
        if self.0.len() < MOST_KEYS || self.0.contains_key(&key) {
            return;
        }
        self.0.retain(|_, back_at| *back_at > now);
        let mut surplus = self.0.len().saturating_sub(MOST_KEYS / 10 * 9);
        if surplus == 0 {
            return;
        }
        let mut moments: Vec<i64> = self.0.values().copied().collect();
        let (_, &mut last, _) = moments.select_nth_unstable(surplus - 1);
        self.0.retain(|_, back_at| {
            let goes = surplus > 0 && *back_at <= last;
            surplus -= usize::from(goes);
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ration(key: u64, most: u32) -> [Ration; 1] {
        [Ration {
            key,
            limit: Limit::Registrations,
            most,
        }]
    }

    #[test]
    fn so_many_an_hour_come_back_evenly() {
        let (mut hourly, four) = (Hourly::default(), ration(1, 4));
        for _ in 0..4 {
            assert!(hourly.spend(&four, 100).is_ok());
        }
        assert_eq!(hourly.spend(&four, 100).unwrap_err().seconds, 900);
        assert!(hourly.spend(&four, 1_000).is_ok());
        assert_eq!(hourly.spend(&four, 1_000).unwrap_err().seconds, 900);
        hourly.give_back(&four, 1_000);
        assert!(hourly.look(&four, 1_000).is_ok());
        assert!(hourly.spend(&four, 1_000).is_ok());
    }

    #[test]
    fn more_than_one_a_second_is_counted_as_well() {
        let (mut hourly, many) = (Hourly::default(), ration(1, 36_000));
        let at_once = (0..100_000).take_while(|_| hourly.spend(&many, 0).is_ok());
        assert_eq!(at_once.count(), 36_000);
        assert_eq!(hourly.look(&many, 0).unwrap_err().seconds, 1);
        let later = (0..100_000).take_while(|_| hourly.spend(&many, 10).is_ok());
        assert_eq!(later.count(), 100);
    }

    #[test]
    fn one_that_is_spent_spends_none_of_the_others() {
        let mut hourly = Hourly::default();
        let both = [ration(1, 1), ration(2, 2)].concat();
        assert!(hourly.spend(&both, 0).is_ok());
        for _ in 0..5 {
            assert!(hourly.spend(&both, 0).is_err());
        }
        assert!(hourly.spend(&ration(2, 2), 0).is_ok());
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nobody_out_for_longer() {
        let (mut hourly, one) = (Hourly::default(), ration(1, 1));
        assert!(hourly.spend(&one, 1_000_000).is_ok());
        assert!(hourly.look(&one, 999_500).unwrap_err().seconds <= 3_600);
        // Long before, all of it is back, and is counted anew.
        assert!(hourly.spend(&one, 100_000).is_ok());
        assert_eq!(hourly.look(&one, 100_000).unwrap_err().seconds, 3_600);
        assert!(hourly.look(&one, 103_600).is_ok());
    }

    #[test]
    fn memory_is_bounded_and_what_is_most_spent_stays() {
        let (mut hourly, spent) = (Hourly::default(), ration(0, 2));
        assert!(hourly.spend(&spent, 0).is_ok() && hourly.spend(&spent, 0).is_ok());
        for key in 1..50_000 {
            assert!(hourly.spend(&ration(key, 20), 0).is_ok());
            assert!(hourly.0.len() <= MOST_KEYS);
        }
        assert!(hourly.look(&spent, 0).is_err());
        // With the table of failures: a hundred thousand keys, and far less than 16 MiB.
        const { assert!(MOST_KEYS + super::super::table::MOST_KEYS <= 100_000) };
    }
}
