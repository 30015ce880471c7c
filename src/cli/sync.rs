//! `jetbridge sync`: one issue and its comments brought in step now, in this process.
//!
//! Because a person asked, an item that is gone from Plane is made again. Deliberately absent: the
//! queue. A running service that works on the same issue is waited for.

use std::time::Duration;

use tokio::time::sleep;

use super::arguments::{IssueName, SyncArguments};
use super::audit::{self, Deed};
use super::table::printable;
use super::{Context, Failed, output};
use crate::access::Outcome;
use crate::app::outside::issue_sync;
use crate::clients::github::{Fetched, GitHub, ReadGitHub};
use crate::failure::Failure;
use crate::jobs::sync_issue::{IssueSync, Report, Target, Told};
use crate::store::Store;
use crate::sync::plan::WhenGone;

/// Longest wait for a quota or another worker.
const PATIENCE: Duration = Duration::from_mins(2);

/// `sync OWNER/NAME#NUMBER`.
pub(super) async fn run(arguments: &SyncArguments, context: &Context) -> Result<(), Failed> {
    let config = context.settings()?.resolve(&context.environment).await?;
    let store = context.open_store().await?;
    store.put_configured_repositories(&config.repositories, context.clock.now()).await?;
    let sync = issue_sync(&config, &store, &context.clock);
    let done = in_step(&sync, &store, &arguments.issue).await;
    if let Some(github) = &sync.github {
        github.shut_down().await;
    }
    let outcome = if done.is_ok() { Outcome::Done } else { Outcome::Failed };
    let target = format!("{}#{}", arguments.issue.repository, arguments.issue.number);
    let deed = Deed { action: "bring an issue in step", command: "sync", target: &target };
    audit::write_down(&store, context, &deed, outcome).await;
    store.close().await;
    let report = done?;
    let line = printable(&report.reason());
    if report.is_idle() {
        return Err(Failed::Operation(line));
    }
    output::print(&format!("{line}\n"))
}

async fn in_step(sync: &IssueSync, store: &Store, name: &IssueName) -> Result<Report, Failed> {
    let IssueName { repository, number } = name;
    let Some(configured) = store.find_repository(repository, None).await? else {
        return Err(Failed::Operation(format!(
            "{repository} is not configured: jetbridge repo add {repository} --plane-project UUID"
        )));
    };
    let Some(github) = &sync.github else {
        return Err(Failed::Operation(
            "GitHub can't be asked: set github.token (or github.mcp.command) first".to_owned(),
        ));
    };
    let issue = issue_id(github, name).await?;
    let target = Target { repository: configured, issue, number: *number };
    let mut waited = Duration::ZERO;
    loop {
        match Box::pin(sync.sync(&target, Told::default(), 1, WhenGone::Recreate)).await {
            Ok(report) => return Ok(report),
            Err(Failure::Quota { reason, wait }) if waited + wait <= PATIENCE => {
                output::complain(&format!("{reason} (waiting {} s)", wait.as_secs()));
                sleep(wait).await;
                waited += wait;
            }
            Err(failure) => return Err(Failed::Operation(failure.to_string())),
        }
    }
}

async fn issue_id(github: &GitHub, name: &IssueName) -> Result<u64, Failed> {
    let IssueName { repository, number } = name;
    let said = |text: String| Err(Failed::Operation(text));
    match github.fetch_issue(repository, *number).await {
        Ok(Fetched::Found(issue)) if issue.pull_request => {
            said(format!("{repository}#{number} is a pull request: only issues are kept in step"))
        }
        Ok(Fetched::Found(issue)) => Ok(issue.id),
        Ok(Fetched::Sketched(_)) => said(
            "the MCP server does not tell an issue's id and text: set github.token as well"
                .to_owned(),
        ),
        Ok(Fetched::MovedTo { repository: to, number: there }) => {
            said(format!("{repository}#{number} is now {to}#{there}: name that one"))
        }
        Ok(Fetched::Gone) => said(format!("{repository}#{number} was deleted at GitHub")),
        Ok(Fetched::NotFound) => said(format!(
            "GitHub shows no {repository}#{number} (404): check the number, and that github.token may read its issues"
        )),
        Err(failure) => said(failure.to_string()),
    }
}
