//! The texts in which libraries keep hashes, and what each says.

use std::sync::LazyLock;

use data_encoding::{BASE64, BASE64_NOPAD, Encoding, HEXLOWER_PERMISSIVE, Specification};
use zeroize::Zeroizing;

use super::recipe::{Before, Kind, Recipe, Scrypt};
use super::{Reading, base64};

/// The fewest bytes of a hash, so that none is met by accident; and the most.
pub const LEAST: usize = 16;
const MOST: usize = 64;

/// A known form with something wrong in it.
pub const BROKEN: &str =
    "The hash is broken: it begins like one that is known here and does not go on like it.";
const UNKNOWN: &str =
    "The hash is of no kind that is known here. A password in the clear is never taken.";
const BARE: &str =
    "The hash does not say what it is. Say it for all that do not: --bare-hash sha256.";
const UNUSABLE: &str =
    "There is no password: the account was closed to passwords, or signs in elsewhere.";
const NO_KEY: &str = "The hash needs the project's signer key: --firebase-key FILE.";

const FIREBASE: &str = "$vestibule-firebase$";

type Read = Result<(Recipe, Zeroizing<Vec<u8>>), &'static str>;

/// What a hash says: how it is computed, and what must come out.
pub fn read(text: &str, reading: &Reading) -> Read {
    if text.is_empty() || text.starts_with(['!', '*']) {
        return Err(UNUSABLE);
    }
    let (first, rest) = text.split_at(text.find(['$', ':']).unwrap_or(text.len()));
    let parts: Vec<&str> = text.split('$').collect();
    let read = match (first, parts.as_slice()) {
        (_, ["", "2a" | "2b" | "2y", cost, salted]) => bcrypt(cost, salted, Before::Nothing),
        ("bcrypt", [_, "", "2a" | "2b" | "2y", cost, salted]) => {
            bcrypt(cost, salted, Before::Nothing)
        }
        ("bcrypt_sha256", [_, "", "2a" | "2b" | "2y", cost, salted]) => {
            bcrypt(cost, salted, Before::Hex)
        }
        (_, ["", "bcrypt-sha256", cost, salt, hash]) => passlib_bcrypt(cost, salt, hash),
        (_, ["", "scrypt", cost, salt, hash]) => phc_scrypt(cost, salt, hash),
        (_, ["", name, cost, salt, hash]) if name.starts_with("pbkdf2") => {
            phc_pbkdf2(name, cost, salt, hash)
        }
        (_, ["", "vestibule-firebase", cost, salt, stream]) => ours_of_firebase(cost, salt, stream),
        (_, ["", "fbscrypt", cost, salt, hash]) => return firebase(cost, salt, hash, reading),
        ("pbkdf2_sha256", [_, turns, salt, hash]) => django_pbkdf2(Kind::Sha256, turns, salt, hash),
        ("pbkdf2_sha1", [_, turns, salt, hash]) => django_pbkdf2(Kind::Sha1, turns, salt, hash),
        ("scrypt", [_, n, salt, r, p, hash]) => django_scrypt(n, salt, r, p, hash),
        ("scrypt", [method, salt, hash]) => werkzeug_scrypt(method, salt, hash),
        ("pbkdf2", [method, salt, hash]) => werkzeug_pbkdf2(method, salt, hash),
        ("md5" | "sha1" | "sha256" | "sha512", [name, salt, hash]) => digest(name, salt, hash),
        _ if rest.is_empty() && is_hex(text) => return bare(text, reading),
        _ if is_half_known(first, &parts) => return Err(BROKEN),
        _ => return Err(UNKNOWN),
    };
    let (recipe, expected) = read.ok_or(BROKEN)?;
    if !(LEAST..=MOST).contains(&expected.len()) {
        return Err(BROKEN);
    }
    Ok((recipe, expected.into()))
}

/// The form of ours in which a hash is kept, where that it came in says too much.
pub fn kept(recipe: &Recipe, expected: &[u8]) -> Option<String> {
    let Recipe::Firebase { cost, salt, .. } = recipe else {
        return None;
    };
    let Scrypt { log_n, r, p } = cost;
    Some(format!(
        "{FIREBASE}ln={log_n},r={r},p={p}${}${}",
        base64(salt),
        base64(expected)
    ))
}

fn is_half_known(first: &str, parts: &[&str]) -> bool {
    let name = if first.is_empty() {
        parts.get(1).copied().unwrap_or_default()
    } else {
        first
    };
    [
        "bcrypt",
        "scrypt",
        "pbkdf2",
        "fbscrypt",
        "vestibule-",
        "2a",
        "2b",
        "2y",
        "md5",
        "sha",
    ]
    .iter()
    .any(|known| name.starts_with(known))
        && parts.len() > 1
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn hex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()
}

