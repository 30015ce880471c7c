//! `jetbridge recover`: has GitHub send again what never arrived, and waits a little for it to come.
//!
//! It is the service that receives: where none runs, what was asked for fails again at GitHub, and is
//! asked for again by the next run.

use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::arguments::{Format, RecoverArguments};
use super::audit::{self, Deed};
use super::progress::Bar;
use super::table::{Table, moment, printable};
use super::{Context, Failed, output};
use crate::access::Outcome;
use crate::app::outside::{github_app, issue_sync};
use crate::clients::github::GitHub;
use crate::config::Config;
use crate::jobs::recover::{Fate, Mode, PlaceReport, Progress, Recover, Report, Task};
use crate::store::recovery::GivenUp;
use crate::store::{Store, StoreResult};

/// How long what was asked for has to arrive before the end is told.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What a run came to, for programs.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// Of those that this run asked for.
    arrived: u64,
}

/// `recover`.
pub(super) async fn run(arguments: &RecoverArguments, context: &Context) -> Result<(), Failed> {
    let config = context.settings()?.resolve(&context.environment).await?;
    let store = context.open_store().await?;
    store.put_configured_repositories(&config.repositories, context.clock.now()).await?;
    let done = recovered(arguments, &config, &store, context).await;
    store.close().await;
    let (report, arrived) = done?;
    match arguments.listing.format() {
        Format::Json => output::print_json(&Whole { report: &report, arrived })?,
        Format::Table => output::print(&told(&report, arrived, arguments.mode()))?,
    }
    if report.is_right() { Ok(()) } else { Err(Failed::Findings) }
}

async fn recovered(
    arguments: &RecoverArguments,
    config: &Config,
    store: &Store,
    context: &Context,
) -> Result<(Report, u64), Failed> {
    if let Some(name) = &arguments.repository
        && store.find_repository(name, None).await?.is_none()
    {
        let line = format!("{name} is not configured: jetbridge repo add {name}");
        return Err(Failed::Operation(line));
    }
    let github = github(config, store, context)?;
    let recover = Recover::new(store, &context.clock, github, &config.public_url)
        .with_app(github_app(config, store, &context.clock));
    let task = Task {
        mode: arguments.mode(),
        repository: arguments.repository.clone(),
        since: arguments.since.map(|when| when.before(context.clock.now())),
        given_up: GivenUp::TriedAgain,
    };
    let (mut looking, mut asking) = (Some(Bar::new("repositories")), Bar::new("asked for again"));
    let tell = |progress| match progress {
        Progress::Looking(done, of) => {
            if let Some(bar) = &mut looking {
                bar.at(done, of);
            }
        }
        Progress::Asking(done, of) => {
            looking = None;
            asking.at(done, of);
        }
    };
    let report = recover.run(&task, tell).await;
    drop((looking, asking));
    if arguments.mode() == Mode::Ask {
        let (outcome, target) = match &report {
            Ok(report) => (Outcome::Done, format!("{} webhooks", report.count(Fate::Asked))),
            Err(_) => (Outcome::Failed, "webhooks".to_owned()),
        };
        let deed = Deed { action: "ask for lost webhooks", command: "recover", target: &target };
        audit::write_down(store, context, &deed, outcome).await;
    }
    let report = report?;
    let arrived = arrivals(&recover, &report, context).await?;
    Ok((report, arrived))
}

fn github(config: &Config, store: &Store, context: &Context) -> Result<GitHub, Failed> {
    let sync = issue_sync(config, store, &context.clock);
    sync.github.filter(|github| github.rests().next().is_some()).ok_or_else(|| {
        Failed::Operation(
            "GitHub can't be asked: set github.token to one that may read and write Webhooks"
                .to_owned(),
        )
    })
}

/// How many of those that were asked for are here by now.
async fn arrivals(recover: &Recover, report: &Report, context: &Context) -> StoreResult<u64> {
    let (asked, begun) = (report.count(Fate::Asked), Instant::now());
    let mut bar = Bar::new("arrived");
    let mut arrived = 0;
    while arrived < asked && begun.elapsed() < PATIENCE {
        sleep(LOOK_EVERY).await;
        arrived += recover.settle(context.clock.now()).await?;
        bar.at(arrived, asked);
    }
    Ok(arrived.min(asked))
}

fn told(report: &Report, arrived: u64, mode: Mode) -> String {
    let mut text = String::new();
    if !report.deliveries.is_empty() {
        let mut table =
            Table::new(["REPOSITORY", "DELIVERY", "EVENT", "LAST TRIED", "GITHUB NOTED", "NOW"]);
        for found in &report.deliveries {
            table.row([
                found.repository.as_str().into(),
                found.delivery_id.as_str().into(),
                found.event.as_str().into(),
                moment(found.sent_at),
                found.status.as_str().into(),
                found.fate.as_str().into(),
            ]);
        }
        text += &table.render();
    }
    for place in &report.places {
        text += &of_place(place);
    }
    if report.places.is_empty() {
        text += "no repository is configured: jetbridge repo add OWNER/NAME\n";
    }
    let (asked, found) = (report.count(Fate::Asked), report.count(Fate::Found));
    if asked > 0 {
        text += &format!("{asked} asked for again, {arrived} of them have arrived");
        let waits = asked > arrived;
        text += if waits { "; the others are looked for by the next run\n" } else { "\n" };
    }
    match (found, mode) {
        (0, _) => {}
        (found, Mode::Look) => {
            text += &format!("{found} are missing; jetbridge recover asks for them\n");
        }
        (found, Mode::Ask) => text += &format!("{found} are still to be asked for\n"),
    }
    let lost = report.count(Fate::GivenUp) + report.count(Fate::Expired);
    if lost > 0 {
        text += &format!("{lost} do not come any more: jetbridge reconcile finds what they told\n");
    }
    text
}

fn of_place(place: &PlaceReport) -> String {
    let name = printable(place.repository.as_str());
    let mut text = match place.back_to {
        Some(back_to) => format!(
            "{name}: {} deliveries since {}, {} missing\n",
            place.listed,
            moment(back_to),
            place.missing
        ),
        None => String::new(),
    };
    if place.failed_here > 0 {
        text += &format!(
            "{name}: {} arrived and failed here: jetbridge deliveries replay --repository {name}\n",
            place.failed_here
        );
    }
    if let Some(gap) = place.gap {
        text += &format!(
            "{name}: GitHub no longer tells what it sent from {} until {}: jetbridge reconcile {name}\n",
            moment(gap.from),
            moment(gap.until)
        );
    }
    if let Some(problem) = &place.problem {
        text += &format!("{name}: {}\n", printable(problem));
    }
    text
}
