//! The ways from a password to the bytes of its hash, and what each may cost.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512};
use aws_lc_rs::pbkdf2;
use data_encoding::{BASE64, HEXLOWER};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::base64;

/// The most work a hash may ask for: about a second and a half each, on one core of today.
const MOST_ITERATIONS: u32 = 4_000_000;
const MOST_BCRYPT: u32 = 14;
const MOST_SCRYPT_WORK: u64 = 4_194_304;
/// What the rounds of scrypt begin with and end in is hashed as well, 128 bytes for each r·p, however small N is.
const MOST_SCRYPT_ROUNDS: u64 = 1024;
/// And the most memory, in bytes.
const MOST_SCRYPT_BYTES: u64 = 256 * 1024 * 1024;

/// PBKDF2 with fewer iterations is no better than a bare hash.
const FEW_ITERATIONS: u32 = 10_000;

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 128 bits; broken in other ways, and as a password's hash far too fast.
    Md5,
    /// 160 bits; the same.
    Sha1,
    /// Far too fast alone; inside PBKDF2 it is fine.
    Sha256,
    /// The same.
    Sha512,
}

impl Kind {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// How many bytes it gives.
    pub fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// The hash of both, one after the other.
    fn digest(self, salt: &[u8], password: &[u8]) -> Zeroizing<Vec<u8>> {
        let both = Zeroizing::new([salt, password].concat());
        let algorithm = match self {
            Self::Md5 => return Zeroizing::new(Md5::digest(&*both).to_vec()),
            Self::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &SHA256,
            Self::Sha512 => &SHA512,
        };
        Zeroizing::new(digest::digest(algorithm, &both).as_ref().to_vec())
    }

    /// HMAC (RFC 2104) of the password, here because the cryptography library has none with MD5.
    fn hmac(self, key: &[u8], password: &[u8]) -> Zeroizing<Vec<u8>> {
        let block = if self == Self::Sha512 { 128 } else { 64 };
        let mut padded = if key.len() > block {
            self.digest(&[], key).to_vec()
        } else {
            key.to_vec()
        };
        padded.resize(block, 0);
        let with = |mask: u8| padded.iter().map(|byte| byte ^ mask).collect::<Vec<_>>();
        self.digest(&with(0x5c), &self.digest(&with(0x36), password))
    }

    fn in_pbkdf2(self) -> Option<pbkdf2::Algorithm> {
        match self {
            Self::Md5 => None,
            Self::Sha1 => Some(pbkdf2::PBKDF2_HMAC_SHA1),
            Self::Sha256 => Some(pbkdf2::PBKDF2_HMAC_SHA256),
            Self::Sha512 => Some(pbkdf2::PBKDF2_HMAC_SHA512),
        }
    }
}

/// Memory and work of scrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scrypt {
    /// The logarithm of N to the base 2.
    pub log_n: u8,
    /// The size of a block.
    pub r: u32,
    /// How often it is done.
    pub p: u32,
}

impl Scrypt {
    fn is_too_dear(self) -> bool {
        if self.log_n > 40 || self.r == 0 || self.p == 0 || self.log_n == 0 {
            return true;
        }
        let blocks = (1_u64 << self.log_n).checked_mul(u64::from(self.r));
        let bytes = blocks.and_then(|blocks| blocks.checked_mul(128));
        let work = blocks.and_then(|blocks| blocks.checked_mul(u64::from(self.p)));
        let rounds = u64::from(self.r).saturating_mul(u64::from(self.p));
        bytes.is_none_or(|bytes| bytes > MOST_SCRYPT_BYTES)
            || work.is_none_or(|work| work > MOST_SCRYPT_WORK)
            || rounds > MOST_SCRYPT_ROUNDS
    }

    fn compute(self, password: &[u8], salt: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
        let params = scrypt::Params::new(self.log_n, self.r, self.p).ok()?;
        let mut output = Zeroizing::new(vec![0; length]);
        scrypt::scrypt(password, salt, &params, &mut output).ok()?;
        Some(output)
    }
}

/// How a password of any length is made to fit into bcrypt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// Not at all.
    Nothing,
    /// As the hexadecimal of its SHA-256: Django's way.
    Hex,
    /// As the base64 of its SHA-256: passlib's first way.
    Base64,
    /// As the base64 of its HMAC with SHA-256, the key being the salt as it is written: passlib's second way.
    Keyed(String),
}

impl Before {
    fn turn(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        let text = match self {
            Self::Nothing => return Zeroizing::new(password.to_vec()),
            Self::Hex => HEXLOWER.encode(&Kind::Sha256.digest(&[], password)),
            Self::Base64 => BASE64.encode(&Kind::Sha256.digest(&[], password)),
            Self::Keyed(salt) => BASE64.encode(&Kind::Sha256.hmac(salt.as_bytes(), password)),
        };
        Zeroizing::new(text.into_bytes())
    }
}

/// How a password becomes the bytes of its hash.
#[derive(Debug, PartialEq, Eq)]
pub enum Recipe {
    /// A bare hash of the salt, if there is one, and the password; see [`Recipe::compute_otherwise`], too.
    Digest {
        /// Which.
        kind: Kind,
        /// Before the password.
        salt: Vec<u8>,
    },
    /// RFC 8018 section 5.2.
    Pbkdf2 {
        /// Inside HMAC.
        kind: Kind,
        /// How often.
        iterations: u32,
        /// As it goes in.
        salt: Vec<u8>,
        /// Of the output, in bytes.
        length: usize,
    },
    /// RFC 7914.
    Scrypt {
        /// Memory and work.
        cost: Scrypt,
        /// As it goes in.
        salt: Vec<u8>,
        /// Of the output, in bytes.
        length: usize,
    },
    /// Of the password's first 72 bytes.
    Bcrypt {
        /// The logarithm of its rounds to the base 2.
        cost: u32,
        /// As it goes in.
        salt: [u8; 16],
        /// What becomes of the password first.
        before: Before,
    },
    /// scrypt, whose output is the key of a stream.
    Firebase {
        /// Memory and work.
        cost: Scrypt,
        /// The account's, and the project's separator after it.
        salt: Vec<u8>,
        /// Of the stream, in bytes.
        length: usize,
    },
}

