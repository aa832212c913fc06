//! The tables `sessions` and `refresh_uses`: logins, and which of their refresh tokens were used when.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row};

use super::{Fault, Pool, Since, Work, accounts, tell};

/// A login, as remembered.
pub struct Session {
    /// The `sid` of its tokens.
    pub id: String,
    /// Whose it is.
    pub account_id: String,
    /// The account's version when it started.
    pub version: i64,
    /// Seconds since 1970, here and below.
    pub started_at: i64,
    /// When the password was last proven.
    pub authenticated_at: i64,
    /// How: `password`, `registration`, `password_change`.
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
    /// The account's role now.
    pub role: String,
    /// The account's version now.
    pub least: i64,
    /// Whether the account may sign in.
    pub disabled: bool,
    /// The newest generation that was used; `None` before the first.
    pub used: Option<i64>,
    /// When the token after the one that was sent was first used.
    pub followed_at: Option<i64>,
}

/// How many rows one statement of the tidying touches, so that nobody waits long for a turn to write.
const BATCH: u64 = 500;

/// How often the old uses of a session are forgotten: with every so many-th of its tokens.
const FORGET_EVERY: i64 = 16;

fn session(row: &AnyRow) -> Result<Session, sqlx::Error> {
    Ok(Session {
        id: row.try_get("id")?,
        account_id: row.try_get("account_id")?,
        version: row.try_get("version")?,
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

/// Adds a session, ends the oldest of its account so that about `most` remain with this new one, and says which.
///
/// # Errors
/// The database does not answer or cannot write the new one. That it cannot end others is for the log alone.
pub async fn start(pool: &Pool, session: &Session, most: i64) -> Result<Vec<String>, Fault> {
    let counting = " returning (select count(*) from sessions where account_id = $2 and ended_at is null) as going";
    let row = inserting(session, counting).fetch_one(pool.write()).await?;
    // With the new one or without it, as the database sees it: one too early costs a statement that finds nothing.
    let going: i64 = row.try_get("going")?;
    if going < most {
        return Ok(Vec::new());
    }
    let ended = end_surplus(pool, session, most).await;
    // This one is there already. To refuse it would leave a session behind that nobody has, and one more with each
    // attempt; the next login ends what is too much.
    Ok(ended.unwrap_or_else(|fault| {
        tell(&format!(
            "an account has more sessions than it may: {fault}"
        ));
        Vec::new()
    }))
}

/// Adds a session together with the change that it comes from.
pub(super) async fn add(work: &mut Work<'_>, session: &Session) -> Result<(), Fault> {
    work.run(inserting(session, "")).await?;
    Ok(())
}

fn inserting<'s>(session: &'s Session, returning: &str) -> Query<'s, Any, AnyArguments> {
    sqlx::query(AssertSqlSafe(format!(
        "insert into sessions (id, account_id, version, started_at, authenticated_at, last_seen_at, method, client,
                               device, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10){returning}"
    )))
    .bind(&session.id)
    .bind(&session.account_id)
    .bind(session.version)
    .bind(session.started_at)
    .bind(session.authenticated_at)
    .bind(session.last_seen_at)
    .bind(&session.method)
    .bind(&session.client)
    .bind(&session.device)
    .bind(session.expires_at)
}

/// Of many at the same moment, another may have ended this one already: then one more of the others stays. Where one of
/// those was ended meanwhile, on PostgreSQL, it keeps when and why: written so, and not as a condition, since that would
/// change the plan.
async fn end_surplus(pool: &Pool, session: &Session, most: i64) -> Result<Vec<String>, Fault> {
    let sql = format!(
        "update sessions set ended_at = coalesce(ended_at, $1), ended_why = coalesce(ended_why, 'surplus'), told_at = {}
         where id in (select id from sessions where account_id = $2 and ended_at is null and id <> $3
                      order by started_at desc, id limit 1000
                      offset $4 - (select count(*) from sessions where id = $3 and ended_at is null)) returning id",
        pool.clock()
    );
    let ending = sqlx::query(AssertSqlSafe(sql))
        .bind(session.started_at)
        .bind(&session.account_id)
        .bind(&session.id)
        .bind(most);
    end_several(pool, &session.account_id, ending).await
}

