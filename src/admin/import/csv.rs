//! CSV (RFC 4180) with a header, read with bounded memory.

use std::io::{self, BufRead};

use csv_core::{ReadRecordResult, Reader};

use super::file::{LONGEST, Line, NO_TEXT, TOO_LONG};
use crate::accounts::coming::{Arrival, Field, Unread};

/// The most columns.
const MOST: usize = 256;

/// Why a record is left out.
const OPEN: &str = "A quote in it is never closed.";
const OTHER_NUMBER: &str = "It has another number of fields than the header.";
const BROKEN_FIELD: &str = "A field of it that is taken goes over more than one line.";

/// An open file.
pub struct Csv<R> {
    input: R,
    reader: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    /// What each column is called.
    pub names: Vec<String>,
    /// What each holds, where we take it.
    pub columns: Vec<Option<Field>>,
}

/// A record, whose text and ends of fields stand beside it.
struct Record {
    /// In which line it begins.
    line: u64,
    /// In which it ends.
    last: u64,
    /// How many fields it has, or why it could not be read.
    fields: Result<usize, &'static str>,
}

impl<R: BufRead> Csv<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// The file cannot be read, or its header names nothing that is needed; in words.
    pub fn open(input: R) -> Result<Self, String> {
        let mut csv = Self {
            input,
            reader: Reader::new(),
            text: vec![0; LONGEST],
            ends: vec![0; MOST],
            names: Vec::new(),
            columns: Vec::new(),
        };
        let header = csv.record().map_err(|error| error.to_string())?;
        let Some(fields) = header.and_then(|header| header.fields.ok()) else {
            return Err(
                "there is no header with the names of the columns, or a quote in it is not closed"
                    .into(),
            );
        };
        for index in 0..fields {
            let name = String::from_utf8_lossy(csv.field(index)).into_owned();
            csv.columns.push(Field::named(&name));
            csv.names.push(name);
        }
        Ok(csv)
    }

    /// The next person, with the line.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn next(&mut self) -> io::Result<Option<Line>> {
        let record = self.record()?;
        Ok(record.map(|record| (record.line, self.person(&record))))
    }

    /// Who stands in a record. One that a quote made of many lines is told of with all of them: they may be other
    /// people's. They are not read for themselves, since a quoted text may hold lines that look like people.
    fn person(&self, record: &Record) -> Result<Arrival, Unread> {
        let lost = |reason| Unread {
            reason,
            last: record.last,
        };
        if record.fields.map_err(lost)? != self.columns.len() {
            return Err(lost(OTHER_NUMBER));
        }
        let mut taken = (0..self.columns.len()).filter(|index| self.columns[*index].is_some());
        if taken.any(|index| self.field(index).contains(&b'\n')) {
            return Err(lost(BROKEN_FIELD));
        }
        self.arrival().map_err(|reason| Unread {
            reason,
            last: record.line,
        })
    }

    fn arrival(&self) -> Result<Arrival, &'static str> {
        let mut arrival = Arrival::default();
        for (index, column) in self.columns.iter().enumerate() {
            if let Some(field) = column {
                let text = std::str::from_utf8(self.field(index));
                let text = text.map_err(|_| NO_TEXT)?;
                arrival.say(*field, text.to_owned())?;
            }
        }
        Ok(arrival)
    }

    fn field(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }

    fn record(&mut self) -> io::Result<Option<Record>> {
        let (mut line, mut last, mut begun) = (self.reader.line(), self.reader.line(), false);
        let (mut written, mut fields, mut too_long) = (0, 0, false);
        loop {
            let mut input = self.input.fill_buf()?;
            let at_end = input.is_empty();
            if at_end {
                if !begun {
                    return Ok(None);
                }
                // The end of the file ends a line, too. Only an open quote takes it for text.
                input = b"\n";
            }
            if !begun {
                // Empty lines before it are none of its own.
                let empty = input
                    .iter()
                    .take_while(|byte| matches!(byte, b'\n' | b'\r'));
                line = self.reader.line() + empty.filter(|byte| **byte == b'\n').count() as u64;
                begun = input.iter().any(|byte| !matches!(byte, b'\n' | b'\r'));
            }
            let (result, read, wrote, ended) =
                self.reader
                    .read_record(input, &mut self.text[written..], &mut self.ends[fields..]);
            if !at_end {
                let ends_line = input[..read].ends_with(b"\n");
                last = self.reader.line() - u64::from(ends_line);
                self.input.consume(read);
            }
            (written, fields) = (written + wrote, fields + ended);
            let fields = match result {
                ReadRecordResult::InputEmpty if at_end => Err(OPEN),
                ReadRecordResult::InputEmpty => continue,
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    (written, fields, too_long) = (0, 0, true);
                    continue;
                }
                ReadRecordResult::Record if too_long => Err(TOO_LONG),
                ReadRecordResult::Record => Ok(fields),
                ReadRecordResult::End => return Ok(None),
            };
            return Ok(Some(Record { line, last, fields }));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..300), size in 1..40_usize) {
            let mut text = b"username,email,hash\n".to_vec();
            text.extend(&bytes);
            let input = io::BufReader::with_capacity(size, text.as_slice());
            let mut csv = Csv::open(input).unwrap();
            let mut before = 1;
            while let Some((line, person)) = csv.next().unwrap() {
                prop_assert!(line >= before);
                before = line;
                if let Err(unread) = person {
                    prop_assert!(unread.last >= line && unread.last <= csv.reader.line());
                    before = unread.last;
                }
            }
        }
    }
}
