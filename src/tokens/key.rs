//! One key: for one algorithm and no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use jsonwebtoken::DecodingKey;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::config::Algorithm;
use crate::world::Chance;

/// Bytes of a new HS256 key: as many as its hash has (RFC 7518 section 3.2).
const HMAC_KEY: usize = 32;

/// A key that signs and verifies.
pub struct Key {
    kid: String,
    algorithm: Algorithm,
    signing: Option<Signing>,
    verifying: DecodingKey,
    /// ES256: the point, uncompressed (SEC 1 section 2.3.3). EdDSA: its 32 bytes. HS256: nothing, for it is secret.
    public: Option<Vec<u8>>,
    trust: Trust,
}

/// A private key, parsed once: that is a third of the price of a signature.
enum Signing {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Hmac(Box<hmac::Key>),
}

/// Whether a key is still trusted. Whatever was verified with the key holds on to it, so that the end of trust reaches
/// what is remembered, and what is being verified at that moment.
#[derive(Clone, Debug)]
pub struct Trust(Arc<AtomicBool>);

impl Trust {
    fn new() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// Whether the key is still trusted.
    pub fn holds(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn end(&self) {
        self.0.store(false, Ordering::Release);
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
                let public = pair.public_key().as_ref().to_vec();
                (Signing::Ecdsa(pair), public)
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::from_pkcs8(private).ok()?;
                let public = pair.public_key().as_ref().to_vec();
                (Signing::Ed25519(pair), public)
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
            trust: Trust::new(),
        })
    }

    /// A key shorter than its hash would be guessed before the hash is broken.
    fn secret(kid: String, secret: &[u8]) -> Option<Self> {
        (secret.len() >= HMAC_KEY).then(|| Self {
            kid,
            algorithm: Algorithm::HS256,
            signing: Some(Signing::Hmac(Box::new(hmac::Key::new(
                hmac::HMAC_SHA256,
                secret,
            )))),
            verifying: DecodingKey::from_secret(secret),
            public: None,
            trust: Trust::new(),
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
        let base64 = |signature: &[u8]| BASE64URL_NOPAD.encode(signature);
        match self.signing.as_ref()? {
            Signing::Ecdsa(pair) => pair
                .sign_digest(&digest(&SHA256, message))
                .ok()
                .map(|signature| base64(signature.as_ref())),
            Signing::Ed25519(pair) => Some(base64(pair.sign(message).as_ref())),
            Signing::Hmac(key) => Some(base64(hmac::sign(key, message).as_ref())),
        }
    }

    /// Whether it is still trusted.
    pub fn trust(&self) -> &Trust {
        &self.trust
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

/// A new private key, as [`Key::new`] takes it.
///
/// # Errors
/// The system gives no random bytes.
pub fn generate(
    algorithm: Algorithm,
    chance: &Chance,
) -> Result<Zeroizing<Vec<u8>>, Box<dyn std::error::Error>> {
    Ok(Zeroizing::new(match algorithm {
        Algorithm::ES256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?
            .to_pkcs8v1()?
            .as_ref()
            .to_vec(),
        Algorithm::EdDSA => Ed25519KeyPair::generate()?.to_pkcs8()?.as_ref().to_vec(),
        Algorithm::HS256 => chance.bytes::<HMAC_KEY>()?.to_vec(),
    }))
}

/// The name that a key from elsewhere gets: always the same for the same key, so that one that was retired cannot come
/// back under another. `None` when it is not a key of that algorithm, or one of HS256.
pub fn name_of(algorithm: Algorithm, private: &[u8]) -> Option<String> {
    let key = Key::new(String::new(), algorithm, private)?;
    // 128 bits, in the shape of our other ids.
    let hash = digest(&SHA256, key.public.as_deref()?);
    let start = hash.as_ref().get(..16)?;
    Some(BASE32_NOPAD.encode(start).to_ascii_lowercase())
}
