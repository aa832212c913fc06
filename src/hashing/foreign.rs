//! Password hashes from elsewhere, good until their owner signs in: then the password is hashed with Argon2id.
//!
//! A hash that is slow is kept as it came. One that is fast (MD5, SHA-1, SHA-256, SHA-512, PBKDF2 with few
//! iterations) would be guessed in no time by whoever reads the database, so it is wrapped: what is kept is the
//! Argon2id hash of its lower-case hexadecimal, as `$vestibule-wrapped$RECIPE$argon2id$…`.
//!
//! Firebase hashes with a key that the whole project shares, and whoever has it can check guesses. It is needed at
//! import only: XORed out of the hash it leaves what the password alone decides (AES in counter mode adds a key
//! stream), and that is kept, as `$vestibule-firebase$ln=…,r=…,p=…$SALT$STREAM`. The key itself is kept nowhere.
//!
//! What a hash may cost is looked at when it comes in and again whenever it is checked.

mod forms;
mod recipe;

use argon2::Params;
use argon2::password_hash::phc::PasswordHash;
use data_encoding::{BASE64_NOPAD, HEXLOWER};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub use recipe::{Kind, Recipe};

/// How a wrapped hash begins.
const WRAPPED: &str = "$vestibule-wrapped$";

/// The longest text of a hash that is looked at, in bytes; and what the Argon2id around a wrapped one takes of it at most.
const LONGEST: usize = 1024;
const AROUND: usize = 128;
const TOO_LONG: &str = "The hash is longer than any that is known here.";
const NOT_GRAPHIC: &str = "The hash holds a space, a control character or a letter beyond ASCII, as none does that is known here. A password in the \
     clear is never taken.";

/// The most that an Argon2 hash from elsewhere may ask for: 256 MiB, and so much memory times passes, about half a
/// second.
const MOST_ARGON2_KIB: u32 = 262_144;
const MOST_ARGON2_KIB_PASSES: u64 = 1_048_576;

/// What tells how a hash is meant that does not say it itself.
#[derive(Default)]
pub struct Reading {
    /// What bare hexadecimal is.
    pub bare: Option<Kind>,
    /// The signer key of a Firebase project.
    pub signer_key: Option<Zeroizing<Vec<u8>>>,
}

/// A hash that may come in.
pub enum Admitted {
    /// Slow enough to be kept in this form.
    AsIs(String),
    /// Too fast to be kept: wrap it with [`super::Hashing::wrap`].
    Wrap(Fast),
}

/// A fast hash in hand, never at rest.
pub struct Fast {
    pub(super) recipe: String,
    pub(super) hex: Zeroizing<String>,
}

/// Judges a hash that wants to come in.
///
/// # Errors
/// What is wrong with it, in words that quote nothing of it.
pub fn admit(text: &str, reading: &Reading) -> Result<Admitted, &'static str> {
    if text.len() > LONGEST {
        return Err(TOO_LONG);
    }
    // PostgreSQL refuses a zero in a text, and with it everybody in the same batch.
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(NOT_GRAPHIC);
    }
    let admitted = admit_kind(text, reading)?;
    // It may be longer here than where it came from.
    let length = match &admitted {
        Admitted::AsIs(text) => text.len(),
        Admitted::Wrap(fast) => WRAPPED.len() + fast.recipe.len() + AROUND,
    };
    (length <= LONGEST).then_some(admitted).ok_or(TOO_LONG)
}

fn admit_kind(text: &str, reading: &Reading) -> Result<Admitted, &'static str> {
    let text = text.strip_prefix("argon2$").map_or(text.into(), |phc| {
        // Django's name for it, before the hash itself.
        format!("${phc}").into()
    });
    let text: std::borrow::Cow<'_, str> = text;
    if text.starts_with("$argon2") {
        return admit_argon2(&text);
    }
    if text.starts_with(WRAPPED) {
        let (_, outer) = unwrapped(&text).ok_or(forms::BROKEN)?;
        admit_argon2(&outer)?;
        return Ok(Admitted::AsIs(text.into_owned()));
    }
    let (recipe, expected) = forms::read(&text, reading)?;
    if let Some(reason) = recipe.cost_fault() {
        return Err(reason);
    }
    match recipe.name() {
        Some(name) if recipe.is_fast() => Ok(Admitted::Wrap(Fast {
            recipe: name,
            hex: Zeroizing::new(HEXLOWER.encode(&expected)),
        })),
        _ => Ok(Admitted::AsIs(
            forms::kept(&recipe, &expected).unwrap_or_else(|| text.into_owned()),
        )),
    }
}

fn admit_argon2(phc: &str) -> Result<Admitted, &'static str> {
    let parsed = PasswordHash::new(phc).map_err(|_| forms::BROKEN)?;
    let params = Params::try_from(&parsed).map_err(|_| forms::BROKEN)?;
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    if params.m_cost() > MOST_ARGON2_KIB || work > MOST_ARGON2_KIB_PASSES {
        return Err(
            "The hash asks for more memory or time than a login may take: 256 MiB, or 4 passes over them.",
        );
    }
    super::argon2_of(&parsed).ok_or(forms::BROKEN)?;
    match parsed.hash {
        Some(hash) if hash.as_ref().len() >= forms::LEAST => Ok(Admitted::AsIs(phc.to_owned())),
        _ => Err(forms::BROKEN),
    }
}

/// The text that is kept of a wrapped hash.
pub(super) fn wrapped(recipe: &str, phc: &str) -> String {
    // The PHC string begins with the sign that separates them.
    format!("{WRAPPED}{recipe}{phc}")
}

/// What is inside a wrapped hash, and the Argon2id around it.
fn unwrapped(text: &str) -> Option<(Recipe, String)> {
    let (name, phc) = text.strip_prefix(WRAPPED)?.split_once('$')?;
    let recipe = Recipe::named(name)?;
    (recipe.cost_fault().is_none() && phc.starts_with("argon2id$"))
        .then(|| (recipe, format!("${phc}")))
}

/// Whether this is the password; `None` where the hash cannot be read or asks for too much. `argon2` checks a text
/// against a PHC string.
pub(super) fn is_right(
    password: &str,
    stored: &str,
    mut argon2: impl FnMut(&str, &str) -> Option<bool>,
) -> Option<bool> {
    if stored.len() > LONGEST {
        return None;
    }
    if stored.starts_with(WRAPPED) {
        let (recipe, phc) = unwrapped(stored)?;
        let mut fits = |inner: &[u8]| argon2(&Zeroizing::new(HEXLOWER.encode(inner)), &phc);
        let right = fits(&recipe.compute(password.as_bytes())?)?;
        return match recipe.compute_otherwise(password.as_bytes()) {
            Some(inner) if !right => fits(&inner),
            _ => Some(right),
        };
    }
    let (recipe, expected) = forms::read(stored, &Reading::default()).ok()?;
    if recipe.cost_fault().is_some() || recipe.is_fast() {
        return None;
    }
    let computed = recipe.compute(password.as_bytes())?;
    Some(computed.len() == expected.len() && computed.ct_eq(&expected).into())
}

/// Base64 without padding, as PHC strings have it.
fn base64(bytes: &[u8]) -> String {
    BASE64_NOPAD.encode(bytes)
}

#[cfg(test)]
mod tests;
