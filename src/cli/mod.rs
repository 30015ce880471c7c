//! The command line: what may be typed, and how it ends.
//!
//! Exit status 0 is done, 1 a finding or a failed operation, 2 wrong usage or configuration. An
//! error is one line on standard error that says what to do. No secret is a flag: flags can be
//! read by anybody who can list processes.

mod apply;
mod arguments;
mod audit;
mod backfill;
mod backup;
mod completions;
mod deliveries;
mod demo;
mod doctor;
mod github_sample;
mod json_text;
mod output;
mod plane_sample;
mod progress;
mod rebuild;
mod reconcile;
mod recover;
mod replay;
mod repositories;
mod retention;
mod rules;
mod send;
mod serve;
mod sync;
mod table;
mod tokens;
mod work_items;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use crate::access::Outcome;
use crate::clock::Clock;
use crate::config::{ConfigError, Environment, Overrides, Settings};
use crate::store::{DatabaseUrl, Store, StoreError};
use arguments::{
    Cli, Command, DeliveriesCommand, RepoCommand, RulesCommand, SendCommand, TokenCommand,
    WorkItemsCommand,
};
use audit::Deed;

/// Does what the process's arguments say.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage_error(&error),
    };
    let context = Context {
        overrides: cli.overrides(),
        environment: Environment::of_process(),
        clock: Clock::System,
    };
    match dispatch(cli.command, &context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            if let Failed::Operation(line) | Failed::Usage(line) = &failed {
                output::complain(line);
            }
            failed.exit_code()
        }
    }
}

/// What every command works with.
struct Context {
    overrides: Overrides,
    environment: Environment,
    clock: Clock,
}

/// Why a command did not end well.
#[derive(Debug)]
enum Failed {
    /// Wrong usage or configuration: 2.
    Usage(String),
    /// What was asked could not be done: 1.
    Operation(String),
    /// It was done, and what it found is already said: 1.
    Findings,
}

impl Failed {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Operation(_) | Self::Findings => ExitCode::from(1),
        }
    }
}

impl From<ConfigError> for Failed {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unreachable(_) => {
                Self::Operation(format!("{error}: check database_url, or run jetbridge doctor"))
            }
            other => Self::Operation(other.to_string()),
        }
    }
}

fn dispatch(command: Command, context: &Context) -> Result<(), Failed> {
    match command {
        Command::Serve(arguments) => serve::run(&arguments, context),
        Command::Demo(arguments) => demo::run(&arguments, context),
        Command::Completions { shell } => completions::run(shell),
        Command::Migrate => block_on(migrate(context)),
        Command::Doctor(arguments) => block_on(doctor::run(arguments.format(), context)),
        Command::Deliveries(DeliveriesCommand::List(arguments)) => {
            block_on(deliveries::list(&arguments, context))
        }
        Command::Deliveries(DeliveriesCommand::Show(arguments)) => {
            block_on(deliveries::show(&arguments, context))
        }
        Command::Deliveries(DeliveriesCommand::Replay(arguments)) => {
            block_on(replay::run(&arguments, context))
        }
        Command::WorkItems(WorkItemsCommand::List(arguments)) => {
            block_on(work_items::list(&arguments, context))
        }
        Command::WorkItems(WorkItemsCommand::Show(arguments)) => {
            block_on(work_items::show(&arguments, context))
        }
        Command::Repo(RepoCommand::Add(arguments)) => {
            block_on(repositories::add(&arguments, context))
        }
        Command::Repo(RepoCommand::List(listing)) => {
            block_on(repositories::list(&listing, context))
        }
        Command::Repo(RepoCommand::Remove(arguments)) => {
            block_on(repositories::remove(&arguments, context))
        }
        Command::Token(TokenCommand::Create(arguments)) => {
            block_on(tokens::create(&arguments, context))
        }
        Command::Token(TokenCommand::List(listing)) => block_on(tokens::list(&listing, context)),
        Command::Token(TokenCommand::Revoke(arguments)) => {
            block_on(tokens::revoke(&arguments, context))
        }
        Command::Apply(arguments) => block_on(apply::run(&arguments, context)),
        Command::Backfill(arguments) => block_on(backfill::run(&arguments, context)),
        Command::Rules(RulesCommand::Test(arguments)) => block_on(rules::test(&arguments, context)),
        Command::Recover(arguments) => block_on(recover::run(&arguments, context)),
        Command::Reconcile(arguments) => block_on(reconcile::run(&arguments, context)),
        Command::Rebuild(arguments) => block_on(rebuild::run(&arguments, context)),
        Command::Retention(arguments) => block_on(retention::run(&arguments, context)),
        Command::Backup(arguments) => block_on(backup::backup(&arguments, context)),
        Command::Restore(arguments) => block_on(backup::restore(&arguments, context)),
        Command::Sync(arguments) => block_on(sync::run(&arguments, context)),
        Command::Send(SendCommand::Plane(arguments)) => block_on(send::plane(&arguments, context)),
        Command::Send(SendCommand::Github(arguments)) => {
            block_on(send::github(&arguments, context))
        }
    }
}

/// Runs a command that needs no threads of its own.
fn block_on(work: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| Failed::Operation(format!("can't start: {e}")))?.block_on(work)
}

impl Context {
    fn settings(&self) -> Result<Settings, Failed> {
        let settings = Settings::read(&self.overrides, &self.environment)?;
        for warning in settings.warnings() {
            output::complain(&format!("warning: {warning}"));
        }
        Ok(settings)
    }

    /// The configured database, which must be there: looking at deliveries makes none.
    async fn open_store(&self) -> Result<Store, Failed> {
        let settings = self.settings()?;
        let url = &settings.without_secrets().database_url;
        if let Some(path) = missing_file(url) {
            return Err(Failed::Operation(format!(
                "there is no database at {} yet: run jetbridge serve, or name another with --database-url",
                path.display()
            )));
        }
        Ok(Store::open(url).await?)
    }
}

fn missing_file(url: &DatabaseUrl) -> Option<&Path> {
    match url {
        DatabaseUrl::Sqlite(path) if !path.exists() => Some(path),
        DatabaseUrl::Sqlite(_) | DatabaseUrl::Postgres(_) => None,
    }
}

async fn migrate(context: &Context) -> Result<(), Failed> {
    let settings = context.settings()?;
    let url = &settings.without_secrets().database_url;
    let store = Store::open(url).await?;
    let deed = Deed { action: "migrate the database", command: "migrate", target: "" };
    audit::write_down(&store, context, &deed, Outcome::Done).await;
    store.close().await;
    output::print(&format!("{url} is up to date\n"))
}

/// clap's words in one line; help and version as they are.
fn usage_error(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match output::print(&text) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failed) => failed.exit_code(),
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            output::complain_in_full(&text);
            ExitCode::from(2)
        }
        _ => {
            let said = text.split("\n\nUsage:").next().unwrap_or_default();
            let said = said.split("\n\nFor more").next().unwrap_or_default();
            let words: Vec<&str> = said.split_whitespace().collect();
            let line = words.join(" ");
            let line = line.strip_prefix("error: ").unwrap_or(&line);
            output::complain(&format!("{line}; --help shows what may be written"));
            ExitCode::from(2)
        }
    }
}
