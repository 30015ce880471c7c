//! A bar with an estimate for a person who waits; nothing where standard error is no terminal.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Cells of the bar.
const WIDTH: u64 = 30;
/// Least time between two pictures.
const EVERY: Duration = Duration::from_millis(100);
/// An estimate made earlier than this says nothing.
const GUESS: Duration = Duration::from_secs(1);

/// One line on standard error that is drawn over itself.
pub(super) struct Bar {
    what: &'static str,
    begun: Instant,
    drawn: Option<Instant>,
    shown: bool,
}

impl Bar {
    /// Of something that is counted in `what`.
    pub(super) fn new(what: &'static str) -> Self {
        let shown = std::io::stderr().is_terminal();
        Self { what, begun: Instant::now(), drawn: None, shown }
    }

    /// Whether anybody sees it.
    pub(super) fn is_shown(&self) -> bool {
        self.shown
    }

    /// Shows how far it is.
    pub(super) fn at(&mut self, done: u64, of: u64) {
        let is_due = self.drawn.is_none_or(|at| at.elapsed() >= EVERY);
        if !self.shown || !(is_due || done >= of) {
            return;
        }
        self.drawn = Some(Instant::now());
        let line = line(self.what, done, of, self.begun.elapsed());
        let _ = write!(std::io::stderr().lock(), "\r{line}\u{1b}[K");
    }
}

impl Drop for Bar {
    /// The line is taken away: what follows tells the end.
    fn drop(&mut self) {
        if self.drawn.is_some() {
            let _ = write!(std::io::stderr().lock(), "\r\u{1b}[K");
        }
    }
}

fn line(what: &str, done: u64, of: u64, took: Duration) -> String {
    let done = done.min(of);
    let full = (done * WIDTH).checked_div(of).unwrap_or(WIDTH);
    let percent = (done * 100).checked_div(of).unwrap_or(100);
    let cells: String = (0..WIDTH).map(|cell| if cell < full { '█' } else { '░' }).collect();
    let rest = took.as_secs().checked_mul(of - done).and_then(|all| all.checked_div(done));
    let left = rest.filter(|_| took >= GUESS && done < of);
    let left = left.map(|left| format!(", {} left", clock(left))).unwrap_or_default();
    format!("{cells} {percent:3} %  {done} of {of} {what}{left}")
}

fn clock(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_tells_how_far_it_is_and_how_long_it_takes() {
        let half = line("deliveries", 50, 100, Duration::from_secs(90));
        assert!(half.ends_with("  50 %  50 of 100 deliveries, 1 min 30 s left"), "{half}");
        assert_eq!(half.matches('█').count(), 15);
        let whole = line("deliveries", 100, 100, Duration::from_secs(90));
        assert!(whole.ends_with(" 100 %  100 of 100 deliveries"), "{whole}");
        assert!(line("deliveries", 0, 0, Duration::ZERO).contains("100 %"));
        assert!(!line("deliveries", 1, 9, Duration::ZERO).contains("left"));
    }
}
