//! What happened to an account, in words for its owner: signing in, wrong passwords, changes.
//!
//! Sign-ins and their ends are read from the sessions, which remember them anyway; so a sign-in costs no write more.

use super::Accounts;
use crate::client::Client;
use crate::error::Error;
use crate::sessions::why_in_words;
use crate::store::events::{self, WrongPasswords};
use crate::store::sessions::Session;

/// How many are shown.
const SHOWN: usize = 100;

/// What is written down as it happens. `in_words` says what a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Made, without a session yet.
    Registered,
    /// A letter to the address was answered.
    AddressConfirmed,
    /// A new password.
    PasswordChanged,
    /// A new password, by letter.
    PasswordReset,
    /// Another username.
    UsernameChanged,
    /// Another address.
    AddressChanged,
    /// The one before again.
    AddressRestored,
    /// Everything held about the account was downloaded.
    Downloaded,
}

impl Kind {
    /// As the database and programs know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::AddressConfirmed => "email_confirmed",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::UsernameChanged => "username_changed",
            Self::AddressChanged => "email_changed",
            Self::AddressRestored => "email_restored",
            Self::Downloaded => "downloaded",
        }
    }
}

/// Something that happened, for the owner to read.
pub struct Happened {
    /// What, for programs.
    pub kind: String,
    /// In words.
    pub words: String,
    /// When, in seconds since 1970; of several, the last.
    pub at: i64,
    /// From which address.
    pub client: String,
    /// With what, in words.
    pub device: String,
}

/// The words of an event that was written down.
fn in_words(kind: &str, detail: &str) -> String {
    match kind {
        "registered" => "Account created.".to_owned(),
        "email_confirmed" => "Email address confirmed.".to_owned(),
        "password_changed" => "Password changed. All other sessions ended.".to_owned(),
        "password_reset" => "A new password set by letter. All sessions ended.".to_owned(),
        "username_changed" => format!("Username changed. It was {detail} before."),
        "email_changed" => format!("Email address changed. It was {detail} before."),
        "email_restored" => format!(
            "Change of the email address taken back. It was {detail} meanwhile. All sessions ended."
        ),
        "downloaded" => "Everything about the account downloaded.".to_owned(),
        "made_admin" => "Made an administrator. All sessions ended.".to_owned(),
        "made_user" => "No longer an administrator. All sessions ended.".to_owned(),
        "disabled" => "Disabled. All sessions ended.".to_owned(),
        "enabled" => "Enabled again.".to_owned(),
        "email_vouched_for" => "Email address taken for confirmed.".to_owned(),
        "reset_link_made" => "A link made with which a new password can be set, once.".to_owned(),
        other => other.replace('_', " "),
    }
}

fn started(session: &Session) -> Option<Happened> {
    let (kind, words) = match session.method.as_str() {
        "registration" => ("registered", "Account created."),
        // The change itself stands in the list.
        "password_change" => return None,
        _ => ("signed_in", "Signed in."),
    };
    Some(Happened {
        kind: kind.to_owned(),
        words: words.to_owned(),
        at: session.started_at,
        client: session.client.clone(),
        device: session.device.clone(),
    })
}

fn ended(session: &Session) -> Option<Happened> {
    let (at, why) = (session.ended_at?, session.ended_why.as_deref()?);
    if matches!(
        why,
        "password_changed" | "password_reset" | "address_restored" | "expired" | "idle"
    ) {
        return None;
    }
    Some(Happened {
        kind: "session_ended".to_owned(),
        words: format!("Session ended. {}", why_in_words(why)),
        at,
        client: session.client.clone(),
        device: session.device.clone(),
    })
}

fn wrong(wrong: WrongPasswords) -> Happened {
    let words = match wrong.times {
        1 => "A wrong password.".to_owned(),
        times => format!("{times} wrong passwords in a day."),
    };
    Happened {
        kind: "wrong_password".to_owned(),
        words,
        at: wrong.last_at,
        client: wrong.client,
        device: wrong.device,
    }
}

impl Accounts {
    /// What happened to an account lately, the newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn events(&self, account: &str) -> Result<Vec<Happened>, Error> {
        let sessions = self.sessions.of_account(account).await?;
        let noted = events::of_account(&self.pool, account).await?;
        let wrongs = events::wrong_of_account(&self.pool, account).await?;
        let mut all: Vec<Happened> = noted
            .into_iter()
            .map(|event| Happened {
                words: in_words(&event.kind, &event.detail),
                kind: event.kind,
                at: event.happened_at,
                client: event.client,
                device: event.device,
            })
            .chain(wrongs.into_iter().map(wrong))
            .chain(sessions.iter().filter_map(started))
            .chain(sessions.iter().filter_map(ended))
            .collect();
        all.sort_by_key(|happened| std::cmp::Reverse(happened.at));
        all.truncate(SHOWN);
        Ok(all)
    }

    /// An event that happens now.
    pub(super) fn happening(
        &self,
        kind: Kind,
        account: &str,
        client: &Client,
        detail: &str,
    ) -> events::Event {
        events::Event {
            account_id: account.to_owned(),
            kind: kind.name().to_owned(),
            happened_at: self.world.clock.unix(),
            client: client.address.to_string(),
            device: client.device(),
            detail: detail.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_words_of_its_own() {
        for kind in [
            Kind::Registered,
            Kind::AddressConfirmed,
            Kind::PasswordChanged,
            Kind::PasswordReset,
            Kind::UsernameChanged,
            Kind::AddressChanged,
            Kind::AddressRestored,
            Kind::Downloaded,
        ] {
            let words = in_words(kind.name(), "ana");
            assert!(words.ends_with('.') && words.contains(' '), "{words}");
        }
    }
}