/// Ends sessions of this account, and says which. On PostgreSQL one who does comes after the other: two at once would
/// take the same sessions in another order, wait for each other, and one of them be refused. Tidying passes them by.
async fn end_several(
    pool: &Pool,
    account: &str,
    ending: Query<'_, Any, AnyArguments>,
) -> Result<Vec<String>, Fault> {
    let mut work = pool.begin().await?;
    accounts::wait_for(&mut work, account).await?;
    let ended = work.all(ending).await?;
    work.commit().await?;
    ids(ended)
}

fn ids(rows: Vec<AnyRow>) -> Result<Vec<String>, Fault> {
    let ids = rows.iter().map(|row| row.try_get("id"));
    Ok(ids.collect::<Result<_, _>>()?)
}

/// A session with its account and what is known of the refresh token of this generation.
///
/// # Errors
/// The database does not answer.
pub async fn chain(pool: &Pool, id: &str, generation: i64) -> Result<Option<Chain>, Fault> {
    let row = sqlx::query(
        "select s.id, s.account_id, s.version, s.started_at, s.authenticated_at, s.last_seen_at, s.method, s.client,
                s.device, s.expires_at, s.ended_at, s.ended_why, a.username, a.role, a.version as least, a.disabled_at,
                (select max(generation) from refresh_uses where session_id = s.id) as used,
                (select used_at from refresh_uses where session_id = s.id and generation = $2 + 1) as followed_at
         from sessions s
         join accounts a on a.id = s.account_id
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
        role: row.try_get("role")?,
        least: row.try_get("least")?,
        disabled: disabled_at.is_some(),
        used: row.try_get("used")?,
        followed_at: row.try_get("followed_at")?,
    }))
}

const SEEN: &str = "update sessions set last_seen_at = $1 where id = $2 and last_seen_at < $1";

/// Notes that somebody is there.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn note_seen(pool: &Pool, id: &str, now: i64) -> Result<(), Fault> {
    let seen = sqlx::query(SEEN).bind(now).bind(id);
    seen.execute(pool.write()).await?;
    Ok(())
}

/// Notes the first use of a refresh token. Of many at once one is first, and it makes no difference which. Now and
/// then forgets older ones that nobody may ask for any more: those from before `forgotten`.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn note_use(
    pool: &Pool,
    id: &str,
    generation: i64,
    now: i64,
    forgotten: i64,
) -> Result<(), Fault> {
    let mut work = pool.begin().await?;
    let used = sqlx::query(
        "insert into refresh_uses (session_id, generation, used_at) values ($1, $2, $3) on conflict do nothing",
    );
    work.run(used.bind(id).bind(generation).bind(now)).await?;
    work.run(sqlx::query(SEEN).bind(now).bind(id)).await?;
    if generation % FORGET_EVERY == 0 {
        let old = sqlx::query(
            "delete from refresh_uses where session_id = $1 and generation < $2 and used_at < $3",
        );
        work.run(old.bind(id).bind(generation).bind(forgotten))
            .await?;
    }
    work.commit().await
}

/// Notes that the password was proven once more in a session of this account that goes on.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn confirm(pool: &Pool, account: &str, id: &str, now: i64) -> Result<(), Fault> {
    sqlx::query(
        "update sessions set authenticated_at = $1
         where id = $2 and account_id = $3 and ended_at is null and authenticated_at < $1",
    )
    .bind(now)
    .bind(id)
    .bind(account)
    .execute(pool.write())
    .await?;
    Ok(())
}

/// Ends a session of this account. `false`: there is none that still goes on.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn end(pool: &Pool, account: &str, id: &str, now: i64, why: &str) -> Result<bool, Fault> {
    let done = sqlx::query(AssertSqlSafe(format!(
        "update sessions set ended_at = $1, ended_why = $2, told_at = {}
         where id = $3 and account_id = $4 and ended_at is null",
        pool.clock()
    )))
    .bind(now)
    .bind(why)
    .bind(id)
    .bind(account)
    .execute(pool.write())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether a session still goes on, as this work sees it.
///
/// # Errors
/// The database does not answer.
pub async fn goes_on(work: &mut Work<'_>, id: &str) -> Result<bool, Fault> {
    let query = sqlx::query("select 1 as one from sessions where id = $1 and ended_at is null");
    Ok(work.row(query.bind(id.to_owned())).await?.is_some())
}

