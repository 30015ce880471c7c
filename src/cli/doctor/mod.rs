//! `jetbridge doctor`: checks what a running service depends on, and says what to do.
//!
//! It changes nothing: an empty installation stays empty, and an older database is told rather
//! than brought up to date. What is asked of others is cheap: a few questions for each repository.

mod alarms;
mod clocks;
mod github;
mod github_app;
mod hooks;
mod plane;
mod reach;

use std::fs::OpenOptions;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::arguments::Format;
use super::table::printable;
use super::{Context, Failed, missing_file, output};
use crate::clock::{Clock, Timestamp};
use crate::config::GithubHost;
use crate::config::admin_token::admin_token_file;
use crate::config::{
    Config, Direction, RepositoryName, RepositorySettings, Settings, WorkspaceSlug,
};
use crate::rules::named_projects;
use crate::store::flow::Seen;
use crate::store::repositories::{Origin, Repository};
use crate::store::{Store, StoreError, StoreResult};
use crate::sync::mapping::Mapping;
use crate::sync::milestones::BundleKind;

const LIMIT: Duration = Duration::from_secs(5);

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// As it should be.
    Ok,
    /// Works, but probably not as meant.
    Warning,
    /// Has to be put right: the exit status is 1.
    Problem,
}

#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    message: String,
    fix: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, message: message.into(), fix: None }
    }

    fn warning(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        let (message, fix) = (message.into(), Some(fix.into()));
        Self { check, verdict: Verdict::Warning, message, fix }
    }

    fn problem(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        let (message, fix) = (message.into(), Some(fix.into()));
        Self { check, verdict: Verdict::Problem, message, fix }
    }

    /// From an error line of the form “what is wrong: what to do”, or with a semicolon.
    /// The same about another server than that of `github.api_url`.
    fn about(self, host: &GithubHost) -> Self {
        if host.is_default() {
            return self;
        }
        let check = if self.check == "github.token" { "github.hosts" } else { self.check };
        let message = format!("{host}: {}", host.in_words(&self.message));
        Self { check, message, fix: self.fix.map(|fix| host.in_words(&fix)), ..self }
    }

    fn of_error(check: &'static str, error: &impl ToString) -> Self {
        let line = error.to_string();
        match line.rsplit_once("; ").or_else(|| line.rsplit_once(": ")) {
            Some((message, fix)) => Self::problem(check, message, fix),
            None => Self::problem(check, line, "put it right, then run jetbridge doctor again"),
        }
    }
}

/// Runs all checks and prints them.
pub(super) async fn run(format: Format, context: &Context) -> Result<(), Failed> {
    let findings = examine(context).await;
    match format {
        Format::Json => {
            #[derive(Serialize)]
            struct Findings<'a> {
                items: &'a [Finding],
            }
            output::print_json(&Findings { items: &findings })?;
        }
        Format::Table => output::print(&page(&findings))?,
    }
    let any = findings.iter().any(|finding| finding.verdict == Verdict::Problem);
    if any { Err(Failed::Findings) } else { Ok(()) }
}

fn page(findings: &[Finding]) -> String {
    let lines = findings.iter().map(|finding| {
        let verdict = match finding.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Problem => "PROBLEM",
        };
        let head = format!("{verdict:7}  {}: {}\n", finding.check, printable(&finding.message));
        let fix = finding.fix.as_ref().map(|fix| format!("         fix: {}\n", printable(fix)));
        head + &fix.unwrap_or_default()
    });
    lines.collect()
}

/// What the checks of both sides look at.
struct Installation<'a> {
    settings: &'a Settings,
    /// Without secrets that could not be fetched.
    config: &'a Config,
    repositories: Vec<Watched>,
    /// When something last came, by source and repository; `None` without a database.
    seen: Option<Vec<Seen>>,
    clock: &'a Clock,
}

impl Installation<'_> {
    /// When something last came from a source, or from a repository.
    fn last_seen(&self, source: &str, place: &str) -> Option<Timestamp> {
        let seen = self.seen.iter().flatten();
        let mut of = seen.filter(|s| s.source == source && s.place.eq_ignore_ascii_case(place));
        of.next().map(|seen| seen.at)
    }
}

