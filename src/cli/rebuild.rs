//! `jetbridge rebuild`: the board derived anew from the inbox, and compared or put in place.

use super::arguments::{Format, RebuildArguments};
use super::audit::{self, Deed};
use super::progress::Bar;
use super::table::printable;
use super::{Context, Failed, output};
use crate::access::Outcome;
use crate::jobs::process_delivery::PlaneAddress;
use crate::jobs::rebuild::{Difference, Kind, Mode, Rebuild, Report};
use crate::sources::plane::normalize::Lookup;
use crate::store::announcements::Topic;

/// Characters of a value that the listing for people shows.
const LONGEST: usize = 60;

/// `rebuild`.
pub(super) async fn run(arguments: &RebuildArguments, context: &Context) -> Result<(), Failed> {
    let config = context.settings()?.resolve(&context.environment).await?;
    let plane = &config.plane;
    let asks = plane.api_url.is_some() && plane.workspace.is_some() && !plane.api_key.is_empty();
    let address =
        PlaneAddress { workspace: plane.workspace.clone(), web_url: plane.web_url.clone() };
    let lookup = if asks { Lookup::On } else { Lookup::Off };
    let store = context.open_store().await?;
    let rebuild = Rebuild::new(&store, &context.clock, address, lookup, arguments.mode());
    let mut bar = Bar::new("deliveries");
    let report = Box::pin(rebuild.run(|progress| bar.at(progress.done, progress.of))).await;
    drop(bar);
    if arguments.mode() == Mode::Replace {
        let (outcome, target) = match &report {
            Ok(report) => (Outcome::Done, format!("{} items put right", report.replaced)),
            Err(_) => (Outcome::Failed, "the board".to_owned()),
        };
        let deed = Deed { action: "rebuild the board", command: "rebuild", target: &target };
        audit::write_down(&store, context, &deed, outcome).await;
        if report.as_ref().is_ok_and(|report| report.replaced > 0) {
            store.announce(Topic::Changes).await?;
        }
    }
    store.close().await;
    let report = report?;
    match arguments.listing.format() {
        Format::Json => output::print_json(&report)?,
        Format::Table => output::print(&listing(&report, arguments.mode()))?,
    }
    if report.is_right() { Ok(()) } else { Err(Failed::Findings) }
}

fn listing(report: &Report, mode: Mode) -> String {
    let mut text = String::new();
    for difference in &report.differences {
        text += &told(difference);
    }
    let told = report.differences.len() as u64;
    if report.differing > told {
        text += &format!("… and {} more\n", report.differing - told);
    }
    text += &format!(
        "{} items and {} comments were derived from {} deliveries: {}\n",
        report.items,
        report.comments,
        report.deliveries,
        verdict(report, mode)
    );
    let notes = [
        (report.unread, "deliveries took no part: they wait, failed or are dead"),
        (
            report.dropped,
            "items can't be derived wholly, since bodies of theirs were dropped: they keep what is stored",
        ),
        (
            report.unrecorded,
            "deliveries were read before it was kept with which of Plane's names: they were read with those known now",
        ),
        (report.unmendable, "differences can't be mended"),
        (
            report.left,
            "items were being worked on all the time and were left: run jetbridge rebuild again",
        ),
    ];
    for (count, note) in notes {
        if count > 0 {
            text += &format!("{count} {note}\n");
        }
    }
    text
}

fn verdict(report: &Report, mode: Mode) -> String {
    match (report.differing, mode) {
        (0, _) => "the tables say the same".to_owned(),
        (differing, Mode::Check) => {
            format!("{differing} differences; jetbridge rebuild puts them right")
        }
        (differing, Mode::Replace) => {
            format!("{differing} differences; {} items were put right", report.replaced)
        }
    }
}

fn told(difference: &Difference) -> String {
    let Difference { table, key, kind, columns, why } = difference;
    let kind = match kind {
        Kind::Missing => "is missing",
        Kind::Unknown => "should not be there",
        Kind::Differs => "differs",
        Kind::Unreadable => "can't be derived",
    };
    let mut text = format!("{table} {} {kind}: {}\n", printable(key), printable(why));
    for column in columns {
        let (stored, derived) = (column.stored.to_string(), column.derived.to_string());
        text += &format!("    {}: {} → {}\n", column.column, short(&stored), short(&derived));
    }
    text
}

fn short(value: &str) -> String {
    let mut text: String = value.chars().take(LONGEST).collect();
    if text.len() < value.len() {
        text.push('…');
    }
    printable(&text)
}
