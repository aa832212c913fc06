//! Every letter there is, with what its text needs. The texts stand in `templates/mail`.

use serde::Serialize;

/// A letter. Times in seconds since 1970 say until when what it holds is good; other moments are words already.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Letter {
    /// Is this address yours?
    Verify {
        /// The page that confirms it.
        link: String,
        /// The same, to type.
        code: String,
        /// How long the code is good, in words.
        code_lasts: String,
        /// Until when the link is.
        good_until: i64,
    },
    /// A new password, for whoever forgot theirs.
    Reset {
        /// The page where it is set.
        link: String,
        /// The same, to type; empty where nobody waits for it, as with a link that an operator made.
        code: String,
        /// Until when both are good.
        good_until: i64,
    },
    /// Somebody registered with the address of this account.
    AlreadyRegistered {
        /// The page where a new password is set.
        link: String,
        /// Until when it is good.
        good_until: i64,
    },
    /// To a new address: shall the account have it?
    ConfirmAddress {
        /// The page that confirms it.
        link: String,
        /// The same, to type.
        code: String,
        /// How long the code is good, in words.
        code_lasts: String,
        /// Until when the link is.
        good_until: i64,
    },
    /// To the old address: the account has a new one.
    AddressChanged {
        /// The new one.
        new: String,
        /// The page that takes it back.
        undo: String,
        /// Until when it does.
        good_until: i64,
    },
    /// The password was changed.
    PasswordChanged {
        /// When, in words.
        when: String,
        /// With what: `Firefox on Linux`.
        device: String,
        /// From which address.
        address: String,
        /// Where to begin, for somebody who did not do it: the page for a forgotten password.
        link: String,
    },
    /// The username was changed.
    UsernameChanged {
        /// The old one.
        old: String,
        /// The new one.
        new: String,
        /// When, in words.
        when: String,
        /// Where to begin, for somebody who did not do it.
        link: String,
    },
    /// Somebody signed in with a browser never seen before.
    NewBrowser {
        /// With what.
        device: String,
        /// From which address.
        address: String,
        /// When, in words.
        when: String,
        /// Where to begin, for somebody who did not do it.
        link: String,
    },
    /// A way to sign in was added or taken away.
    MethodChanged {
        /// What happened, as a sentence: `A passkey was added.`
        what: String,
        /// When, in words.
        when: String,
        /// Where to begin, for somebody who did not do it.
        link: String,
    },
    /// The account is gone.
    AccountDeleted {
        /// When, in words.
        when: String,
    },
    /// Somebody who may register.
    Invitation {
        /// The page where they do.
        link: String,
        /// The same, to type; empty where there is none.
        code: String,
        /// Until when both are good.
        good_until: i64,
    },
}

impl Letter {
    /// Its name: of its templates, in the queue and in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Verify { .. } => "verify",
            Self::Reset { .. } => "reset",
            Self::AlreadyRegistered { .. } => "already-registered",
            Self::ConfirmAddress { .. } => "confirm-address",
            Self::AddressChanged { .. } => "address-changed",
            Self::PasswordChanged { .. } => "password-changed",
            Self::UsernameChanged { .. } => "username-changed",
            Self::NewBrowser { .. } => "new-browser",
            Self::MethodChanged { .. } => "method-changed",
            Self::AccountDeleted { .. } => "account-deleted",
            Self::Invitation { .. } => "invitation",
        }
    }

    /// Until when it is worth sending, where what it holds expires.
    pub(super) fn good_until(&self) -> Option<i64> {
        match self {
            Self::Verify { good_until, .. }
            | Self::Reset { good_until, .. }
            | Self::AlreadyRegistered { good_until, .. }
            | Self::ConfirmAddress { good_until, .. }
            | Self::AddressChanged { good_until, .. }
            | Self::Invitation { good_until, .. } => Some(*good_until),
            _ => None,
        }
    }

    /// One of each, for tests.
    pub fn samples(good_until: i64) -> Vec<Self> {
        let text = |text: &str| text.to_owned();
        let link = || text("https://login.example.org/x/abcdefghijklmnopqrstuvwxyz");
        let (code, code_lasts, when) = (
            || text("BCDF-GHJK"),
            || text("10 minutes"),
            || text("21 September 2026, 14:13 UTC"),
        );
        let (device, address) = (|| text("Firefox on Linux"), || text("192.0.2.7"));
        vec![
            Self::Verify {
                link: link(),
                code: code(),
                code_lasts: code_lasts(),
                good_until,
            },
            Self::Reset {
                link: link(),
                code: code(),
                good_until,
            },
            Self::Reset {
                link: link(),
                code: String::new(),
                good_until,
            },
            Self::AlreadyRegistered {
                link: link(),
                good_until,
            },
            Self::ConfirmAddress {
                link: link(),
                code: code(),
                code_lasts: code_lasts(),
                good_until,
            },
            Self::AddressChanged {
                new: text("m.duras@example.org"),
                undo: link(),
                good_until,
            },
            Self::PasswordChanged {
                when: when(),
                device: device(),
                address: address(),
                link: link(),
            },
            Self::UsernameChanged {
                old: text("marguerite"),
                new: text("duras"),
                when: when(),
                link: link(),
            },
            Self::NewBrowser {
                device: device(),
                address: address(),
                when: when(),
                link: link(),
            },
            Self::MethodChanged {
                what: text("A passkey was added."),
                when: when(),
                link: link(),
            },
            Self::AccountDeleted { when: when() },
            Self::Invitation {
                link: link(),
                code: code(),
                good_until,
            },
            Self::Invitation {
                link: link(),
                code: String::new(),
                good_until,
            },
        ]
    }
}
