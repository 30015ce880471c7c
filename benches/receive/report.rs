//! What was measured, as tables that can stand in `docs/performance.md`.

use std::collections::BTreeMap;

use crate::disk::Disk;
use crate::load::Sent;

/// One run; what was not measured in it is not a number.
pub(crate) struct Figures {
    pub(crate) rate: f64,
    p50_ms: f64,
    p99_ms: f64,
    idle_mib: f64,
    peak_mib: f64,
    first_start_ms: f64,
    second_start_ms: f64,
    /// Deliveries that shared a commit.
    rows_a_commit: f64,
    /// Share of the accepted deliveries that was worked off when the last answer was in.
    pub(crate) worked_off: f64,
}

/// What is read from a running server.
pub(crate) struct Observed {
    pub(crate) idle_kib: u64,
    pub(crate) peak_kib: u64,
    /// On an empty database, and again on the same one.
    pub(crate) starts_ms: Vec<f64>,
    pub(crate) rows_a_commit: f64,
    pub(crate) worked_off: f64,
}

impl Figures {
    pub(crate) fn new(sent: Sent, observed: &Observed) -> Self {
        let Sent { mut latencies, seconds } = sent;
        latencies.sort_by(f64::total_cmp);
        let percentile = |share: f64| {
            let at = (latencies.len() as f64 * share) as usize;
            latencies.get(at.min(latencies.len().saturating_sub(1))).map_or(f64::NAN, |s| s * 1e3)
        };
        let start = |which: usize| observed.starts_ms.get(which).copied().unwrap_or(f64::NAN);
        Self {
            rate: latencies.len() as f64 / seconds,
            p50_ms: percentile(0.50),
            p99_ms: percentile(0.99),
            idle_mib: observed.idle_kib as f64 / 1024.0,
            peak_mib: observed.peak_kib as f64 / 1024.0,
            first_start_ms: start(0),
            second_start_ms: start(1),
            rows_a_commit: observed.rows_a_commit,
            worked_off: observed.worked_off,
        }
    }

    pub(crate) fn of_rate(rate: f64) -> Self {
        const NONE: f64 = f64::NAN;
        Self {
            rate,
            p50_ms: NONE,
            p99_ms: NONE,
            idle_mib: NONE,
            peak_mib: NONE,
            first_start_ms: NONE,
            second_start_ms: NONE,
            rows_a_commit: NONE,
            worked_off: NONE,
        }
    }
}

/// All runs, by what was measured.
#[derive(Default)]
pub(crate) struct Report {
    runs: BTreeMap<String, Vec<Figures>>,
    pub(crate) disks: Vec<Disk>,
}

impl Report {
    pub(crate) fn add(&mut self, name: &str, figures: Figures) {
        let told = |figure: f64, text: String| if figure.is_nan() { String::new() } else { text };
        println!(
            "  {name}: {:.0}/s{}{}{}",
            figures.rate,
            told(figures.p99_ms, format!(", p99 {:.1} ms", figures.p99_ms)),
            told(figures.rows_a_commit, format!(", {:.1} a commit", figures.rows_a_commit)),
            told(figures.worked_off, format!(", {:.3} worked off meanwhile", figures.worked_off)),
        );
        self.runs.entry(name.to_owned()).or_default().push(figures);
    }

    fn median(&self, name: &str, of: impl Fn(&Figures) -> f64) -> f64 {
        let mut values: Vec<f64> = self.runs.get(name).into_iter().flatten().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The ratio within each round: median, lowest and highest over the rounds.
    fn ratio(&self, name: &str, to: impl Fn(usize) -> Option<f64>) -> String {
        let runs = self.runs.get(name).map_or(&[][..], Vec::as_slice);
        let mut ratios: Vec<f64> =
            runs.iter().enumerate().filter_map(|(i, f)| Some(f.rate / to(i)?)).collect();
        ratios.sort_by(f64::total_cmp);
        match (ratios.get(ratios.len() / 2), ratios.first(), ratios.last()) {
            (Some(median), Some(lowest), Some(highest)) => {
                format!("{median:.2} ({lowest:.2} to {highest:.2})")
            }
            _ => String::new(),
        }
    }

    fn rate(&self, name: &str, round: usize) -> Option<f64> {
        self.runs.get(name)?.get(round).map(|f| f.rate)
    }

    pub(crate) fn print(&self) {
        println!();
        for (round, disk) in (1..).zip(&self.disks) {
            println!("Round {round}: {disk}");
        }
        println!("\nMedians over the rounds:\n");
        println!(
            "| what | a second | p50 ms | p99 ms | idle MiB | peak MiB | first answer ms | on a second start | rows a commit |"
        );
        println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
        for name in self.runs.keys() {
            let m = |of: fn(&Figures) -> f64| self.median(name, of);
            println!(
                "| {name} | {:.0} | {} | {} | {} | {} | {} | {} | {} |",
                m(|f| f.rate),
                cell(m(|f| f.p50_ms), 1),
                cell(m(|f| f.p99_ms), 1),
                cell(m(|f| f.idle_mib), 1),
                cell(m(|f| f.peak_mib), 1),
                cell(m(|f| f.first_start_ms), 0),
                cell(m(|f| f.second_start_ms), 0),
                cell(m(|f| f.rows_a_commit), 1),
            );
        }
        println!("\nRatios (of each round's own figures: median, lowest and highest):\n");
        println!(
            "| database | receiver to one transaction a request | to our statement, one a request | receiver to H | whole: worked off when the load ends | whole to receiver |"
        );
        println!("|---|---:|---:|---:|---:|---:|");
        for database in ["sqlite", "postgres"] {
            let name = |what: &str| format!("{database}: {what}");
            if !self.runs.contains_key(&name("receiver")) {
                continue;
            }
            let limit = |round| {
                let bare = self.rate("no store", round)?;
                let insert = self.rate(&name("batched insert"), round)?;
                Some(1.0 / (1.0 / bare + 1.0 / insert))
            };
            println!(
                "| {database} | {} | {} | {} | {:.3} | {} |",
                self.ratio(&name("receiver"), |round| self
                    .rate(&name("one transaction a request"), round)),
                self.ratio(&name("receiver"), |round| self
                    .rate(&name("our statement, one a request"), round)),
                self.ratio(&name("receiver"), limit),
                self.median(&name("whole"), |f| f.worked_off),
                self.ratio(&name("whole"), |round| self.rate(&name("receiver"), round)),
            );
        }
        println!(
            "\nH = 1/(1/no store + 1/batched insert): what is left when a request pays for HTTP and for its share of a commit."
        );
    }
}

/// A figure with so many decimals, or an empty cell for what was not measured.
fn cell(figure: f64, decimals: usize) -> String {
    if figure.is_nan() { String::new() } else { format!("{figure:.decimals$}") }
}
