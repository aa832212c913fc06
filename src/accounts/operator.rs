//! What an operator may do to an account from the command line. A running server hears of it within a second.

use super::find;
use crate::store::accounts::raise_version;
use crate::store::sessions::end_others;
use crate::store::{Fault, Pool};

/// What is done to an account.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Nobody may sign in with it, and everything it has out there ends.
    Disable,
    /// Whoever knows its password may sign in again.
    Enable,
    /// Everything it has out there ends.
    EndSessions,
}

/// Does it. `None`: nobody has this name; else how many sessions ended.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn act(pool: &Pool, name: &str, act: Act, now: i64) -> Result<Option<usize>, Fault> {
    let Some(account) = find(pool, name).await? else {
        return Ok(None);
    };
    let disabled = match act {
        Act::Disable => true,
        Act::Enable => false,
        Act::EndSessions => account.disabled_at.is_some(),
    };
    // First the version, which a login that is under way cannot slip past: its session has the old one.
    raise_version(pool, &account.id, disabled, now).await?;
    let ended = end_others(pool, &account.id, "", now, "ended_by_operator").await?;
    pool.tell().await;
    Ok(Some(ended.len()))
}
