//! Letters that somebody may answer: with the link's secret, or with the code and the request it was made for.
//!
//! Neither can be read from the database: of the secret (128 random bits) a digest is kept, of the code (34 bits) a MAC
//! under a key that is not there. The code counts with its request only, which a browser holds as a cookie and a program
//! as `request`; five tries, then it is over. Looking changes nothing: only [`Letters::spend`] does, once.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use zeroize::Zeroizing;

use super::Letters;
use crate::accounts::codes;
use crate::error::Error;
use crate::store::letters as rows;
use crate::store::{Fault, Work};
use crate::tokens::key_of;

pub use rows::Outstanding;

/// How long a code is.
const LENGTH: usize = 8;

/// How often a code may be tried.
const TRIES: i64 = 5;

/// What answering a letter does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Shows that letters to the account's address arrive.
    Verify,
    /// Sets a new password.
    Reset,
    /// Gives the account the address that the letter was sent to.
    ChangeAddress,
    /// Gives the account back the address that the letter was sent to.
    UndoAddress,
}

impl Purpose {
    /// As the database knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset => "reset",
            Self::ChangeAddress => "change_address",
            Self::UndoAddress => "undo_address",
        }
    }
}

/// What a new letter is answered with. All three are secrets of whoever gets them.
pub struct Issued {
    /// Names the request: for the cookie or the answer of whoever asked.
    pub request: String,
    /// Stands in the link's path.
    pub secret: Zeroizing<String>,
    /// To type, in groups of four.
    pub code: Zeroizing<String>,
}

/// How long a letter is good, in seconds.
#[derive(Clone, Copy)]
pub struct Lives {
    /// With its link.
    pub link: i64,
    /// With its code; nothing for a letter without one.
    pub code: i64,
}

impl Letters {
    /// Makes a letter that its reader may answer. `sent_to` is where it goes, as typed.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Internal`] when the system gives no random bytes.
    pub async fn issue(
        &self,
        work: &mut Work<'_>,
        purpose: Purpose,
        account: &str,
        sent_to: &str,
        lives: Lives,
    ) -> Result<Issued, Error> {
        let request = self.world.chance.id()?;
        self.issue_for(work, request, purpose, account, sent_to, lives)
            .await
    }

    /// The same for a request that has its name already: whoever asked was answered before anybody looked whether there
    /// is somebody to write to.
    ///
    /// # Errors
    /// As [`Letters::issue`].
    pub async fn issue_for(
        &self,
        work: &mut Work<'_>,
        request: String,
        purpose: Purpose,
        account: &str,
        sent_to: &str,
        lives: Lives,
    ) -> Result<Issued, Error> {
        let (chance, now) = (&self.world.chance, self.now());
        let (secret, code) = (Zeroizing::new(chance.id()?), codes::fresh(chance, LENGTH)?);
        let letter = Outstanding {
            code: self.mac(purpose, &request, &code),
            id: request.clone(),
            purpose: purpose.name().to_owned(),
            account_id: account.to_owned(),
            sent_to: sent_to.to_owned(),
            created_at: now,
            code_expires_at: now + lives.code,
            expires_at: now + lives.link,
        };
        rows::insert(work, &letter, digest_of(&secret)).await?;
        Ok(Issued {
            request,
            secret,
            code: codes::in_groups(&code),
        })
    }

    /// The letter with this link, if it is still good. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn look(&self, purpose: Purpose, secret: &str) -> Result<Option<Outstanding>, Error> {
        let digest = digest_of(secret);
        Ok(rows::look(&self.pool, purpose.name(), &digest, self.now()).await?)
    }

    /// The letter of this request, if this is its code and both are still good. Every look counts as a try.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn look_by_code(
        &self,
        purpose: Purpose,
        request: &str,
        code: &str,
    ) -> Result<Option<Outstanding>, Error> {
        // What we never made is in no database, and not every database takes it as a question.
        if key_of(request).is_none() {
            return Ok(None);
        }
        let letter = rows::try_code(&self.pool, purpose.name(), request, TRIES, self.now()).await?;
        let Some(letter) = letter else {
            return Ok(None);
        };
        let is_right = self.is_code(purpose, request, code, &letter.code);
        Ok(is_right.then_some(letter))
    }

    /// Answers a letter that was looked at, as a part of what the answer does. `false`: somebody was faster, or it became
    /// void meanwhile; then nothing else of this work may become true. The account's own row must be written before, so
    /// that of two who answer different letters at once one waits, and neither waits for ever.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn spend(&self, work: &mut Work<'_>, letter: &Outstanding) -> Result<bool, Error> {
        Ok(rows::spend(work, &letter.id, self.now()).await?)
    }

    /// Makes all outstanding letters of an account void but those that take back a new address. Belongs into the work
    /// that changes a password or an address.
    ///
    /// # Errors
    /// The database does not answer or cannot write.
    pub async fn void(&self, work: &mut Work<'_>, account: &str) -> Result<(), Fault> {
        rows::void(work, account, Purpose::UndoAddress.name(), self.now()).await
    }

    /// Takes back that a code was tried: it was right, and something else was wrong.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn untry(&self, letter: &Outstanding) -> Result<(), Error> {
        Ok(rows::untry(&self.pool, &letter.id).await?)
    }

    fn mac(&self, purpose: Purpose, request: &str, code: &str) -> String {
        let message = message(purpose, request, code);
        BASE64URL_NOPAD.encode(hmac::sign(&self.keys.codes, message.as_bytes()).as_ref())
    }

    /// Whether this is the code, in constant time.
    fn is_code(&self, purpose: Purpose, request: &str, code: &str, mac: &str) -> bool {
        let mac = BASE64URL_NOPAD.decode(mac.as_bytes()).unwrap_or_default();
        let message = message(purpose, request, &plain(code));
        hmac::verify(&self.keys.codes, message.as_bytes(), &mac).is_ok()
    }
}

/// No part holds a slash, so no two messages are one.
fn message(purpose: Purpose, request: &str, code: &str) -> String {
    format!("{}/{request}/{code}", purpose.name())
}

fn digest_of(secret: &str) -> String {
    HEXLOWER.encode(digest(&SHA256, secret.as_bytes()).as_ref())
}

/// A code as it was meant: people leave out the hyphen, add spaces, and write small letters.
fn plain(code: &str) -> Zeroizing<String> {
    let letters = code.chars().filter(char::is_ascii_alphabetic);
    // Longer is no code; what is cut off would not make it one.
    let letters = letters.take(LENGTH + 1);
    Zeroizing::new(letters.map(|c| c.to_ascii_uppercase()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Chance;

    #[test]
    fn codes_are_eight_letters_that_are_easy_to_read() {
        let chance = Chance::real();
        let codes: Vec<_> = (0..1_000)
            .map(|_| codes::fresh(&chance, LENGTH).unwrap())
            .collect();
        let mut seen = std::collections::BTreeSet::new();
        for code in &codes {
            assert_eq!(code.len(), 8);
            seen.extend(code.bytes());
            assert_eq!(*plain(&codes::in_groups(code)), **code);
            assert_eq!(
                *plain(&format!(" {} ", codes::in_groups(code).to_lowercase())),
                **code
            );
        }
        // In eight thousand letters every one of twenty.
        assert!(seen.iter().eq(codes::ALPHABET), "{seen:?}");
    }

    #[test]
    fn a_longer_code_is_another_one() {
        assert_ne!(*plain("BCDFGHJKB"), *plain("BCDFGHJK"));
    }
}