/// Base64 with or without padding; passlib writes a dot for the plus.
fn any_base64(text: &str) -> Option<Vec<u8>> {
    let plain = text.trim_end_matches('=').replace('.', "+");
    BASE64_NOPAD.decode(plain.as_bytes()).ok()
}

/// `k=v,k=v` with exactly these keys in this order.
fn numbers<const N: usize>(text: &str, keys: [&str; N]) -> Option<[u32; N]> {
    let mut values = [0; N];
    let mut parts = text.split(',');
    for (value, key) in values.iter_mut().zip(keys) {
        let text = parts.next()?.strip_prefix(key)?.strip_prefix('=')?;
        *value = number(text)?;
    }
    parts.next().is_none().then_some(values)
}

fn number(text: &str) -> Option<u32> {
    // Rust takes a sign, too.
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

fn scrypt_cost([log_n, r, p]: [u32; 3]) -> Option<Scrypt> {
    let log_n = u8::try_from(log_n).ok()?;
    Some(Scrypt { log_n, r, p })
}

/// N in full, as Django and Werkzeug write it.
fn full_n(n: &str, r: &str, p: &str) -> Option<Scrypt> {
    let n = number(n).filter(|n| n.is_power_of_two())?;
    scrypt_cost([n.trailing_zeros(), number(r)?, number(p)?])
}

fn scrypt(cost: Scrypt, salt: Vec<u8>, hash: Vec<u8>) -> (Recipe, Vec<u8>) {
    let length = hash.len();
    (Recipe::Scrypt { cost, salt, length }, hash)
}

fn pbkdf2(kind: Kind, iterations: u32, salt: Vec<u8>, hash: Vec<u8>) -> (Recipe, Vec<u8>) {
    let length = hash.len();
    let recipe = Recipe::Pbkdf2 {
        kind,
        iterations,
        salt,
        length,
    };
    (recipe, hash)
}

/// bcrypt's own alphabet. Its last letter has bits to spare, which libraries fill as they like.
static BCRYPT: LazyLock<Option<Encoding>> = LazyLock::new(|| {
    let mut alphabet = Specification::new();
    alphabet
        .symbols
        .push_str("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
    alphabet.check_trailing_bits = false;
    alphabet.encoding().ok()
});

fn bcrypt(cost: &str, salted: &str, before: Before) -> Option<(Recipe, Vec<u8>)> {
    if cost.len() != 2 || salted.len() != 53 || !salted.is_ascii() {
        return None;
    }
    let alphabet = BCRYPT.as_ref()?;
    let (salt, hash) = salted.split_at(22);
    let salt = alphabet.decode(salt.as_bytes()).ok()?;
    let recipe = Recipe::Bcrypt {
        cost: number(cost)?,
        salt: salt.try_into().ok()?,
        before,
    };
    Some((recipe, alphabet.decode(hash.as_bytes()).ok()?))
}

/// `v=2,t=2b,r=12`, or `2b,12` before that; and the salt apart from the hash.
fn passlib_bcrypt(cost: &str, salt: &str, hash: &str) -> Option<(Recipe, Vec<u8>)> {
    let first = ["2a,", "2b,"];
    let first = first.iter().find_map(|kind| cost.strip_prefix(kind));
    let (rounds, before) = match (first, cost.strip_prefix("v=2,t=2b,r=")) {
        (_, Some(rounds)) => (rounds, Before::Keyed(salt.to_owned())),
        (Some(rounds), _) => (rounds, Before::Base64),
        _ => return None,
    };
    // Here a cost of one digit is written as one.
    let rounds = format!("{rounds:0>2}");
    (salt.len() == 22).then(|| bcrypt(&rounds, &format!("{salt}{hash}"), before))?
}

fn phc_scrypt(cost: &str, salt: &str, hash: &str) -> Option<(Recipe, Vec<u8>)> {
    let cost = scrypt_cost(numbers(cost, ["ln", "r", "p"])?)?;
    Some(scrypt(cost, any_base64(salt)?, any_base64(hash)?))
}

/// As the PHC form has it (`i=…,l=…`) and as passlib does (the number alone).
fn phc_pbkdf2(name: &str, cost: &str, salt: &str, hash: &str) -> Option<(Recipe, Vec<u8>)> {
    let kind = match name.strip_prefix("pbkdf2")? {
        "" | "-sha1" => Kind::Sha1,
        "-sha256" => Kind::Sha256,
        "-sha512" => Kind::Sha512,
        _ => return None,
    };
    let (salt, hash) = (any_base64(salt)?, any_base64(hash)?);
    let iterations = match (number(cost), numbers(cost, ["i", "l"])) {
        (Some(iterations), _) => iterations,
        (_, Some([iterations, length])) if length as usize == hash.len() => iterations,
        _ => numbers(cost, ["i"])?[0],
    };
    Some(pbkdf2(kind, iterations, salt, hash))
}

fn django_pbkdf2(kind: Kind, turns: &str, salt: &str, hash: &str) -> Option<(Recipe, Vec<u8>)> {
    let hash = BASE64.decode(hash.as_bytes()).ok()?;
    Some(pbkdf2(kind, number(turns)?, salt.into(), hash))
}

fn django_scrypt(n: &str, salt: &str, r: &str, p: &str, hash: &str) -> Option<(Recipe, Vec<u8>)> {
    let hash = BASE64.decode(hash.as_bytes()).ok()?;
    Some(scrypt(full_n(n, r, p)?, salt.into(), hash))
}

fn werkzeug_scrypt(method: &str, salt: &str, hash: &str) -> Option<(Recipe, Vec<u8>)> {
    let parts: Vec<&str> = method.split(':').collect();
    let ["scrypt", n, r, p] = parts[..] else {
        return None;
    };
    Some(scrypt(full_n(n, r, p)?, salt.into(), hex(hash)?))
}

fn werkzeug_pbkdf2(method: &str, salt: &str, hash: &str) -> Option<(Recipe, Vec<u8>)> {
    let parts: Vec<&str> = method.split(':').collect();
    let ["pbkdf2", kind @ ("sha1" | "sha256" | "sha512"), turns] = parts[..] else {
        return None;
    };
    let (kind, hash) = (Kind::named(kind)?, hex(hash)?);
    Some(pbkdf2(kind, number(turns)?, salt.into(), hash))
}

fn digest(name: &str, salt: &str, hash: &str) -> Option<(Recipe, Vec<u8>)> {
    let kind = Kind::named(name)?;
    let hash = hex(hash).filter(|hash| hash.len() == kind.length())?;
    let salt = salt.into();
    Some((Recipe::Digest { kind, salt }, hash))
}

fn bare(text: &str, reading: &Reading) -> Read {
    let hash = hex(text).ok_or(UNKNOWN)?;
    if !Kind::ALL.iter().any(|kind| kind.length() == hash.len()) {
        return Err(UNKNOWN);
    }
    let kind = reading.bare.ok_or(BARE)?;
    if hash.len() != kind.length() {
        return Err("The hash has another length than those that --bare-hash names.");
    }
    let salt = Vec::new();
    Ok((Recipe::Digest { kind, salt }, hash.into()))
}

fn ours_of_firebase(cost: &str, salt: &str, stream: &str) -> Option<(Recipe, Vec<u8>)> {
    let cost = scrypt_cost(numbers(cost, ["ln", "r", "p"])?)?;
    let (salt, stream) = (any_base64(salt)?, any_base64(stream)?);
    let length = stream.len();
    Some((Recipe::Firebase { cost, salt, length }, stream))
}

/// `$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=…$SALT$HASH`, a form that other services take as well: n is Firebase's
/// `mem_cost`, r its `rounds`, ss its `base64_salt_separator`, sk its `base64_signer_key`. The last two may be left
/// out.
fn firebase(cost: &str, salt: &str, hash: &str, reading: &Reading) -> Read {
    let mut parts = cost.split(',');
    let mut numbers = [0; 4];
    for (value, key) in numbers.iter_mut().zip(["v=", "n=", "r=", "p="]) {
        let text = parts.next().and_then(|part| part.strip_prefix(key));
        *value = text.and_then(number).ok_or(BROKEN)?;
    }
    let [1, log_n, r, p] = numbers else {
        return Err(BROKEN);
    };
    let cost = scrypt_cost([log_n, r, p]).ok_or(BROKEN)?;
    let (mut separator, mut key) = (vec![7], reading.signer_key.clone());
    for part in parts {
        if let Some(text) = part.strip_prefix("ss=") {
            separator = any_base64(text).ok_or(BROKEN)?;
        } else if let Some(text) = part.strip_prefix("sk=") {
            key = Some(any_base64(text).ok_or(BROKEN)?.into());
        } else {
            return Err(BROKEN);
        }
    }
    let key = key.ok_or(NO_KEY)?;
    let (salt, mut stream) = (
        any_base64_or_url(salt).ok_or(BROKEN)?,
        any_base64_or_url(hash).ok_or(BROKEN)?,
    );
    if stream.len() != key.len() || !(LEAST..=MOST).contains(&stream.len()) {
        return Err("The hash and the signer key have different lengths: another project's?");
    }
    // AES in counter mode added its stream to the key. What is left is the stream, which the password decides.
    for (byte, key) in stream.iter_mut().zip(key.iter()) {
        *byte ^= key;
    }
    let (salt, length) = ([salt, separator].concat(), stream.len());
    Ok((Recipe::Firebase { cost, salt, length }, stream.into()))
}

/// Firebase's exports use both alphabets.
fn any_base64_or_url(text: &str) -> Option<Vec<u8>> {
    any_base64(&text.replace('-', "+").replace('_', "/"))
}
