//! Access tokens: JWTs (RFC 7519) in the shape of RFC 9068, minted and verified here.
//!
//! Verification is strict on purpose (RFC 8725): the key decides the algorithm, never the header; every part is
//! canonical base64url; no member stands twice; `crit` is never understood, hence refused (RFC 7515 section 4.1.11);
//! type, issuer, audience and all three times are looked at, on our clock. Nothing of a token is used before its
//! signature is good, except `kid`, which only picks from the ring.
//!
//! A signature costs 54 µs and a token is sent many times, so a good one is remembered by its whole bytes, within
//! bounds. Its times, and whether its key is still trusted, are looked at on every use.
//!
//! Keys are kept sealed in the database ([`vault`]) and replace each other in time ([`rotation`]).

pub mod jws;
pub mod key;
pub mod operator;
mod pem;
pub mod ring;
mod role;
pub mod rotation;
mod seal;
pub mod vault;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use data_encoding::BASE64URL_NOPAD;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::Origin;
use crate::error::Error;
use crate::json;
use crate::world::{Chance, Clock};

use jws::Jws;

pub use key::{Key, Trust};
pub use ring::Ring;
pub use role::Role;
pub use rotation::Rotation;
pub use seal::{IfMissing, Sealing, ServerSecret};
pub use vault::{Vault, secret_of};

/// The longest token that is looked at. Ours are a tenth of it.
const LONGEST: usize = 4096;

/// How many bytes of good tokens are remembered: about four thousand tokens.
const REMEMBERED: u64 = 4 * 1024 * 1024;

/// Seconds by which another instance's clock may be ahead of ours when it stamps `iat` and `nbf`. None for `exp`: a
/// token is dead when it says so.
const LEEWAY: i64 = 60;

/// How many seconds a clock may be set back and still be held to the latest time that was seen. One that is set back
/// by more was wrong before.
pub const SET_BACK: i64 = 600;

/// The media type of an access token, and its `typ` (RFC 9068 section 2.1).
const TYPE: &str = "at+jwt";

/// `client_id` is required by RFC 9068; there are no clients here but the service's own pages and API.
const CLIENT: &str = "vestibule";

/// Mints and verifies.
pub struct Tokens {
    ring: RwLock<Arc<Ring>>,
    names: Names,
    /// Seconds.
    lifetime: i64,
    clock: Clock,
    /// The latest time that was seen.
    seen: AtomicI64,
    chance: Chance,
    good: Cache<Box<str>, Arc<Claims>, ByBytes>,
}

/// Who issues tokens, and for whom.
pub struct Names {
    /// `None`: our own origin.
    pub issuer: Option<String>,
    /// `None`: the issuer.
    pub audience: Option<String>,
    /// Our own origin, where the operator said it.
    pub public: Option<Origin>,
    /// Else the bound one, known for certain only once the port is.
    pub bound: Arc<OnceLock<Origin>>,
    /// What that is until then.
    pub configured: Origin,
}

impl Names {
    fn issuer(&self) -> String {
        let origin = || {
            self.public
                .as_ref()
                .or(self.bound.get())
                .unwrap_or(&self.configured)
        };
        self.issuer.clone().unwrap_or_else(|| origin().to_string())
    }

    fn audience(&self) -> String {
        self.audience.clone().unwrap_or_else(|| self.issuer())
    }
}

/// What a good token says.
#[derive(Clone, Debug)]
pub struct Claims {
    /// The account's id: `sub`.
    pub subject: String,
    /// The same as a number.
    pub account_key: u128,
    /// The account's version when the token was minted: `ver`.
    pub version: i64,
    /// The session's id: `sid`.
    pub session: String,
    /// The same as a number.
    pub session_key: u128,
    /// The name to show: `preferred_username`.
    pub username: String,
    /// What the account may do beyond its own affairs: `roles`.
    pub role: Role,
    /// When the password was last proven, in seconds since 1970.
    pub auth_time: i64,
    /// When it was minted.
    pub issued_at: i64,
    /// Not before.
    pub not_before: i64,
    /// When it dies.
    pub expires_at: i64,
    /// Whether the key that signed it is still trusted.
    pub trust: Trust,
}

