//! The key ring: the keys that are trusted now, and which of them signs.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::key::Key;
use super::seal::ServerSecret;
use crate::config::Algorithm;
use crate::store::keys::SealedKey;

/// Keys by their id. Replaced whole when they change.
pub struct Ring {
    /// The newest generation last.
    keys: Vec<Held>,
    wanted: Algorithm,
}

struct Held {
    key: Arc<Key>,
    /// `None`: it only verifies.
    signs_from: Option<i64>,
}

/// Which of these signs, the oldest first, each with the moment from which it may: the newest whose moment has come.
/// Where none has, the oldest: it was made by somebody whose clock is ahead.
pub(super) fn signer<K>(
    able: impl DoubleEndedIterator<Item = (i64, K)> + Clone,
    now: i64,
) -> Option<K> {
    let due = able.clone().rev().find(|(from, _)| *from <= now);
    due.or_else(|| able.clone().next()).map(|(_, key)| key)
}

impl Ring {
    /// A ring of these keys; the last of the wanted algorithm signs.
    pub fn from_keys(keys: Vec<Key>, wanted: Algorithm) -> Self {
        let held = |key| Held {
            key: Arc::new(key),
            signs_from: Some(0),
        };
        Self {
            keys: keys.into_iter().map(held).collect(),
            wanted,
        }
    }

    /// The ring that these rows make, and the names of those that the secret does not open. Opens only what is not in
    /// `before`.
    pub(super) fn from_rows<'r>(
        rows: &'r [SealedKey],
        secret: &ServerSecret,
        wanted: Algorithm,
        before: Option<&Self>,
    ) -> (Self, Vec<&'r str>) {
        let (mut keys, mut closed) = (Vec::new(), Vec::new());
        for row in rows.iter().filter(|row| row.is_there()) {
            let known = before.and_then(|ring| ring.shared(&row.kid));
            match known.or_else(|| opened(row, secret).map(Arc::new)) {
                Some(key) => keys.push(Held {
                    key,
                    signs_from: row.may_sign().then_some(row.signs_from),
                }),
                None => closed.push(row.kid.as_str()),
            }
        }
        (Self { keys, wanted }, closed)
    }

    /// The key that signs at this moment. `None`: there is none that we can open.
    pub fn signer(&self, now: i64) -> Option<&Key> {
        let mut ours = self
            .keys
            .iter()
            .filter(|held| held.key.algorithm() == self.wanted);
        let able = ours
            .clone()
            .filter_map(|held| Some((held.signs_from?, &*held.key)));
        // Where an instance with another algorithm sent ours away, it goes on for the moment until the next is made.
        signer(able, now).or_else(|| ours.next_back().map(|held| &*held.key))
    }

    /// The public keys, for verifiers elsewhere (RFC 7517 section 5): also of the key that will sign next.
    pub fn jwks(&self) -> Value {
        json!({ "keys": self.keys.iter().filter_map(|held| held.key.jwk()).collect::<Vec<_>>() })
    }

    /// The key of that name.
    pub fn by_kid(&self, kid: &str) -> Option<&Key> {
        let held = self.keys.iter().find(|held| held.key.kid() == kid)?;
        Some(&held.key)
    }

    fn shared(&self, kid: &str) -> Option<Arc<Key>> {
        let held = self.keys.iter().find(|held| held.key.kid() == kid)?;
        Some(Arc::clone(&held.key))
    }

    /// Ends trust in the keys that are not in the ring that came after.
    pub(super) fn give_way_to(&self, after: &Self) {
        let gone = self.keys.iter().filter(|held| {
            !after
                .keys
                .iter()
                .any(|kept| Arc::ptr_eq(&kept.key, &held.key))
        });
        gone.for_each(|held| held.key.trust().end());
    }
}

/// What a sealed key is bound to: one moved to another row, or relabelled, does not open.
pub(super) fn place_of(kid: &str, algorithm: &str) -> String {
    format!("signing_keys/{kid}/{algorithm}")
}

fn opened(row: &SealedKey, secret: &ServerSecret) -> Option<Key> {
    let algorithm = Algorithm::named(&row.algorithm)?;
    let sealed = BASE64URL_NOPAD.decode(row.sealed_private.as_bytes()).ok()?;
    let private = secret.unseal(&place_of(&row.kid, &row.algorithm), &sealed)?;
    Key::new(row.kid.clone(), algorithm, &private)
}