impl Recipe {
    /// Why nobody may be made to compute this, if so.
    pub fn cost_fault(&self) -> Option<&'static str> {
        match self {
            Self::Pbkdf2 {
                kind,
                iterations,
                length,
                ..
            } => {
                let blocks = length.div_ceil(kind.length()) as u64;
                let dear = u64::from(*iterations) * blocks > u64::from(MOST_ITERATIONS);
                (dear || *iterations == 0)
                    .then_some("The hash asks for more than 4,000,000 iterations.")
            }
            Self::Bcrypt { cost, .. } => (!(4..=MOST_BCRYPT).contains(cost))
                .then_some("The hash asks for a bcrypt cost that is not between 4 and 14."),
            Self::Scrypt { cost, .. } | Self::Firebase { cost, .. } => cost.is_too_dear().then_some(
                "The hash asks for more memory or time than a login may take: 256 MiB, N·r·p of 4,194,304, or r·p of 1,024.",
            ),
            Self::Digest { .. } => None,
        }
    }

    /// Whether it is too fast to stand in a database by itself.
    pub fn is_fast(&self) -> bool {
        match self {
            Self::Digest { .. } => true,
            Self::Pbkdf2 { iterations, .. } => *iterations < FEW_ITERATIONS,
            _ => false,
        }
    }

    /// How it is called inside a wrapped hash; only what may be fast has a name.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Digest { kind, salt } if salt.is_empty() => Some(kind.name().to_owned()),
            Self::Digest { kind, salt } => Some(format!("{},s={}", kind.name(), base64(salt))),
            Self::Pbkdf2 {
                kind,
                iterations,
                salt,
                length,
            } => Some(format!(
                "pbkdf2-{},i={iterations},l={length},s={}",
                kind.name(),
                base64(salt)
            )),
            _ => None,
        }
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        let mut parts = name.split(',');
        let first = parts.next()?;
        let mut next = |key: &str| parts.next().map(|part| part.strip_prefix(key));
        let salt = |text: &str| data_encoding::BASE64_NOPAD.decode(text.as_bytes()).ok();
        let recipe = if let Some(kind) = first.strip_prefix("pbkdf2-") {
            Self::Pbkdf2 {
                kind: Kind::named(kind).filter(|kind| kind.in_pbkdf2().is_some())?,
                iterations: next("i=")??.parse().ok()?,
                length: next("l=")??
                    .parse()
                    .ok()
                    .filter(|length| (1..=64).contains(length))?,
                salt: salt(next("s=")??)?,
            }
        } else {
            let salted = match next("s=") {
                Some(part) => salt(part?)?,
                None => Vec::new(),
            };
            Self::Digest {
                kind: Kind::named(first)?,
                salt: salted,
            }
        };
        parts.next().is_none().then_some(recipe)
    }

    /// What else it may be: the same text is Django's where the salt stands before the password, and Werkzeug's where it
    /// is the key of an HMAC.
    pub fn compute_otherwise(&self, password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Digest { kind, salt } if !salt.is_empty() => Some(kind.hmac(salt, password)),
            _ => None,
        }
    }

    /// Computes it. `None`: this cannot be computed. Blocks for as long as it costs.
    pub fn compute(&self, password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Digest { kind, salt } => Some(kind.digest(salt, password)),
            Self::Pbkdf2 {
                kind,
                iterations,
                salt,
                length,
            } => {
                let mut output = Zeroizing::new(vec![0; *length]);
                let iterations = NonZeroU32::new(*iterations)?;
                pbkdf2::derive(kind.in_pbkdf2()?, iterations, salt, password, &mut output);
                Some(output)
            }
            Self::Scrypt { cost, salt, length } => cost.compute(password, salt, *length),
            Self::Bcrypt { cost, salt, before } => bcrypt_of(*cost, *salt, before.turn(password)),
            Self::Firebase { cost, salt, length } => {
                let key = cost.compute(password, salt, 32)?;
                let key = UnboundCipherKey::new(&AES_256, &key).ok()?;
                let mut stream = Zeroizing::new(vec![0; *length]);
                let from_zero = EncryptionContext::Iv128([0; 16].into());
                let key = EncryptingKey::ctr(key).ok()?;
                key.less_safe_encrypt(&mut stream, from_zero).ok()?;
                Some(stream)
            }
        }
    }
}

/// The 23 bytes that are kept of bcrypt. The end of the password is marked with a zero, where there is room for it.
fn bcrypt_of(
    cost: u32,
    salt: [u8; 16],
    mut password: Zeroizing<Vec<u8>>,
) -> Option<Zeroizing<Vec<u8>>> {
    // What the library does not take makes it panic.
    if cost > MOST_BCRYPT {
        return None;
    }
    password.push(0);
    password.truncate(72);
    let mut output = Zeroizing::new(bcrypt::bcrypt(cost, salt, &password).to_vec());
    output.truncate(23);
    Some(output)
}