/// Whom a token stands for.
pub struct Bearer<'a> {
    /// The account's id.
    pub account: &'a str,
    /// The name to show.
    pub username: &'a str,
    /// What the account may do beyond its own affairs.
    pub role: Role,
    /// The account's version.
    pub version: i64,
    /// The session's id.
    pub session: &'a str,
    /// When the password was last proven.
    pub auth_time: i64,
}

/// An id of ours ([`Chance::id`]) as a number; `None` for anything else, such as one in capitals, which would be a
/// second spelling of the same.
pub fn key_of(id: &str) -> Option<u128> {
    if id.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let bytes = data_encoding::BASE32_NOPAD
        .decode(id.to_ascii_uppercase().as_bytes())
        .ok()?;
    Some(u128::from_be_bytes(bytes.try_into().ok()?))
}

/// A new token.
pub struct Minted {
    /// The compact form. A secret: whoever holds it is the account until it expires.
    pub token: String,
    /// When it dies, in seconds since 1970.
    pub expires_at: i64,
    /// How long it lives, in seconds.
    pub expires_in: i64,
}

/// Why a token is refused. For the log; the caller is only told that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not three parts of canonical base64url around JSON objects without doubles, or too long.
    Malformed,
    /// A header that asks for something we do not do: `crit`, another type.
    Header,
    /// No such key, or the key is for another algorithm.
    Key,
    /// The signature is not the key's.
    Signature,
    /// A claim is missing or of the wrong kind.
    Claims,
    /// Another issuer's, or for another audience.
    Audience,
    /// Not valid yet.
    Early,
    /// No longer valid.
    Expired,
    /// Its session ended.
    Ended,
    /// Nobody knows: this instance has not heard of endings for too long.
    Deaf,
}

impl Refusal {
    /// A word for the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Header => "header",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Audience => "audience",
            Self::Early => "early",
            Self::Expired => "expired",
            Self::Ended => "ended",
            Self::Deaf => "deaf",
        }
    }
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Box<str>, Arc<Claims>> for ByBytes {
    fn weight(&self, token: &Box<str>, claims: &Arc<Claims>) -> u64 {
        // The constant stands for the entry, the claims' fixed part and the cache's own bookkeeping.
        (token.len() + claims.subject.len() + claims.username.len() + claims.session.len() + 300)
            as u64
    }
}

/// The payload as it is written.
#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    client_id: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: &'a str,
    auth_time: i64,
    /// How the login was made (RFC 8176).
    amr: [&'a str; 1],
    sid: &'a str,
    ver: i64,
    preferred_username: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    roles: &'a [&'a str],
}

impl Tokens {
    /// Tokens signed by a key of the ring, living `lifetime` seconds.
    pub fn new(ring: Ring, names: Names, lifetime: i64, clock: Clock, chance: Chance) -> Self {
        let good = Cache::with_weighter((REMEMBERED / 1024) as usize, REMEMBERED, ByBytes);
        Self {
            ring: RwLock::new(Arc::new(ring)),
            names,
            lifetime,
            clock,
            seen: AtomicI64::new(0),
            chance,
            good,
        }
    }

    /// How long a token lives, in seconds.
    pub fn lifetime(&self) -> i64 {
        self.lifetime
    }

    /// Now, in seconds since 1970, as tokens see it: a clock that is set back does not bring the dead to life, nor
    /// make the living wait. Where it is set back by more than ten minutes, it was wrong before, and is believed.
    pub fn now(&self) -> i64 {
        let now = self.clock.unix();
        let seen = self.seen.fetch_max(now, Ordering::Relaxed).max(now);
        if seen - now <= SET_BACK {
            return seen;
        }
        self.seen.store(now, Ordering::Relaxed);
        now
    }

