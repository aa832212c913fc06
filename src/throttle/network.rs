//! Where callers come from, as far as budgets tell them apart.

use std::net::{IpAddr, Ipv6Addr};

/// What one customer of a provider has for certain: an IPv4 address, or an IPv6 /64, in which a single machine can
/// take a new address for every request.
pub fn address(of: IpAddr) -> IpAddr {
    match of {
        IpAddr::V4(_) => of,
        IpAddr::V6(address) => IpAddr::V6(first_bits(address, 64)),
    }
}

/// What an attacker with a little more has: an IPv4 /24, or an IPv6 /48, which providers hand out to one customer and
/// which holds 65,536 of the above.
pub fn around(of: IpAddr) -> IpAddr {
    match of {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            IpAddr::from([a, b, c, 0])
        }
        IpAddr::V6(address) => IpAddr::V6(first_bits(address, 48)),
    }
}

/// Whether an address is of this machine or a private network: where a proxy of ours may stand, and no stranger from
/// the internet (RFC 1918, 4193, 6598, 3927).
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            let shared = a == 100 && (64..128).contains(&b);
            address.is_loopback() || address.is_private() || address.is_link_local() || shared
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

fn first_bits(address: Ipv6Addr, bits: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_what_one_customer_has() {
        assert_eq!(address(ip("203.0.113.9")), ip("203.0.113.9"));
        assert_eq!(address(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
        assert_eq!(around(ip("203.0.113.9")), ip("203.0.113.0"));
        assert_eq!(around(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1::"));
    }

    #[test]
    fn a_proxy_of_ours_stands_in_a_private_network() {
        for near in [
            "127.0.0.1",
            "10.1.2.3",
            "172.17.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "::1",
            "fd00::1",
        ] {
            assert!(is_private(ip(near)), "{near}");
        }
        for far in ["203.0.113.9", "172.32.0.1", "100.128.0.1", "2001:db8::1"] {
            assert!(!is_private(ip(far)), "{far}");
        }
    }
}
