//! The table `observations`: what running servers saw of the way that requests take to them.

use sqlx::Row;

use super::{Fault, Pool};

/// How many instances are remembered, however often they start.
const INSTANCES: i64 = 32;

/// Seconds within which every instance that runs has written.
const TOGETHER: i64 = 180;

/// Something that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// What kind of thing: see `traffic`.
    pub name: String,
    /// What it was.
    pub value: String,
    /// In how many requests.
    pub times: i64,
    /// When it was written down, in seconds since 1970.
    pub seen_at: i64,
}

/// Replaces what this instance has seen, and forgets what is older than `forgotten`.
///
/// # Errors
/// The database does not answer or cannot write; then nothing has changed.
pub async fn replace(
    pool: &Pool,
    instance: &str,
    seen: &[Observation],
    forgotten: i64,
) -> Result<(), Fault> {
    let mut work = pool.begin().await?;
    let old = sqlx::query("delete from observations where instance = $1 or seen_at < $2");
    work.run(old.bind(instance).bind(forgotten)).await?;
    for one in seen {
        let new = sqlx::query(
            "insert into observations (instance, name, value, times, seen_at) values ($1, $2, $3, $4, $5)",
        )
        .bind(instance)
        .bind(&one.name)
        .bind(&one.value)
        .bind(one.times)
        .bind(one.seen_at);
        work.run(new).await?;
    }
    let too_many = sqlx::query(
        "delete from observations where instance not in
         (select instance from observations group by instance order by max(seen_at) desc, instance limit $1)",
    );
    work.run(too_many.bind(INSTANCES)).await?;
    work.commit().await
}

/// What the instances that ran together last have seen, as far as it was written down since. What an instance saw
/// before it was stopped, perhaps to set right what was seen, says little of today.
///
/// # Errors
/// The database does not answer.
pub async fn since(pool: &Pool, from: i64) -> Result<Vec<Observation>, Fault> {
    let rows = sqlx::query(
        "select name, value, cast(sum(times) as bigint) as times, max(seen_at) as seen_at
         from observations where seen_at >= $1 and seen_at >= (select max(seen_at) from observations) - $2
         group by name, value order by name, times desc, value",
    )
    .bind(from)
    .bind(TOGETHER)
    .fetch_all(pool.any())
    .await?;
    let seen = rows.iter().map(|row| {
        Ok::<_, sqlx::Error>(Observation {
            name: row.try_get("name")?,
            value: row.try_get("value")?,
            times: row.try_get("times")?,
            seen_at: row.try_get("seen_at")?,
        })
    });
    Ok(seen.collect::<Result<_, _>>()?)
}
