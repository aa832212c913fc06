//! The signature layer of a token: compact JWS (RFC 7515), read strictly.

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::crypto;
use serde_json::{Map, Value};

use super::{Refusal, Ring, Trust};
use crate::json;

/// A compact JWS whose signature is good.
pub struct Jws {
    /// The header's members.
    pub header: Map<String, Value>,
    /// What was signed.
    pub payload: Vec<u8>,
    /// Whether the key that signed is still trusted.
    pub trust: Trust,
}

/// Takes a compact JWS apart and checks its signature by the ring (RFC 7515 section 5.2). The key decides the
/// algorithm; the header only names it, and must name the same.
///
/// # Errors
/// Why it is not good.
pub fn verified(ring: &Ring, token: &str) -> Result<Jws, Refusal> {
    let (message, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(Refusal::Malformed)?;
    let decoded = |part: &str| {
        BASE64URL_NOPAD
            .decode(part.as_bytes())
            .map_err(|_| Refusal::Malformed)
    };
    let payload = decoded(payload)?;
    decoded(signature)?;
    let header = json::object(&decoded(header)?).map_err(|_| Refusal::Malformed)?;
    // What `crit` names is never understood here (section 4.1.11), nor what would need it.
    if ["crit", "b64", "zip"]
        .iter()
        .any(|name| header.contains_key(*name))
    {
        return Err(Refusal::Header);
    }
    let member = |name| header.get(name).and_then(Value::as_str);
    let key = ring
        .by_kid(member("kid").ok_or(Refusal::Key)?)
        .ok_or(Refusal::Key)?;
    if member("alg") != Some(key.algorithm().name()) {
        return Err(Refusal::Key);
    }
    match crypto::verify(
        signature,
        message.as_bytes(),
        key.verifying(),
        key.jwt_algorithm(),
    ) {
        Ok(true) => Ok(Jws {
            header,
            payload,
            trust: key.trust().clone(),
        }),
        _ => Err(Refusal::Signature),
    }
}
