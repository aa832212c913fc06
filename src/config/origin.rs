//! Origins: where people, and browsers, believe the service to be.

use std::fmt;
use std::net::IpAddr;

use url::Url;

/// A scheme, a host and a port (RFC 6454).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    https: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// An origin of these parts; an IPv6 host in brackets.
    pub fn new(https: bool, host: impl Into<String>, port: u16) -> Self {
        Self {
            https,
            host: host.into(),
            port,
        }
    }

    /// Reads `https://login.example.org`; `None` for anything with a path, a query, a name or another scheme.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let anonymous = url.username().is_empty() && url.password().is_none();
        (bare && anonymous).then_some(())?;
        Some(Self::new(
            https,
            url.host_str()?.to_ascii_lowercase(),
            url.port_or_known_default()?,
        ))
    }

    /// Whether it is https.
    pub fn https(&self) -> bool {
        self.https
    }

    /// The host, lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether this `Host` header names it, with or without the scheme's own port.
    pub fn is_host(&self, host: &str, port: Option<u16>) -> bool {
        self.host.eq_ignore_ascii_case(host) && port.unwrap_or(self.default_port()) == self.port
    }

    fn default_port(&self) -> u16 {
        if self.https { 443 } else { 80 }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == self.default_port() {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

/// Whether a host can only be this machine (RFC 6761 section 6.3).
pub fn is_loopback_name(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_by_their_parts() {
        let origin = Origin::parse("https://Login.Example.org:443/").unwrap();
        assert_eq!(origin.to_string(), "https://login.example.org");
        assert!(
            origin.is_host("login.example.ORG", None)
                && origin.is_host("login.example.org", Some(443))
        );
        assert!(
            !origin.is_host("login.example.org", Some(8443))
                && !origin.is_host("example.org", None)
        );
        for bad in [
            "login.example.org",
            "ftp://a.example",
            "https://u@a.example",
            "https://a.example/?q",
        ] {
            assert!(Origin::parse(bad).is_none(), "{bad}");
        }
    }
}
