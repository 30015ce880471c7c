//! `jetbridge backfill`: issues, pull requests and comments from before the connection, fetched and put
//! into the inbox while a service works them off. It may be stopped at any time and goes on when it is
//! run again.

use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::arguments::{BackfillArguments, Format};
use super::audit::{self, Deed};
use super::progress::Bar;
use super::table::{Table, printable};
use super::{Context, Failed, output};
use crate::access::Outcome;
use crate::app::outside::issue_sync;
use crate::clients::github_rest::GitHubRest;
use crate::failure::Failure;
use crate::health::GONE_AFTER;
use crate::jobs::backfill::{Backfill, Halted, Step};
use crate::sources::{Origin, Source};
use crate::store::announcements::Topic;
use crate::store::backfills::BackfillCounts;
use crate::store::deliveries::{Delivery, DeliveryFilter, DeliveryStatus};
use crate::store::repositories::Repository;
use crate::store::{Store, StoreResult};

/// How often it is looked whether there is room again.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Seconds between tries after GitHub or the database did not answer.
const RETRIES: [u64; 5] = [1, 5, 15, 60, 180];
/// How long nobody may work before that is said.
const IDLE: Duration = Duration::from_secs(3);
/// Failures that are listed.
const MOST_FAILURES: i64 = 50;

/// What a run came to, for programs.
#[derive(Serialize)]
struct Done {
    issues: u64,
    comments: u64,
    failed: u64,
    left_out: u64,
    failures: Vec<OneFailed>,
}

/// A found delivery that failed for good.
#[derive(Serialize)]
struct OneFailed {
    delivery_id: String,
    work_item: Option<String>,
    error: Option<String>,
}

impl OneFailed {
    fn of(delivery: Delivery) -> Self {
        Self {
            delivery_id: delivery.delivery_id.to_string(),
            work_item: delivery.item.map(|item| item.to_string()),
            error: delivery.last_error,
        }
    }
}

impl From<Halted> for Failed {
    fn from(halted: Halted) -> Self {
        match halted {
            Halted::Store(error) => error.into(),
            Halted::GitHub(failure) => Self::Operation(failure.to_string()),
        }
    }
}

/// `backfill OWNER/NAME`.
pub(super) async fn run(arguments: &BackfillArguments, context: &Context) -> Result<(), Failed> {
    let config = context.settings()?.resolve(&context.environment).await?;
    let store = context.open_store().await?;
    store.put_configured_repositories(&config.repositories, context.clock.now()).await?;
    let name = &arguments.repository;
    let Some(repository) = store.find_repository(name, None).await? else {
        return Err(Failed::Operation(format!(
            "{name} is not configured: jetbridge repo add {name} --plane-project UUID"
        )));
    };
    let github = issue_sync(&config, &store, &context.clock).github;
    let Some(rest) = github.as_ref().and_then(|g| g.rest(&repository.name).cloned()) else {
        let key = match repository.name.host().name() {
            Some(host) => format!("token in the [[github.hosts]] of {host}"),
            None => "github.token".to_owned(),
        };
        return Err(Failed::Operation(format!(
            "GitHub can't be asked: set {key} to one that may read issues"
        )));
    };
    let walked = walk(arguments, &store, &rest, &repository, context).await;
    let (outcome, target) = match &walked {
        Ok(counts) => (Outcome::Done, format!("{name}: {} issues", counts.issues)),
        Err(_) => (Outcome::Failed, name.to_string()),
    };
    let deed = Deed { action: "fetch old issues", command: "backfill", target: &target };
    audit::write_down(&store, context, &deed, outcome).await;
    let failures = failures(&store, &repository).await;
    store.close().await;
    let (counts, failures) = (walked?, failures?);
    match arguments.listing.format() {
        Format::Json => {
            let BackfillCounts { issues, comments, failed, left_out, .. } = counts;
            let failures = failures.into_iter().map(OneFailed::of).collect();
            output::print_json(&Done { issues, comments, failed, left_out, failures })?;
        }
        Format::Table => output::print(&told(counts, &failures, name.as_str()))?,
    }
    if counts.failed == 0 { Ok(()) } else { Err(Failed::Findings) }
}

