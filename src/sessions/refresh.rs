//! Refresh tokens: a session's id, a generation, and a MAC over both under the server secret.
//!
//! The token after a token follows from it, so every retry gets the same one and nothing of it is stored. Whoever
//! reads the database cannot make one (the secret is not in it), and whoever knows an id cannot either, so no stranger
//! can end a session by pretending to reuse its token, nor cost the database a question with a forged one.

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use data_encoding::BASE64URL_NOPAD;

/// Lets scanners find a token that was committed or pasted by mistake.
const PREFIX: &str = "vestibule_rt_";

/// The key that makes refresh tokens: derived from the server secret, for this purpose alone.
pub struct RefreshKey(hmac::Key);

/// A refresh token taken apart. Whether it is genuine is another question.
pub struct RefreshToken {
    /// The session it claims to renew.
    pub session: String,
    /// The how many-th of that session.
    pub generation: i64,
    mac: Vec<u8>,
}

impl RefreshToken {
    /// Takes a token apart: `vestibule_rt_SESSION.GENERATION.MAC`.
    pub fn parse(token: &str) -> Option<Self> {
        let mut parts = token.strip_prefix(PREFIX)?.split('.');
        let (session, generation, mac) = (parts.next()?, parts.next()?, parts.next()?);
        // `07` would be a second spelling of `7`.
        let plain = generation.len() <= 12
            && generation.bytes().all(|byte| byte.is_ascii_digit())
            && (generation == "0" || !generation.starts_with('0'));
        let id = session.len() <= 64 && session.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if parts.next().is_some() || !plain || !id || mac.len() > 64 {
            return None;
        }
        Some(Self {
            session: session.to_owned(),
            generation: generation.parse().ok()?,
            mac: BASE64URL_NOPAD.decode(mac.as_bytes()).ok()?,
        })
    }
}

impl RefreshKey {
    /// A key from derived bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(HMAC_SHA256, bytes))
    }

    /// The token of this generation.
    pub fn token(&self, session: &str, generation: i64) -> String {
        let mac = hmac::sign(&self.0, message(session, generation).as_bytes());
        format!(
            "{PREFIX}{session}.{generation}.{}",
            BASE64URL_NOPAD.encode(mac.as_ref())
        )
    }

    /// Whether a token was made by us for this session. In constant time.
    pub fn is_genuine(&self, token: &RefreshToken) -> bool {
        let message = message(&token.session, token.generation);
        hmac::verify(&self.0, message.as_bytes(), &token.mac).is_ok()
    }
}

/// No id holds a colon, so no two tokens share a message.
fn message(session: &str, generation: i64) -> String {
    format!("{session}:{generation}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_tokens_are_genuine() {
        let (ours, other) = (RefreshKey::new(&[1; 32]), RefreshKey::new(&[2; 32]));
        let token = ours.token("abc", 7);
        let parsed = RefreshToken::parse(&token).unwrap();
        assert!((parsed.session.as_str(), parsed.generation) == ("abc", 7));
        assert!(ours.is_genuine(&parsed) && !other.is_genuine(&parsed));
        for forged in [token.replace(".7.", ".8."), token.replace("abc", "abd")] {
            assert!(!ours.is_genuine(&RefreshToken::parse(&forged).unwrap()));
        }
    }

    #[test]
    fn what_is_no_token_is_not_taken_apart() {
        let good = RefreshKey::new(&[1; 32]).token("abc", 7);
        let changed = |from: &str, to: &str| good.replace(from, to);
        for bad in [
            "vestibule_rt_".into(),
            "abc.7.AA".into(),
            good[1..].to_owned(),
            format!("{good}="),
            format!("{good}.x"),
            changed(".7.", ".-7."),
            changed(".7.", ".+7."),
            changed(".7.", ".."),
            changed(".7.", ".07."),
            changed("abc", "a/c"),
            changed("abc", "a'c"),
            changed(".7.", ".9999999999999."),
            String::new(),
        ] {
            assert!(RefreshToken::parse(&bad).is_none(), "{bad}");
        }
    }
}
