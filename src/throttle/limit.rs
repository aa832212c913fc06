//! Which budget is spent, and for how long.

/// A budget, as the log names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Strangers' failures with one submitted name.
    Name,
    /// Failures of one browser or network that signed in to the account before.
    Known,
    /// Strangers' failures from one address.
    Address,
    /// Strangers' failures from one network of addresses.
    Network,
    /// Attempts under way from one address.
    Share,
    /// Right passwords of one account.
    AccountSignIns,
    /// Right passwords from one address or network.
    NetworkSignIns,
    /// New accounts from one address or network.
    Registrations,
    /// Letters to one address, registrations with it that write to it among them, or asked for from one address or network.
    Letters,
}

impl Limit {
    /// The name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Known => "known",
            Self::Address => "address",
            Self::Network => "network",
            Self::Share => "share",
            Self::AccountSignIns => "account_sign_ins",
            Self::NetworkSignIns => "network_sign_ins",
            Self::Registrations => "registrations",
            Self::Letters => "letters",
        }
    }
}

/// A budget that is spent, until some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Which.
    pub limit: Limit,
    /// How many seconds are left; at least one.
    pub seconds: u32,
    /// The moment, in seconds since 1970.
    pub until: i64,
}

impl Wait {
    pub(super) fn new(limit: Limit, until: i64, now: i64) -> Self {
        Self {
            limit,
            seconds: u32::try_from((until - now).max(1)).unwrap_or(u32::MAX),
            until,
        }
    }

    /// How long, in words: `40 seconds`, `15 minutes`. Rounded up, so that whoever waits so long is let in.
    pub fn words(&self) -> String {
        match self.seconds {
            1 => "1 second".to_owned(),
            seconds @ ..=90 => format!("{seconds} seconds"),
            seconds => format!("{} minutes", seconds.div_ceil(60)),
        }
    }
}
