//! What may be typed, as clap reads it. The texts here are the help.

mod apply;
mod backfill;
mod comparing;
mod demo;
mod keeping;
mod recover;
mod replay;
mod repositories;
mod rules;
mod send;
mod tokens;

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::app::Role;
use crate::clock::{Timestamp, to_micros};
use crate::config::{HumanDuration, Overrides};
use crate::sources::{Origin, Source};
use crate::store::deliveries::DeliveryStatus;
use crate::work_items::{StateGroup, System};
pub(super) use apply::ApplyArguments;
pub(super) use backfill::BackfillArguments;
pub(super) use comparing::ReconcileArguments;
pub(super) use demo::DemoArguments;
pub(super) use keeping::{
    BackupArguments, Doing, InTheWay, RebuildArguments, RestoreArguments, RetentionArguments,
};
pub(super) use recover::RecoverArguments;
pub(super) use replay::ReplayArguments;
pub(super) use repositories::{
    IssueName, RepoAddArguments, RepoArguments, RepoCommand, SyncArguments,
};
pub(super) use rules::{RulesCommand, RulesTestArguments};
pub(super) use send::{
    GithubEvent, PlaneEvent, SampleState, SendCommand, SendGithubArguments, SendPlaneArguments,
};
pub(super) use tokens::{TokenCommand, TokenCreateArguments, TokenRevokeArguments};

const EVERYWHERE: &str = "Options of every command";

/// Receives webhooks, loses none, and shows the work items on a live board.
#[derive(Debug, Parser)]
#[command(name = "jetbridge", version, arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(flatten)]
    places: Places,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Args)]
struct Places {
    /// Configuration file; must be there [default: jetbridge.toml, where there is one]
    #[arg(long, value_name = "FILE", global = true, help_heading = EVERYWHERE)]
    config: Option<PathBuf>,
    /// Where the embedded database and the admin token live
    #[arg(long, value_name = "FOLDER", global = true, help_heading = EVERYWHERE)]
    data_dir: Option<String>,
    #[arg(long, value_name = "URL", global = true, help_heading = EVERYWHERE)]
    #[arg(
        help = "sqlite://PATH or postgres://…; a password belongs into JETBRIDGE_DATABASE_URL instead"
    )]
    database_url: Option<String>,
}

impl Cli {
    /// What the flags override.
    pub(super) fn overrides(&self) -> Overrides {
        let mut overrides = Overrides {
            config_file: self.places.config.clone(),
            data_dir: self.places.data_dir.clone(),
            database_url: self.places.database_url.clone(),
            ..Overrides::default()
        };
        if let Command::Serve(serve) = &self.command {
            overrides.listen.clone_from(&serve.listen);
            overrides.public_url.clone_from(&serve.public_url);
            overrides.workers.clone_from(&serve.workers);
        }
        if let Command::Demo(demo) = &self.command {
            overrides.listen.clone_from(&demo.listen);
        }
        overrides
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Receive webhooks, work them off, show the pages
    Serve(ServeArguments),
    /// Try it out: the same with a simulated GitHub and Plane inside, and people acting there
    Demo(DemoArguments),
    /// Bring the database's tables up to date (serve does it too)
    Migrate,
    /// Look at received webhooks; work one off again
    #[command(subcommand)]
    Deliveries(DeliveriesCommand),
    /// Look at work items and what happened to them
    #[command(subcommand)]
    WorkItems(WorkItemsCommand),
    /// Say which repositories are configured
    #[command(subcommand)]
    Repo(RepoCommand),
    /// Put repositories in place as a file says, and show the difference
    Apply(ApplyArguments),
    /// Make, list and revoke API tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Bring one issue and its comments in step with Plane now
    Sync(SyncArguments),
    /// Fetch issues, pull requests and comments from before the connection
    Backfill(BackfillArguments),
    /// Have GitHub send again what never arrived (serve does it too)
    Recover(RecoverArguments),
    /// Compare both sides with what is known here, and mend what differs
    Reconcile(ReconcileArguments),
    /// Try a repository's filter and rules on what it has sent
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Derive the board anew from the inbox; compare it, or put it in place
    Rebuild(RebuildArguments),
    /// Let go now of what is older than retention.* says (serve does it too)
    Retention(RetentionArguments),
    /// Copy the embedded database into a file, while it is in use
    Backup(BackupArguments),
    /// Put such a file in the place of the embedded database
    Restore(RestoreArguments),
    /// Sign a sample webhook and post it
    #[command(subcommand)]
    Send(SendCommand),
    /// Check configuration, secrets, database and Plane; print what to do about each finding
    Doctor(Listing),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    /// Which half to run; many of each may share one database server
    #[arg(long, value_enum, default_value_t = RoleName::All)]
    pub(super) role: RoleName,
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// How the outside reaches us
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// How many deliveries are worked off at a time
    #[arg(long, value_name = "NUMBER")]
    workers: Option<String>,
}

/// [`Role`] as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum RoleName {
    /// Both halves
    All,
    /// Webhooks and pages
    Receiver,
    /// The queue
    Worker,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::All => Self::All,
            RoleName::Receiver => Self::Receiver,
            RoleName::Worker => Self::Worker,
        }
    }
}

