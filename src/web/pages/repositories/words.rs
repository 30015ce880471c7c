//! A repository and its health in words.

use chrono::TimeDelta;
use uuid::Uuid;

use super::super::spans::{exact, when};
use super::{Projects, WebState, spans};
use crate::board::cut;
use crate::clock::Timestamp;
use crate::config::{Direction, RepositoryName};
use crate::drift::Ledger;
use crate::store::backfills::{BackfillCounts, BackfillRow};
use crate::store::repositories::{Origin, Repository};
use crate::store::repository_health::RepositoryHealth;
use crate::sync::plan::LinkStatus;

/// A repository as the pages show it.
pub(super) struct Card {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) github: String,
    /// Whether it is changed in the configuration file alone.
    pub(super) in_file: bool,
    /// Where the row comes from.
    pub(super) origin: &'static str,
    /// Its projects: its own, and those that its rules name.
    pub(super) project: Option<String>,
    pub(super) direction: &'static str,
    /// Icon, tone and word of how it is doing.
    pub(super) icon: &'static str,
    pub(super) tone: &'static str,
    pub(super) word: String,
    /// Short and exact time of its last delivery.
    pub(super) seen: Option<(String, String)>,
    pub(super) dead: i64,
    pub(super) waiting: i64,
    /// Icon, tone, word and count of links.
    pub(super) links: Vec<(&'static str, &'static str, &'static str, String)>,
    /// How far both sides agree, once somebody has looked.
    pub(super) drift: Option<String>,
    /// What went wrong last.
    pub(super) trouble: Option<Trouble>,
    pub(super) failed_link: String,
    pub(super) deliveries_link: String,
    pub(super) replay_link: String,
    pub(super) added: String,
    /// How far issues from before the connection have been fetched.
    pub(super) backfill: Option<String>,
}

/// The last error, and what to do about it.
pub(super) struct Trouble {
    pub(super) what: String,
    pub(super) remedy: &'static str,
    /// Its delivery.
    pub(super) link: Option<String>,
}

impl Card {
    pub(super) fn new(
        repository: &Repository,
        health: &RepositoryHealth,
        web: &WebState,
        projects: &Projects,
        all: &[Uuid],
        now: Timestamp,
    ) -> Self {
        let name = &repository.name;
        let in_file = web.setup.is_configured(name);
        let (icon, tone, word) = verdict(health);
        let filter = |path: &str, status: Option<&str>| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("repository", name.as_str());
            query.extend_pairs(status.map(|status| ("status", status)));
            format!("{path}?{}", query.finish())
        };
        Self {
            address: address(name),
            github: {
                let (owner, own) = name.owner_and_name();
                web.setup.address_of(&name.host(), &format!("{owner}/{own}"))
            },
            in_file,
            origin: origin(repository.origin, in_file),
            project: (!all.is_empty()).then(|| projects.names_of(all).join(", ")),
            direction: match repository.direction {
                Direction::GithubToPlane => "GitHub leads, Plane follows",
                Direction::Both => "GitHub leads, Plane follows; assignees go both ways",
            },
            icon,
            tone,
            word,
            seen: health.last_seen.map(|at| (when(at, now), exact(at))),
            dead: health.dead,
            waiting: health.waiting,
            links: links(health),
            drift: health.ledger.as_ref().and_then(|ledger| drift(ledger, now)),
            trouble: trouble(health),
            failed_link: filter("/deliveries", Some("failed")),
            deliveries_link: filter("/deliveries", None),
            replay_link: filter("/deliveries/replay", Some("failed")),
            added: when(repository.created_at, now),
            backfill: None,
            name: name.to_string(),
        }
    }
}

/// Older than this nobody moves it.
const MOVES: TimeDelta = TimeDelta::minutes(2);

/// How far a backfill is, and what to do where it stands still.
pub(super) fn backfill(
    row: &BackfillRow,
    counts: BackfillCounts,
    name: &RepositoryName,
    now: Timestamp,
) -> String {
    let count = |n: u64| spans::grouped(i64::try_from(n).unwrap_or(i64::MAX));
    let of = row.total.filter(|total| row.walked_at.is_none() && *total >= counts.issues);
    let of = of.map_or_else(String::new, |total| format!(" of {}", count(total)));
    let issues = count(counts.issues);
    let comments = if counts.comments == 1 { "comment" } else { "comments" };
    let mut said =
        format!("{issues}{of} issues and pull requests, {} {comments}", count(counts.comments));
    let parts =
        [(counts.waiting, "wait"), (counts.failed, "failed"), (counts.left_out, "left out")];
    for (number, word) in parts {
        if number > 0 {
            said += &format!(", {} {word}", count(number));
        }
    }
    let on = match (row.walked_at, &row.problem) {
        (Some(at), _) if counts.failed == 0 => {
            return format!("{said}; all fetched {}", when(at, now));
        }
        (Some(_), _) => "tries them again".to_owned(),
        (None, Some(problem)) => format!("goes on when this is mended: {}", cut(problem, 300)),
        (None, None) if counts.waiting > 0 || now - row.moved_at < MOVES => return said,
        (None, None) => "goes on".to_owned(),
    };
    format!("{said}; jetbridge backfill {name} {on}")
}

/// Where a repository's page is.
pub(super) fn address(name: &RepositoryName) -> String {
    format!("/repositories/{}", name.path())
}

