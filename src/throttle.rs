//! Budgets against guessing, which cannot lock the owner out.
//!
//! Whoever tries a secret has budgets of failures. A stranger has three: one for the address, a larger one for the
//! network around it, one for the name that was tried, whether or not anybody has it. Somebody known, a browser that
//! shows it signed in to this account before or a network from which a program did, has one of their own instead, so
//! strangers who guess can spend theirs and never the owner's. How waits grow stands in `table`.
//!
//! What is allowed has an end, too: right passwords and registrations have budgets by the hour (`allowed`), and one
//! address has no more attempts under way than its share of the hashing queue.
//!
//! All of it is in memory, bounded, and of this instance alone; a restart forgets it. What must not be forgotten, the
//! failures in a row of each account, is in the database.

mod allowed;
mod hourly;
mod limit;
mod network;
mod proxy;
mod table;

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rocket::tokio::sync::oneshot;

use crate::client::Client;
use crate::config::ThrottleSettings;
use crate::log::Log;
use crate::world::Clock;

pub use limit::{Limit, Wait};
pub use network::is_private;
pub use proxy::HiddenProxy;

use hourly::Hourly;
use proxy::Watch;
use table::{Budget, Budgets, Entered, Outcome, Returned, Table};

/// By how much the budgets of an address and its network are larger where a proxy that nobody named seems to speak for
/// many. Not without end, since one client at a private address can make it seem so.
const CROWD: u32 = 10;

/// From where somebody comes.
struct Place {
    /// The hash of an address or of a network, and of what it is asked for.
    key: u64,
    /// Whether it is the network around the address.
    around: bool,
    /// By how much its budgets are larger than others.
    times: u32,
}

impl Place {
    fn budget(&self, limit: Limit, free: u32) -> Budget {
        Budget {
            key: self.key,
            limit,
            free: free.saturating_mul(self.times),
        }
    }
}

/// Who tries a secret, as the budgets tell people apart.
pub enum Who<'a> {
    /// Nobody we know, with this name in the form in which names are compared.
    Stranger {
        /// A username or an address; whether somebody has it makes no difference.
        name: &'a str,
    },
    /// A browser that signed in to the account before.
    Device {
        /// Its id.
        device: &'a str,
        /// The account's id.
        account: &'a str,
    },
    /// Somebody from a network from which a program signed in to the account before.
    Network {
        /// The account's id.
        account: &'a str,
    },
}

/// The budgets.
pub struct Throttle {
    settings: ThrottleSettings,
    clock: Clock,
    /// Hashes keys with a seed of this process: the table holds nobody's name or address, and nobody outside can
    /// make two keys fall together.
    seed: RandomState,
    table: Mutex<Table>,
    hourly: Mutex<Hourly>,
    watch: Watch,
}

/// An attempt under way. One that is dropped before anybody says how it ended has failed.
pub struct Attempt<'t> {
    throttle: &'t Throttle,
    budgets: Arc<Budgets>,
    state: State,
}

enum State {
    Waiting(oneshot::Receiver<Result<(), Wait>>),
    Open,
    Ended,
}

impl Throttle {
    /// Nobody has failed yet.
    pub fn new(settings: ThrottleSettings, clock: Clock, log: Log) -> Self {
        Self {
            table: Mutex::new(Table::new(settings.longest_wait)),
            hourly: Mutex::default(),
            settings,
            clock,
            seed: RandomState::new(),
            watch: Watch::new(log),
        }
    }

    /// Whether anything is limited at all.
    pub fn is_on(&self) -> bool {
        self.settings.on
    }

    /// Failures in a row after which an account takes no stranger's password.
    pub fn failures_per_account(&self) -> i64 {
        self.settings.per_account
    }

