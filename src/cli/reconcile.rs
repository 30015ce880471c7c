//! `jetbridge reconcile`: both sides compared with what is known here; what differs is put into the
//! inbox, and proved to be mended once it is worked off.
//!
//! Deliberately absent: working the queue off. A running `jetbridge serve` does that.

use std::time::Duration;

use uuid::Uuid;

use super::arguments::{Doing, Format, ReconcileArguments};
use super::audit::{self, Deed};
use super::progress::Bar;
use super::table::printable;
use super::{Context, Failed, output};
use crate::access::Outcome;
use crate::app::outside::issue_sync;
use crate::drift::Walk;
use crate::failure::Failure;
use crate::health::GONE_AFTER;
use crate::jobs::process_delivery::PlaneAddress;
use crate::jobs::reconcile::schedule::{DUTY, DUTY_NAME};
use crate::jobs::reconcile::{self, Reconcile, Report};
use crate::store::Store;
use crate::store::repositories::Repository;

/// How long it is waited for what was put in.
const PATIENCE: Duration = Duration::from_mins(10);
/// How long where nobody works it off.
const IDLE: Duration = Duration::from_secs(3);
/// How long it is waited for whoever compares already.
const TURN: Duration = Duration::from_secs(20);

/// `reconcile`.
pub(super) async fn run(arguments: &ReconcileArguments, context: &Context) -> Result<(), Failed> {
    let config = context.settings()?.resolve(&context.environment).await?;
    let store = context.open_store().await?;
    store.put_configured_repositories(&config.repositories, context.clock.now()).await?;
    let sync = issue_sync(&config, &store, &context.clock);
    let github = sync.github.clone();
    let plane = &config.plane;
    let address =
        PlaneAddress { workspace: plane.workspace.clone(), web_url: plane.web_url.clone() };
    let job = Reconcile::new(sync, address).with_missing(arguments.missing());
    let done = compare(&job, &store, arguments, context).await;
    if let Some(github) = github {
        github.shut_down().await;
    }
    store.close().await;
    let reports = done?;
    match arguments.listing.format() {
        Format::Json => output::print_json(&reports)?,
        Format::Table => {
            let told: Vec<_> = reports.iter().map(|r| said(r, arguments.doing())).collect();
            output::print(&told.concat())?;
        }
    }
    if reports.iter().all(Report::is_in_sync) { Ok(()) } else { Err(Failed::Findings) }
}

async fn compare(
    job: &Reconcile,
    store: &Store,
    arguments: &ReconcileArguments,
    context: &Context,
) -> Result<Vec<Report>, Failed> {
    let failed = |failure: Failure| Failed::Operation(failure.to_string());
    job.any_rest().map_err(failed)?;
    let mut repositories = store.repositories().await?;
    if let Some(name) = &arguments.repository {
        repositories.retain(|repository| repository.name == *name);
        if repositories.is_empty() {
            let line = format!("{name} is not configured: jetbridge repo add {name}");
            return Err(Failed::Operation(line));
        }
    }
    // A server without a token is only told of where somebody asks for it.
    repositories.retain(|r| arguments.repository.is_some() || job.rest(&r.name).is_ok());
    let holder = Uuid::now_v7().to_string();
    let mut reports = Vec::with_capacity(repositories.len());
    for repository in &repositories {
        if arguments.doing() == Doing::Act {
            take_turn(store, &holder, context).await?;
        }
        let compared = one(job, store, &holder, repository, arguments, context).await;
        if arguments.doing() == Doing::Act {
            write_down(store, context, repository, &compared).await;
        }
        match compared {
            Ok(report) => reports.push(report),
            Err(failed) => {
                store.leave(&holder).await?;
                return Err(failed);
            }
        }
    }
    store.leave(&holder).await?;
    Ok(reports)
}

