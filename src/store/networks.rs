//! The table `known_networks`: from where programs signed in to which account.

use serde::Serialize;
use sqlx::Row;

use super::{Fault, Pool, Work};

/// For how many seconds a network is known after the last sign-in from it.
pub const KNOWN: i64 = 90 * 86_400;

/// How many networks of an account are kept: nobody may fill the disk by signing in from ever new addresses.
const MOST: i64 = 50;

/// A network from which a program signed in.
#[derive(Serialize)]
pub struct Network {
    /// An address, or the first half of one.
    pub network: String,
    /// When, the last time, in seconds since 1970.
    pub seen_at: i64,
}

/// The networks of an account.
///
/// # Errors
/// The database does not answer.
pub async fn of_account(pool: &Pool, account: &str) -> Result<Vec<Network>, Fault> {
    let rows = sqlx::query(
        "select network, seen_at from known_networks where account_id = $1 order by seen_at, network",
    )
    .bind(account)
    .fetch_all(pool.any())
    .await?;
    let networks = rows.iter().map(|row| {
        Ok(Network {
            network: row.try_get("network")?,
            seen_at: row.try_get("seen_at")?,
        })
    });
    Ok(networks.collect::<Result<_, sqlx::Error>>()?)
}

/// Notes that a program signed in to the account from this network.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn note(pool: &Pool, account: &str, network: &str, now: i64) -> Result<(), Fault> {
    sqlx::query(
        "insert into known_networks (account_id, network, seen_at) values ($1, $2, $3)
         on conflict (account_id, network) do update set seen_at = excluded.seen_at",
    )
    .bind(account)
    .bind(network)
    .bind(now)
    .execute(pool.write())
    .await?;
    sqlx::query(
        "delete from known_networks where account_id = $1 and network not in (
             select network from known_networks where account_id = $1 order by seen_at desc, network limit $2)",
    )
    .bind(account)
    .bind(MOST)
    .execute(pool.write())
    .await?;
    Ok(())
}

/// Forgets all networks of an account: whoever signed in with the password before is a stranger to the next one.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn forget_all(work: &mut Work<'_>, account: &str) -> Result<(), Fault> {
    let networks = sqlx::query("delete from known_networks where account_id = $1");
    work.run(networks.bind(account.to_owned())).await?;
    Ok(())
}

/// Forgets networks from which nobody signed in since.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn forget(pool: &Pool, before: i64) -> Result<(), Fault> {
    sqlx::query("delete from known_networks where seen_at < $1")
        .bind(before)
        .execute(pool.write())
        .await?;
    Ok(())
}
