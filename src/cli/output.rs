//! Writing to standard output and standard error. A reader that has gone away (`| head`) has seen
//! enough: that is no error, and never a panic.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use super::Failed;

/// Prints a text.
pub(super) fn print(text: &str) -> Result<(), Failed> {
    print_bytes(text.as_bytes())
}

/// Prints bytes as they are.
pub(super) fn print_bytes(bytes: &[u8]) -> Result<(), Failed> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failed::Operation(format!("can't write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints a value as indented JSON.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), Failed> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Failed::Operation(format!("can't write JSON: {e}")))?;
    print(&(text + "\n"))
}

/// Says one line on standard error.
pub(super) fn complain(line: &str) {
    let words: Vec<&str> =
        line.split(['\r', '\n']).map(str::trim).filter(|w| !w.is_empty()).collect();
    complain_in_full(&format!("jetbridge: {}\n", words.join(" ")));
}

/// Says a text on standard error.
pub(super) fn complain_in_full(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
