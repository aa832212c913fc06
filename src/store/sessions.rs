//! The tables `sessions` and `refresh_uses`: logins, and which of their refresh tokens were used when.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Fault, Pool};

/// A login, as remembered.
pub struct Session {
    /// The `sid` of its tokens.
    pub id: String,
    /// Whose it is.
    pub account_id: String,
    /// The account's version when it started.
    pub version: i64,
    /// Mixed into its refresh tokens.
    pub seed: String,
    /// Seconds since 1970, here and below.
    pub started_at: i64,
    /// When the password was last proven.
    pub authenticated_at: i64,
    /// How: `password`, `registration`.
    pub method: String,
    /// From which address.
    pub client: String,
    /// With what, in words.
    pub device: String,
    /// When it ends whatever happens.
    pub expires_at: i64,
    /// When a token of it was last renewed; else when it started.
    pub last_seen_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// Why it ended.
    pub ended_why: Option<String>,
}

/// What a refresh token is held against.
pub struct Chain {
    /// The session.
    pub session: Session,
    /// The account's name now.
    pub username: String,
    /// The account's version now.
    pub least: i64,
    /// Whether the account may sign in.
    pub disabled: bool,
    /// The newest generation that was used; `None` before the first.
    pub used: Option<i64>,
    /// When the token after the one that was sent was first used.
    pub followed_at: Option<i64>,
}

/// A session that ended, as the other instances learn of it.
pub struct Ending {
    /// Which.
    pub id: String,
    /// When.
    pub ended_at: i64,
}

fn session(row: &AnyRow) -> Result<Session, sqlx::Error> {
    Ok(Session {
        id: row.try_get("id")?,
        account_id: row.try_get("account_id")?,
        version: row.try_get("version")?,
        seed: row.try_get("seed")?,
        started_at: row.try_get("started_at")?,
        authenticated_at: row.try_get("authenticated_at")?,
        method: row.try_get("method")?,
        client: row.try_get("client")?,
        device: row.try_get("device")?,
        expires_at: row.try_get("expires_at")?,
        last_seen_at: row.try_get("last_seen_at")?,
        ended_at: row.try_get("ended_at")?,
        ended_why: row.try_get("ended_why")?,
    })
}

/// Adds a session.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn insert(pool: &Pool, session: &Session) -> Result<(), Fault> {
    sqlx::query(
        "insert into sessions
         (id, account_id, version, seed, started_at, authenticated_at, method, client, device, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(&session.id)
    .bind(&session.account_id)
    .bind(session.version)
    .bind(&session.seed)
    .bind(session.started_at)
    .bind(session.authenticated_at)
    .bind(&session.method)
    .bind(&session.client)
    .bind(&session.device)
    .bind(session.expires_at)
    .execute(pool.write().await?.any)
    .await?;
    Ok(())
}

/// A session with its account and what is known of the refresh token of this generation.
///
/// # Errors
/// The database does not answer.
pub async fn chain(pool: &Pool, id: &str, generation: i64) -> Result<Option<Chain>, Fault> {
    let row = sqlx::query(
        "select s.id, s.account_id, s.version, s.seed, s.started_at, s.authenticated_at, s.method, s.client, s.device,
                s.expires_at, s.ended_at, s.ended_why, a.username, a.version as least, a.disabled_at,
                u.generation as used, coalesce(u.used_at, s.started_at) as last_seen_at,
                (select used_at from refresh_uses where session_id = s.id and generation = $2 + 1) as followed_at
         from sessions s
         join accounts a on a.id = s.account_id
         left join refresh_uses u on u.session_id = s.id and u.generation =
             (select max(generation) from refresh_uses where session_id = s.id)
         where s.id = $1",
    )
    .bind(id)
    .bind(generation)
    .fetch_optional(pool.any())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let disabled_at: Option<i64> = row.try_get("disabled_at")?;
    Ok(Some(Chain {
        session: session(&row)?,
        username: row.try_get("username")?,
        least: row.try_get("least")?,
        disabled: disabled_at.is_some(),
        used: row.try_get("used")?,
        followed_at: row.try_get("followed_at")?,
    }))
}

/// Notes the first use of a refresh token. Of many at once one is first, and it makes no difference which.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn note_use(pool: &Pool, id: &str, generation: i64, now: i64) -> Result<(), Fault> {
    sqlx::query(
        "insert into refresh_uses (session_id, generation, used_at) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(id)
    .bind(generation)
    .bind(now)
    .execute(pool.write().await?.any)
    .await?;
    Ok(())
}

/// Ends a session of this account. `false`: there is none that still goes on.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn end(pool: &Pool, account: &str, id: &str, now: i64, why: &str) -> Result<bool, Fault> {
    let done = sqlx::query(
        "update sessions set ended_at = $1, ended_why = $2 where id = $3 and account_id = $4 and ended_at is null",
    )
    .bind(now)
    .bind(why)
    .bind(id)
    .bind(account)
    .execute(pool.write().await?.any)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends every session of an account but one, and says which.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn end_others(
    pool: &Pool,
    account: &str,
    keep: &str,
    now: i64,
    why: &str,
) -> Result<Vec<String>, Fault> {
    let rows = sqlx::query(
        "update sessions set ended_at = $1, ended_why = $2
         where account_id = $3 and id <> $4 and ended_at is null returning id",
    )
    .bind(now)
    .bind(why)
    .bind(account)
    .bind(keep)
    .fetch_all(pool.write().await?.any)
    .await?;
    Ok(rows
        .iter()
        .map(|row| row.try_get("id"))
        .collect::<Result<_, _>>()?)
}

/// Ends the oldest sessions of an account, so that `most` remain with this new one, and says which.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn end_surplus(
    pool: &Pool,
    account: &str,
    new: &str,
    most: i64,
    now: i64,
) -> Result<Vec<String>, Fault> {
    let rows = sqlx::query(
        "update sessions set ended_at = $1, ended_why = 'surplus'
         where id in (select id from sessions where account_id = $2 and ended_at is null and id <> $3
                      order by started_at desc, id limit 1000 offset $4) returning id",
    )
    .bind(now)
    .bind(account)
    .bind(new)
    .bind(most - 1)
    .fetch_all(pool.write().await?.any)
    .await?;
    Ok(rows
        .iter()
        .map(|row| row.try_get("id"))
        .collect::<Result<_, _>>()?)
}

