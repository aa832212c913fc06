//! The table `accounts`, many rows at once: coming in and going out.

use std::collections::HashSet;

use sqlx::{AssertSqlSafe, Row};

use super::accounts::{Account, COLUMNS, Keys, account};
use super::{Fault, Pool};

/// How many rows a statement takes at most: both databases bind so many values, and each holds its locks shortly.
pub const MOST: usize = 500;

/// Somebody who comes in.
pub struct Newcomer {
    /// As it will stand here.
    pub account: Account,
    /// By which it may meet another.
    pub keys: Keys,
}

/// What an account that is here has in common with one that comes in, and what tells whether it is the same person's.
pub struct Known {
    /// Its id.
    pub id: String,
    /// Its username in lower case.
    pub username_key: String,
    /// Its address in lower case.
    pub email_key: String,
    /// As it is stored.
    pub password_hash: String,
    /// Seconds since 1970.
    pub created_at: i64,
    /// Whether its owner showed that letters to the address arrive.
    pub is_confirmed: bool,
    /// Whether it is forgotten, unless its address is confirmed.
    pub is_pending: bool,
}

impl Known {
    /// Whether it is no account, but a name or an address that is reserved.
    pub fn is_reserved(&self) -> bool {
        self.id.is_empty()
    }

    /// Whether it is no account any more: it was deleted, and its tokens are refused.
    pub fn is_departed(&self) -> bool {
        !self.id.is_empty() && self.username_key.is_empty()
    }
}

/// The accounts that share an id, a username or an address with one of these, [`MOST`] at most. A reserved name or address,
/// or the id of a deleted account, is told of as an account that has nothing else.
///
/// # Errors
/// The database does not answer.
pub async fn known(pool: &Pool, newcomers: &[&Newcomer]) -> Result<Vec<Known>, Fault> {
    if newcomers.is_empty() {
        return Ok(Vec::new());
    }
    let count = newcomers.len();
    let among = |first: usize| {
        let places: Vec<_> = (first..first + count).map(|n| format!("${n}")).collect();
        places.join(",")
    };
    // Each question has an index of its own.
    let select = "select id, username_key, email_key, password_hash, created_at, email_verified_at, pending_until
                  from accounts where";
    let sql = format!(
        "{select} id in ({}) union {select} username_key in ({}) union {select} email_key in ({})
         union select '', username_key, '', '', 0, null, null from reserved_names where username_key in ({})
         union select '', '', email_key, '', 0, null, null from reserved_addresses
               where email_key in ({}) and good_until > {}
         union select account_id, '', '', '', 0, null, null from departed_accounts where account_id in ({})",
        among(1),
        among(1 + count),
        among(1 + 2 * count),
        among(1 + count),
        among(1 + 2 * count),
        pool.clock(),
        among(1),
    );
    let ids = newcomers.iter().map(|one| &one.account.id);
    let usernames = newcomers.iter().map(|one| &one.keys.username);
    let emails = newcomers.iter().map(|one| &one.keys.email);
    let values = ids.chain(usernames).chain(emails);
    let query = values.fold(sqlx::query(AssertSqlSafe(sql)), |query, value| {
        query.bind(value)
    });
    let rows = query.fetch_all(pool.any()).await?;
    let known = rows.iter().map(|row| {
        Ok(Known {
            id: row.try_get("id")?,
            username_key: row.try_get("username_key")?,
            email_key: row.try_get("email_key")?,
            password_hash: row.try_get("password_hash")?,
            created_at: row.try_get("created_at")?,
            is_confirmed: row
                .try_get::<Option<i64>, _>("email_verified_at")?
                .is_some(),
            is_pending: row.try_get::<Option<i64>, _>("pending_until")?.is_some(),
        })
    });
    Ok(known.collect::<Result<_, sqlx::Error>>()?)
}

/// Adds all of these that meet nobody, [`MOST`] at most, in one statement: each is here whole or not at all. Says the
/// ids of those that were added.
///
/// # Errors
/// The database does not answer or cannot write; then nobody was added.
pub async fn insert(pool: &Pool, newcomers: &[&Newcomer]) -> Result<HashSet<String>, Fault> {
    if newcomers.is_empty() {
        return Ok(HashSet::new());
    }
    let row = |index: usize| {
        let places: Vec<_> = (1..=10).map(|n| format!("${}", index * 10 + n)).collect();
        format!("({})", places.join(","))
    };
    let rows: Vec<_> = (0..newcomers.len()).map(row).collect();
    let sql = format!(
        "insert into accounts (id, username, username_key, email, email_key, password_hash, created_at, disabled_at,
                               email_verified_at, role)
         values {} on conflict do nothing returning id",
        rows.join(",")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for Newcomer { account, keys } in newcomers {
        query = query
            .bind(&account.id)
            .bind(&account.username)
            .bind(&keys.username)
            .bind(&account.email)
            .bind(&keys.email)
            .bind(&account.password_hash)
            .bind(account.created_at)
            .bind(account.disabled_at)
            .bind(account.email_verified_at)
            .bind(&account.role);
    }
    let rows = query.fetch_all(pool.write()).await?;
    let added = rows.iter().map(|row| row.try_get("id"));
    Ok(added.collect::<Result<_, sqlx::Error>>()?)
}

/// The accounts whose ids come after this one, [`MOST`] at most, in the order of their ids.
///
/// # Errors
/// The database does not answer.
pub async fn after(pool: &Pool, id: &str) -> Result<Vec<Account>, Fault> {
    let sql = format!(
        "select {COLUMNS} from accounts a where a.id > $1 and a.pending_until is null order by a.id limit {MOST}"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(id)
        .fetch_all(pool.any())
        .await?;
    Ok(rows.iter().map(account).collect::<Result<_, _>>()?)
}

/// How many accounts wait for their address to be confirmed: those that [`after`] leaves out.
///
/// # Errors
/// The database does not answer.
pub async fn waiting(pool: &Pool) -> Result<i64, Fault> {
    let sql = "select count(*) as number from accounts where pending_until is not null";
    let row = sqlx::query(sql).fetch_one(pool.any()).await?;
    Ok(row.try_get("number")?)
}

/// How many accounts there are.
///
/// # Errors
/// The database does not answer.
pub async fn count(pool: &Pool) -> Result<i64, Fault> {
    let row = sqlx::query("select count(*) as number from accounts where pending_until is null")
        .fetch_one(pool.any())
        .await?;
    Ok(row.try_get("number")?)
}
