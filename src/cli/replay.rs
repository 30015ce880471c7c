//! `jetbridge deliveries replay`: has one delivery, or all that match, worked off again, or says
//! what that would reach. On a terminal it tells how far it has come.

use serde::Serialize;

use super::arguments::{Format, ReplayArguments};
use super::audit::{self, Deed};
use super::progress::Bar;
use super::table::printable;
use super::{Context, Failed, output};
use crate::access::Outcome;
use crate::clock::{Clock, Timestamp};
use crate::config::RepositoryName;
use crate::ids::{DeliveryId, WorkItemRef};
use crate::jobs::rebuild::{Forecast, ForeseenItem};
use crate::replay::{Counted, Preview, Progress, Selection, replay};
use crate::sources::Source;
use crate::store::Store;
use crate::store::announcements::Topic;
use crate::store::deliveries::{DeliveryFilter, DeliveryStatus};
use crate::store::jobs::Replayed;
use crate::work_items::FieldChange;

const COMMAND: &str = "deliveries replay";

/// `deliveries replay`.
pub(super) async fn run(arguments: &ReplayArguments, context: &Context) -> Result<(), Failed> {
    if let Some([source, id]) = arguments.one.as_deref() {
        let source = source.parse().map_err(|error| {
            Failed::Usage(format!("{error}: jetbridge deliveries replay plane|github DELIVERY"))
        })?;
        return one(source, &DeliveryId::new(id.as_str()), context).await;
    }
    let now = context.clock.now();
    let selection = Selection::new(filter(arguments, now), now);
    let store = context.open_store().await?;
    let done = if arguments.dry_run {
        preview(&store, &context.clock, &selection, arguments.listing.format()).await
    } else {
        all(&store, &selection, arguments.listing.format(), context).await
    };
    store.close().await;
    done
}

fn filter(arguments: &ReplayArguments, now: Timestamp) -> DeliveryFilter {
    DeliveryFilter {
        source: arguments.of,
        status: Some(arguments.status.map_or(DeliveryStatus::Failed, Into::into)),
        event: arguments.event.clone(),
        origin: None,
        repository: arguments.repository.clone(),
        item: arguments.item.clone().map(WorkItemRef::new),
        since: arguments.since.map(|when| when.before(now)),
        until: arguments.until.map(|when| when.before(now)),
        text: arguments.text.clone(),
        chosen: Vec::new(),
    }
}

async fn one(source: Source, id: &DeliveryId, context: &Context) -> Result<(), Failed> {
    let store = context.open_store().await?;
    let replayed = store.replay(source, id, context.clock.now()).await?;
    if replayed == Replayed::Queued {
        store.announce(Topic::Work).await?;
    }
    let dropped_at = match replayed {
        Replayed::Dropped => store.body_dropped_at(source, id).await?,
        Replayed::Queued | Replayed::Running | Replayed::Unknown => None,
    };
    let outcome = if replayed == Replayed::Queued { Outcome::Done } else { Outcome::Failed };
    let target = format!("{source}/{id}");
    let deed = Deed { action: "replay a delivery", command: COMMAND, target: &target };
    audit::write_down(&store, context, &deed, outcome).await;
    store.close().await;
    let id = printable(id.as_str());
    match replayed {
        Replayed::Queued => output::print(&format!("{id} is queued again\n")),
        Replayed::Running => Err(Failed::Operation(format!(
            "{id} is being worked off right now: look at jetbridge deliveries show {source} {id}, then replay it"
        ))),
        Replayed::Dropped => Err(Failed::Operation(format!(
            "{}, so there is nothing to run again: have its sender deliver it anew",
            super::deliveries::gone(&id, dropped_at)
        ))),
        Replayed::Unknown => Err(super::deliveries::unknown(source, &DeliveryId::new(id))),
    }
}

/// What a replay would reach, as programs read it.
#[derive(Serialize)]
struct PreviewJson<'a> {
    preview: bool,
    queued: i64,
    running: i64,
    dropped: i64,
    more: bool,
    by_status: Vec<(&'static str, i64)>,
    by_repository: Vec<(&'static str, Option<&'a str>, i64)>,
    forecast: ForecastJson<'a>,
}

/// What the newest of them would change on the board.
#[derive(Serialize)]
struct ForecastJson<'a> {
    read: u64,
    known: u64,
    failing: u64,
    changing: u64,
    items: Vec<ForeseenJson<'a>>,
}

#[derive(Serialize)]
struct ForeseenJson<'a> {
    r#ref: &'a str,
    key: Option<&'a str>,
    title: Option<&'a str>,
    new: bool,
    changes: &'a [FieldChange],
}