async fn examine(context: &Context) -> Vec<Finding> {
    let settings = match Settings::read(&context.overrides, &context.environment) {
        Ok(settings) => settings,
        Err(error) => return vec![Finding::of_error("configuration", &error)],
    };
    let mut findings = vec![configuration(&settings)];
    let warnings = settings.warnings().iter();
    findings.extend(
        warnings.map(|w| {
            Finding::warning("configuration", w.clone(), "check its spelling, or unset it")
        }),
    );
    let config = match settings.resolve(&context.environment).await {
        Ok(config) => config,
        Err(error) => {
            findings.push(Finding::of_error("secrets", &error));
            settings.without_secrets().clone()
        }
    };
    findings.push(public_url(&config.public_url));
    findings.push(data_dir(&config.data_dir));
    findings.push(admin_token(&settings, &config.data_dir));
    let (database, stored) = database(&config).await;
    findings.push(database);
    let (stored, seen) = stored.map_or((Vec::new(), None), |(rows, seen)| (rows, Some(seen)));
    let installation = Installation {
        settings: &settings,
        config: &config,
        repositories: watched(&config, stored),
        seen,
        clock: &context.clock,
    };
    let any = if installation.repositories.is_empty() {
        reach::Repositories::None
    } else {
        reach::Repositories::Some
    };
    findings.extend(reach::examine(&config, any).await);
    findings.extend(alarms::examine(&config).await);
    findings.extend(plane::examine(&installation).await);
    findings.extend(github::examine(&installation).await);
    findings.extend(github_app::examine(&installation).await);
    findings
}

fn configuration(settings: &Settings) -> Finding {
    let read = settings.file().map_or_else(
        || "no file, defaults and environment".to_owned(),
        |file| format!("read from {}", file.display()),
    );
    Finding::ok("configuration", read)
}

/// Whether a secret is configured, whether or not it could be fetched.
fn is_set(settings: &Settings, key: &str) -> bool {
    settings.secrets().iter().any(|(k, setting)| k == key && !setting.is_empty())
}

/// A repository whose webhooks are taken.
struct Watched {
    name: RepositoryName,
    /// Its own project and those that its rules name.
    projects: Vec<Uuid>,
    /// Their workspace; `None` for `plane.workspace`.
    workspace: Option<WorkspaceSlug>,
    direction: Direction,
    mapping: Mapping,
    milestones: Option<BundleKind>,
}

impl Watched {
    fn new(
        name: RepositoryName,
        (project, workspace): (Option<Uuid>, Option<WorkspaceSlug>),
        direction: Direction,
        settings: &RepositorySettings,
    ) -> Self {
        let mut projects = Vec::from_iter(project);
        for named in named_projects(&settings.rules) {
            if !projects.contains(&named) {
                projects.push(named);
            }
        }
        let (mapping, milestones) = (Mapping::from(settings), settings.milestones);
        Self { name, projects, workspace, direction, mapping, milestones }
    }
}

/// Those of the configuration file, and those that people added.
fn watched(config: &Config, stored: Vec<Row>) -> Vec<Watched> {
    let configured = config.repositories.iter().map(|configured| {
        let place = (configured.plane_project, configured.plane_workspace.clone());
        let settings = configured.settings();
        Watched::new(configured.name.clone(), place, configured.direction, &settings)
    });
    let mut all: Vec<Watched> = configured.collect();
    for (row, settings) in stored {
        if row.origin == Origin::Manual && !all.iter().any(|known| known.name == row.name) {
            let place = (row.plane_project, row.plane_workspace);
            all.push(Watched::new(row.name, place, row.direction, &settings));
        }
    }
    all
}

fn public_url(url: &str) -> Finding {
    if is_loopback(url) {
        return Finding::warning(
            "public_url",
            format!("{url} can be reached from this machine only"),
            "set public_url to the address at which Plane reaches this service, such as https://hooks.example.com",
        );
    }
    if url.starts_with("http://") {
        return Finding::warning(
            "public_url",
            format!("{url} is not encrypted, and the admin token goes over it"),
            "put a proxy with HTTPS in front and set public_url to its https:// address",
        );
    }
    Finding::ok("public_url", url)
}

