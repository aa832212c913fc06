//! `public_url` and `trusted_proxies` against what running servers have seen lately.

use rocket::http::uri::Host;

use super::{Check, Subject};
use crate::config::{Settings, is_loopback_name};
use crate::store::observations::Observation;
use crate::traffic::{HOST, PROXY, REQUESTS, SCHEME, SILENT_PROXY};

/// Fewer requests prove nothing.
const ENOUGH: i64 = 10;

/// How the settings stand to what was seen, and what was seen.
struct Passage<'s> {
    settings: &'s Settings,
    seen: &'s [Observation],
    /// Of so many requests.
    requests: i64,
}

pub(super) fn checks(subject: &Subject, seen: &[Observation]) -> Vec<Check> {
    let passage = Passage {
        settings: &subject.settings,
        seen,
        requests: seen
            .iter()
            .find(|one| one.name == REQUESTS)
            .map_or(0, |one| one.times),
    };
    vec![
        passage.public_url(subject.is_local()),
        passage.trusted_proxies(),
    ]
}

impl Passage<'_> {
    fn of(&self, name: &str) -> impl Iterator<Item = &Observation> {
        self.seen.iter().filter(move |one| one.name == name)
    }

    /// Whether so many are most of what was seen.
    fn is_most(&self, times: i64) -> bool {
        self.requests >= ENOUGH && times * 2 > self.requests
    }

    /// Sorted by how often: the first foreign name is the one asked for most.
    fn foreign_host(&self) -> Option<&Observation> {
        self.of(HOST).find(|one| !self.is_ours(&one.value))
    }

    fn is_ours(&self, host: &str) -> bool {
        let Ok(host) = Host::parse(host) else {
            return false;
        };
        let name = host.domain().as_str();
        match &self.settings.public_url {
            Some(public) => public.is_host(name, host.port()),
            None => is_loopback_name(name),
        }
    }

    fn says(&self, scheme: &str) -> i64 {
        self.of(SCHEME)
            .filter(|one| one.value == scheme)
            .map(|one| one.times)
            .sum()
    }

    fn public_url(&self, is_local: bool) -> Check {
        let https = self
            .settings
            .public_url
            .as_ref()
            .is_some_and(|url| url.https());
        if let Some(host) = self.foreign_host().filter(|host| self.is_most(host.times)) {
            return Check::wrong(
                "public_url",
                format!(
                    "{} of {} requests asked for {}, and were refused.",
                    host.times, self.requests, host.value
                ),
            )
            .because("People do not reach the service under the name that they use.")
            .type_this(self.url_of(&host.value));
        }
        if https && self.is_most(self.says("http")) {
            return Check::wrong(
                "public_url",
                "It says https, and the proxy says that people come over http.",
            )
            .because("Passwords travel readable between them and the proxy.")
            .type_this("return 301 https://$host$request_uri;  # in nginx, for port 80");
        }
        if !https && self.is_most(self.says("https")) {
            return Check::warning("public_url", "The proxy says that people come over https; public_url does not.")
                .because("Cookies travel without Secure, and browsers are not told to stay with https.")
                .type_this("public_url = \"https://login.example.org\"  # in Rocket.toml, under [default.vestibule]");
        }
        self.by_itself(is_local)
    }

    fn url_of(&self, host: &str) -> String {
        let plain = self
            .settings
            .public_url
            .as_ref()
            .is_some_and(|url| !url.https());
        let scheme = if plain { "http" } else { "https" };
        format!(
            "public_url = \"{scheme}://{host}\"  # in Rocket.toml, under [default.vestibule], if that name is yours"
        )
    }

    fn by_itself(&self, is_local: bool) -> Check {
        let Some(public) = &self.settings.public_url else {
            return if self.settings.insecure_http && !is_local {
                Check::wrong("public_url", "It is not set, and the service listens beyond this machine over http.")
                    .because("Passwords travel readable.")
                    .type_this("public_url = \"https://login.example.org\"  # in Rocket.toml, with a proxy that has TLS in front")
            } else {
                Check::fine(
                    "public_url",
                    "Not set: the service answers under this machine's own names only.",
                )
            };
        };
        if !public.https() && !is_loopback_name(public.host()) {
            return Check::wrong("public_url", format!("{public} is not https."))
                .because("Passwords travel readable.")
                .type_this(format!(
                    "public_url = \"https://{}\"  # with a proxy that has TLS in front",
                    public.host()
                ));
        }
        match self
            .of(HOST)
            .filter(|one| self.is_ours(&one.value))
            .map(|one| one.times)
            .sum()
        {
            0 => Check::unknown(
                "public_url",
                format!("{public}; no request for it was seen within a day."),
            ),
            ours => Check::fine(
                "public_url",
                format!(
                    "{public}; {ours} of {} requests asked for it.",
                    self.requests
                ),
            ),
        }
    }

    fn is_trusted(&self, peer: &str) -> bool {
        let peer = peer.parse();
        peer.is_ok_and(|peer: std::net::IpAddr| {
            self.settings
                .trusted_proxies
                .iter()
                .any(|net| net.contains(&peer))
        })
    }

    fn trusted_proxies(&self) -> Check {
        let name = "trusted_proxies";
        if let Some(proxy) = self.of(PROXY).find(|one| !self.is_trusted(&one.value)) {
            let told = format!(
                "{} of {} requests came through {}, with forwarding headers that are not believed.",
                proxy.times, self.requests, proxy.value
            );
            let check = if self.is_most(proxy.times) {
                Check::wrong(name, told)
            } else {
                Check::warning(name, told)
            };
            return check
                .because("Everybody behind it seems to be one and the same: in the log, in lists of sessions and for limits.")
                .type_this(self.trusting(&proxy.value));
        }
        if self.settings.trusted_proxies.is_empty() {
            return match self.requests {
                0 => Check::unknown(name, "None; no request was seen within a day."),
                seen => Check::fine(
                    name,
                    format!("None, and none of {seen} requests came through one."),
                ),
            };
        }
        if let Some(silent) = self.of(SILENT_PROXY).find(|one| self.is_most(one.times)) {
            return Check::wrong(name, format!("{} sends no X-Forwarded-For.", silent.value))
                .because("Everybody behind it seems to be the proxy itself.")
                .type_this(
                    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;  # in nginx",
                );
        }
        match self.of(PROXY).map(|one| one.times).sum::<i64>() {
            0 if self.requests >= ENOUGH => Check::warning(
                name,
                format!(
                    "None of {} requests came through one of them.",
                    self.requests
                ),
            )
            .because("Either the proxy has another address, or people come past it.")
            .type_this(
                "vestibule settings  # see trusted_proxies, and compare with the proxy's address",
            ),
            0 => Check::unknown(
                name,
                "No request through one of them was seen within a day.",
            ),
            through => Check::fine(
                name,
                format!("{through} of {} requests came through them.", self.requests),
            ),
        }
    }

    fn trusting(&self, peer: &str) -> String {
        let known = self
            .settings
            .trusted_proxies
            .iter()
            .map(ToString::to_string);
        let all: Vec<String> = known
            .chain([peer.to_owned()])
            .map(|net| format!("\"{net}\""))
            .collect();
        format!(
            "trusted_proxies = [{}]  # in Rocket.toml, under [default.vestibule], if it is your proxy",
            all.join(", ")
        )
    }
}
