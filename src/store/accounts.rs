//! The table `accounts`: who can sign in.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row};

use super::{Fault, Pool, Since, Work, addresses, networks};

/// A person, as remembered.
#[derive(Clone)]
pub struct Account {
    /// Never changes, never given to another: a token's `sub`.
    pub id: String,
    /// As typed at registration.
    pub username: String,
    /// As typed at registration.
    pub email: String,
    /// A PHC string.
    pub password_hash: String,
    /// Seconds since 1970.
    pub created_at: i64,
    /// Raised when all that the account has out there must end.
    pub version: i64,
    /// Since when nobody may sign in with it.
    pub disabled_at: Option<i64>,
    /// When its owner showed that letters to the address arrive.
    pub email_verified_at: Option<i64>,
    /// What it may do beyond its own affairs: `user` or `admin`.
    pub role: String,
    /// When it is forgotten, unless its address is confirmed before. Nobody may use it until then.
    pub pending_until: Option<i64>,
}

/// How an account is asked for, in the form in which names are compared.
#[derive(Clone, Copy)]
pub enum Key<'a> {
    /// Its id.
    Id(&'a str),
    /// Its username in lower case.
    Username(&'a str),
    /// Its address in lower case.
    Email(&'a str),
}

impl Key<'_> {
    fn column(&self) -> &'static str {
        match self {
            Self::Id(_) => "id",
            Self::Username(_) => "username_key",
            Self::Email(_) => "email_key",
        }
    }

    fn value(&self) -> &str {
        match self {
            Self::Id(value) | Self::Username(value) | Self::Email(value) => value,
        }
    }
}

/// What makes an [`Account`], of the table under the name `a`.
pub(super) const COLUMNS: &str =
    "a.id, a.username, a.email, a.password_hash, a.created_at, a.version, a.disabled_at,
                       a.email_verified_at, a.role, a.pending_until";

/// An account that somebody wants to sign in to, and what decides how far they are trusted.
pub struct Candidate {
    /// The account.
    pub account: Account,
    /// Failed attempts since its last success.
    pub failures: i64,
    /// When a program last signed in to it from the network that is asking.
    pub known_at: Option<i64>,
}

/// What two accounts may not share, in the form in which it is compared.
pub struct Keys {
    /// The username in lower case.
    pub username: String,
    /// The address in lower case.
    pub email: String,
}

pub(super) fn account(row: &AnyRow) -> Result<Account, sqlx::Error> {
    Ok(Account {
        id: row.try_get("id")?,
        username: row.try_get("username")?,
        email: row.try_get("email")?,
        password_hash: row.try_get("password_hash")?,
        created_at: row.try_get("created_at")?,
        version: row.try_get("version")?,
        disabled_at: row.try_get("disabled_at")?,
        email_verified_at: row.try_get("email_verified_at")?,
        role: row.try_get("role")?,
        pending_until: row.try_get("pending_until")?,
    })
}

/// Adds an account. `false`: the username or the address belongs to somebody, or is reserved, and nothing was changed.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn insert(pool: &Pool, account: &Account, keys: &Keys) -> Result<bool, Fault> {
    let mut work = pool.begin().await?;
    if !insert_in(&mut work, account, keys).await? {
        work.undo().await?;
        return Ok(false);
    }
    work.commit().await?;
    Ok(true)
}

/// The same as a part of this work, which must be undone where the answer is `false`. The question is asked in the write
/// itself, so of two at once exactly one wins.
///
/// # Errors
/// As there.
pub async fn insert_in(work: &mut Work<'_>, account: &Account, keys: &Keys) -> Result<bool, Fault> {
    let done = work.run(inserting(account, keys)).await?;
    // Once more: whoever had the name may have given it up while the write waited for them, and PostgreSQL looked at what
    // is reserved before that.
    Ok(done.rows_affected() == 1 && !is_reserved(work, account, keys).await?)
}

async fn is_reserved(work: &mut Work<'_>, account: &Account, keys: &Keys) -> Result<bool, Fault> {
    let query = sqlx::query("select 1 as one from reserved_names where username_key = $1");
    let name = work.row(query.bind(keys.username.clone())).await?;
    Ok(name.is_some()
        || addresses::is_reserved(work, &keys.email, &account.id, account.created_at).await?)
}