impl<'a> From<&'a Forecast> for ForecastJson<'a> {
    fn from(forecast: &'a Forecast) -> Self {
        let item = |foreseen: &'a ForeseenItem| ForeseenJson {
            r#ref: foreseen.item.as_str(),
            key: foreseen.key.as_deref(),
            title: foreseen.title.as_deref(),
            new: foreseen.new,
            changes: &foreseen.changes,
        };
        Self {
            read: forecast.read,
            known: forecast.known,
            failing: forecast.failing,
            changing: forecast.changing,
            items: forecast.items.iter().map(item).collect(),
        }
    }
}

async fn preview(
    store: &Store,
    clock: &Clock,
    selection: &Selection,
    format: Format,
) -> Result<(), Failed> {
    let preview = selection.preview(store, clock).await?;
    match format {
        Format::Json => output::print_json(&PreviewJson {
            preview: true,
            queued: preview.queued,
            running: preview.running,
            dropped: preview.dropped,
            more: preview.extent == Counted::AtLeast,
            by_status: preview.by_status.iter().map(|(s, count)| (s.as_str(), *count)).collect(),
            by_repository: preview
                .by_origin
                .iter()
                .map(|(source, name, count)| {
                    (source.as_str(), name.as_ref().map(RepositoryName::as_str), *count)
                })
                .collect(),
            forecast: ForecastJson::from(&preview.forecast),
        }),
        Format::Table => output::print(&in_words(&preview)),
    }
}

fn in_words(preview: &Preview) -> String {
    let least = if preview.extent == Counted::AtLeast { "at least " } else { "" };
    let mut text = format!("{least}{} would be queued again\n", preview.queued);
    for (status, count) in &preview.by_status {
        text += &format!("  {count} {status}\n");
    }
    for (source, name, count) in &preview.by_origin {
        let name = name.as_ref().map_or(source.as_str(), |name| name.as_str());
        text += &format!("  {count} of {}\n", printable(name));
    }
    if preview.running > 0 {
        text += &format!("{} would be left alone: being worked on right now\n", preview.running);
    }
    if preview.dropped > 0 {
        text +=
            &format!("{} would be left alone: their bodies are no longer kept\n", preview.dropped);
    }
    text + &foreseen(&preview.forecast)
}

/// What the newest would change, an item a line.
fn foreseen(forecast: &Forecast) -> String {
    let Forecast { read, known, failing, changing, .. } = forecast;
    if *read == 0 {
        return String::new();
    }
    let mut text = format!(
        "the newest {read} of them, read now: {changing} items would change, {known} tell what is known already, {failing} can't be read\n"
    );
    for item in &forecast.items {
        let name = item.key.as_deref().unwrap_or(item.item.as_str());
        let what = if item.new { "is new" } else { "differs in" };
        let fields: Vec<_> = item.changes.iter().map(|change| change.field.as_str()).collect();
        let fields = if item.new { String::new() } else { format!(" {}", fields.join(", ")) };
        text += &format!("  {} {what}{}\n", printable(name), printable(&fields));
    }
    for (source, id, why) in &forecast.reasons {
        text += &format!("  {source} {}: {}\n", printable(id.as_str()), printable(why));
    }
    text
}

/// What a replay came to, as programs read it.
#[derive(Serialize)]
struct DoneJson {
    queued: u64,
    running: u64,
    dropped: u64,
}

async fn all(
    store: &Store,
    selection: &Selection,
    format: Format,
    context: &Context,
) -> Result<(), Failed> {
    let mut progress = Progress::default();
    let mut bar = Bar::new("queued again");
    let total = if bar.is_shown() { selection.count(store).await? } else { 0 };
    let total = u64::try_from(total).unwrap_or(0);
    let tell = |progress: &Progress| bar.at(progress.queued, total);
    let ended = replay(store, &context.clock, selection, usize::MAX, &mut progress, tell).await;
    drop(bar);
    if progress.queued > 0 {
        store.announce(Topic::Work).await?;
    }
    let outcome = if ended.is_ok() { Outcome::Done } else { Outcome::Failed };
    let target = format!("{} queued, {} in work", progress.queued, progress.running);
    let deed = Deed { action: "replay all that match", command: COMMAND, target: &target };
    audit::write_down(store, context, &deed, outcome).await;
    if let Err(error) = ended {
        let queued = progress.queued;
        let why =
            format!("{error}; {queued} were queued again until then: run it again for the rest");
        return Err(Failed::Operation(why));
    }
    let Progress { queued, running, dropped, .. } = progress;
    match format {
        Format::Json => output::print_json(&DoneJson { queued, running, dropped }),
        Format::Table => {
            let mut text = format!("{queued} queued again\n");
            if running > 0 {
                text += &format!("{running} left alone: being worked on right now\n");
            }
            if dropped > 0 {
                text += &format!("{dropped} left alone: their bodies are no longer kept\n");
            }
            output::print(&text)
        }
    }
}
