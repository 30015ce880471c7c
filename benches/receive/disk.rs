//! What the disk alone makes everybody wait for, whoever writes: without it nobody knows whether a slow
//! answer was ours.

use std::fmt;
use std::io::{Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

/// How often is tried; with the rest in between some two seconds.
const TRIES: usize = 300;
const REST: Duration = Duration::from_millis(5);
/// A page of a log.
const BYTES: usize = 8192;

/// How long an `fdatasync` of a page took, milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Disk {
    p50: f64,
    p99: f64,
    most: f64,
}

impl Disk {
    /// Writes a page and waits for it, again and again, where the databases of the runs lie.
    pub(crate) fn probe() -> Self {
        let mut file = tempfile::tempfile().expect("a file");
        let page = [7_u8; BYTES];
        let mut times: Vec<f64> = (0..TRIES)
            .map(|_| {
                std::thread::sleep(REST);
                file.seek(SeekFrom::Start(0)).expect("its start");
                let begun = Instant::now();
                file.write_all(&page).expect("written");
                file.sync_data().expect("on the disk");
                begun.elapsed().as_secs_f64() * 1000.0
            })
            .collect();
        times.sort_by(f64::total_cmp);
        Self { p50: times[TRIES / 2], p99: times[TRIES * 99 / 100], most: times[TRIES - 1] }
    }
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the disk alone, fdatasync of 8 KiB: p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms",
            self.p50, self.p99, self.most
        )
    }
}
