//! The key ring: keys that sign and verify, kept in the database, sealed.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{DecodingKey, EncodingKey, crypto};
use serde_json::{Value, json};
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
    signing: Option<EncodingKey>,
    verifying: DecodingKey,
    /// ES256: the point, uncompressed (SEC 1 section 2.3.3). EdDSA: its 32 bytes. HS256: nothing, for it is secret.
    public: Option<Vec<u8>>,
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

    /// The public keys, for verifiers elsewhere (RFC 7517 section 5).
    pub fn jwks(&self) -> Value {
        json!({ "keys": self.keys.iter().filter_map(Key::jwk).collect::<Vec<_>>() })
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
        let (signing, public) = match algorithm {
            Algorithm::ES256 => {
                let pair =
                    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private).ok()?;
                (
                    EncodingKey::from_ec_der(private),
                    pair.public_key().as_ref().to_vec(),
                )
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::from_pkcs8(private).ok()?;
                (
                    EncodingKey::from_ed_der(private),
                    pair.public_key().as_ref().to_vec(),
                )
            }
            Algorithm::HS256 => return Self::secret(kid, private),
        };
        Some(Self {
            signing: Some(signing),
            ..Self::public(kid, algorithm, public)?
        })
    }

    /// A key that only verifies, from its public part. `None` for HS256, which has none.
    pub fn public(kid: String, algorithm: Algorithm, public: Vec<u8>) -> Option<Self> {
        let verifying = match algorithm {
            Algorithm::ES256 => DecodingKey::from_ec_der(&public),
            Algorithm::EdDSA => DecodingKey::from_ed_der(&public),
            Algorithm::HS256 => return None,
        };
        Some(Self {
            kid,
            algorithm,
            signing: None,
            verifying,
            public: Some(public),
        })
    }

    /// A key shorter than its hash would be guessed before the hash is broken.
    fn secret(kid: String, secret: &[u8]) -> Option<Self> {
        (secret.len() >= HMAC_KEY).then(|| Self {
            kid,
            algorithm: Algorithm::HS256,
            signing: Some(EncodingKey::from_secret(secret)),
            verifying: DecodingKey::from_secret(secret),
            public: None,
        })
    }

    /// The public part as a JWK (RFC 7517, RFC 8037); `None` for HS256, whose key is nobody else's.
    pub fn jwk(&self) -> Option<Value> {
        let public = self.public.as_deref()?;
        let base64 = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let mut jwk = match self.algorithm {
            // One byte that says the point is uncompressed, then both coordinates.
            Algorithm::ES256 => {
                let (x, y) = public.get(1..)?.split_at_checked(32)?;
                json!({ "kty": "EC", "crv": "P-256", "x": base64(x), "y": base64(y) })
            }
            Algorithm::EdDSA => json!({ "kty": "OKP", "crv": "Ed25519", "x": base64(public) }),
            Algorithm::HS256 => return None,
        };
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.algorithm.name());
        jwk["use"] = json!("sig");
        Some(jwk)
    }

    /// Its name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm it is for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The signature in base64url; `None` when the key only verifies, or the system gives no random bytes.
    pub fn sign(&self, message: &[u8]) -> Option<String> {
        crypto::sign(message, self.signing.as_ref()?, self.jwt_algorithm()).ok()
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
