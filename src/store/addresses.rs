//! The table `reserved_addresses`, and changing an account's address as a part of some work.

use sqlx::{AssertSqlSafe, Row};

use super::changes::Changed;
use super::letters::Outstanding;
use super::{Fault, Pool, Work, events, networks, sessions};

/// The address that an account asked for and did not confirm yet, with the request that its letter was made for.
pub struct Waiting {
    /// The letter's request.
    pub request: String,
    /// The address, as typed.
    pub address: String,
}

/// What an account waits for, the newest first; and how many letters it asked for since, whatever became of them.
///
/// # Errors
/// The database does not answer.
pub async fn waiting(
    pool: &Pool,
    account: &str,
    purpose: &str,
    since: i64,
    now: i64,
) -> Result<(Option<Waiting>, usize), Fault> {
    let rows = sqlx::query(
        "select id, sent_to, created_at, spent_at, expires_at from letters
         where account_id = $1 and purpose = $2 order by created_at desc, id limit 20",
    )
    .bind(account)
    .bind(purpose)
    .fetch_all(pool.any())
    .await?;
    let (mut waiting, mut asked) = (None, 0);
    for row in rows {
        let (spent, expires): (Option<i64>, i64) =
            (row.try_get("spent_at")?, row.try_get("expires_at")?);
        if spent.is_none() && expires > now && waiting.is_none() {
            waiting = Some(Waiting {
                request: row.try_get("id")?,
                address: row.try_get("sent_to")?,
            });
        }
        let created_at: i64 = row.try_get("created_at")?;
        asked += usize::from(created_at > since);
    }
    Ok((waiting, asked))
}

/// An address to be given to an account.
pub struct NewAddress<'a> {
    /// As typed.
    pub address: &'a str,
    /// In the form in which addresses are compared.
    pub key: &'a str,
    /// The one before, in that form.
    pub old_key: &'a str,
    /// Until when the one before is kept for its owner, in seconds since 1970.
    pub kept_until: i64,
}

/// Gives an account another address, which is proven to be its owner's. The one before stays reserved for it. Where the
/// answer is not [`Changed::Done`], the work must be dropped.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn change(
    work: &mut Work<'_>,
    new: &NewAddress<'_>,
    event: &events::Event,
) -> Result<Changed, Fault> {
    match try_change(work, new, event).await {
        // Asked in the write itself, so of two at once exactly one wins.
        Err(fault) if fault.is_taken() => Ok(Changed::Taken),
        other => other,
    }
}

async fn try_change(
    work: &mut Work<'_>,
    new: &NewAddress<'_>,
    event: &events::Event,
) -> Result<Changed, Fault> {
    let (id, now) = (&event.account_id, event.happened_at);
    let account = sqlx::query(
        "update accounts set email = $1, email_key = $2, email_verified_at = $3
         where id = $4 and email_key = $5 and disabled_at is null",
    );
    let account = account
        .bind(new.address)
        .bind(new.key)
        .bind(now)
        .bind(id)
        .bind(new.old_key);
    if work.run(account).await?.rows_affected() == 0 {
        return Ok(Changed::Outdated);
    }
    if new.key != new.old_key {
        let over = sqlx::query(
            "delete from reserved_addresses where email_key = $1 and (account_id = $2 or good_until <= $3)",
        );
        work.run(over.bind(new.key).bind(id).bind(now)).await?;
        // Fails where it is reserved for somebody else, as the statement above does where somebody has it.
        reserve(work, new.key, id, now).await?;
        let free = sqlx::query("delete from reserved_addresses where email_key = $1");
        work.run(free.bind(new.key)).await?;
        let old = sqlx::query("delete from reserved_addresses where email_key = $1");
        work.run(old.bind(new.old_key)).await?;
        reserve(work, new.old_key, id, new.kept_until).await?;
    }
    events::add(work, event).await?;
    Ok(Changed::Done)
}