    /// Begins an attempt, before anything dear is done for it. Where the budgets have no room only because of others
    /// that are under way, it waits for them.
    ///
    /// # Errors
    /// A budget that is spent, also one of right passwords: hashing what will be refused helps nobody. Whether an
    /// account's is spent only those hear who are known there.
    pub async fn attempt(&self, who: &Who<'_>, client: &Client) -> Result<Attempt<'_>, Wait> {
        // Who is known has a budget of the account's own, so that no stranger at the same address spends it.
        let rations = match who {
            Who::Device { account, .. } | Who::Network { account } => self.sign_ins_of(account),
            Who::Stranger { .. } => self.sign_ins_from(client),
        };
        self.hours().look(&rations, self.clock.unix())?;
        let mut attempt = Attempt {
            throttle: self,
            budgets: Arc::new(self.budgets(who, client)),
            state: State::Ended,
        };
        let entered = self.lock().enter(&attempt.budgets, self.clock.unix());
        match entered {
            Entered::Open => attempt.state = State::Open,
            Entered::Refused(wait) => return Err(wait),
            Entered::Waiting(turn) => {
                attempt.state = State::Waiting(turn);
                attempt.wait().await?;
            }
        }
        Ok(attempt)
    }

    /// Counts a secret that nobody could have guessed and somebody made up, such as a forged refresh token.
    ///
    /// # Errors
    /// The network's budget is spent.
    pub fn forged(&self, client: &Client) -> Result<(), Wait> {
        let budgets = Budgets {
            held: self.network_budgets(client),
            returned: Returned::All,
        };
        self.lock().strike(&budgets, self.clock.unix())
    }

    /// The network that a program is known by, as text; `None` where all networks look the same.
    pub fn network_of(&self, client: &Client) -> Option<String> {
        if self.is_hidden(client) {
            return None;
        }
        Some(match network::address(client.address) {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("{address}/64"),
        })
    }

    /// Looks where a request comes from. `forwarded`: whether it carries forwarding headers that nobody believes. It need
    /// not see every request.
    pub fn see(&self, peer: IpAddr, forwarded: bool) {
        self.watch.see(peer, forwarded);
    }

    /// The proxy in front that is not in `trusted_proxies`, where there seems to be one.
    pub fn hidden_proxy(&self) -> Option<HiddenProxy> {
        self.watch.hidden()
    }

    /// Whether this client's address is that of such a proxy, and so everybody's.
    fn is_hidden(&self, client: &Client) -> bool {
        self.hidden_proxy()
            .is_some_and(|hidden| hidden.peer == client.address)
    }

    fn budgets(&self, who: &Who<'_>, client: &Client) -> Budgets {
        let address = network::address(client.address);
        let budgets = |held, returned| Budgets { held, returned };
        let of = |limit, key| Budget {
            key,
            limit,
            free: self.settings.per_name,
        };
        let known = |key| [self.share(client), vec![of(Limit::Known, key)]].concat();
        match who {
            _ if !self.settings.on => budgets(Vec::new(), Returned::All),
            Who::Device { device, account } => budgets(
                known(self.seed.hash_one(("device", device, account))),
                Returned::All,
            ),
            // Others may share the network, and guess between a program's sign-ins.
            Who::Network { account } => budgets(
                known(self.seed.hash_one(("known network", address, account))),
                Returned::Some(1),
            ),
            Who::Stranger { name } => {
                let key = self.seed.hash_one(("name", name));
                let network = self.network_budgets(client);
                let held = [network, self.share(client), vec![of(Limit::Name, key)]].concat();
                let pair = self.seed.hash_one(("name from", address, name));
                budgets(held, Returned::Pair(pair))
            }
        }
    }

    fn network_budgets(&self, client: &Client) -> Vec<Budget> {
        if !self.settings.on {
            return Vec::new();
        }
        let places = self.places("", client).into_iter();
        let budgets = places.map(|place| {
            let (limit, free) = if place.around {
                (Limit::Network, self.settings.per_network)
            } else {
                (Limit::Address, self.settings.per_address)
            };
            place.budget(limit, free)
        });
        budgets.collect()
    }

    /// How many attempts an address may have under way.
    fn share(&self, client: &Client) -> Vec<Budget> {
        let places = self.places("share", client).into_iter();
        let places = places.filter(|place| !place.around);
        let budgets = places.map(|place| place.budget(Limit::Share, self.settings.at_once));
        budgets.collect()
    }

    /// From where a client comes, for something.
    fn places(&self, of: &str, client: &Client) -> Vec<Place> {
        let is_hidden = self.is_hidden(client);
        let place = |kind: &str, address: IpAddr, around, times| Place {
            key: self.seed.hash_one((of, kind, address)),
            around,
            times,
        };
        let times = if is_hidden { CROWD } else { 1 };
        let (address, around) = (
            network::address(client.address),
            network::around(client.address),
        );
        let mut places = vec![
            place("address", address, false, times),
            place("network", around, true, times),
        ];
        // Anybody can claim to be anybody, so this comes on top.
        if let Some(claimed) = client.claimed.filter(|_| is_hidden) {
            places.push(place("claimed", network::address(claimed), false, 1));
        }
        places
    }

    fn hours(&self) -> MutexGuard<'_, Hourly> {
        // As below.
        self.hourly.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // A table that a panic left behind still bounds guessing; without it nobody could sign in.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    async fn wait(&mut self) -> Result<(), Wait> {
        let State::Waiting(turn) = &mut self.state else {
            return Ok(());
        };
        let turn = turn.await;
        self.state = State::Ended;
        match turn {
            Ok(Ok(())) => {
                self.state = State::Open;
                Ok(())
            }
            Ok(Err(wait)) => Err(wait),
            // Nobody drops a turn; if somebody did, nobody was let in.
            Err(_) => {
                let now = self.throttle.clock.unix();
                Err(Wait {
                    limit: Limit::Name,
                    seconds: 1,
                    until: now + 1,
                })
            }
        }
    }

    /// The secret was wrong. The answer is the wait of the name where that is now the longest there is: said at once,
    /// the refusal of an account that takes no stranger's password looks like any other.
    pub fn failed(mut self) -> Option<Wait> {
        self.end(Outcome::Failed)
    }

    /// The secret was right: what was spent on the way to it comes back.
    pub fn succeeded(mut self) {
        self.end(Outcome::Succeeded);
    }

    /// Nothing was checked, by our own fault.
    pub fn undone(mut self) {
        self.end(Outcome::Undone);
    }

    fn end(&mut self, outcome: Outcome) -> Option<Wait> {
        let now = self.throttle.clock.unix();
        let settle = || self.throttle.lock().settle(&self.budgets, outcome, now);
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Open => settle(),
            State::Waiting(mut turn) => {
                // Perhaps the turn came in this very moment: it must go on to the next.
                turn.close();
                if matches!(turn.try_recv(), Ok(Ok(()))) {
                    self.throttle
                        .lock()
                        .settle(&self.budgets, Outcome::Undone, now);
                }
                None
            }
            State::Ended => None,
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.end(Outcome::Failed);
    }
}
