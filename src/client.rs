//! Who is at the other end of the line: plain data, filled in by the guard.

use std::net::IpAddr;

use ipnet::IpNet;

/// The caller as the network shows it. Says nothing about who they are.
#[derive(Clone, Debug)]
pub struct Client {
    /// The address the request came from, seen through trusted proxies only.
    pub address: IpAddr,
    /// The id under which the log tells of this request.
    pub request_id: String,
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

/// Reads `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` and `[2001:db8::1]:4711`: what proxies write.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    hop.parse::<IpAddr>()
        .or_else(|_| {
            hop.parse::<std::net::SocketAddr>()
                .map(|socket| socket.ip())
        })
        .or_else(|_| hop.trim_start_matches('[').trim_end_matches(']').parse())
        .ok()
        .map(|address| address.to_canonical())
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
    }

    #[test]
    fn an_unreadable_hop_ends_the_walk() {
        assert_eq!(
            seen("10.0.0.1", &["192.0.2.1, nonsense"], &["10.0.0.0/8"]),
            "10.0.0.1"
        );
        assert_eq!(seen("10.0.0.1", &[], &["10.0.0.0/8"]), "10.0.0.1");
    }
}
