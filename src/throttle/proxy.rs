//! Whether a reverse proxy stands in front that nobody told us of: then every request seems to come from one address.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::network::is_private;
use crate::log::Log;

/// How many requests must have been looked at before anything is concluded.
const ENOUGH: u32 = 50;

/// When the counts are halved, so that lately counts more.
const HALVED: u32 = 1_000;

/// A private peer that hands on other people's requests, though its forwarding headers are not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HiddenProxy {
    /// What to put into `trusted_proxies`.
    pub peer: IpAddr,
    /// Of how many requests that were looked at.
    pub seen: u32,
    /// How many came through it.
    pub through: u32,
}

/// Watches where requests come from.
pub(super) struct Watch {
    seen: Mutex<Seen>,
    log: Log,
}

#[derive(Default)]
struct Seen {
    all: u32,
    through: u32,
    peer: Option<IpAddr>,
    told: Option<IpAddr>,
}

impl Watch {
    pub(super) fn new(log: Log) -> Self {
        Self {
            seen: Mutex::default(),
            log,
        }
    }

    /// Looks at a request. `forwarded`: whether it carries forwarding headers that nobody believes.
    pub(super) fn see(&self, peer: IpAddr, forwarded: bool) {
        let peer = peer.to_canonical();
        let through = is_private(peer) && forwarded;
        let mut seen = self.lock();
        seen.count(peer, through);
        if let Some(hidden) = seen.hidden()
            && seen.told != Some(hidden.peer)
        {
            seen.told = Some(hidden.peer);
            drop(seen);
            self.tell(hidden.peer);
        }
    }

    pub(super) fn hidden(&self) -> Option<HiddenProxy> {
        self.lock().hidden()
    }

    fn tell(&self, peer: IpAddr) {
        let peer = peer.to_string();
        let write = format!("trusted_proxies = [\"{peer}\"]");
        let warning = "Nearly all requests come from one private address with forwarding headers. If a proxy of yours \
                       stands there, write this under [default.vestibule]: until then everyone behind it shares one \
                       address and its limits, which are ten times as large for it. If none does, one client is making it \
                       look so: write nothing, or that client could choose its address.";
        let more = [("peer", &*peer), ("warning", warning), ("write", &write)];
        self.log.notice("warn", "untrusted_proxy", &more);
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // Numbers are whole whatever panicked.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn count(&mut self, peer: IpAddr, through: bool) {
        self.all += 1;
        if through && self.peer == Some(peer) {
            self.through += 1;
        } else if through && self.through * 2 < self.all {
            // The one that was watched is not most of them.
            self.peer = Some(peer);
            self.through = 1;
        }
        if self.all >= HALVED {
            self.all /= 2;
            self.through /= 2;
        }
    }

    fn hidden(&self) -> Option<HiddenProxy> {
        let nearly_all = self.all >= ENOUGH && self.through * 10 >= self.all * 9;
        let peer = self.peer.filter(|_| nearly_all)?;
        Some(HiddenProxy {
            peer,
            seen: self.all,
            through: self.through,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogFormat;
    use crate::world::Clock;

    fn watch() -> Watch {
        Watch::new(Log::kept(Clock::set_to(0), LogFormat::Json))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_private_peer_that_forwards_nearly_everything_is_a_proxy() {
        let watch = watch();
        for number in 0..60 {
            watch.see(ip("::ffff:10.0.0.1"), number % 20 != 0);
            assert_eq!(watch.hidden().is_some(), number >= 49, "{number}");
        }
        assert_eq!(watch.hidden().unwrap().peer, ip("10.0.0.1"));
        let lines = watch.log.taken();
        assert_eq!(lines.lines().count(), 1);
        assert!(
            lines.contains(r#"trusted_proxies = [\"10.0.0.1\"]"#),
            "{lines}"
        );
    }

    #[test]
    fn what_anyone_on_the_internet_can_send_proves_nothing() {
        let (far, many, plain, mixed) = (watch(), watch(), watch(), watch());
        for number in 0..200_u8 {
            far.see(ip("203.0.113.9"), true);
            many.see(IpAddr::from([10, 0, 0, number]), true);
            plain.see(ip("10.0.0.1"), false);
            mixed.see(ip("10.0.0.1"), number % 2 == 0);
        }
        for watch in [far, many, plain, mixed] {
            assert_eq!(watch.hidden(), None);
        }
    }

    #[test]
    fn a_proxy_that_was_put_in_front_later_is_noticed_too() {
        let watch = watch();
        for _ in 0..500 {
            watch.see(ip("10.0.0.1"), false);
        }
        for _ in 0..20_000 {
            watch.see(ip("10.0.0.1"), true);
        }
        assert!(watch.hidden().is_some());
    }
}
