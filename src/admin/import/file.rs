//! A file of people, in whatever form: one after the other, and how far it is read.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use clap::ValueEnum;

use super::csv::Csv;
use super::jsonl::JsonLines;
use crate::accounts::coming::{Arrival, Field, Unread};
use crate::config::Fault;
use crate::store::elsewhere::Elsewhere;

/// The longest line that is looked at, in bytes.
pub const LONGEST: usize = 65_536;

/// Why a line is left out.
pub const TOO_LONG: &str = "It is longer than any line that is looked at: 65,536 bytes.";
/// See [`TOO_LONG`].
pub const NO_TEXT: &str = "It is not text in UTF-8.";

/// In which form a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A SQLite file with a table of people.
    Sqlite,
    /// Fields between commas, with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// An open file.
pub struct People {
    source: Source,
    /// Its length: rows in a database, else bytes.
    pub length: u64,
    file: Option<File>,
    rows: u64,
}

enum Source {
    Sqlite(Elsewhere, Vec<Option<Field>>),
    Csv(Box<Csv<BufReader<File>>>),
    JsonLines(JsonLines<BufReader<File>>),
}

/// A line's number, and who stands in it.
pub type Line = (u64, Result<Arrival, Unread>);

impl People {
    /// Opens a file, and finds out its form where nobody says it.
    ///
    /// # Errors
    /// It cannot be read, or does not name what is needed; in words.
    pub async fn open(
        path: &Path,
        format: Option<Format>,
        table: Option<&str>,
    ) -> Result<Self, Fault> {
        let said = |what: &str| Fault(format!("{} cannot be read: {what}.", path.display()));
        let mut file = File::open(path).map_err(|error| said(&error.to_string()))?;
        let format = match format {
            Some(format) => format,
            None => guess(path, &mut file).map_err(|error| said(&error.to_string()))?,
        };
        if format == Format::Sqlite {
            return Self::open_sqlite(path, table).await;
        }
        let length = file.metadata().map_or(0, |file| file.len());
        // The two share one place in the file, which says how far it is read.
        let place = file.try_clone().ok();
        let input = BufReader::with_capacity(LONGEST, file);
        let source = if format == Format::Csv {
            let csv = Csv::open(input).map_err(|what| said(&what))?;
            needed(&csv.names, &csv.columns)?;
            Source::Csv(Box::new(csv))
        } else {
            Source::JsonLines(JsonLines::open(input))
        };
        Ok(Self {
            source,
            length,
            file: place,
            rows: 0,
        })
    }

    async fn open_sqlite(path: &Path, table: Option<&str>) -> Result<Self, Fault> {
        let opened = Elsewhere::open(path, table, |name| Field::named(name).is_some()).await;
        let opened =
            opened.map_err(|fault| Fault(format!("{} cannot be read. {fault}", path.display())))?;
        let elsewhere = opened.ok_or_else(|| {
            let name = table.unwrap_or("users, user, auth_user or accounts");
            Fault(format!(
                "{} has no table {name}. Name the table of people: --table NAME",
                path.display()
            ))
        })?;
        let columns: Vec<_> = elsewhere
            .columns
            .iter()
            .map(|name| Field::named(name))
            .collect();
        needed(&elsewhere.columns, &columns)?;
        Ok(Self {
            length: elsewhere.rows,
            source: Source::Sqlite(elsewhere, columns),
            file: None,
            rows: 0,
        })
    }

    /// The next people, `most` at most; none at the end.
    ///
    /// # Errors
    /// The file cannot be read further.
    pub async fn next(&mut self, most: usize) -> Result<Vec<Line>, Fault> {
        let mut lines = Vec::new();
        let broken = |what: String| {
            Fault(format!(
                "The file cannot be read to its end: {what}.\nWhat was read before is in."
            ))
        };
        if let Source::Sqlite(elsewhere, columns) = &mut self.source {
            let rows = elsewhere.next(most).await;
            let rows = rows.map_err(|fault| broken(fault.to_string()))?;
            self.rows += rows.len() as u64;
            for (row, values) in rows {
                let last = row.unsigned_abs();
                let arrival = arrival(columns, values);
                lines.push((last, arrival.map_err(|reason| Unread { reason, last })));
            }
            return Ok(lines);
        }
        while lines.len() < most {
            let next = match &mut self.source {
                Source::Csv(csv) => csv.next(),
                Source::JsonLines(json) => json.next(),
                Source::Sqlite(..) => Ok(None),
            };
            let Some(line) = next.map_err(|error| broken(error.to_string()))? else {
                break;
            };
            lines.push(line);
        }
        Ok(lines)
    }

    /// How much of [`People::length`] was read.
    pub fn read(&mut self) -> u64 {
        match &mut self.file {
            Some(file) => file.stream_position().unwrap_or(0),
            None => self.rows,
        }
    }

    /// What a line is called in it.
    pub fn unit(&self) -> &'static str {
        match self.source {
            Source::Sqlite(..) => "row",
            _ => "line",
        }
    }

    /// The names of what was not taken.
    pub fn left(&self) -> Vec<String> {
        match &self.source {
            Source::Csv(csv) => left(&csv.names, &csv.columns),
            Source::JsonLines(json) => json.left.iter().cloned().collect(),
            Source::Sqlite(elsewhere, columns) => left(&elsewhere.columns, columns),
        }
    }
}

/// Only columns that are taken have values.
fn arrival(
    columns: &[Option<Field>],
    values: Vec<Option<String>>,
) -> Result<Arrival, &'static str> {
    let mut arrival = Arrival::default();
    for (field, value) in columns.iter().flatten().zip(values) {
        if let Some(value) = value {
            arrival.say(*field, value)?;
        }
    }
    Ok(arrival)
}

/// By what it begins with, then by its name.
fn guess(path: &Path, file: &mut File) -> std::io::Result<Format> {
    let mut start = Vec::new();
    file.take(64).read_to_end(&mut start)?;
    file.rewind()?;
    let named = path.extension().and_then(|name| name.to_str());
    Ok(match start.trim_ascii_start().first() {
        _ if start.starts_with(b"SQLite format 3\0") => Format::Sqlite,
        Some(b'{') => Format::Jsonl,
        _ if matches!(named, Some("json" | "jsonl" | "ndjson")) => Format::Jsonl,
        _ => Format::Csv,
    })
}

/// The names of the columns that are not taken.
fn left(names: &[String], columns: &[Option<Field>]) -> Vec<String> {
    let both = names.iter().zip(columns);
    both.filter(|(_, field)| field.is_none())
        .map(|(name, _)| name.clone())
        .collect()
}

/// Says what is missing before a hundred thousand lines do.
fn needed(names: &[String], columns: &[Option<Field>]) -> Result<(), Fault> {
    for field in [Field::Username, Field::Email, Field::Hash] {
        if !columns.contains(&Some(field)) {
            let name = field.name();
            return Err(Fault(format!(
                "No column is called {name}, or otherwise so that we know it. Rename it; `vestibule import --help` lists the names."
            )));
        }
    }
    for (index, field) in columns.iter().enumerate() {
        let before = columns[..index].iter().position(|other| other == field);
        if let (Some(field), Some(before)) = (field, before) {
            let (one, other, name) = (&names[before], &names[index], field.name());
            return Err(Fault(format!(
                "The columns {one:?} and {other:?} both hold what we call {name}. Keep one of them."
            )));
        }
    }
    Ok(())
}
