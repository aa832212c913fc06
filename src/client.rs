//! Who is at the other end of the line: plain data, filled in by the guard.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// The caller as the network shows it. Says nothing about who they are.
#[derive(Clone, Debug)]
pub struct Client {
    /// The address the request came from, seen through trusted proxies only.
    pub address: IpAddr,
    /// For whom a peer at a private address says that it speaks, though nobody told us to believe it. Good for telling
    /// people apart where a proxy was forgotten in the settings, and for nothing else.
    pub claimed: Option<IpAddr>,
    /// The id under which the log tells of this request.
    pub request_id: String,
    /// The `User-Agent`, as sent.
    pub agent: String,
}

impl Client {
    /// With what the request was made, in words that its owner recognises: `Firefox on Linux`.
    pub fn device(&self) -> String {
        device(&self.agent)
    }
}

/// Names by which programs call themselves. The order matters: most say that they are several others, too.
const PROGRAMS: &[(&str, &str)] = &[
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("python-requests/", "Python"),
    ("Python-urllib/", "Python"),
    ("okhttp/", "okhttp"),
    ("Go-http-client/", "Go"),
    ("node", "Node.js"),
    ("ureq/", "ureq"),
];

const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

fn device(agent: &str) -> String {
    let known = |names: &[(&str, &'static str)]| {
        names
            .iter()
            .find(|(mark, _)| agent.contains(mark))
            .map(|(_, name)| *name)
    };
    match (known(PROGRAMS), known(SYSTEMS)) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "An unknown device".to_owned(),
    }
}

/// The address a request came from.
///
/// `peer` is the other end of the socket. Where it is a trusted proxy, `forwarded` (the values of
/// `X-Forwarded-For`, in order of arrival) is read from the right, because everything left of the last trusted hop
/// was written by a stranger. The first address that is no trusted proxy is the client's; an entry that cannot be
/// read ends the walk at the hop that wrote it.
pub fn address<'a>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &[IpNet],
) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut nearest = peer.to_canonical();
    let hops = forwarded.rev().flat_map(|value| value.rsplit(','));
    for hop in hops {
        if !is_trusted(&nearest) {
            break;
        }
        match parse_hop(hop.trim()) {
            Some(address) => nearest = address,
            None => break,
        }
    }
    nearest
}

/// The address that a hop wrote last, which is a proxy's own word where it is one.
pub fn claimed(forwarded: &str) -> Option<IpAddr> {
    parse_hop(forwarded.rsplit(',').next()?.trim())
}

/// Reads `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:4711`: what proxies write.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let bracketed = hop
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = match bracketed {
        Some(inner) => inner.parse::<Ipv6Addr>().ok()?.into(),
        None => hop
            .parse::<IpAddr>()
            .or_else(|_| hop.parse::<SocketAddr>().map(|socket| socket.ip()))
            .ok()?,
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        address(peer.parse().unwrap(), forwarded.iter().copied(), &trusted).to_string()
    }

    #[test]
    fn a_stranger_cannot_choose_an_address() {
        assert_eq!(seen("198.51.100.7", &["192.0.2.1"], &[]), "198.51.100.7");
        assert_eq!(
            seen("198.51.100.7", &["192.0.2.1"], &["10.0.0.0/8"]),
            "198.51.100.7"
        );
    }

    #[test]
    fn a_trusted_chain_is_read_from_the_right() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(
            seen("10.0.0.1", &["6.6.6.6, 192.0.2.1"], &trusted),
            "192.0.2.1"
        );
        assert_eq!(
            seen("10.0.0.1", &["6.6.6.6, 192.0.2.1, 10.0.0.2"], &trusted),
            "192.0.2.1"
        );
        assert_eq!(
            seen("10.0.0.1", &["6.6.6.6", "192.0.2.1"], &trusted),
            "192.0.2.1"
        );
        assert_eq!(
            seen("::ffff:10.0.0.1", &["192.0.2.1:443"], &trusted),
            "192.0.2.1"
        );
        assert_eq!(
            seen("10.0.0.1", &["[2001:db8::1]:443"], &trusted),
            "2001:db8::1"
        );
        assert_eq!(
            seen("10.0.0.1", &["[2001:db8::1]"], &trusted),
            "2001:db8::1"
        );
    }

    #[test]
    fn an_unreadable_hop_ends_the_walk() {
        assert_eq!(
            seen("10.0.0.1", &["192.0.2.1, nonsense"], &["10.0.0.0/8"]),
            "10.0.0.1"
        );
        assert_eq!(seen("10.0.0.1", &[], &["10.0.0.0/8"]), "10.0.0.1");
        // Half a bracket is no spelling of an address.
        for broken in ["[192.0.2.1", "192.0.2.1]", "[192.0.2.1]", "[[::1]]"] {
            assert_eq!(seen("10.0.0.1", &[broken], &["10.0.0.0/8"]), "10.0.0.1");
        }
    }

    #[test]
    fn a_device_has_a_name_that_its_owner_knows() {
        let mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)";
        let windows =
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)";
        for (agent, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox on Linux",
            ),
            (
                &format!("{mac} Version/18.0 Safari/605.1.15"),
                "Safari on macOS",
            ),
            (
                &format!("{windows} Chrome/150.0.0.0 Safari/537.36"),
                "Chrome on Windows",
            ),
            (
                &format!("{windows} Chrome/150.0.0.0 Safari/537.36 Edg/150.0.0.0"),
                "Edge on Windows",
            ),
            ("curl/8.5.0", "curl"),
            ("", "An unknown device"),
            ("<script>", "An unknown device"),
        ] {
            assert_eq!(device(agent), name);
        }
    }
}