    /// A token for somebody, living as long as tokens do but at most `lasts` seconds.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system gives no random bytes; [`Error::Unavailable`] when no key signs.
    pub fn mint(&self, bearer: &Bearer<'_>, lasts: i64) -> Result<Minted, Error> {
        let ring = self.ring();
        let now = self.now();
        let key = ring.signer(now).ok_or(Error::Unavailable)?;
        let expires_in = self.lifetime.min(lasts);
        let expires_at = now + expires_in;
        let header = format!(
            r#"{{"typ":"{TYPE}","alg":"{}","kid":"{}"}}"#,
            key.algorithm().name(),
            key.kid()
        );
        let payload = Payload {
            iss: &self.names.issuer(),
            aud: &self.names.audience(),
            sub: bearer.account,
            client_id: CLIENT,
            iat: now,
            nbf: now,
            exp: expires_at,
            jti: &self.chance.id()?,
            auth_time: bearer.auth_time,
            amr: ["pwd"],
            sid: bearer.session,
            ver: bearer.version,
            preferred_username: bearer.username,
            roles: bearer.role.claim(),
        };
        let payload = serde_json::to_vec(&payload).map_err(|_| Error::Internal)?;
        let message = format!(
            "{}.{}",
            BASE64URL_NOPAD.encode(header.as_bytes()),
            BASE64URL_NOPAD.encode(&payload)
        );
        let signature = key.sign(message.as_bytes()).ok_or(Error::Internal)?;
        Ok(Minted {
            token: format!("{message}.{signature}"),
            expires_at,
            expires_in,
        })
    }

    /// What a token says, if it is good now.
    ///
    /// # Errors
    /// Why it is not.
    pub fn verify(&self, token: &str) -> Result<Arc<Claims>, Refusal> {
        if token.len() > LONGEST {
            return Err(Refusal::Malformed);
        }
        let remembered = self.good.get(token).filter(|claims| claims.trust.holds());
        let claims = match remembered {
            Some(claims) => claims,
            None => {
                let claims = Arc::new(self.verify_whole(token)?);
                self.in_time(&claims)?;
                self.good.insert(token.into(), Arc::clone(&claims));
                claims
            }
        };
        self.in_time(&claims)?;
        // Asked at the very end: the ring may have been replaced while this was verified.
        if !claims.trust.holds() {
            return Err(Refusal::Key);
        }
        Ok(claims)
    }

    fn verify_whole(&self, token: &str) -> Result<Claims, Refusal> {
        let ring = self.ring();
        let Jws {
            header,
            payload,
            trust,
        } = jws::verified(&ring, token)?;
        let typ = header
            .get("typ")
            .and_then(Value::as_str)
            .ok_or(Refusal::Header)?;
        let typ = typ.strip_prefix("application/").unwrap_or(typ);
        if !typ.eq_ignore_ascii_case(TYPE) {
            return Err(Refusal::Header);
        }
        let members = json::object(&payload).map_err(|_| Refusal::Malformed)?;
        let issued_by_us = text(&members, "iss")? == self.names.issuer();
        if !issued_by_us || !is_audience(&members, &self.names.audience())? {
            return Err(Refusal::Audience);
        }
        text(&members, "client_id")?;
        text(&members, "jti")?;
        let (subject, session) = (text(&members, "sub")?, text(&members, "sid")?);
        Ok(Claims {
            subject: subject.to_owned(),
            account_key: key_of(subject).ok_or(Refusal::Claims)?,
            version: seconds(&members, "ver")?,
            session: session.to_owned(),
            session_key: key_of(session).ok_or(Refusal::Claims)?,
            username: text(&members, "preferred_username")?.to_owned(),
            role: Role::claimed(members.get("roles")).ok_or(Refusal::Claims)?,
            auth_time: seconds(&members, "auth_time")?,
            issued_at: seconds(&members, "iat")?,
            not_before: seconds(&members, "nbf")?,
            expires_at: seconds(&members, "exp")?,
            trust,
        })
    }