/// One repository at a time is looked at by one process at a time.
async fn take_turn(store: &Store, holder: &str, context: &Context) -> Result<(), Failed> {
    let end = context.clock.now() + TURN;
    loop {
        let now = context.clock.now();
        if store.take_duty(DUTY_NAME, holder, now + DUTY, now).await? {
            return Ok(());
        }
        if now >= end {
            return Err(Failed::Operation(
                "another process compares both sides at this moment: run it again in some minutes, or look at /health".to_owned(),
            ));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn one(
    job: &Reconcile,
    store: &Store,
    holder: &str,
    repository: &Repository,
    arguments: &ReconcileArguments,
    context: &Context,
) -> Result<Report, Failed> {
    let failed = |failure: Failure| Failed::Operation(format!("{}: {failure}", repository.name));
    let walk = if arguments.full { Walk::Full } else { Walk::Changes };
    let doing = match arguments.doing() {
        Doing::Act => reconcile::Doing::Act,
        Doing::Preview => reconcile::Doing::Preview,
    };
    let mut bar = Bar::new("items");
    let mut show = |done, of| bar.at(done, of);
    let looking = async {
        let report = job.look(repository, walk, doing, &mut show).await?;
        if doing == reconcile::Doing::Preview || !report.is_being_mended() {
            return Ok(report);
        }
        let unsaid = |e| Failure::retry(format!("it can't be said whether it is mended: {e}"));
        let works = store.somebody_works(context.clock.now() - GONE_AFTER).await;
        let patience = if works.map_err(unsaid)? { PATIENCE } else { IDLE };
        if !job.settled(patience).await.map_err(unsaid)? {
            output::complain(
                "what differs was put in and is not worked off yet: have jetbridge serve run, and run this again later to prove it mended",
            );
        }
        let proved = job.prove(repository, &mut show).await?;
        let Report { looked_at, older, left_out, put, .. } = report;
        Ok(Report { looked_at, older, left_out, put, ..proved })
    };
    let renewing = async {
        loop {
            tokio::time::sleep(DUTY / 4).await;
            let now = context.clock.now();
            if doing == reconcile::Doing::Act {
                // Lost only where it stood still for minutes; walking twice does no harm.
                let _ = store.take_duty(DUTY_NAME, holder, now + DUTY, now).await;
            }
        }
    };
    tokio::select! {
        report = looking => report.map_err(failed),
        () = renewing => Err(Failed::Operation("a bug: renewing has no end".to_owned())),
    }
}

async fn write_down(
    store: &Store,
    context: &Context,
    repository: &Repository,
    compared: &Result<Report, Failed>,
) {
    let (outcome, target) = match compared {
        Ok(report) => (Outcome::Done, format!("{}: {} put in", repository.name, report.put)),
        Err(_) => (Outcome::Failed, repository.name.to_string()),
    };
    let deed = Deed { action: "compare both sides", command: "reconcile", target: &target };
    audit::write_down(store, context, &deed, outcome).await;
}

fn said(report: &Report, doing: Doing) -> String {
    let looked = &report.looked_at;
    let mut text = format!(
        "{}: in sync {}; {} issues, {} comments and {} work items looked at\n",
        report.repository,
        report.share().per_cent(),
        looked.issues,
        looked.comments,
        looked.items
    );
    if report.issues_off {
        text += "  its issues are switched off at GitHub: pull requests alone were looked at\n";
    }
    for (reason, count) in &report.reasons {
        text += &format!("  {count} {reason}\n");
    }
    for item in &report.items {
        let name = item.key.as_deref().unwrap_or(item.item.as_str());
        text += &format!("    {} {}\n", printable(name), printable(&item.line()));
    }
    let told = report.items.len() as u64;
    if report.differing > told {
        text += &format!("    … and {} more\n", report.differing - told);
    }
    if report.put > 0 {
        let verb = if doing == Doing::Act { "were" } else { "would be" };
        text += &format!("  {} deliveries {verb} put in to mend that\n", report.put);
    }
    for hidden in &report.hidden {
        text += &format!("  Plane's project {} was not looked at\n", printable(hidden));
    }
    if let Some(why) = &report.held_back {
        text += &format!("  {}\n", printable(why));
    }
    if report.left_out > 0 {
        text += &format!(
            "  {} issues are left out of Plane by filter or rules, and count as in sync\n",
            report.left_out
        );
    }
    if report.older > 0 {
        text += &format!(
            "  {} items are from before the repository was connected: jetbridge backfill {} brings them\n",
            report.older, report.repository
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::{DriftItem, Why};
    use crate::ids::WorkItemRef;

    #[test]
    fn a_report_tells_the_share_the_reasons_and_what_was_put_in() {
        let item = DriftItem {
            item: WorkItemRef::new("github:1"),
            key: Some("octo/hello#1".to_owned()),
            reasons: vec![Why::NoTwin],
            told_at: None,
            since: "2026-11-22T02:00:00Z".parse().unwrap(),
            put_at: None,
        };
        let report = Report {
            repository: "octo/hello".to_owned(),
            looked_at: reconcile::Tally { issues: 3, comments: 2, items: 1 },
            differing: 1,
            reasons: std::collections::BTreeMap::from([("no work item in Plane", 1)]),
            items: vec![item],
            put: 1,
            ..Report::default()
        };
        let text = said(&report, Doing::Preview);
        assert!(text.starts_with("octo/hello: in sync 75.00 %; 3 issues, 2 comments"), "{text}");
        assert!(text.contains("octo/hello#1 has no work item in Plane\n"), "{text}");
        assert!(text.contains("1 deliveries would be put in"), "{text}");
    }
}