/// How a listing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Listing {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Listing {
    pub(super) fn format(self) -> Format {
        if self.json { Format::Json } else { Format::Table }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum DeliveriesCommand {
    /// List deliveries, newest first
    List(DeliveriesListArguments),
    /// Show one delivery, its attempts and its body
    Show(DeliveryShowArguments),
    /// Work one delivery, or all that match, off again
    Replay(Box<ReplayArguments>),
}

#[derive(Debug, Args)]
pub(super) struct DeliveriesListArguments {
    /// Only from this sender (plane, github)
    #[arg(long)]
    pub(super) source: Option<Source>,
    /// Only with this status
    #[arg(long, value_enum)]
    pub(super) status: Option<StatusName>,
    /// Only this event, such as issue.updated or issues
    #[arg(long)]
    pub(super) event: Option<String>,
    /// Only what was sent (webhook) or found by asking (reconcile, backfill)
    #[arg(long)]
    pub(super) origin: Option<Origin>,
    /// Only of this repository
    #[arg(long, value_name = "OWNER/NAME")]
    pub(super) repository: Option<String>,
    /// Only received since: 2026-11-22, 2026-11-22T10:00:00Z, or 2h (ago)
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<When>,
    /// Only received until: as for --since
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<When>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    pub(super) limit: i64,
    #[command(flatten)]
    pub(super) listing: Listing,
}

/// [`DeliveryStatus`] as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum StatusName {
    /// Not yet worked off
    Received,
    /// Worked off
    Processed,
    /// Given up; can be replayed
    Failed,
}

impl From<StatusName> for DeliveryStatus {
    fn from(name: StatusName) -> Self {
        match name {
            StatusName::Received => Self::Received,
            StatusName::Processed => Self::Processed,
            StatusName::Failed => Self::Failed,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct WhichDelivery {
    /// The sender (plane, github)
    pub(super) source: Source,
    /// The delivery's id, as deliveries list shows it
    pub(super) id: String,
}

#[derive(Debug, Args)]
pub(super) struct DeliveryShowArguments {
    #[command(flatten)]
    pub(super) which: WhichDelivery,
    /// Print nothing but the body's exact bytes
    #[arg(long, conflicts_with = "json")]
    pub(super) raw: bool,
    #[command(flatten)]
    pub(super) listing: Listing,
}

#[derive(Debug, Subcommand)]
pub(super) enum WorkItemsCommand {
    /// List work items, the last changed first
    List(WorkItemsListArguments),
    /// Show one work item and everything that happened to it
    Show(WorkItemShowArguments),
}

#[derive(Debug, Args)]
pub(super) struct WorkItemsListArguments {
    /// Only of this system (plane, github)
    #[arg(long)]
    pub(super) system: Option<System>,
    /// Only of this project, by its id or owner/name
    #[arg(long)]
    pub(super) project: Option<String>,
    /// Only with this status; deleted ones are listed by --status deleted
    #[arg(long)]
    pub(super) status: Option<String>,
    /// Only of this group (backlog, unstarted, started, completed, cancelled)
    #[arg(long)]
    pub(super) state_group: Option<StateGroup>,
    /// Only of this assignee
    #[arg(long)]
    pub(super) assignee: Option<String>,
    /// Only with this label
    #[arg(long)]
    pub(super) label: Option<String>,
    /// Only with this text in title or key
    #[arg(long, short, value_name = "TEXT")]
    pub(super) q: Option<String>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    pub(super) limit: i64,
    #[command(flatten)]
    pub(super) listing: Listing,
}

#[derive(Debug, Args)]
pub(super) struct WorkItemShowArguments {
    /// plane:ID, github:ID, or a key such as SYNC-12 or owner/name#12
    #[arg(value_name = "REF")]
    pub(super) item: String,
    /// At most this many lines of history
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    pub(super) limit: i64,
    #[command(flatten)]
    pub(super) listing: Listing,
}

/// A moment, or how long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// That moment.
    At(Timestamp),
    /// That long before now.
    Ago(std::time::Duration),
}

impl When {
    /// The moment, seen from `now`.
    pub(super) fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(span) => chrono::TimeDelta::from_std(span)
                .ok()
                .and_then(|span| now.checked_sub_signed(span))
                .unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }
}

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(HumanDuration(span)) = text.parse() {
            return Ok(Self::Ago(span));
        }
        if let Ok(day) = text.parse::<chrono::NaiveDate>() {
            return Ok(Self::At(day.and_time(chrono::NaiveTime::MIN).and_utc()));
        }
        chrono::DateTime::parse_from_rfc3339(text)
            .map(|time| Self::At(to_micros(time.to_utc())))
            .map_err(|_| "expected 2026-11-22, 2026-11-22T10:00:00Z, or a time ago such as 2h")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_time_is_a_day_a_moment_or_a_while_ago() {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let cases = [
            ("2026-11-22", "2026-11-22T00:00:00Z"),
            ("2026-11-22T10:30:00+02:00", "2026-11-22T08:30:00Z"),
            ("2h", "2026-11-22T10:00:00Z"),
            ("7d", "2026-11-15T12:00:00Z"),
        ];
        for (text, expected) in cases {
            let expected: Timestamp = expected.parse().unwrap();
            assert_eq!(text.parse::<When>().unwrap().before(now), expected, "{text}");
        }
        assert!("yesterday".parse::<When>().is_err());
    }
}
