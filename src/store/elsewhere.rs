//! A SQLite file that another program made: its table of people, read row by row and never written.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row, SqliteConnection};

use super::Fault;

/// Tables of people, as programs call them.
const USUAL: [&str; 4] = ["users", "user", "auth_user", "accounts"];

/// How many bytes a value has at most that is looked at. One that has more is not even read: it may have a gigabyte.
const MOST: usize = 4_096;

/// The open table.
pub struct Elsewhere {
    connection: SqliteConnection,
    table: String,
    /// All its columns.
    pub columns: Vec<String>,
    wanted: fn(&str) -> bool,
    /// How many rows it has.
    pub rows: u64,
    last: i64,
}

/// A row: its number in the file, and the values of its wanted columns as text.
pub type Values = (i64, Vec<Option<String>>);

impl Elsewhere {
    /// Opens a table of a file, to read the columns whose names are `wanted`. Without a name, the first that is there of
    /// those that people usually are in. `None`: there is none.
    ///
    /// # Errors
    /// The file cannot be read, or is no database.
    pub async fn open(
        file: &Path,
        table: Option<&str>,
        wanted: fn(&str) -> bool,
    ) -> Result<Option<Self>, Fault> {
        // Whoever made the file may have put code of theirs into its schema.
        let options = SqliteConnectOptions::new()
            .filename(file)
            .read_only(true)
            .pragma("trusted_schema", "off")
            .pragma("cell_size_check", "on");
        let mut connection = options
            .log_statements(log::LevelFilter::Off)
            .connect()
            .await?;
        let rows = sqlx::query("select name from sqlite_master where type = 'table'")
            .fetch_all(&mut connection)
            .await?;
        let names: Vec<String> = rows
            .iter()
            .map(|row| row.try_get("name"))
            .collect::<Result<_, _>>()?;
        let tables = table.map_or(USUAL.to_vec(), |table| vec![table]);
        let table = tables
            .into_iter()
            .find(|table| names.iter().any(|name| name == table));
        let Some(table) = table else {
            return Ok(None);
        };
        let columns = sqlx::query("select name from pragma_table_info($1)")
            .bind(table)
            .fetch_all(&mut connection)
            .await?;
        let columns = columns.iter().map(|row| row.try_get("name"));
        let columns = columns.collect::<Result<_, _>>()?;
        let table = quoted(table);
        let count = sqlx::query(AssertSqlSafe(format!("select count(*) from {table}")))
            .fetch_one(&mut connection)
            .await?;
        Ok(Some(Self {
            connection,
            columns,
            wanted,
            rows: count.try_get::<i64, _>(0)?.unsigned_abs(),
            table,
            last: i64::MIN,
        }))
    }

    /// The next rows, `most` at most; none when there are no more.
    ///
    /// # Errors
    /// The file cannot be read, or its table has no row numbers.
    pub async fn next(&mut self, most: usize) -> Result<Vec<Values>, Fault> {
        // No others: a file may have thousands.
        let wanted = self.columns.iter().filter(|name| (self.wanted)(name));
        let columns = wanted.map(|name| {
            let name = quoted(name);
            format!(", case when octet_length({name}) <= {MOST} then cast({name} as text) end")
        });
        let sql = format!(
            "select rowid{} from {} where rowid > $1 order by rowid limit {most}",
            columns.collect::<String>(),
            self.table
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(self.last)
            .fetch_all(&mut self.connection)
            .await?;
        let rows = rows.iter().map(values).collect::<Result<Vec<_>, _>>()?;
        self.last = rows.last().map_or(self.last, |(row, _)| *row);
        Ok(rows)
    }
}

fn values(row: &SqliteRow) -> Result<Values, sqlx::Error> {
    let number = row.try_get(0)?;
    let values = (1..row.len()).map(|index| {
        let bytes = row.try_get_unchecked::<Option<Vec<u8>>, _>(index)?;
        // What is no text is nothing that is wanted.
        Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok()))
    });
    Ok((number, values.collect::<Result<_, sqlx::Error>>()?))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
