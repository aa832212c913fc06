//! All tables at once, from one database into another, in one go: rows and checksums are compared before it counts.
//!
//! A row's checksum does not depend on the database, nor a table's on the order of its rows.

use aws_lc_rs::digest::{SHA256, digest};
use rocket::futures::TryStreamExt;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::pool::{Column, Work};
use super::{Fault, Pool, patience};

/// Every table, those that are referred to before those that refer to them. A table that is missing here is not
/// copied but refused, and a test finds it first.
pub const TABLES: &[&str] = &[
    "accounts",
    "signing_keys",
    "sessions",
    "refresh_uses",
    "login_failures",
    "known_networks",
    "letters",
    "outbox",
    "invites",
    "account_events",
    "wrong_passwords",
    "reserved_names",
    "reserved_addresses",
    "departed_accounts",
    "observations",
];

/// How many values a statement binds at most: SQLite takes 32,766.
const MOST_VALUES: usize = 6_000;

/// A table that was copied.
#[derive(Debug)]
pub struct Copied {
    /// Its name.
    pub table: &'static str,
    /// How many rows.
    pub rows: u64,
    /// Of all of them, in hexadecimal.
    pub checksum: String,
}

/// Why nothing was copied.
#[derive(Debug)]
pub enum Stop {
    /// The database that is read did not do it.
    Source(Fault),
    /// The other did not.
    Target(Fault),
    /// The target is not empty: this table holds rows.
    NotEmpty(&'static str),
    /// This table is unknown here, or has other columns there.
    Unknown(String),
    /// What arrived in this table is not what was sent.
    Differs(&'static str),
}

/// Copies every table. Nothing has happened when it fails.
///
/// # Errors
/// See [`Stop`].
pub async fn everything(from: &Pool, to: &Pool) -> Result<Vec<Copied>, Stop> {
    let names = from.table_names().await.map_err(Stop::Source)?;
    if let Some(unknown) = names
        .into_iter()
        .find(|name| !TABLES.contains(&name.as_str()))
    {
        return Err(Stop::Unknown(unknown));
    }
    let mut plan = Vec::new();
    for table in TABLES.iter().copied() {
        let columns = from.columns(table).await.map_err(Stop::Source)?;
        if columns.is_empty() || columns != to.columns(table).await.map_err(Stop::Target)? {
            return Err(Stop::Unknown(table.to_owned()));
        }
        plan.push((table, columns));
    }
    let mut source = from.begin_still().await.map_err(Stop::Source)?;
    let mut target = to.begin().await.map_err(Stop::Target)?;
    for (table, columns) in &plan {
        let there = sum(&mut target, table, columns)
            .await
            .map_err(Stop::Target)?;
        if there.rows > 0 {
            return Err(Stop::NotEmpty(table));
        }
    }
    let mut copied = Vec::new();
    for (table, columns) in &plan {
        let sent = copy(&mut source, &mut target, table, columns).await?;
        let arrived = sum(&mut target, table, columns)
            .await
            .map_err(Stop::Target)?;
        if sent != arrived {
            return Err(Stop::Differs(table));
        }
        copied.push(Copied {
            table,
            rows: sent.rows,
            checksum: format!("{:032x}", sent.checksum),
        });
    }
    target.commit().await.map_err(Stop::Target)?;
    Ok(copied)
}

/// What two copies of a table have in common.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    rows: u64,
    checksum: u128,
}

impl Sum {
    fn add(&mut self, values: &[Value]) {
        let mut text = Vec::new();
        for value in values {
            match value {
                Value::Number(None) | Value::Text(None) => text.push(b'-'),
                Value::Number(Some(number)) => text.extend(format!("{number};").bytes()),
                // With its length, so that what two values share is not mistaken for another two.
                Value::Text(Some(words)) => {
                    text.extend(format!("{}:", words.len()).bytes());
                    text.extend(words.bytes());
                }
            }
        }
        let mut half = [0; 16];
        half.copy_from_slice(&digest(&SHA256, &text).as_ref()[..16]);
        self.rows += 1;
        self.checksum = self.checksum.wrapping_add(u128::from_be_bytes(half));
    }
}

enum Value {
    Number(Option<i64>),
    Text(Option<String>),
}

fn values(row: &AnyRow, columns: &[Column]) -> Result<Vec<Value>, sqlx::Error> {
    let each = columns.iter().enumerate().map(|(index, column)| {
        Ok(if column.is_number {
            Value::Number(row.try_get(index)?)
        } else {
            Value::Text(row.try_get(index)?)
        })
    });
    each.collect()
}

fn names(columns: &[Column]) -> String {
    let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
    names.join(", ")
}

fn select(table: &str, columns: &[Column]) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("select {} from {table}", names(columns)))
}

async fn sum(work: &mut Work<'_>, table: &str, columns: &[Column]) -> Result<Sum, Fault> {
    let mut sum = Sum::default();
    let mut rows = work.rows(sqlx::query(select(table, columns)));
    while let Some(row) = patience::in_time(rows.try_next()).await?? {
        sum.add(&values(&row, columns)?);
    }
    Ok(sum)
}

async fn copy(
    source: &mut Work<'_>,
    target: &mut Work<'_>,
    table: &str,
    columns: &[Column],
) -> Result<Sum, Stop> {
    let (mut sum, mut waiting) = (Sum::default(), Vec::new());
    let lost = |error: sqlx::Error| Stop::Source(error.into());
    let mut rows = source.rows(sqlx::query(select(table, columns)));
    while let Some(row) = patience::in_time(rows.try_next())
        .await
        .and_then(|row| row)
        .map_err(lost)?
    {
        let values = values(&row, columns).map_err(lost)?;
        sum.add(&values);
        waiting.push(values);
        if waiting.len() >= MOST_VALUES / columns.len() {
            insert(target, table, columns, &mut waiting).await?;
        }
    }
    if !waiting.is_empty() {
        insert(target, table, columns, &mut waiting).await?;
    }
    Ok(sum)
}

async fn insert(
    target: &mut Work<'_>,
    table: &str,
    columns: &[Column],
    rows: &mut Vec<Vec<Value>>,
) -> Result<(), Stop> {
    let row = |index: usize| {
        let first = index * columns.len() + 1;
        let places: Vec<_> = (first..first + columns.len())
            .map(|place| format!("${place}"))
            .collect();
        format!("({})", places.join(","))
    };
    let places: Vec<_> = (0..rows.len()).map(row).collect();
    let sql = format!(
        "insert into {table} ({}) values {}",
        names(columns),
        places.join(",")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for value in rows.drain(..).flatten() {
        query = match value {
            Value::Number(number) => query.bind(number),
            Value::Text(text) => query.bind(text),
        };
    }
    target.run(query).await.map_err(Stop::Target)?;
    Ok(())
}