async fn reserve(work: &mut Work<'_>, key: &str, account: &str, until: i64) -> Result<(), Fault> {
    let address = sqlx::query(
        "insert into reserved_addresses (email_key, account_id, good_until) values ($1, $2, $3)",
    );
    work.run(address.bind(key).bind(account).bind(until))
        .await?;
    Ok(())
}

/// The addresses that an account had until lately and can still get back, as this work sees it.
///
/// # Errors
/// The database does not answer.
pub async fn had(
    work: &mut Work<'_>,
    account: &str,
    purpose: &str,
    now: i64,
) -> Result<Vec<String>, Fault> {
    let query = sqlx::query(
        "select distinct sent_to from letters
         where account_id = $1 and purpose = $2 and spent_at is null and expires_at > $3",
    );
    let query = query.bind(account.to_owned()).bind(purpose.to_owned());
    let rows = work.all(query.bind(now)).await?;
    let addresses = rows.iter().map(|row| row.try_get("sent_to"));
    Ok(addresses.collect::<Result<_, sqlx::Error>>()?)
}

/// Whether an address is kept for another account than this, which had it until lately, as this work sees it.
///
/// # Errors
/// The database does not answer.
pub async fn is_reserved(
    work: &mut Work<'_>,
    key: &str,
    account: &str,
    now: i64,
) -> Result<bool, Fault> {
    let query = sqlx::query(
        "select 1 as one from reserved_addresses where email_key = $1 and good_until > $2 and account_id <> $3",
    );
    let query = query.bind(key.to_owned()).bind(now);
    Ok(work.row(query.bind(account.to_owned())).await?.is_some())
}

/// Gives an account back the address that a letter was sent to, ends all its sessions, and makes void what was written
/// to addresses that it had since. `version` is the account's; where the answer is not [`Changed::Done`], the work must
/// be dropped.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn restore(
    work: &mut Work<'_>,
    pool: &Pool,
    letter: &Outstanding,
    (key, version): (&str, i64),
    event: &events::Event,
) -> Result<Changed, Fault> {
    match try_restore(work, pool, letter, (key, version), event).await {
        Err(fault) if fault.is_taken() => Ok(Changed::Taken),
        other => other,
    }
}

async fn try_restore(
    work: &mut Work<'_>,
    pool: &Pool,
    letter: &Outstanding,
    (key, version): (&str, i64),
    event: &events::Event,
) -> Result<Changed, Fault> {
    let (id, now) = (&letter.account_id, event.happened_at);
    let account = sqlx::query(AssertSqlSafe(format!(
        "update accounts set email = $1, email_key = $2, email_verified_at = $3, version = version + 1,
                             version_at = $3, version_told_at = {}
         where id = $4 and version = $5",
        pool.clock()
    )));
    let account = account
        .bind(&letter.sent_to)
        .bind(key)
        .bind(now)
        .bind(id)
        .bind(version);
    if work.run(account).await?.rows_affected() == 0 {
        return Ok(Changed::Outdated);
    }
    sessions::end_all(work, pool, id, "address_restored", now).await?;
    // Whoever changed the address gets letters about later changes: those must take nothing back.
    let later = sqlx::query(
        "update letters set spent_at = $1
         where account_id = $2 and purpose = $3 and created_at >= $4 and id <> $5 and spent_at is null",
    );
    let later = later
        .bind(now)
        .bind(id)
        .bind(&letter.purpose)
        .bind(letter.created_at)
        .bind(&letter.id);
    work.run(later).await?;
    networks::forget_all(work, id).await?;
    let reserved =
        sqlx::query("delete from reserved_addresses where account_id = $1 and good_until >= $2");
    work.run(reserved.bind(id).bind(letter.expires_at)).await?;
    events::add(work, event).await?;
    Ok(Changed::Done)
}

/// Frees addresses that nobody can take back any more.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn forget(pool: &Pool, now: i64) -> Result<(), Fault> {
    sqlx::query("delete from reserved_addresses where good_until <= $1")
        .bind(now)
        .execute(pool.write())
        .await?;
    Ok(())
}
