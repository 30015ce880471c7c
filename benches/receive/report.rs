//! What was measured, as tables that can stand in `docs/performance.md`.

use std::collections::BTreeMap;
use std::time::Duration;

/// One run.
pub(crate) struct Figures {
    pub(crate) rate: f64,
    p50_ms: f64,
    p99_ms: f64,
    idle_mib: f64,
    peak_mib: f64,
    start_ms: f64,
    processed: Option<f64>,
}

impl Figures {
    pub(crate) fn new(
        requests: usize,
        seconds: f64,
        mut latencies: Vec<f64>,
        idle_kib: u64,
        peak_kib: u64,
        start: Duration,
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
            start_ms: start.as_secs_f64() * 1000.0,
            processed,
        }
    }
}

/// All runs, by what was measured.
#[derive(Default)]
pub(crate) struct Report(BTreeMap<String, Vec<Figures>>);

impl Report {
    pub(crate) fn add(&mut self, name: &str, figures: Figures) {
        println!("  {name}: {:.0}/s, p99 {:.1} ms", figures.rate, figures.p99_ms);
        self.0.entry(name.to_owned()).or_default().push(figures);
    }

    fn median(&self, name: &str, of: impl Fn(&Figures) -> f64) -> f64 {
        let mut values: Vec<f64> = self.0.get(name).into_iter().flatten().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Median over rounds of the ratio within each round.
    fn ratio(&self, name: &str, to: impl Fn(usize) -> Option<f64>) -> f64 {
        let runs = self.0.get(name).map_or(&[][..], Vec::as_slice);
        let mut ratios: Vec<f64> =
            runs.iter().enumerate().filter_map(|(i, f)| Some(f.rate / to(i)?)).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn rate(&self, name: &str, round: usize) -> Option<f64> {
        self.0.get(name)?.get(round).map(|f| f.rate)
    }

    pub(crate) fn print(&self) {
        println!("\nMedians over the rounds:\n");
        println!("| what | a second | p50 ms | p99 ms | idle MiB | peak MiB | first answer ms |");
        println!("|---|---:|---:|---:|---:|---:|---:|");
        for name in self.0.keys() {
            let m = |of: fn(&Figures) -> f64| self.median(name, of);
            println!(
                "| {name} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} | {:.0} |",
                m(|f| f.rate),
                m(|f| f.p50_ms),
                m(|f| f.p99_ms),
                m(|f| f.idle_mib),
                m(|f| f.peak_mib),
                m(|f| f.start_ms)
            );
        }
        println!("\nRatios (median of the rounds' own ratios):\n");
        println!(
            "| database | receiver to one transaction a request | to our statement, one a request | receiver to H | whole: worked off when the load ends | whole to receiver |"
        );
        println!("|---|---:|---:|---:|---:|---:|");
        for database in ["sqlite", "postgres"] {
            let name = |what: &str| format!("{database}: {what}");
            if !self.0.contains_key(&name("receiver")) {
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
