//! JSON lines: one object a line, read with bounded memory.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Read};

use serde_json::Value;

use super::file::{LONGEST, Line, NO_TEXT, TOO_LONG};
use crate::accounts::coming::{Arrival, Field, Unread};
use crate::json;

/// How many names of members that are not taken are told of.
const MOST_LEFT: usize = 50;

/// An open file.
pub struct JsonLines<R> {
    input: R,
    line: u64,
    bytes: Vec<u8>,
    /// Members that hold nothing we take.
    pub left: BTreeSet<String>,
}

impl<R: BufRead> JsonLines<R> {
    /// From its beginning.
    pub fn open(input: R) -> Self {
        Self {
            input,
            line: 0,
            bytes: Vec::new(),
            left: BTreeSet::new(),
        }
    }

    /// The next person, with the line. Empty lines are passed over.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            self.bytes.clear();
            let most = LONGEST as u64 + 1;
            let read = (&mut self.input)
                .take(most)
                .read_until(b'\n', &mut self.bytes)?;
            if read == 0 {
                return Ok(None);
            }
            self.line += 1;
            if read > LONGEST && self.bytes.last() != Some(&b'\n') {
                // The rest of it, without keeping it.
                self.input.skip_until(b'\n')?;
                return Ok(Some((self.line, Err(self.unread(TOO_LONG)))));
            }
            if !self.bytes.trim_ascii().is_empty() {
                let arrival = self.arrival();
                return Ok(Some((
                    self.line,
                    arrival.map_err(|reason| self.unread(reason)),
                )));
            }
        }
    }

    fn unread(&self, reason: &'static str) -> Unread {
        Unread {
            reason,
            last: self.line,
        }
    }

    fn arrival(&mut self) -> Result<Arrival, &'static str> {
        let text = self.bytes.trim_ascii();
        std::str::from_utf8(text).map_err(|_| NO_TEXT)?;
        let members =
            json::object(text).map_err(|_| "It is no JSON object, or says a member twice.")?;
        let mut arrival = Arrival::default();
        for (name, value) in members {
            let Some(field) = Field::named(&name) else {
                if self.left.len() < MOST_LEFT {
                    self.left.insert(name);
                }
                continue;
            };
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text,
                Value::Bool(_) | Value::Number(_) => value.to_string(),
                _ => {
                    return Err(
                        "A member that is taken is neither a text nor a number nor true or false.",
                    );
                }
            };
            arrival.say(field, text)?;
        }
        Ok(arrival)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in "[\\x00-\\xff]{0,200}|(\\{|\\}|\"|username|:|,|\n|1|null|true|\\[){0,60}") {
            let mut lines = JsonLines::open(bytes.as_bytes());
            let mut last = 0;
            while let Some((line, _)) = lines.next().unwrap() {
                prop_assert!(line > last);
                last = line;
            }
        }
    }
}