fn origin(origin: Origin, in_file: bool) -> &'static str {
    match origin {
        _ if in_file => "stands in the configuration file",
        Origin::Config => {
            "has left the configuration file: its webhooks count no more; save it here to keep it, or remove it"
        }
        Origin::Manual => "added by hand",
        Origin::Registered => "registered by its first webhook",
    }
}

/// The worst first.
fn verdict(health: &RepositoryHealth) -> (&'static str, &'static str, String) {
    let of = |status: LinkStatus| health.links.get(status.as_str()).copied().unwrap_or(0);
    let (broken, conflicts) = (of(LinkStatus::Broken), of(LinkStatus::Conflict));
    if health.dead > 0 {
        return ("dead", "is-bad", format!("{} failed", spans::grouped(health.dead)));
    }
    if broken > 0 {
        return ("failed", "is-bad", format!("{} broken", spans::grouped(broken)));
    }
    if conflicts > 0 {
        let word = if conflicts == 1 { "conflict" } else { "conflicts" };
        return ("conflict", "is-clash", format!("{} {word}", spans::grouped(conflicts)));
    }
    if health.last_link_error.is_some() {
        return ("attempt", "is-warn", "behind".to_owned());
    }
    match health.last_seen {
        None => ("clock", "is-wait", "waiting for its first webhook".to_owned()),
        Some(_) => ("ok", "is-good", "in order".to_owned()),
    }
}

fn links(health: &RepositoryHealth) -> Vec<(&'static str, &'static str, &'static str, String)> {
    [
        (LinkStatus::Ok, "ok", "is-good", "in step"),
        (LinkStatus::Pending, "clock", "is-wait", "not made yet"),
        (LinkStatus::Conflict, "conflict", "is-clash", "in conflict"),
        (LinkStatus::Broken, "failed", "is-bad", "broken"),
    ]
    .into_iter()
    .filter_map(|(status, icon, tone, word)| {
        let count = *health.links.get(status.as_str())?;
        Some((icon, tone, word, spans::grouped(count)))
    })
    .collect()
}

/// `in sync 99.98 %, proven at 14:02:11`.
fn drift(ledger: &Ledger, now: Timestamp) -> Option<String> {
    let proven = when(ledger.proven_at?, now);
    let mut text = format!("in sync {}, proven at {proven}", ledger.share().per_cent());
    if ledger.differing > 0 {
        let count = spans::grouped(i64::try_from(ledger.differing).unwrap_or(i64::MAX));
        text += &format!("; {count} differ");
    }
    Some(text)
}

fn trouble(health: &RepositoryHealth) -> Option<Trouble> {
    if let Some((delivery, what)) = &health.last_failure {
        let id = askama::filters::urlencode_strict(delivery.as_str()).map(|id| id.to_string());
        return Some(Trouble {
            what: cut(what, 500),
            remedy: "Mend what it says, then replay what failed.",
            link: id.ok().map(|id| format!("/deliveries/github/{id}")),
        });
    }
    Some(Trouble {
        what: cut(health.last_link_error.as_ref()?, 500),
        remedy: "It is tried again with the issue’s next change; jetbridge sync OWNER/NAME#NUMBER does it now.",
        link: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backfill_says_how_far_it_is_and_what_makes_it_go_on() {
        let at = |minute: i64| {
            "2026-11-22T01:00:00Z".parse::<Timestamp>().unwrap() + TimeDelta::minutes(minute)
        };
        let mut row = BackfillRow {
            repository: crate::ids::RepositorySyncId(1),
            started_at: at(0),
            moved_at: at(0),
            since: None,
            page: 1,
            total: Some(10),
            walked_at: None,
            problem: None,
        };
        let mut counts =
            BackfillCounts { issues: 4, comments: 2, waiting: 1, ..BackfillCounts::default() };
        let name = "octo/app".parse().unwrap();
        let said = |row: &BackfillRow, counts, minute| backfill(row, counts, &name, at(minute));
        let far = "4 of 10 issues and pull requests, 2 comments, 1 wait";
        assert_eq!(said(&row, counts, 1), far);
        counts.waiting = 0;
        let far = "4 of 10 issues and pull requests, 2 comments";
        assert_eq!(said(&row, counts, 9), format!("{far}; jetbridge backfill octo/app goes on"));
        row.problem = Some("no token".to_owned());
        let mended = "jetbridge backfill octo/app goes on when this is mended: no token";
        assert_eq!(said(&row, counts, 9), format!("{far}; {mended}"));
        (row.problem, row.walked_at) = (None, Some(at(2)));
        assert!(
            said(&row, counts, 9)
                .starts_with("4 issues and pull requests, 2 comments; all fetched ")
        );
        counts.failed = 3;
        assert!(
            said(&row, counts, 9)
                .ends_with("3 failed; jetbridge backfill octo/app tries them again")
        );
    }

    #[test]
    fn the_worst_is_what_is_said() {
        let mut health = RepositoryHealth::default();
        assert_eq!(verdict(&health).2, "waiting for its first webhook");
        health.last_seen = Some("2026-11-22T01:00:00Z".parse().unwrap());
        assert_eq!(verdict(&health).2, "in order");
        health.last_link_error = Some("no".to_owned());
        assert_eq!(verdict(&health).2, "behind");
        health.links.insert("conflict", 1);
        assert_eq!(verdict(&health).2, "1 conflict");
        health.links.insert("broken", 2);
        assert_eq!(verdict(&health).2, "2 broken");
        health.dead = 1200;
        assert_eq!(verdict(&health).2, "1\u{202f}200 failed");
    }
}
