//! What was measured, as tables that can stand in `docs/performance.md`.

use std::collections::BTreeMap;

use crate::disk::Disk;

/// One run.
pub(crate) struct Figures {
    pub(crate) rate: f64,
    p50_ms: f64,
    p99_ms: f64,
    idle_mib: f64,
    peak_mib: f64,
    /// On an empty database, and again on the same one.
    starts_ms: Vec<f64>,
    processed: Option<f64>,
}

impl Figures {
    pub(crate) fn new(
        requests: usize,
        seconds: f64,
        mut latencies: Vec<f64>,
        [idle_kib, peak_kib]: [u64; 2],
        starts_ms: Vec<f64>,
        processed: Option<f64>,
    ) -> Self {
        latencies.sort_by(f64::total_cmp);
        let percentile = |share: f64| {
            let at = (latencies.len() as f64 * share) as usize;
            latencies.get(at.min(latencies.len().saturating_sub(1))).map_or(0.0, |s| s * 1000.0)
        };
        Self {
            rate: requests as f64 / seconds,
            p50_ms: percentile(0.50),
            p99_ms: percentile(0.99),
            idle_mib: idle_kib as f64 / 1024.0,
            peak_mib: peak_kib as f64 / 1024.0,
            starts_ms,
            processed,
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
        let worked_off = figures
            .processed
            .map_or(String::new(), |share| format!(", {share:.3} of them worked off meanwhile"));
        println!("  {name}: {:.0}/s, p99 {:.1} ms{worked_off}", figures.rate, figures.p99_ms);
        self.runs.entry(name.to_owned()).or_default().push(figures);
    }

    fn median(&self, name: &str, of: impl Fn(&Figures) -> f64) -> f64 {
        let mut values: Vec<f64> = self.runs.get(name).into_iter().flatten().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Median over rounds of the ratio within each round.
    fn ratio(&self, name: &str, to: impl Fn(usize) -> Option<f64>) -> f64 {
        let runs = self.runs.get(name).map_or(&[][..], Vec::as_slice);
        let mut ratios: Vec<f64> =
            runs.iter().enumerate().filter_map(|(i, f)| Some(f.rate / to(i)?)).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
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
            "| what | a second | p50 ms | p99 ms | idle MiB | peak MiB | first answer ms | on a second start |"
        );
        println!("|---|---:|---:|---:|---:|---:|---:|---:|");
        for name in self.runs.keys() {
            let m = |of: fn(&Figures) -> f64| self.median(name, of);
            println!(
                "| {name} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} | {} | {} |",
                m(|f| f.rate),
                m(|f| f.p50_ms),
                m(|f| f.p99_ms),
                m(|f| f.idle_mib),
                m(|f| f.peak_mib),
                or_nothing(m(|f| f.starts_ms.first().copied().unwrap_or(f64::NAN))),
                or_nothing(m(|f| f.starts_ms.get(1).copied().unwrap_or(f64::NAN)))
            );
        }
        println!("\nRatios (median of the rounds' own ratios):\n");
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
                "| {database} | {:.2} | {:.2} | {:.2} | {:.3} | {:.2} |",
                self.ratio(&name("receiver"), |round| self
                    .rate(&name("one transaction a request"), round)),
                self.ratio(&name("receiver"), |round| self
                    .rate(&name("our statement, one a request"), round)),
                self.ratio(&name("receiver"), limit),
                self.median(&name("whole"), |f| f.processed.unwrap_or(f64::NAN)),
                self.ratio(&name("whole"), |round| self.rate(&name("receiver"), round)),
            );
        }
        println!(
            "\nH = 1/(1/no store + 1/batched insert): what is left when a request pays for HTTP and for its share of a commit."
        );
    }
}

/// A whole number, or an empty cell for what was not measured.
fn or_nothing(figure: f64) -> String {
    if figure.is_nan() { String::new() } else { format!("{figure:.0}") }
}