fn inserting(account: &Account, keys: &Keys) -> Query<'static, Any, AnyArguments> {
    sqlx::query(
        "insert into accounts (id, username, username_key, email, email_key, password_hash, created_at, role,
                               pending_until)
         select $1, $2, $3, $4, $5, $6, $7, $8, $9
         where not exists (select 1 from reserved_names where username_key = $3)
           and not exists (select 1 from reserved_addresses where email_key = $5 and good_until > $7)
         on conflict do nothing",
    )
    .bind(account.id.clone())
    .bind(account.username.clone())
    .bind(keys.username.clone())
    .bind(account.email.clone())
    .bind(keys.email.clone())
    .bind(account.password_hash.clone())
    .bind(account.created_at)
    .bind(account.role.clone())
    .bind(account.pending_until)
}

/// Holds the row of an account that still has this version until the work is done: what changes the account waits.
/// `false`: it has another, is disabled, or is gone.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn hold(work: &mut Work<'_>, id: &str, version: i64) -> Result<bool, Fault> {
    let query = sqlx::query(
        "update accounts set version = version where id = $1 and version = $2 and disabled_at is null",
    );
    let done = work.run(query.bind(id.to_owned()).bind(version)).await?;
    Ok(done.rows_affected() == 1)
}

/// The same whatever has become of the account: waits for whoever holds it.
///
/// # Errors
/// As there.
pub async fn wait_for(work: &mut Work<'_>, id: &str) -> Result<(), Fault> {
    let query = sqlx::query("update accounts set version = version where id = $1");
    work.run(query.bind(id.to_owned())).await?;
    Ok(())
}

/// The account with this name, as this work sees it.
///
/// # Errors
/// The database does not answer.
pub async fn find_in(work: &mut Work<'_>, key: Key<'_>) -> Result<Option<Account>, Fault> {
    let query = sqlx::query(AssertSqlSafe(finding(key))).bind(key.value().to_owned());
    let row = work.row(query).await?;
    Ok(row.as_ref().map(account).transpose()?)
}

fn finding(key: Key<'_>) -> String {
    format!(
        "select {COLUMNS} from accounts a where a.{} = $1",
        key.column()
    )
}

/// Notes that letters to this address of the account arrive. `false`: it is not, or no longer, the account's.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn confirm_address(
    work: &mut Work<'_>,
    id: &str,
    address: &str,
    now: i64,
) -> Result<bool, Fault> {
    let query = sqlx::query(
        "update accounts set email_verified_at = coalesce(email_verified_at, $1), pending_until = null
         where id = $2 and email = $3",
    );
    let query = query.bind(now).bind(id.to_owned());
    let done = work.run(query.bind(address.to_owned())).await?;
    Ok(done.rows_affected() == 1)
}

/// Replaces the password of the account that has this address, and ends everything that it has out there. `false`: the
/// address is not, or no longer, the account's.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn reset_password(
    pool: &Pool,
    work: &mut Work<'_>,
    id: &str,
    address: &str,
    hash: &str,
    now: i64,
) -> Result<bool, Fault> {
    let sql = format!(
        "update accounts set password_hash = $1, version = version + 1, version_at = $2, version_told_at = {}
         where id = $3 and email = $4",
        pool.clock()
    );
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(hash.to_owned())
        .bind(now);
    let query = query.bind(id.to_owned()).bind(address.to_owned());
    let done = work.run(query).await?;
    networks::forget_all(work, id).await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets accounts whose address nobody confirmed in time.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn forget_pending(pool: &Pool, now: i64) -> Result<(), Fault> {
    sqlx::query("delete from accounts where pending_until <= $1")
        .bind(now)
        .execute(pool.write())
        .await?;
    Ok(())
}

/// The account with this name.
///
/// # Errors
/// The database does not answer.
pub async fn find(pool: &Pool, key: Key<'_>) -> Result<Option<Account>, Fault> {
    let row = sqlx::query(AssertSqlSafe(finding(key)))
        .bind(key.value())
        .fetch_optional(pool.any())
        .await?;
    Ok(row.as_ref().map(account).transpose()?)
}

/// The account with this name, for somebody who comes from this network.
///
/// # Errors
/// The database does not answer.
pub async fn candidate(
    pool: &Pool,
    key: Key<'_>,
    network: &str,
) -> Result<Option<Candidate>, Fault> {
    let sql = format!(
        "select {COLUMNS}, coalesce(f.failures, 0) as failures, n.seen_at as known_at
         from accounts a
         left join login_failures f on f.account_id = a.id
         left join known_networks n on n.account_id = a.id and n.network = $2
         where a.{} = $1",
        key.column()
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(key.value())
        .bind(network)
        .fetch_optional(pool.any())
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Candidate {
        account: account(&row)?,
        failures: row.try_get("failures")?,
        known_at: row.try_get("known_at")?,
    }))
}

