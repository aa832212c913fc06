//! The way that requests take to us, counted for the operator: under which host names they ask, through which proxies
//! they come, and over which scheme these say that people came.
//!
//! Another process, `vestibule doctor`, holds it against the settings, so it is written to the database now and then.
//! Kept are host names and addresses of proxies: those that the operator trusts, and private ones. A public address
//! that sends forwarding headers may be a person's, and is left out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rocket::tokio::sync::Notify;
use rocket::tokio::time::{sleep, timeout};

use crate::store::observations::{self, Observation};
use crate::store::{Fault, Pool};
use crate::throttle::is_private;
use crate::world::{Chance, Clock};

/// Requests that were looked at, under no value.
pub const REQUESTS: &str = "requests";
/// A host name that was asked for.
pub const HOST: &str = "host";
/// A peer that forwards other people's requests.
pub const PROXY: &str = "proxy";
/// A trusted proxy that does not say for whom it asks.
pub const SILENT_PROXY: &str = "silent_proxy";
/// `http` or `https`, as a proxy says of the people behind it.
pub const SCHEME: &str = "scheme";

/// Seconds for which it is remembered.
pub const REMEMBERED: i64 = 86_400;

/// How many values of a kind are told apart.
const VALUES: usize = 8;

/// How many requests are looked at before only some are: a look costs more than the rest of the front door.
const ALL: u64 = 1024;

/// One in so many, from then on.
const EVERY: u64 = 16;

/// When the counts are halved, so that lately counts more.
const HALVED: u64 = 4096;

/// How often it is written down at least, and how long is gathered before.
const WRITING: Duration = Duration::from_secs(60);
const GATHER: Duration = Duration::from_millis(200);

/// A request as it came off the line.
pub struct Passing<'r> {
    /// The other end of the connection.
    pub peer: IpAddr,
    /// Whether its forwarding headers are believed.
    pub trusted: bool,
    /// The host that was asked for, where it can be read.
    pub host: Option<&'r str>,
    /// Whether it says for whom it asks.
    pub forwarded: bool,
    /// The scheme that it says.
    pub scheme: Option<&'r str>,
}

/// Counts.
pub struct Traffic {
    arrived: AtomicU64,
    seen: Mutex<Seen>,
    news: Notify,
}

#[derive(Default)]
struct Seen {
    requests: u64,
    values: HashMap<&'static str, HashMap<String, u64>>,
}

