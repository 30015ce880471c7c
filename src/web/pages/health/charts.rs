//! Numbers in, SVG paths out. Every chart is 480 by 144 and stretched by the page, so lines must
//! not scale with it (`vector-effect` in the sheet) and words stand outside.

use std::fmt::Write;

/// Units across.
pub(super) const WIDTH: f64 = 480.0;
/// Units down.
pub(super) const HEIGHT: f64 = 144.0;
/// What is there must be seen: a layer with anything in it is at least so thick.
const THINNEST: f64 = 2.0;

/// A scale of values, from the bottom of the chart to its top.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// From 0 to this.
    Linear(f64),
    /// From the first to the second, by their logarithms.
    Log(f64, f64),
}

impl Scale {
    /// One whose top is a round number that is not below `most`.
    pub(super) fn round(most: f64) -> Self {
        Self::Linear(round_up(most.max(4.0)))
    }

    /// Whole decades around all of `values`; from 10 to 1000 when there are none.
    pub(super) fn decades(values: impl Iterator<Item = f64>) -> Self {
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for value in values.filter(|v| *v > 0.0) {
            least = least.min(value);
            most = most.max(value);
        }
        if most <= 0.0 {
            return Self::Log(10.0, 1000.0);
        }
        let from = 10_f64.powf(least.log10().floor());
        let to = 10_f64.powf(most.log10().ceil());
        Self::Log(from, if to <= from { from * 10.0 } else { to })
    }

    /// Values at the top, in the middle and at the bottom.
    pub(super) fn marks(self) -> [f64; 3] {
        match self {
            Self::Linear(top) => [top, top / 2.0, 0.0],
            Self::Log(from, to) => [to, (from * to).sqrt(), from],
        }
    }

    fn y(self, value: f64) -> f64 {
        let share = match self {
            Self::Linear(top) => value / top,
            Self::Log(from, to) => (value.max(from) / from).ln() / (to / from).ln(),
        };
        HEIGHT * (1.0 - share.clamp(0.0, 1.0))
    }
}

/// 4, 6, 8, 10, 20, 40, 60, 80, 100, 200…: half of it is a whole number, too.
fn round_up(value: f64) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    let round = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0].map(|step| step * decade);
    round.into_iter().find(|round| *round >= value).unwrap_or(value)
}

/// Layers stacked on one another, as closed paths, the lowest first. All have the same length.
pub(super) fn stacked(layers: &[Vec<f64>], scale: Scale) -> Vec<String> {
    let points = layers.iter().map(Vec::len).min().unwrap_or(0);
    let mut floor = vec![HEIGHT; points];
    let mut paths = Vec::with_capacity(layers.len());
    let mut below = vec![0.0; points];
    for layer in layers {
        let mut ceiling = Vec::with_capacity(points);
        for (at, value) in layer.iter().take(points).enumerate() {
            below[at] += value;
            let y = scale.y(below[at]).min(floor[at]);
            let y = if *value > 0.0 { y.min(floor[at] - THINNEST) } else { y };
            ceiling.push(y);
        }
        paths.push(closed(&ceiling, &floor));
        floor = ceiling;
    }
    paths
}

/// A line through what is known; it breaks where nothing is, and a lone point is a short dash.
pub(super) fn line(values: &[Option<f64>], scale: Scale) -> String {
    let mut path = String::new();
    for (at, value) in values.iter().enumerate() {
        let Some(value) = value else { continue };
        let known = |at: Option<usize>| at.and_then(|at| *values.get(at)?).is_some();
        let (x, y) = (x(at, values.len()), scale.y(*value));
        let (before, after) = (known(at.checked_sub(1)), known(at.checked_add(1)));
        // Writing to a String can't fail.
        let _ = match (before, after) {
            (true, _) => write!(path, " L{x:.1},{y:.1}"),
            (false, true) => write!(path, " M{x:.1},{y:.1}"),
            (false, false) => write!(path, " M{:.1},{y:.1} h4", (x - 2.0).clamp(0.0, WIDTH - 4.0)),
        };
    }
    path.trim_start().to_owned()
}

/// The area under a line, one closed path for each unbroken part.
pub(super) fn area(values: &[Option<f64>], scale: Scale) -> String {
    let mut path = String::new();
    let mut start = 0;
    while start < values.len() {
        let length = values[start..].iter().take_while(|v| v.is_some()).count();
        if length > 1 {
            let (from, to) = (x(start, values.len()), x(start + length - 1, values.len()));
            let _ = write!(path, " M{from:.1},{HEIGHT}");
            for (at, value) in values.iter().enumerate().skip(start).take(length) {
                let y = scale.y(value.unwrap_or_default());
                let _ = write!(path, " L{:.1},{y:.1}", x(at, values.len()));
            }
            let _ = write!(path, " L{to:.1},{HEIGHT} z");
        }
        start += length.max(1);
    }
    path.trim_start().to_owned()
}

fn closed(ceiling: &[f64], floor: &[f64]) -> String {
    let mut path = String::new();
    let count = ceiling.len();
    let there = ceiling.iter().enumerate();
    let back = floor.iter().enumerate().rev();
    for (nth, (at, y)) in there.chain(back).enumerate() {
        let command = if nth == 0 { "M" } else { " L" };
        let _ = write!(path, "{command}{:.1},{y:.1}", x(at, count));
    }
    if !path.is_empty() {
        path.push_str(" z");
    }
    path
}

#[expect(clippy::cast_precision_loss, reason = "points of a chart: some sixty")]
fn x(at: usize, count: usize) -> f64 {
    WIDTH * at as f64 / (count.max(2) - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_ends_at_a_round_number_whose_half_is_whole() {
        for (most, top) in [(0.0, 4.0), (3.0, 4.0), (5.0, 6.0), (11.0, 20.0), (176.0, 200.0)] {
            assert_eq!(Scale::round(most), Scale::Linear(top), "{most}");
        }
    }

    #[test]
    fn decades_hold_all_values_and_never_none() {
        assert_eq!(Scale::decades([31.0, 1100.0].into_iter()), Scale::Log(10.0, 10_000.0));
        assert_eq!(Scale::decades([100.0].into_iter()), Scale::Log(100.0, 1000.0));
        assert_eq!(Scale::decades(std::iter::empty()), Scale::Log(10.0, 1000.0));
        let marks = Scale::Log(10.0, 1000.0).marks().map(|mark| format!("{mark:.1}"));
        assert_eq!(marks, ["1000.0", "100.0", "10.0"]);
    }

    #[test]
    fn layers_stand_on_one_another_and_the_thinnest_is_seen() {
        let paths = stacked(&[vec![50.0, 100.0], vec![0.0, 0.01]], Scale::Linear(200.0));
        assert_eq!(paths[0], "M0.0,108.0 L480.0,72.0 L480.0,144.0 L0.0,144.0 z");
        assert_eq!(paths[1], "M0.0,108.0 L480.0,70.0 L480.0,72.0 L0.0,108.0 z");
    }

    #[test]
    fn a_line_breaks_where_nothing_is_known_and_a_lone_point_is_a_dash() {
        let values = [Some(10.0), Some(100.0), None, Some(1000.0), None];
        let path = line(&values, Scale::Log(10.0, 1000.0));
        assert_eq!(path, "M0.0,144.0 L120.0,72.0 M358.0,0.0 h4");
        let filled = area(&values, Scale::Linear(1000.0));
        assert_eq!(filled.matches('z').count(), 1, "{filled}");
        assert_eq!(line(&[None, None], Scale::Linear(1.0)), "");
    }
}