    fn in_time(&self, claims: &Claims) -> Result<(), Refusal> {
        let now = self.now();
        // Not longer than tokens live today: what ended is remembered for as long, and no longer.
        let dies_at = claims.expires_at.min(claims.issued_at + self.lifetime);
        if now >= dies_at {
            return Err(Refusal::Expired);
        }
        if claims.not_before.max(claims.issued_at) > now + LEEWAY {
            return Err(Refusal::Early);
        }
        Ok(())
    }

    /// The keys that verify our tokens, for verifiers elsewhere.
    pub fn ring(&self) -> Arc<Ring> {
        // The ring is replaced whole, so even a poisoned lock holds a good one.
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the ring. What was signed by a key that is no longer in it is refused from now on, also what is
    /// remembered or being verified.
    pub fn replace(&self, ring: Ring) {
        let after = Arc::new(ring);
        let before = std::mem::replace(
            &mut *self.ring.write().unwrap_or_else(PoisonError::into_inner),
            Arc::clone(&after),
        );
        before.give_way_to(&after);
    }
}

fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Result<&'m str, Refusal> {
    members
        .get(name)
        .and_then(Value::as_str)
        .ok_or(Refusal::Claims)
}

/// A NumericDate (RFC 7519 section 2), in whole seconds, as we write them.
fn seconds(members: &Map<String, Value>, name: &str) -> Result<i64, Refusal> {
    // Far enough that no sum of ours overflows.
    const LAST: i64 = 1 << 48;
    members
        .get(name)
        .and_then(Value::as_i64)
        .filter(|at| (0..LAST).contains(at))
        .ok_or(Refusal::Claims)
}

fn is_audience(members: &Map<String, Value>, wanted: &str) -> Result<bool, Refusal> {
    match members.get("aud") {
        Some(Value::String(one)) => Ok(one == wanted),
        Some(Value::Array(many)) => Ok(many.iter().any(|one| one.as_str() == Some(wanted))),
        _ => Err(Refusal::Claims),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Algorithm;

    fn ring(kid: &str) -> Ring {
        let key = Key::new(kid.into(), Algorithm::HS256, &[7; 32]).unwrap();
        Ring::from_keys(vec![key], Algorithm::HS256)
    }

    #[test]
    fn the_end_of_trust_reaches_what_is_remembered_and_what_is_being_verified() {
        let names = Names {
            issuer: Some("https://login.example.org".into()),
            audience: None,
            public: None,
            bound: Arc::default(),
            configured: Origin::new(false, "127.0.0.1", 8000),
        };
        let clock = Clock::set_to(1_790_000_000);
        let tokens = Tokens::new(ring("old"), names, 900, clock, Chance::counting());
        let bearer = Bearer {
            account: "aaaaaaaaaaaaaaaaaaaaaaaaaa",
            username: "ana",
            role: Role::User,
            version: 1,
            session: "bbbbbbbbbbbbbbbbbbbbbbbbba",
            auth_time: 0,
        };
        let token = tokens.mint(&bearer, 900).unwrap().token;
        let remembered = tokens.verify(&token).unwrap();
        let before = tokens.ring();
        tokens.replace(ring("new"));
        assert_eq!(tokens.verify(&token).err(), Some(Refusal::Key));
        assert!(!remembered.trust.holds());
        // A verification that had taken the old ring finds the signature good, and the key no longer trusted.
        let late = jws::verified(&before, &token).ok().unwrap();
        assert!(!late.trust.holds());
        let token = tokens.mint(&bearer, 900).unwrap().token;
        assert!(tokens.verify(&token).is_ok());
    }

    #[test]
    fn an_id_has_one_spelling() {
        let id = "aeaqcaibaeaqcaibaeaqcaibae";
        assert_eq!(key_of(id), Some(u128::from_be_bytes([1; 16])));
        for other in [
            &id.to_uppercase(),
            "Aeaqcaibaeaqcaibaeaqcaibae",
            &id[1..],
            "",
            "aeaqcaibaeaqcaibaeaqcaibaf",
            "aeaqcaibaeaqcaibaeaqcaibae======",
        ] {
            assert_eq!(key_of(other), None, "{other}");
        }
    }
}
