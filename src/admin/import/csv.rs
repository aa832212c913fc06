//! CSV (RFC 4180) with a header, read with bounded memory.

use std::io::{self, BufRead};

use csv_core::{ReadRecordResult, Reader};

use super::file::LONGEST;
use crate::accounts::coming::{Arrival, Field};

/// The most columns.
const MOST: usize = 256;

/// An open file.
pub struct Csv<R> {
    input: R,
    reader: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    /// What each column holds.
    columns: Vec<Option<Field>>,
    /// Columns that hold nothing we take.
    pub left: Vec<String>,
}

/// A record: in which line it begins, and where its fields end. `None` for the fields: it is longer than any we take.
type Record = (u64, Option<usize>);

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
            columns: Vec::new(),
            left: Vec::new(),
        };
        let header = csv.record().map_err(|error| error.to_string())?;
        let Some((_, Some(fields))) = header else {
            return Err("there is no header with the names of the columns".into());
        };
        for index in 0..fields {
            let name = String::from_utf8_lossy(csv.field(index)).into_owned();
            csv.columns.push(Field::named(&name));
            if csv.columns[index].is_none() {
                csv.left.push(name);
            }
        }
        Ok(csv)
    }

    /// What the columns hold that are taken.
    pub fn columns(&self) -> impl Iterator<Item = Field> {
        self.columns.iter().flatten().copied()
    }

    /// The next person, with the line.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn next(&mut self) -> io::Result<Option<(u64, Result<Arrival, &'static str>)>> {
        let Some((line, fields)) = self.record()? else {
            return Ok(None);
        };
        let arrival = match fields {
            None => Err(super::file::TOO_LONG),
            Some(fields) if fields != self.columns.len() => {
                Err("It has another number of fields than the header.")
            }
            Some(_) => self.arrival(),
        };
        Ok(Some((line, arrival)))
    }

    fn arrival(&self) -> Result<Arrival, &'static str> {
        let mut arrival = Arrival::default();
        for (index, column) in self.columns.iter().enumerate() {
            if let Some(field) = column {
                let text = std::str::from_utf8(self.field(index));
                let text = text.map_err(|_| super::file::NO_TEXT)?;
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
        let (mut line, mut begun) = (self.reader.line(), false);
        let (mut written, mut fields, mut too_long) = (0, 0, false);
        loop {
            let input = self.input.fill_buf()?;
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
            self.input.consume(read);
            (written, fields) = (written + wrote, fields + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    (written, fields, too_long) = (0, 0, true);
                }
                ReadRecordResult::Record => {
                    return Ok(Some((line, (!too_long).then_some(fields))));
                }
                ReadRecordResult::End => return Ok(None),
            }
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
            let mut last = 1;
            while let Some((line, _)) = csv.next().unwrap() {
                prop_assert!(line >= last);
                last = line;
            }
        }
    }
}
