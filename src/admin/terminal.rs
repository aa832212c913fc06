//! What somebody types: a password that nobody sees, and a word that means they are sure.
//!
//! Questions go to standard error, so that what a script reads from standard output is the answer alone.

use std::io::{self, BufRead, IsTerminal, Stdin, Write};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

use crate::config::Fault;

/// The longest line that is read, in bytes: more than any password may have.
const LONGEST: usize = 4096;

/// Control-C, as a terminal hands it on where it does not end the program.
const CONTROL_C: u8 = 3;

/// A new password: on a terminal typed twice without being shown, else one line of standard input. Never an argument:
/// those stand in the list of processes and in histories.
///
/// # Errors
/// The two differ, or nothing was typed.
pub fn new_password() -> Result<Zeroizing<String>, Fault> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return line(&stdin);
    }
    let first = hidden(&stdin, "New password: ")?;
    let second = hidden(&stdin, "The same again: ")?;
    if *first != *second {
        return Err(Fault(
            "The two differ. Nothing was changed; try again.".into(),
        ));
    }
    Ok(first)
}

/// Has somebody type a word who is about to do what cannot be undone. `yes`: they said so already.
///
/// # Errors
/// They did not, or nobody is there to ask.
pub fn confirm(yes: bool, about: &str, word: &str) -> Result<(), Fault> {
    if yes {
        return Ok(());
    }
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Fault(format!(
            "{about} Nobody is at a terminal to confirm it. Nothing was changed; add --yes if you are sure."
        )));
    }
    ask(&format!("{about}\nType {word} to go on: "));
    let typed = line(&stdin)?;
    if *typed == word {
        Ok(())
    } else {
        Err(Fault(format!("That is not {word}. Nothing was changed.")))
    }
}

fn ask(question: &str) {
    let mut stderr = io::stderr();
    let _ = write!(stderr, "{question}").and_then(|()| stderr.flush());
}

/// The terminal as it was, given back when dropped.
struct Quiet<'t> {
    terminal: &'t Stdin,
    before: Termios,
}

impl<'t> Quiet<'t> {
    fn on(terminal: &'t Stdin) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        // Control-C would leave the terminal mute: here it ends the line instead, and we see it.
        quiet
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VEOL] = CONTROL_C;
        // What was typed before the question is no answer to it.
        tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
        ask("\n");
    }
}

fn hidden(terminal: &Stdin, question: &str) -> Result<Zeroizing<String>, Fault> {
    let quiet = Quiet::on(terminal)
        .map_err(|error| Fault(format!("The terminal cannot be made silent: {error}.")))?;
    ask(question);
    let typed = line(terminal);
    drop(quiet);
    typed
}

/// One line, without its end.
fn line(stdin: &Stdin) -> Result<Zeroizing<String>, Fault> {
    let unreadable = |why: &str| Fault(format!("{why} Nothing was changed."));
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut input = stdin.lock();
    while !matches!(bytes.last(), Some(b'\n' | &CONTROL_C)) {
        let chunk = input
            .fill_buf()
            .map_err(|error| unreadable(&format!("Standard input cannot be read: {error}.")))?;
        let end = chunk
            .iter()
            .position(|byte| matches!(*byte, b'\n' | CONTROL_C));
        let taken = end.map_or(chunk.len(), |end| end + 1);
        if taken == 0 {
            break;
        }
        bytes.extend_from_slice(&chunk[..taken]);
        input.consume(taken);
        if bytes.len() > LONGEST {
            return Err(unreadable("That line is too long."));
        }
    }
    match bytes.last() {
        None => return Err(unreadable("Nothing came on standard input.")),
        Some(&CONTROL_C) => return Err(unreadable("Given up.")),
        _ => {}
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| unreadable("That is not UTF-8."))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    Ok(Zeroizing::new(text.to_owned()))
}
