//! The service as it is seen from outside, and each request as it arrived.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use data_encoding::HEXLOWER;
use ipnet::IpNet;
use rocket::Request;
use rocket::http::RawStr;

use super::Assets;
use crate::client::{self, Client};
use crate::config::{Origin, RegistrationMode, VerifyEmail};
use crate::error::Error;
use crate::throttle::is_private;

/// The service as it is seen from outside.
pub struct Site {
    /// Where it is mounted: empty when it stands alone, else a path such as `/id`.
    pub base: String,
    /// What the operator says people see.
    pub public: Option<Origin>,
    /// Where the process is bound, known for certain once it is.
    pub bound: Arc<OnceLock<Origin>>,
    /// Where it is bound by the settings.
    pub configured: Origin,
    /// Whether people reach it over https, which decides cookies and HSTS.
    pub https: bool,
    /// Whether the API page is served.
    pub docs: bool,
    /// Whether letters are sent, and do not only wait for the operator.
    pub mail: bool,
    /// Whether addresses are confirmed, and whether that is required.
    pub verify: VerifyEmail,
    /// Where static files are.
    pub assets: Assets,
    /// How long one stays signed in, as a sentence.
    pub session_words: String,
    /// Who may make an account.
    pub registration: RegistrationMode,
    /// Peers whose forwarding headers are believed.
    pub trusted: Vec<IpNet>,
    /// The number of the next request; starts anywhere.
    pub counter: AtomicU64,
}

impl Site {
    /// The address that this process is bound to.
    pub fn bound(&self) -> &Origin {
        self.bound.get().unwrap_or(&self.configured)
    }

    /// Whether a path is ours. A stage leaves the other paths of its app alone.
    pub fn owns(&self, path: &str) -> bool {
        path.strip_prefix(&self.base)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The path below the mount base.
    pub fn inside<'p>(&self, path: &'p str) -> &'p str {
        path.strip_prefix(&self.base).unwrap_or(path)
    }

    fn next_id(&self) -> String {
        // An odd step visits every number once and makes neighbours look unlike.
        let number = self
            .counter
            .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        HEXLOWER.encode(&number.to_be_bytes())
    }
}

/// Longer names are nobody's.
fn shortened(agent: &str) -> String {
    agent.chars().take(512).collect()
}

/// The one spelling of a path. Rocket finds routes by decoded, non-empty segments, so `//a/%62` reaches `/a/b`; what
/// looks at paths must see what Rocket sees.
pub fn canonical(path: &str) -> Cow<'_, str> {
    if !path.contains('%') && !path.contains("//") {
        return Cow::Borrowed(path);
    }
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let decoded = segments.map(|segment| RawStr::new(segment).percent_decode_lossy());
    Cow::Owned(decoded.fold(String::new(), |path, segment| path + "/" + &segment))
}

/// A request as it arrived, and what was found out about it on the way.
pub struct Arrival {
    /// When.
    pub at: Instant,
    /// From where, and under which id.
    pub client: Client,
    refused: Mutex<Option<Error>>,
    shown: OnceLock<Shown>,
    announced: OnceLock<()>,
    asked: OnceLock<String>,
}

/// Who is signed in, as pages and the log show it.
pub struct Shown {
    /// The account's id.
    pub account: String,
    /// The name.
    pub username: String,
}

impl Arrival {
    /// This request's arrival. The first to ask makes it: a fairing, long before anything else.
    pub fn of<'r>(request: &'r Request<'_>) -> &'r Self {
        request.local_cache(|| Self::new(request))
    }

    fn new(request: &Request<'_>) -> Self {
        let site = request.rocket().state::<Site>();
        // Requests without a peer are a test's, made without a network.
        let peer = request
            .remote()
            .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.ip());
        let trusted = site.map_or(&[] as &[IpNet], |site| &site.trusted);
        // Without a trusted proxy nobody believes the header.
        let forwarded: Vec<&str> = match trusted {
            [] => Vec::new(),
            _ => request.headers().get("X-Forwarded-For").collect(),
        };
        let address = client::address(peer, forwarded.into_iter(), trusted);
        let unknown = is_private(address) && address == peer.to_canonical();
        let said = || request.headers().get("X-Forwarded-For").last();
        let client = Client {
            address,
            claimed: if unknown {
                said().and_then(client::claimed)
            } else {
                None
            },
            request_id: site.map(Site::next_id).unwrap_or_default(),
            agent: request
                .headers()
                .get_one("User-Agent")
                .map(shortened)
                .unwrap_or_default(),
        };
        Self {
            at: Instant::now(),
            client,
            refused: Mutex::default(),
            shown: OnceLock::new(),
            announced: OnceLock::new(),
            asked: OnceLock::new(),
        }
    }

    /// Says that fairings see this request and will finish it.
    pub fn announce(&self) {
        let _ = self.announced.set(());
    }

    /// Whether they do. Rocket shows them no request whose method it does not know.
    pub fn was_announced(&self) -> bool {
        self.announced.get().is_some()
    }

    /// Remembers the path that was asked for, before the request is led elsewhere.
    pub fn led_from(&self, path: String) {
        let _ = self.asked.set(path);
    }

    /// Whether the request was led away from the path that was asked for.
    pub fn was_led_away(&self) -> bool {
        self.asked.get().is_some()
    }

    /// The path that was asked for.
    pub fn path<'p>(&'p self, request: &'p Request<'_>) -> &'p str {
        let now = || request.uri().path().as_str();
        self.asked.get().map_or_else(now, String::as_str)
    }

    /// Leaves the reason for the catcher, which sees only a status.
    pub fn refuse(&self, error: Error) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// The reason that was left.
    pub fn refused(&self) -> Option<Error> {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Remembers who is signed in, for the page's head and the log's line.
    pub fn show(&self, account: &str, username: &str) {
        self.shown.get_or_init(|| Shown {
            account: account.to_owned(),
            username: username.to_owned(),
        });
    }

    /// Who is signed in, if somebody asked.
    pub fn shown(&self) -> Option<&Shown> {
        self.shown.get()
    }
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn a_path_has_one_spelling() {
        for (path, one) in [
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("//a/%62", "/a/b"),
            ("/%69d//login", "/id/login"),
            ("//", ""),
        ] {
            assert_eq!(canonical(path), one);
        }
    }
}