/// Until everything is put in and worked off.
async fn walk(
    arguments: &BackfillArguments,
    store: &Store,
    rest: &GitHubRest,
    repository: &Repository,
    context: &Context,
) -> Result<BackfillCounts, Failed> {
    let from = arguments.from();
    let mut backfill =
        Backfill::begin(store, &context.clock, rest, repository.clone(), from).await?;
    let (mut bar, mut tries, mut idle) = (Bar::new("issues and comments"), 0, Instant::now());
    loop {
        let step = backfill.step().await;
        let counts = backfill.counts().await?;
        let put_in = counts.issues + counts.comments;
        bar.at(put_in - counts.waiting, put_in.max(backfill.total().unwrap_or_default()));
        match step {
            Ok(Step::Done) => return Ok(counts),
            Ok(Step::Moved) => {
                (tries, idle) = (0, Instant::now());
                store.announce(Topic::Work).await?;
            }
            Ok(Step::Waits) => {
                if store.somebody_works(context.clock.now() - GONE_AFTER).await? {
                    idle = Instant::now();
                } else if idle.elapsed() > IDLE {
                    return Err(Failed::Operation(format!(
                        "{put_in} are in the inbox and nobody works them off: start jetbridge serve, then run this again"
                    )));
                }
                sleep(LOOK_EVERY).await;
            }
            Ok(Step::Quota(wait)) => {
                output::complain(&format!(
                    "as much of GitHub's rate limit is used up as a backfill may use: it goes on in {} s",
                    wait.as_secs()
                ));
                sleep(wait.max(LOOK_EVERY)).await;
            }
            Err(halted) => {
                let wait = RETRIES.get(tries).filter(|_| may_pass(&halted));
                let Some(wait) = wait else { return Err(halted.into()) };
                output::complain(&format!("{halted} (again in {wait} s)"));
                sleep(Duration::from_secs(*wait)).await;
                tries += 1;
            }
        }
    }
}

fn may_pass(halted: &Halted) -> bool {
    match halted {
        Halted::Store(error) => error.is_transient(),
        Halted::GitHub(Failure::Retry { after, .. }) => after.is_none(),
        Halted::GitHub(Failure::Quota { .. } | Failure::Permanent { .. }) => false,
    }
}

async fn failures(store: &Store, repository: &Repository) -> StoreResult<Vec<Delivery>> {
    let filter = DeliveryFilter {
        source: Some(Source::Github),
        status: Some(DeliveryStatus::Failed),
        origin: Some(Origin::Backfill),
        repository: Some(repository.name.to_string()),
        ..DeliveryFilter::default()
    };
    store.deliveries(&filter, None, MOST_FAILURES).await
}

fn told(counts: BackfillCounts, failures: &[Delivery], name: &str) -> String {
    let mut text = String::new();
    if !failures.is_empty() {
        let mut table = Table::new(["DELIVERY", "WORK ITEM", "ERROR"]);
        for failed in failures {
            let item = failed.item.as_ref().map_or("–", |item| item.as_str());
            table.row([
                failed.delivery_id.as_str().into(),
                item.into(),
                failed.last_error.as_deref().unwrap_or_default().into(),
            ]);
        }
        text += &table.render();
    }
    let BackfillCounts { issues, comments, failed, left_out, .. } = counts;
    let name = printable(name);
    let word = if comments == 1 { "comment" } else { "comments" };
    text += &format!("{name}: {issues} issues and pull requests, {comments} {word}\n");
    if left_out > 0 {
        text += &format!("{left_out} of them are left out of Plane by filter or rules\n");
    }
    if failed > 0 {
        text += &format!("{failed} of them failed: jetbridge backfill {name} tries them again\n");
    }
    text
}