fn is_loopback(url: &str) -> bool {
    let host = reach::host_of(url);
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn data_dir(data_dir: &Path) -> Finding {
    const CHECK: &str = "data_dir";
    // What is not there yet is made at the first start, in the first folder above that is.
    let there = data_dir.ancestors().find(|folder| folder.exists());
    let there = there.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let probe = there.join(format!(".jetbridge-doctor-{}", uuid::Uuid::new_v4().simple()));
    let written = OpenOptions::new().write(true).create_new(true).open(&probe);
    let _ = std::fs::remove_file(&probe);
    match written {
        Ok(_) if there == data_dir => {
            Finding::ok(CHECK, format!("{} is writable", there.display()))
        }
        Ok(_) => Finding::ok(CHECK, format!("{} is made at the first start", data_dir.display())),
        Err(error) => Finding::problem(
            CHECK,
            format!("{} is not writable ({error})", there.display()),
            "give jetbridge's user the right to write there, or set data_dir to another folder",
        ),
    }
}

fn admin_token(settings: &Settings, data_dir: &Path) -> Finding {
    const CHECK: &str = "admin_token";
    if is_set(settings, CHECK) {
        return Finding::ok(CHECK, "is set");
    }
    let path = admin_token_file(data_dir);
    let Ok(about) = std::fs::metadata(&path) else {
        return Finding::ok(CHECK, format!("{} is made at the first start", path.display()));
    };
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Finding::problem(
            CHECK,
            format!("{} can be read by others (mode {mode:04o})", path.display()),
            format!("chmod 600 {}", path.display()),
        );
    }
    Finding::ok(CHECK, format!("{} is private", path.display()))
}

/// What the database tells doctor.
type Stored = (Vec<Row>, Vec<Seen>);
/// A repository with how it is kept in step.
type Row = (Repository, RepositorySettings);

async fn rows(store: &Store) -> StoreResult<Vec<Row>> {
    let mut settings = store.repository_settings().await?;
    let with = |repository: Repository| {
        let at = settings.iter().position(|(name, _)| *name == repository.name);
        let settings = at.map(|at| settings.swap_remove(at).1).unwrap_or_default();
        (repository, settings)
    };
    Ok(store.repositories().await?.into_iter().map(with).collect())
}

/// Also gives what it holds.
async fn database(config: &Config) -> (Finding, Option<Stored>) {
    const CHECK: &str = "database_url";
    let url = &config.database_url;
    if let Some(path) = missing_file(url) {
        let made = format!("{} is made at the first start", path.display());
        return (Finding::ok(CHECK, made), None);
    }
    let checked = async {
        let store = Store::open_as_is(url).await?;
        let stored = async { Ok((rows(&store).await?, store.last_seen().await?)) }.await;
        store.close().await;
        stored
    };
    match checked.await {
        Ok(stored) => {
            let fine = format!("{url} answers, its tables are up to date");
            (Finding::ok(CHECK, fine), Some(stored))
        }
        Err(error @ (StoreError::NewerSchema { .. } | StoreError::OlderSchema { .. })) => {
            (Finding::of_error(CHECK, &error), None)
        }
        Err(error) => {
            let finding = Finding::problem(
                CHECK,
                format!("{url}: {error}"),
                "start the database, or set database_url to where it is and to a user who may make tables",
            );
            (finding, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_nobody_else_reaches_is_told() {
        for url in [
            "http://127.0.0.1:8080",
            "http://localhost",
            "http://[::1]:80/x",
            "https://a.localhost",
        ] {
            assert_eq!(public_url(url).verdict, Verdict::Warning, "{url}");
        }
        assert_eq!(public_url("http://hooks.example.com").verdict, Verdict::Warning);
        assert_eq!(public_url("https://hooks.example.com/x").verdict, Verdict::Ok);
    }

    #[test]
    fn an_error_becomes_what_is_wrong_and_what_to_do() {
        let finding = Finding::of_error("secrets", &"a.b: c is missing: set c");
        assert_eq!(finding.message, "a.b: c is missing");
        assert_eq!(finding.fix.as_deref(), Some("set c"));
    }
}
