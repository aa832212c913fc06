//! The table `accounts` as an operator looks at it and changes it.

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::{Fault, Pool, Work};

/// An account on the operator's list. Without its hash: nobody is shown that.
pub struct Listed {
    /// Never changes.
    pub id: String,
    /// As typed.
    pub username: String,
    /// As typed.
    pub email: String,
    /// `user` or `admin`.
    pub role: String,
    /// Seconds since 1970, here and below.
    pub created_at: i64,
    /// Since when nobody may sign in with it.
    pub disabled_at: Option<i64>,
    /// When its owner showed that letters to the address arrive.
    pub email_verified_at: Option<i64>,
    /// Until when it waits for that before it may be used.
    pub pending_until: Option<i64>,
    /// By which the list goes on.
    pub key: String,
}

/// Which accounts are listed.
#[derive(Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Only those that are disabled.
    pub disabled: bool,
    /// Only those with this role.
    pub role: Option<&'a str>,
}

/// What an operator is shown of one account beside itself.
pub struct Details {
    /// Failed attempts since its last success.
    pub failures: i64,
    /// Sessions that go on.
    pub sessions: i64,
    /// When one of its sessions was last used.
    pub last_seen_at: Option<i64>,
}

fn listed(row: &AnyRow) -> Result<Listed, sqlx::Error> {
    Ok(Listed {
        id: row.try_get("id")?,
        username: row.try_get("username")?,
        email: row.try_get("email")?,
        role: row.try_get("role")?,
        created_at: row.try_get("created_at")?,
        disabled_at: row.try_get("disabled_at")?,
        email_verified_at: row.try_get("email_verified_at")?,
        pending_until: row.try_get("pending_until")?,
        key: row.try_get("username_key")?,
    })
}

/// The next accounts of the list, by name, after the one with this key; `most` of them.
///
/// # Errors
/// The database does not answer.
pub async fn page(
    pool: &Pool,
    after: &str,
    wanted: Wanted<'_>,
    most: i64,
) -> Result<Vec<Listed>, Fault> {
    let disabled = if wanted.disabled {
        "and disabled_at is not null"
    } else {
        ""
    };
    let rows = sqlx::query(AssertSqlSafe(format!(
        "select id, username, username_key, email, role, created_at, disabled_at, email_verified_at,
                pending_until
         from accounts
         where username_key > $1 and ($2 = '' or role = $2) {disabled} order by username_key limit $3"
    )))
    .bind(after)
    .bind(wanted.role.unwrap_or_default())
    .bind(most)
    .fetch_all(pool.any())
    .await?;
    Ok(rows.iter().map(listed).collect::<Result<_, _>>()?)
}

/// What there is to say of one account.
///
/// # Errors
/// The database does not answer.
pub async fn details(pool: &Pool, id: &str) -> Result<Details, Fault> {
    let row = sqlx::query(
        "select coalesce((select failures from login_failures where account_id = $1), 0) as failures,
                (select count(*) from sessions where account_id = $1 and ended_at is null) as sessions,
                (select max(last_seen_at) from sessions where account_id = $1) as last_seen_at",
    )
    .bind(id)
    .fetch_one(pool.any())
    .await?;
    Ok(Details {
        failures: row.try_get("failures")?,
        sessions: row.try_get("sessions")?,
        last_seen_at: row.try_get("last_seen_at")?,
    })
}

/// Gives an account a role, and raises its version in the same statement: no token says for a moment what is no longer
/// so. `false`: it had the role already, and nothing was changed.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn set_role(
    work: &mut Work<'_>,
    pool: &Pool,
    id: &str,
    role: &str,
    now: i64,
) -> Result<bool, Fault> {
    let query = sqlx::query(AssertSqlSafe(format!(
        "update accounts set role = $1, version = version + 1, version_at = $2, version_told_at = {}
         where id = $3 and role <> $1",
        pool.clock()
    )));
    let query = query.bind(role.to_owned()).bind(now).bind(id.to_owned());
    let done = work.run(query).await?;
    Ok(done.rows_affected() == 1)
}
