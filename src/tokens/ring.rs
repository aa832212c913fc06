//! The key ring: keys that sign and verify, kept in the database, sealed.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{DecodingKey, EncodingKey, crypto};
use zeroize::Zeroizing;

use super::seal::ServerSecret;
use crate::config::{Algorithm, Fault};
use crate::store::keys::SealedKey;
use crate::store::{self, Pool};
use crate::world::World;

/// Bytes of a new HS256 key: as many as its hash has (RFC 7518 section 3.2).
const HMAC_KEY: usize = 32;

/// Keys by their id, and one that signs.
pub struct Ring {
    keys: Vec<Key>,
    current: usize,
}

/// A key that signs and verifies, for one algorithm and no other.
pub struct Key {
    kid: String,
    algorithm: Algorithm,
    signing: EncodingKey,
    verifying: DecodingKey,
}

impl Ring {
    /// Opens the keys in the database with the server secret, and makes the first of the wanted algorithm where
    /// there is none. Instances that start together end up with one and the same.
    ///
    /// # Errors
    /// A database that does not answer, or a server secret that does not open the keys.
    pub async fn open(
        pool: &Pool,
        secret: &ServerSecret,
        wanted: Algorithm,
        world: &World,
    ) -> Result<Self, Fault> {
        let missing =
            |error: store::Fault| Fault(format!("The signing keys cannot be read. {error}"));
        let mut rows = store::keys::all(pool).await.map_err(missing)?;
        if !rows.iter().any(|row| row.algorithm == wanted.name()) {
            // The secret must open what is there before anything is added.
            opened(&rows, secret)?;
            let first = make(secret, wanted, world)
                .map_err(|what| Fault(format!("No signing key could be made: {what}.")))?;
            store::keys::insert(pool, &first).await.map_err(missing)?;
            rows = store::keys::all(pool).await.map_err(missing)?;
        }
        Self::from_keys(opened(&rows, secret)?, wanted)
    }

    /// A ring of these keys; the last of the wanted algorithm signs.
    ///
    /// # Errors
    /// None of them is of that algorithm.
    pub fn from_keys(keys: Vec<Key>, wanted: Algorithm) -> Result<Self, Fault> {
        let current = keys.iter().rposition(|key| key.algorithm == wanted);
        let current =
            current.ok_or_else(|| Fault(format!("There is no key for {}.", wanted.name())))?;
        Ok(Self { keys, current })
    }

    /// The key that signs.
    pub fn current(&self) -> &Key {
        &self.keys[self.current]
    }

    /// The key of that name.
    pub fn by_kid(&self, kid: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.kid == kid)
    }
}

impl Key {
    /// A key from its private part: PKCS#8 for ES256 and EdDSA, the bytes themselves for HS256. `None` when it is
    /// not a key of that algorithm.
    pub fn new(kid: String, algorithm: Algorithm, private: &[u8]) -> Option<Self> {
        let (signing, verifying) = match algorithm {
            Algorithm::ES256 => {
                let pair =
                    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private).ok()?;
                (
                    EncodingKey::from_ec_der(private),
                    DecodingKey::from_ec_der(pair.public_key().as_ref()),
                )
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::from_pkcs8(private).ok()?;
                (
                    EncodingKey::from_ed_der(private),
                    DecodingKey::from_ed_der(pair.public_key().as_ref()),
                )
            }
            // A shorter key would be guessed before its hash is broken.
            Algorithm::HS256 if private.len() < HMAC_KEY => return None,
            Algorithm::HS256 => (
                EncodingKey::from_secret(private),
                DecodingKey::from_secret(private),
            ),
        };
        Some(Self {
            kid,
            algorithm,
            signing,
            verifying,
        })
    }

    /// Its name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm it is for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The signature in base64url; `None` only when the system gives no random bytes.
    pub fn sign(&self, message: &[u8]) -> Option<String> {
        crypto::sign(message, &self.signing, self.jwt_algorithm()).ok()
    }

    pub(super) fn verifying(&self) -> &DecodingKey {
        &self.verifying
    }

    pub(super) fn jwt_algorithm(&self) -> jsonwebtoken::Algorithm {
        match self.algorithm {
            Algorithm::ES256 => jsonwebtoken::Algorithm::ES256,
            Algorithm::EdDSA => jsonwebtoken::Algorithm::EdDSA,
            Algorithm::HS256 => jsonwebtoken::Algorithm::HS256,
        }
    }
}

/// What a sealed key is bound to: one moved to another row, or relabelled, does not open.
fn row_of(kid: &str, algorithm: &str) -> String {
    format!("signing_keys/{kid}/{algorithm}")
}

fn opened(rows: &[SealedKey], secret: &ServerSecret) -> Result<Vec<Key>, Fault> {
    rows.iter()
        .map(|row| {
            let sealed = BASE64URL_NOPAD.decode(row.sealed_private.as_bytes()).ok();
            let private = sealed.and_then(|sealed| secret.unseal(&row_of(&row.kid, &row.algorithm), &sealed));
            let algorithm = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::HS256]
                .into_iter()
                .find(|algorithm| algorithm.name() == row.algorithm);
            private.zip(algorithm).and_then(|(private, algorithm)| Key::new(row.kid.clone(), algorithm, &private)).ok_or_else(|| {
                Fault(
                    "The server secret does not open the signing keys in the database.\n\
                     Give the secret that this database was made with (server_secret, or the file server-secret in the data directory)."
                        .into(),
                )
            })
        })
        .collect()
}

fn make(
    secret: &ServerSecret,
    algorithm: Algorithm,
    world: &World,
) -> Result<SealedKey, Box<dyn std::error::Error>> {
    let private = Zeroizing::new(match algorithm {
        Algorithm::ES256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?
            .to_pkcs8v1()?
            .as_ref()
            .to_vec(),
        Algorithm::EdDSA => Ed25519KeyPair::generate()?.to_pkcs8()?.as_ref().to_vec(),
        Algorithm::HS256 => world.chance.bytes::<HMAC_KEY>()?.to_vec(),
    });
    let kid = world.chance.id()?;
    let sealed = secret.seal(&row_of(&kid, algorithm.name()), &private)?;
    Ok(SealedKey {
        sealed_private: BASE64URL_NOPAD.encode(&sealed),
        kid,
        algorithm: algorithm.name().to_owned(),
        generation: 1,
        created_at: world.clock.unix(),
    })
}
