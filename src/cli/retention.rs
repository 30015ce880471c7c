//! `jetbridge retention`: what has grown old is shown, or let go of at once.

use serde::Serialize;

use super::arguments::{Doing, Format, RetentionArguments};
use super::audit::{self, Deed};
use super::progress::Bar;
use super::table::{Table, moment};
use super::{Context, Failed, output};
use crate::access::Outcome;
use crate::clock::Timestamp;
use crate::config::HumanDuration;
use crate::jobs::retention::{Keeper, LetGo, Pace, Preview};
use crate::sources::Source;

/// `retention`.
pub(super) async fn run(arguments: &RetentionArguments, context: &Context) -> Result<(), Failed> {
    let ages = context.settings()?.without_secrets().retention;
    let store = context.open_store().await?;
    let keeper = Keeper::new(&store, &context.clock, ages);
    let preview = keeper.preview().await?;
    let done = match arguments.doing() {
        Doing::Preview => None,
        Doing::Act => {
            let of = rows(&preview);
            let mut bar = Bar::new("rows");
            let done = keeper.let_go(Pace::Full, |done| bar.at(done.rows(), of)).await;
            drop(bar);
            let (outcome, rows) = match &done {
                Ok(done) => (Outcome::Done, format!("{} rows", done.rows())),
                Err(_) => (Outcome::Failed, format!("{of} rows")),
            };
            let deed = Deed { action: "let go of the old", command: "retention", target: &rows };
            audit::write_down(&store, context, &deed, outcome).await;
            Some(done?)
        }
    };
    store.close().await;
    match (done, arguments.format()) {
        (None, Format::Table) => output::print(&table(&preview)),
        (None, Format::Json) => output::print_json(&json(&preview)),
        (Some(done), Format::Table) => output::print(&said(&done)),
        (Some(done), Format::Json) => output::print_json(&done),
    }
}

fn rows(preview: &Preview) -> u64 {
    let bodies: u64 = preview.bodies.iter().map(|(_, found)| found.count).sum();
    bodies + preview.timeline.unwrap_or(0) + preview.write_intents.unwrap_or(0)
}

fn table(preview: &Preview) -> String {
    let mut table = Table::new(["WHAT", "KEPT FOR", "WOULD GO", "BYTES", "OLDEST", "NEWEST"]);
    let day = |at: Option<Timestamp>| at.map(moment).unwrap_or_default();
    for (source, (age, found)) in Source::ALL.into_iter().zip(&preview.bodies) {
        let kept = age.map_or("ever".to_owned(), |age| HumanDuration(age).to_string());
        table.row([
            format!("bodies of {source}").into(),
            kept.into(),
            found.count.to_string().into(),
            found.bytes.to_string().into(),
            day(found.oldest),
            day(found.newest),
        ]);
    }
    let others = [("timeline", preview.timeline), ("ended writes", preview.write_intents)];
    for (what, count) in others {
        let kept = if count.is_some() { "as set" } else { "ever" };
        let count = count.unwrap_or(0).to_string();
        table.row([what.into(), kept.into(), count.into(), "".into(), "".into(), "".into()]);
    }
    table.render()
}

fn said(done: &LetGo) -> String {
    format!(
        "let go of {} bodies of Plane and {} of GitHub ({} bytes), {} lines of the timeline, {} ended writes\n",
        done.plane_bodies, done.github_bodies, done.body_bytes, done.timeline, done.write_intents
    )
}

fn json(preview: &Preview) -> impl Serialize {
    #[derive(Serialize)]
    struct Bodies {
        source: Source,
        kept_for: Option<String>,
        count: u64,
        bytes: u64,
        oldest: Option<Timestamp>,
        newest: Option<Timestamp>,
    }
    #[derive(Serialize)]
    struct Whole {
        bodies: Vec<Bodies>,
        timeline: Option<u64>,
        write_intents: Option<u64>,
    }
    let bodies =
        Source::ALL.into_iter().zip(&preview.bodies).map(|(source, (age, found))| Bodies {
            source,
            kept_for: age.map(|age| HumanDuration(age).to_string()),
            count: found.count,
            bytes: found.bytes,
            oldest: found.oldest,
            newest: found.newest,
        });
    Whole {
        bodies: bodies.collect(),
        timeline: preview.timeline,
        write_intents: preview.write_intents,
    }
}