impl Traffic {
    /// Nothing was seen yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            arrived: AtomicU64::new(0),
            seen: Mutex::default(),
            news: Notify::new(),
        })
    }

    /// Looks at a request, or not: all at first, then one in many.
    pub fn see<'r>(&self, request: impl FnOnce() -> Passing<'r>) -> Option<Passing<'r>> {
        let number = self.arrived.fetch_add(1, Ordering::Relaxed);
        if number >= ALL && !number.is_multiple_of(EVERY) {
            return None;
        }
        let request = request();
        let mut seen = self.lock();
        seen.count(&request);
        // Written down while it changes what an operator should do, and not again and again.
        if seen.requests.is_power_of_two() {
            self.news.notify_one();
        }
        Some(request)
    }

    /// Writes down what was seen, for as long as the database is open.
    pub async fn keep(self: Arc<Self>, pool: Pool, chance: Chance, clock: Clock) {
        // Its name among other instances on the same database. Made late: a start does not wait for random bytes.
        let mut instance = None;
        while !pool.is_closed() {
            let _ = timeout(WRITING, self.news.notified()).await;
            sleep(GATHER).await;
            instance = instance.or_else(|| chance.id().ok());
            let Some(instance) = &instance else { continue };
            // A database that is gone is told of by those who need it.
            let _ = timeout(WRITING, self.write(&pool, instance, &clock)).await;
        }
    }

    async fn write(&self, pool: &Pool, instance: &str, clock: &Clock) -> Result<(), Fault> {
        let now = clock.unix();
        let seen = self.lock().observations(now);
        observations::replace(pool, instance, &seen, now - REMEMBERED).await
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // Numbers are whole whatever panicked.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn count(&mut self, request: &Passing<'_>) {
        if self.requests >= HALVED {
            self.halve();
        }
        self.requests += 1;
        if let Some(host) = request.host {
            self.value(HOST, host.to_ascii_lowercase());
        }
        let peer = request.peer.to_canonical();
        if !request.trusted && !is_private(peer) {
            return;
        }
        match (request.forwarded, request.trusted) {
            (true, _) => self.value(PROXY, peer.to_string()),
            (false, true) => self.value(SILENT_PROXY, peer.to_string()),
            (false, false) => {}
        }
        if let Some(scheme @ ("http" | "https")) = request.scheme {
            self.value(SCHEME, scheme.to_owned());
        }
    }

    fn halve(&mut self) {
        self.requests /= 2;
        for counts in self.values.values_mut() {
            counts.values_mut().for_each(|times| *times /= 2);
            counts.retain(|_, times| *times > 0);
        }
    }

    /// Counts a value. Where there is no room, it takes the place of the rarest and its count, so that what is frequent
    /// stays, whatever strangers make up.
    fn value(&mut self, name: &'static str, value: String) {
        let counts = self.values.entry(name).or_default();
        if let Some(times) = counts.get_mut(&value) {
            *times += 1;
            return;
        }
        let mut times = 1;
        if counts.len() >= VALUES {
            let rarest = counts.iter().min_by_key(|(_, times)| **times);
            let rarest = rarest.map(|(value, _)| value.clone());
            times += rarest.and_then(|value| counts.remove(&value)).unwrap_or(0);
        }
        counts.insert(value, times);
    }

    fn observations(&self, seen_at: i64) -> Vec<Observation> {
        let one = |name: &str, value: &str, times: u64| Observation {
            name: name.to_owned(),
            value: value.to_owned(),
            times: i64::try_from(times).unwrap_or(i64::MAX),
            seen_at,
        };
        let all = one(REQUESTS, "", self.requests);
        let values = self.values.iter().flat_map(|(name, counts)| {
            let counts = counts.iter();
            counts.map(|(value, times)| one(name, value, *times))
        });
        std::iter::once(all).chain(values).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passing<'r>(peer: &str, host: &'r str, forwarded: bool) -> Passing<'r> {
        Passing {
            peer: peer.parse().unwrap(),
            trusted: false,
            host: Some(host),
            forwarded,
            scheme: Some("https"),
        }
    }

    fn times(seen: &Seen, name: &str, value: &str) -> Option<i64> {
        let all = seen.observations(0);
        let found = all
            .iter()
            .find(|one| one.name == name && one.value == value);
        found.map(|one| one.times)
    }

    #[test]
    fn what_is_frequent_stays_whatever_strangers_make_up() {
        let mut seen = Seen::default();
        for number in 0..1000 {
            seen.count(&passing("10.0.0.1", "login.example.org", true));
            seen.count(&passing("10.0.0.1", &format!("{number}.example"), true));
        }
        assert!(times(&seen, HOST, "login.example.org") >= Some(1000));
        assert_eq!(times(&seen, REQUESTS, ""), Some(2000));
        assert!(seen.observations(0).len() <= 1 + 3 * VALUES);
    }

    #[test]
    fn a_proxy_that_was_taken_away_is_forgotten() {
        let mut seen = Seen::default();
        for _ in 0..5000 {
            seen.count(&passing("10.0.0.1", "a.example", true));
        }
        for _ in 0..50_000 {
            seen.count(&passing("10.0.0.1", "a.example", false));
        }
        assert_eq!(times(&seen, PROXY, "10.0.0.1"), None);
        assert!(times(&seen, REQUESTS, "") <= Some(4096));
    }

    #[test]
    fn addresses_that_may_be_a_persons_are_not_kept() {
        let mut seen = Seen::default();
        seen.count(&passing("203.0.113.9", "a.example", true));
        seen.count(&passing("192.168.1.7", "a.example", false));
        seen.count(&passing("::ffff:10.0.0.1", "a.example", true));
        let all = seen.observations(0);
        let proxies = all.iter().filter(|one| one.name == PROXY);
        assert_eq!(
            proxies.map(|one| &one.value).collect::<Vec<_>>(),
            ["10.0.0.1"]
        );
    }
}
