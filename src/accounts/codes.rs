//! Codes that people read and type, in letters and for invitations.

use zeroize::Zeroizing;

use crate::world::{Chance, NoChance};

/// Letters that are neither mistaken for one another nor spell words (RFC 8628 section 6.1).
pub(super) const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// So many letters, sixteen at most, each as likely as any other.
pub(super) fn fresh(chance: &Chance, length: usize) -> Result<Zeroizing<String>, NoChance> {
    // 128 bits are divided by 20 sixteen times: what that prefers is less than one in 10^17.
    let mut number = u128::from_be_bytes(chance.bytes()?);
    let mut code = Zeroizing::new(String::with_capacity(length));
    for _ in 0..length {
        code.push(char::from(ALPHABET[(number % 20) as usize]));
        number /= 20;
    }
    Ok(code)
}

/// `BCDF-GHJK`, as people read it to themselves.
pub(super) fn in_groups(code: &str) -> Zeroizing<String> {
    let mut shown = Zeroizing::new(String::with_capacity(code.len() + code.len() / 4));
    for (at, letter) in code.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            shown.push('-');
        }
        shown.push(letter);
    }
    shown
}
