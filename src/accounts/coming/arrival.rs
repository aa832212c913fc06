//! Somebody as a file describes them, and what the rules say to it.

use std::borrow::Cow;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::accounts::rules;
use crate::hashing::foreign::{Admitted, Fast, Reading, admit};
use crate::store::accounts::Account;
use crate::store::accounts::Keys;
use crate::store::crowd::Newcomer;

/// How far other machines' clocks may be ahead of ours, in seconds.
const AHEAD: i64 = 86_400;

/// The most of a username that is told, in characters.
const SHOWN: usize = 64;

/// What a file may say of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Taken where it is one of ours.
    Id,
    /// Required.
    Username,
    /// Required.
    Email,
    /// Required.
    Hash,
    /// `user` or `admin`.
    Role,
    /// When the account was made.
    Created,
    /// When the address was verified, or whether.
    Verified,
    /// Since when nobody may sign in, or whether.
    Disabled,
    /// Whether somebody may sign in.
    Active,
}

/// Each field with the names that programs give it, in lower case.
const NAMES: &[(Field, &[&str])] = &[
    (Field::Id, &["id"]),
    (Field::Username, &["username", "user_name", "login", "user"]),
    (
        Field::Email,
        &["email", "email_address", "emailaddress", "mail", "e_mail"],
    ),
    (
        Field::Hash,
        &[
            "password_hash",
            "hashed_password",
            "passwordhash",
            "hashedpassword",
            "encrypted_password",
            "hash",
            "password",
        ],
    ),
    (Field::Role, &["role"]),
    (
        Field::Created,
        &["created_at", "createdat", "created", "date_joined"],
    ),
    (
        Field::Verified,
        &[
            "email_verified_at",
            "email_verified",
            "emailverified",
            "email_confirmed_at",
            "confirmed_at",
        ],
    ),
    (Field::Disabled, &["disabled_at", "disabled"]),
    (Field::Active, &["is_active", "active"]),
];

impl Field {
    const COUNT: usize = NAMES.len();

    /// The one that a column or a member of this name holds.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase().replace(['-', ' '], "_");
        let found = NAMES
            .iter()
            .find(|(_, names)| names.contains(&name.as_str()));
        found.map(|(field, _)| *field)
    }

    /// What it is called first.
    pub fn name(self) -> &'static str {
        let found = NAMES.iter().find(|(field, _)| *field == self);
        found.map_or("", |(_, names)| names[0])
    }
}

/// Somebody as a file describes them.
#[derive(Default)]
pub struct Arrival {
    values: [Option<String>; Field::COUNT],
}

impl Arrival {
    /// Adds what is said. Nothing said is nothing added.
    ///
    /// # Errors
    /// It was said already, under another name.
    pub fn say(&mut self, field: Field, value: String) -> Result<(), &'static str> {
        let place = &mut self.values[field as usize];
        if place.is_some() {
            return Err("It says one thing twice, under two names.");
        }
        if !value.is_empty() {
            *place = Some(value);
        }
        Ok(())
    }

    fn said(&self, field: Field) -> Option<&str> {
        self.values[field as usize].as_deref()
    }

    /// The username as it is said, whether or not it can be one, but not more of it than helps to find it.
    pub(super) fn shown(&self) -> Option<String> {
        let username = self.said(Field::Username)?;
        Some(match username.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &username[..end]),
            None => username.to_owned(),
        })
    }

    /// Whether it is said since when the account is.
    pub(super) fn says_when(&self) -> bool {
        self.said(Field::Created).is_some()
    }

    /// What it comes to by the rules of registration, with the id empty where none of ours came along.
    pub(super) fn judge(
        &self,
        reading: &Reading,
        now: i64,
    ) -> Result<(Newcomer, Option<Fast>), &'static str> {
        let username = self.said(Field::Username).ok_or("There is no username.")?;
        let email = self.said(Field::Email).ok_or("There is no address.")?;
        if let Some(reason) = rules::username_fault(username).or_else(|| rules::email_fault(email))
        {
            return Err(reason);
        }
        let role = self.said(Field::Role).unwrap_or("user");
        if !matches!(role, "user" | "admin") {
            return Err("The role must be user or admin.");
        }
        let created = self.said(Field::Created).map(|text| moment(text, now));
        let hash = self.said(Field::Hash).unwrap_or_default();
        let (password_hash, fast) = match admit(hash, reading)? {
            Admitted::AsIs(text) => (text, None),
            Admitted::Wrap(fast) => (String::new(), Some(fast)),
        };
        let account = Account {
            id: self
                .said(Field::Id)
                .filter(is_ours)
                .unwrap_or_default()
                .to_owned(),
            username: username.to_owned(),
            email: email.to_owned(),
            password_hash,
            created_at: created.unwrap_or(Ok(now))?,
            version: 1,
            disabled_at: self.disabled_at(now)?,
            email_verified_at: self.since(Field::Verified, now)?,
            role: role.to_owned(),
            pending_until: None,
        };
        let keys = Keys {
            username: rules::username_key(username),
            email: rules::email_key(email),
        };
        Ok((Newcomer { account, keys }, fast))
    }

    fn disabled_at(&self, now: i64) -> Result<Option<i64>, &'static str> {
        let disabled = self.since(Field::Disabled, now)?;
        let active = match self.said(Field::Active) {
            Some(text) => truth(text).ok_or("Whether it is active must be true or false.")?,
            None => true,
        };
        Ok(disabled.or((!active).then_some(now)))
    }

    /// A moment, or whether at all: then it is this one.
    fn since(&self, field: Field, now: i64) -> Result<Option<i64>, &'static str> {
        let Some(text) = self.said(field) else {
            return Ok(None);
        };
        match truth(text) {
            Some(true) => Ok(Some(now)),
            Some(false) => Ok(None),
            None => moment(text, now).map(Some),
        }
    }
}

