//! Who may make an account: everybody, those with an invitation, or nobody.
//!
//! An invitation is a code of sixteen letters that are hard to confuse and spell no words (RFC 8628 section 6.1): 69
//! random bits. The database has only a keyed digest of it, so whoever reads that learns no code.

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use super::{Accounts, codes, rules};
use crate::client::Client;
use crate::config::RegistrationMode;
use crate::error::{Error, FieldError};
use crate::store::invites::{self as rows, Invite};
use crate::store::{Fault, Pool};
use crate::world::{Chance, NoChance};

/// How many letters a code has.
const LENGTH: usize = 16;

/// The key of the digests: derived from the server secret, for this purpose alone.
pub struct InviteKey(hmac::Key);

/// A code, as it is typed and sent. A secret.
pub struct Code(Zeroizing<String>);

impl InviteKey {
    /// A key from derived bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(HMAC_SHA256, bytes))
    }

    /// By which the database finds the invitation with this code.
    fn digest(&self, code: &Code) -> String {
        let digest = hmac::sign(&self.0, code.0.as_bytes());
        BASE64URL_NOPAD.encode(digest.as_ref())
    }
}

impl Code {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn new(chance: &Chance) -> Result<Self, NoChance> {
        codes::fresh(chance, LENGTH).map(Self)
    }

    /// Reads a code however it was typed: in small letters, with or without hyphens and spaces. `None`: it cannot be
    /// one.
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > 64 {
            return None;
        }
        let kept = typed
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .map(|c| c.to_ascii_uppercase());
        let text: Zeroizing<String> = Zeroizing::new(kept.collect());
        let fits = text.len() == LENGTH && text.bytes().all(|byte| codes::ALPHABET.contains(&byte));
        fits.then_some(Self(text))
    }

    /// As people read it: `WDJB-MJHT-XKQP-ZNLR`.
    pub fn shown(&self) -> Zeroizing<String> {
        codes::in_groups(&self.0)
    }
}

/// Who may make an account here, and what tells invitations apart.
pub struct Admission {
    mode: RegistrationMode,
    key: InviteKey,
}

impl Admission {
    /// As the settings say.
    pub fn new(mode: RegistrationMode, key: InviteKey) -> Self {
        Self { mode, key }
    }
}

impl Accounts {
    /// Whether somebody may register at all, and by which invitation. Whoever guesses codes spends a registration with
    /// each; a good one costs nothing by itself, and is not used up by being looked at.
    pub(super) async fn admit(
        &self,
        code: Option<&str>,
        client: &Client,
    ) -> Result<Option<Invite>, Error> {
        let admission = self.admission.as_ref().ok_or(Error::RegistrationClosed)?;
        let code = match (admission.mode, code) {
            (RegistrationMode::Closed, _) => return Err(Error::RegistrationClosed),
            (RegistrationMode::Invite, None) => return Err(Error::NeedsInvite),
            (RegistrationMode::Open, None) => return Ok(None),
            (_, Some(code)) => code,
        };
        self.throttle.registration(client)?;
        let found = self.good_invite(&admission.key, code).await;
        if !matches!(found, Err(Error::InvalidInvite)) {
            self.throttle.give_registration_back(client);
        }
        found.map(Some)
    }

    async fn good_invite(&self, key: &InviteKey, code: &str) -> Result<Invite, Error> {
        let code = Code::parse(code).ok_or(Error::InvalidInvite)?;
        let now = self.world.clock.unix();
        let found = rows::good(&self.pool, &key.digest(&code), now).await?;
        found.ok_or(Error::InvalidInvite)
    }

    /// The address that an invitation is for, if it is for one: what the page behind its link shows. Nothing is used up.
    ///
    /// # Errors
    /// [`Error::RegistrationClosed`]; [`Error::InvalidInvite`]; [`Error::TooMany`]; [`Error::Unavailable`].
    pub async fn invited_address(
        &self,
        code: &str,
        client: &Client,
    ) -> Result<Option<String>, Error> {
        let invite = self.admit(Some(code), client).await;
        let invite =
            invite.inspect_err(|error| self.refused("invite_refused", error, client, None))?;
        Ok(invite.and_then(|invite| invite.email))
    }
}