/// The account's sessions that go on or ended since, those first and the newest first, three hundred at most.
///
/// # Errors
/// The database does not answer.
pub async fn of_account(pool: &Pool, account: &str, since: i64) -> Result<Vec<Session>, Fault> {
    let rows = sqlx::query(
        "select s.id, s.account_id, s.version, s.seed, s.started_at, s.authenticated_at, s.method, s.client, s.device,
                s.expires_at, s.ended_at, s.ended_why,
                coalesce((select max(used_at) from refresh_uses where session_id = s.id), s.started_at) as last_seen_at
         from sessions s
         where s.account_id = $1 and (s.ended_at is null or s.ended_at >= $2)
         order by case when s.ended_at is null then 0 else 1 end, s.started_at desc, s.id limit 300",
    )
    .bind(account)
    .bind(since)
    .fetch_all(pool.any())
    .await?;
    Ok(rows.iter().map(session).collect::<Result<_, _>>()?)
}

/// Every session that somebody ended since. Those that ran out have no tokens left to refuse.
///
/// # Errors
/// The database does not answer.
pub async fn ended_since(pool: &Pool, since: i64) -> Result<Vec<Ending>, Fault> {
    let rows = sqlx::query("select id, ended_at from sessions where ended_at >= $1 and ended_why not in ('expired', 'idle')")
        .bind(since)
        .fetch_all(pool.any())
        .await?;
    let endings = rows.iter().map(|row| {
        Ok(Ending {
            id: row.try_get("id")?,
            ended_at: row.try_get("ended_at")?,
        })
    });
    Ok(endings.collect::<Result<_, sqlx::Error>>()?)
}

/// Ends what ran out, and says which: sessions past their time, and those not seen since `idle_since`.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn end_expired(pool: &Pool, now: i64, idle_since: i64) -> Result<(), Fault> {
    sqlx::query(
        "update sessions set ended_at = $1, ended_why = case when expires_at <= $1 then 'expired' else 'idle' end
         where ended_at is null and (expires_at <= $1 or (started_at <= $2 and coalesce(
             (select max(used_at) from refresh_uses where session_id = sessions.id), started_at) <= $2))",
    )
    .bind(now)
    .bind(idle_since)
    .execute(pool.write().await?.any)
    .await?;
    Ok(())
}

/// Forgets sessions that ended before `ended_before`, and uses before `used_before` but the newest of each session.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn forget(pool: &Pool, ended_before: i64, used_before: i64) -> Result<(), Fault> {
    let writer = pool.write().await?;
    sqlx::query("delete from sessions where ended_at < $1")
        .bind(ended_before)
        .execute(writer.any)
        .await?;
    sqlx::query(
        "delete from refresh_uses where used_at < $1 and generation < (
             select max(generation) from refresh_uses newest where newest.session_id = refresh_uses.session_id)",
    )
    .bind(used_before)
    .execute(writer.any)
    .await?;
    Ok(())
}