/// Ids of accounts after this one, in order, each with the beginning of its password's hash: its kind and parameters,
/// and no more of it.
///
/// # Errors
/// The database does not answer.
pub async fn hash_beginnings(
    pool: &Pool,
    after: &str,
    most: i64,
) -> Result<Vec<(String, String)>, Fault> {
    let rows = sqlx::query(
        "select id, substr(password_hash, 1, 48) as beginning from accounts where id > $1 order by id limit $2",
    )
    .bind(after)
    .bind(most)
    .fetch_all(pool.any())
    .await?;
    let beginnings = rows
        .iter()
        .map(|row| Ok::<_, sqlx::Error>((row.try_get("id")?, row.try_get("beginning")?)));
    Ok(beginnings.collect::<Result<_, _>>()?)
}

/// Replaces a password's hash, but only the one that was checked: another change in between wins.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn replace_hash(pool: &Pool, id: &str, old: &str, new: &str) -> Result<(), Fault> {
    sqlx::query("update accounts set password_hash = $1 where id = $2 and password_hash = $3")
        .bind(new)
        .bind(id)
        .bind(old)
        .execute(pool.write())
        .await?;
    Ok(())
}

/// Raises the version of an account and, where asked, lets people sign in with it from now on, or not. `false`: that
/// was so already, and nothing was changed.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn raise_version(
    work: &mut Work<'_>,
    pool: &Pool,
    id: &str,
    disabled: Option<bool>,
    now: i64,
) -> Result<bool, Fault> {
    // Not read and written back: somebody else may be changing it at this moment.
    let (disabled_at, and_only) = match disabled {
        Some(true) => ("$1", "and disabled_at is null"),
        Some(false) => ("null", "and disabled_at is not null"),
        None => ("disabled_at", ""),
    };
    let query = sqlx::query(AssertSqlSafe(format!(
        "update accounts set version = version + 1, version_at = $1, version_told_at = {}, disabled_at = {disabled_at}
         where id = $2 {and_only}",
        pool.clock()
    )));
    let done = work.run(query.bind(now).bind(id.to_owned())).await?;
    Ok(done.rows_affected() == 1)
}

/// Every account whose version was raised since, or that is gone since: `each` gets its id, the lowest good version, and when it was raised.
///
/// # Errors
/// The database does not answer.
pub async fn raised_since(
    pool: &Pool,
    since: Since,
    mut each: impl FnMut(&str, i64, i64),
) -> Result<(), Fault> {
    let query = match since {
        Since::Happened { at, told } => sqlx::query(
            "select id, version, version_at from accounts where version_at >= $1 or version_told_at >= $2
             union all
             select account_id, version, left_at from departed_accounts where left_at >= $1 or told_at >= $2",
        )
        .bind(at)
        .bind(told),
        Since::Told(told) => {
            sqlx::query(
                "select id, version, version_at from accounts where version_told_at >= $1
                 union all
                 select account_id, version, left_at from departed_accounts where told_at >= $1",
            )
            .bind(told)
        }
    };
    for row in query.fetch_all(pool.ear()).await? {
        each(
            row.try_get("id")?,
            row.try_get("version")?,
            row.try_get("version_at")?,
        );
    }
    Ok(())
}