/// Ends a session of this account, and writes down once more that it ended where it had: whoever missed it hears now.
/// One that ran out is ended by its owner all the same, since a token of it may still be good.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn leave(pool: &Pool, account: &str, id: &str, now: i64, why: &str) -> Result<(), Fault> {
    sqlx::query(AssertSqlSafe(format!(
        "update sessions set told_at = {},
             ended_why = case when ended_at is null or ended_why in ('expired', 'idle') then $2 else ended_why end,
             ended_at = case when ended_at is null or ended_why in ('expired', 'idle') then $1 else ended_at end
         where id = $3 and account_id = $4",
        pool.clock()
    )))
    .bind(now)
    .bind(why)
    .bind(id)
    .bind(account)
    .execute(pool.write())
    .await?;
    Ok(())
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
    let sql = format!(
        "update sessions set ended_at = $1, ended_why = $2, told_at = {}
         where account_id = $3 and id <> $4 and ended_at is null returning id",
        pool.clock()
    );
    let ending = sqlx::query(AssertSqlSafe(sql))
        .bind(now)
        .bind(why)
        .bind(account)
        .bind(keep);
    end_several(pool, account, ending).await
}

/// Ends every session of an account as a part of this work, and says how many.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn end_all(
    work: &mut Work<'_>,
    pool: &Pool,
    account: &str,
    why: &str,
    now: i64,
) -> Result<u64, Fault> {
    let sessions = sqlx::query(AssertSqlSafe(format!(
        "update sessions set ended_at = $1, ended_why = $2, told_at = {}
         where account_id = $3 and ended_at is null",
        pool.clock()
    )));
    let sessions = sessions
        .bind(now)
        .bind(why.to_owned())
        .bind(account.to_owned());
    Ok(work.run(sessions).await?.rows_affected())
}

/// The account's sessions that go on or ended since, those first and the newest first, three hundred at most.
///
/// # Errors
/// The database does not answer.
pub async fn of_account(pool: &Pool, account: &str, since: i64) -> Result<Vec<Session>, Fault> {
    let rows = sqlx::query(
        "select id, account_id, version, started_at, authenticated_at, last_seen_at, method, client, device,
                expires_at, ended_at, ended_why
         from sessions where account_id = $1 and (ended_at is null or ended_at >= $2)
         order by case when ended_at is null then 0 else 1 end, started_at desc, id limit 300",
    )
    .bind(account)
    .bind(since)
    .fetch_all(pool.any())
    .await?;
    Ok(rows.iter().map(session).collect::<Result<_, _>>()?)
}

/// How many sessions an account has, those that ended included, as long as they are remembered.
///
/// # Errors
/// The database does not answer.
pub async fn count(pool: &Pool, account: &str) -> Result<i64, Fault> {
    let row = sqlx::query("select count(*) as sessions from sessions where account_id = $1")
        .bind(account)
        .fetch_one(pool.any())
        .await?;
    Ok(row.try_get("sessions")?)
}

const HAPPENED: &str = "select id, ended_at from sessions
    where (ended_at >= $1 and ended_why not in ('expired', 'idle')) or told_at >= $2";

/// Every session that somebody ended since: `each` gets its id and when it ended. Those that ran out have no tokens
/// left to refuse.
///
/// # Errors
/// The database does not answer.
pub async fn ended_since(
    pool: &Pool,
    since: Since,
    mut each: impl FnMut(&str, i64),
) -> Result<(), Fault> {
    let query = match since {
        Since::Happened { at, told } => sqlx::query(HAPPENED).bind(at).bind(told),
        Since::Told(told) => {
            sqlx::query("select id, ended_at from sessions where told_at >= $1").bind(told)
        }
    };
    // One at a time: there may be a hundred thousand, and rows are large.
    let rows = pool.ear().each_row(query, |row| {
        each(row.try_get("id")?, row.try_get("ended_at")?);
        Ok(())
    });
    Ok(rows.await?)
}

/// Both halves say that the session goes on: each has its own index, of those alone.
fn run_out(passing_by: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "update sessions set ended_at = $1, ended_why = case when expires_at <= $1 then 'expired' else 'idle' end
         where id in (select id from sessions
                      where (ended_at is null and expires_at <= $1) or (ended_at is null and last_seen_at <= $2)
                      limit $3{passing_by})"
    ))
}