/// Why somebody with this address may not come by this invitation, if so.
pub(super) fn address_fault(invite: &Invite, email: &str) -> Option<FieldError> {
    let meant = invite.email.as_deref()?;
    (rules::email_key(meant) != rules::email_key(email)).then(|| {
        FieldError::new(
            "email",
            "This invitation is for another address. Enter the one it was sent to.",
        )
    })
}

/// An invitation that an operator wants.
pub struct Wanted {
    /// For the operator alone.
    pub note: String,
    /// What whoever comes by it may do.
    pub role: crate::tokens::Role,
    /// The one address it is for.
    pub email: Option<String>,
    /// How many may come by it.
    pub uses: i64,
    /// How long it is good, in seconds.
    pub lasts: i64,
}

/// Makes an invitation. `None`: the system gives no random bytes.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn make(
    pool: &Pool,
    key: &InviteKey,
    chance: &Chance,
    wanted: Wanted,
    now: i64,
) -> Result<Option<(Invite, Code)>, Fault> {
    let (Ok(code), Ok(id)) = (Code::new(chance), chance.id()) else {
        return Ok(None);
    };
    let invite = Invite {
        id,
        note: wanted.note,
        role: wanted.role.name().to_owned(),
        email: wanted.email,
        uses: wanted.uses,
        uses_left: wanted.uses,
        made_at: now,
        expires_at: now + wanted.lasts,
        withdrawn_at: None,
    };
    rows::add(pool, &invite, &key.digest(&code)).await?;
    Ok(Some((invite, code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = Code::new(&Chance::real()).unwrap();
        let shown = code.shown();
        assert_eq!(shown.len(), 19);
        for typed in [
            shown.to_string(),
            shown.to_lowercase(),
            shown.replace('-', ""),
            format!("  {} ", shown.replace('-', " ")),
        ] {
            assert_eq!(*Code::parse(&typed).unwrap().0, *code.0, "{typed}");
        }
    }

    #[test]
    fn what_cannot_be_a_code_is_none() {
        let good = "BCDF-GHJK-LMNP-QRST";
        assert!(Code::parse(good).is_some());
        for bad in [
            "",
            "----",
            &good[1..],
            &format!("{good}B"),
            &good.replace('B', "A"),
            &good.replace('B', "8"),
            &good.replace('B', "ß"),
            &good.replace('-', "/"),
            &format!("{good}{}", " ".repeat(60)),
        ] {
            assert!(Code::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn every_letter_comes_as_often_as_any_other() {
        let chance = Chance::real();
        let mut seen = [0_u32; 20];
        for _ in 0..2000 {
            for letter in Code::new(&chance).unwrap().0.bytes() {
                let at = codes::ALPHABET
                    .iter()
                    .position(|one| *one == letter)
                    .unwrap();
                seen[at] += 1;
            }
        }
        // 1600 each are expected; five standard deviations are 195.
        assert!(
            seen.iter().all(|times| (1400..1800).contains(times)),
            "{seen:?}"
        );
    }

    #[test]
    fn a_digest_is_of_its_key_and_code() {
        let (one, other) = (InviteKey::new(&[1; 32]), InviteKey::new(&[2; 32]));
        let code = |text: &str| Code::parse(text).unwrap();
        let good = code("BCDF-GHJK-LMNP-QRST");
        assert_eq!(one.digest(&good), one.digest(&code("bcdfghjklmnpqrst")));
        assert_ne!(one.digest(&good), other.digest(&good));
        assert_ne!(one.digest(&good), one.digest(&code("CCDFGHJKLMNPQRST")));
        assert!(!one.digest(&good).contains("BCDF"));
    }
}
