//! What every new account must be, whoever makes it: its owner, or an operator.

use super::{passwords, rules};
use crate::error::FieldError;
use crate::store::accounts::{Account, Keys};
use crate::tokens::Role;

/// Why these cannot be an account's, one reason a field. What is refused here need not be judged.
pub(super) fn faults(username: &str, email: &str, password: &str) -> Vec<FieldError> {
    let reasons = [
        ("username", rules::username_fault(username)),
        ("email", rules::email_fault(email)),
        ("password", passwords::length_fault(password)),
    ];
    let found = reasons
        .into_iter()
        .filter_map(|(field, reason)| Some(FieldError::new(field, reason?)));
    found.collect()
}

/// What a new account is made of.
pub(super) struct Parts {
    pub(super) id: String,
    pub(super) username: String,
    pub(super) email: String,
    pub(super) password_hash: String,
    pub(super) role: Role,
}

/// A new account as it will be remembered, and what nobody else may have.
pub(super) fn account(parts: Parts, now: i64) -> (Account, Keys) {
    let keys = Keys {
        username: rules::username_key(&parts.username),
        email: rules::email_key(&parts.email),
    };
    let account = Account {
        id: parts.id,
        username: parts.username,
        email: parts.email,
        password_hash: parts.password_hash,
        created_at: now,
        version: 1,
        disabled_at: None,
        email_verified_at: None,
        role: parts.role.name().to_owned(),
        pending_until: None,
    };
    (account, keys)
}