/// Whether an id is of the kind that we make: others would say who came from where, and be guessed.
fn is_ours(id: &&str) -> bool {
    let letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'2'..=b'7');
    id.len() == 26 && id.bytes().all(letter)
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" => Some(true),
        "0" | "false" | "f" | "no" | "n" => Some(false),
        _ => None,
    }
}

/// Seconds or milliseconds since 1970, RFC 3339, or as databases print it; UTC where nothing else is said.
fn moment(text: &str, now: i64) -> Result<i64, &'static str> {
    let at = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = text.parse().ok();
        // Twelve digits are the year 33658 in seconds.
        number.map(|number: i64| number / if text.len() >= 12 { 1000 } else { 1 })
    } else {
        let parsed = OffsetDateTime::parse(&standard(text), &Rfc3339);
        parsed.ok().map(OffsetDateTime::unix_timestamp)
    };
    let at = at.ok_or("A time must be like 2024-05-31T12:00:00Z, or seconds since 1970.")?;
    if (0..=now + AHEAD).contains(&at) {
        Ok(at)
    } else {
        Err("A time lies before 1970 or in the future.")
    }
}

/// `2024-05-31 12:00:00.123+02` → `2024-05-31T12:00:00.123+02:00`.
fn standard(text: &str) -> Cow<'_, str> {
    let Some((day, rest)) = text.split_once([' ', 'T']) else {
        return text.into();
    };
    match rest.find(['+', '-', 'Z', 'z']) {
        None => format!("{day}T{rest}Z").into(),
        Some(at) if rest.len() - at == 3 => format!("{day}T{rest}:00").into(),
        Some(_) => format!("{day}T{rest}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_their_usual_names() {
        assert_eq!(Field::named("user_name"), Some(Field::Username));
        assert_eq!(Field::named(" Hashed-Password "), Some(Field::Hash));
        assert_eq!(Field::named("emailVerified"), Some(Field::Verified));
        assert_eq!(Field::named("last_login"), None);
        for (place, (field, _)) in NAMES.iter().enumerate() {
            assert_eq!(*field as usize, place);
        }
    }

    #[test]
    fn times_come_in_many_forms() {
        let at = 1_717_156_800;
        for text in [
            "1717156800",
            "1717156800000",
            "2024-05-31T12:00:00Z",
            "2024-05-31T14:00:00+02:00",
            "2024-05-31 12:00:00",
            "2024-05-31 12:00:00.123456",
            "2024-05-31 14:00:00.1+02",
        ] {
            assert_eq!(moment(text, at), Ok(at), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "-1",
            "31.5.2024",
            "2024-05-31",
            "99999999999999999999",
            "2034-05-31 12:00:00",
            "é é",
        ] {
            assert!(moment(text, at).is_err(), "{text}");
        }
    }
}