/// Ends what ran out: sessions past their time, and those not seen since `idle_since`.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn end_expired(pool: &Pool, now: i64, idle_since: i64) -> Result<(), Fault> {
    loop {
        let done = sqlx::query(run_out(pool.passing_by()))
            .bind(now)
            .bind(idle_since)
            .bind(BATCH as i64)
            .execute(pool.write())
            .await?;
        if done.rows_affected() < BATCH {
            return Ok(());
        }
    }
}

/// Those whose place newer ones took.
const SURPLUS: &str = "ended_why = 'surplus' and ended_at < $1";

const LONG_ENDED: &str = "ended_at < $1";

fn forgetting(which: &str, passing_by: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "delete from sessions where id in (select id from sessions where {which} limit $2{passing_by})"
    ))
}

/// Forgets sessions that ended before, with all that is known of their tokens; those whose place newer ones took, sooner:
/// whoever signs in without end must not fill the disk.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn forget(pool: &Pool, ended_before: i64, surplus_before: i64) -> Result<(), Fault> {
    for (which, before) in [(SURPLUS, surplus_before), (LONG_ENDED, ended_before)] {
        while forget_some(pool, which, before).await? == BATCH {}
    }
    Ok(())
}

async fn forget_some(pool: &Pool, which: &str, before: i64) -> Result<u64, Fault> {
    let sql = forgetting(which, pool.passing_by());
    let done = sqlx::query(sql).bind(before).bind(BATCH as i64);
    let done = done.execute(pool.write()).await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use super::*;

    async fn database(folder: &tempfile::TempDir) -> Pool {
        let url = format!("sqlite://{}/test.db?mode=rwc", folder.path().display());
        Pool::open(&url, 2).await.unwrap()
    }

    async fn steps(pool: &Pool, sql: &str) -> String {
        let explaining = AssertSqlSafe(format!("explain query plan {sql}"));
        let steps = sqlx::query(explaining).fetch_all(pool.any()).await.unwrap();
        let step = |row: &AnyRow| row.try_get::<String, _>("detail").unwrap();
        steps.iter().map(step).collect::<Vec<_>>().join("\n")
    }

    fn session(id: &str) -> Session {
        Session {
            id: id.to_owned(),
            account_id: "ana".to_owned(),
            version: 1,
            started_at: 1,
            authenticated_at: 1,
            method: "password".to_owned(),
            client: "127.0.0.1".to_owned(),
            device: "curl".to_owned(),
            expires_at: 2,
            last_seen_at: 1,
            ended_at: None,
            ended_why: None,
        }
    }

    /// Each keeps itself, unless another took its place already: then it must not take one more.
    #[rocket::async_test]
    async fn of_those_who_start_at_the_same_moment_as_many_stay_as_may() {
        let folder = tempfile::tempdir().unwrap();
        let pool = database(&folder).await;
        sqlx::query(
            "insert into accounts (id, username, username_key, email, email_key, password_hash, created_at)
             values ('ana', 'ana', 'ana', 'a@example.org', 'a@example.org', '', 0)",
        )
        .execute(pool.write())
        .await
        .unwrap();
        let all = ["a", "b", "c", "d", "e", "f"].map(session);
        for one in &all {
            assert!(start(&pool, one, 100).await.unwrap().is_empty());
        }
        for one in all.iter().rev() {
            end_surplus(&pool, one, 3).await.unwrap();
        }
        assert_eq!(of_account(&pool, "ana", 2).await.unwrap().len(), 3);
        pool.close().await;
    }

    /// A minute's tidying, and what is asked twice a second, must not read every session there is.
    #[rocket::async_test]
    async fn what_is_asked_all_the_time_is_found_by_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let pool = database(&folder).await;
        for (sql, indexes) in [
            (
                run_out("").0,
                &["running_out (expires_at<?)", "idle (last_seen_at<?)"][..],
            ),
            (
                forgetting(SURPLUS, "").0,
                &["replaced (ended_why=? AND ended_at<?)"],
            ),
            (forgetting(LONG_ENDED, "").0, &["ended (ended_at<?)"]),
            (
                HAPPENED.to_owned(),
                &["ended (ended_at>?)", "told (told_at>?)"],
            ),
        ] {
            let steps = steps(&pool, &sql).await;
            assert!(!steps.contains("SCAN"), "{sql}\n{steps}");
            for index in indexes {
                assert!(
                    steps.contains(&format!("INDEX sessions_{index}")),
                    "{sql}\n{steps}"
                );
            }
        }
        pool.close().await;
    }
}
