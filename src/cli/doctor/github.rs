//! GitHub's side: the secret of its webhooks, the token, each repository, and the MCP server.

use chrono::TimeDelta;

use super::hooks::{self, Arrivals};
use super::{Finding, Installation, LIMIT, Watched, clocks, is_set};
use crate::clients::github::write::{GitHubWriter, WriteAccess, permission};
use crate::clients::github::{Fidelity, GitHub};
use crate::clients::github_mcp::GitHubMcp;
use crate::clients::github_rest::{GitHubRest, RepositoryAccess};
use crate::clock::Timestamp;
use crate::config::{Direction, GithubHost, McpServer, UnknownRepositories, UnsignedWebhooks};

const SECRET: &str = "github.webhook_secret";
const TOKEN: &str = "github.token";
const MCP: &str = "github.mcp";
const REPOSITORIES: &str = "repositories";
/// Days before its end from which a token is told of.
const SOON_ENDING: i64 = 14;
/// What came since then shows that some webhook sends.
const ARRIVALS_HOLD: TimeDelta = TimeDelta::days(7);

pub(super) async fn examine(at: &Installation<'_>) -> Vec<Finding> {
    let mut findings = webhook_secret(at);
    let github = match GitHub::new(&at.config.github, at.clock, LIMIT) {
        Ok(github) => github,
        Err(error) => {
            findings.push(Finding::problem("github", "an address is none", error.to_string()));
            return findings;
        }
    };
    findings.extend(token(at));
    let Some(github) = github else { return findings };
    for rest in github.rests() {
        let found = over_rest(at, rest).await;
        findings.extend(found.into_iter().map(|finding| finding.about(rest.host())));
    }
    for other in &at.config.github.hosts {
        if other.token.is_empty() && at.repositories.iter().any(|r| r.name.host() == other.host) {
            let said = format!(
                "token of {} is not set: it is not asked, issues are what their webhooks told",
                other.host
            );
            findings.push(Finding::ok("github.hosts", said));
        }
    }
    if let Some(mcp) = github.mcp() {
        findings.push(server(mcp, github.rest_of(&GithubHost::default())).await);
    }
    github.shut_down().await;
    findings
}

fn webhook_secret(at: &Installation<'_>) -> Vec<Finding> {
    let github = &at.config.github;
    let own = |repository: &Watched| repository.name.host().is_default();
    let wanted = at.repositories.iter().any(own)
        || github.unknown_repositories == UnknownRepositories::Register;
    let mut findings = Vec::new();
    let accepts_any = github.unsigned == UnsignedWebhooks::Accept;
    if accepts_any {
        findings.push(Finding::warning(
            "github.allow_unsigned",
            "is true, so anybody can send webhooks in GitHub's name",
            "set github.webhook_secret and remove github.allow_unsigned",
        ));
    }
    findings.extend(match (is_set(at.settings, SECRET), wanted) {
        (true, true) => Some(Finding::ok(SECRET, "is set")),
        (true, false) => Some(Finding::warning(
            SECRET,
            "is set, but no repository is configured, so GitHub's webhooks are answered with 404",
            "jetbridge repo add OWNER/NAME",
        )),
        (false, _) if accepts_any => None,
        (false, true) => Some(Finding::problem(
            SECRET,
            "is not set, so GitHub's webhooks are answered with 503",
            "set JETBRIDGE_GITHUB_WEBHOOK_SECRET or github.webhook_secret to what is typed as the webhook's secret at GitHub",
        )),
        (false, false) => Some(Finding::ok(SECRET, "is not set: no repository is configured")),
    });
    findings
}

/// What is to be said of a token that can't be tried.
fn token(at: &Installation<'_>) -> Option<Finding> {
    if !at.config.github.token.is_empty() {
        return None;
    }
    let fix = "make a token at GitHub that may read issues, pull requests and metadata of the repositories, and set github.token";
    match (&at.config.github.mcp, is_set(at.settings, TOKEN)) {
        (_, true) => {
            Some(Finding::warning(TOKEN, "was not tried: it can't be read", "see secrets"))
        }
        (Some(McpServer::Command(_)), false) => Some(Finding::problem(
            TOKEN,
            "is not set, though github.mcp.command is, and the MCP server gets its token from here",
            fix,
        )),
        (Some(McpServer::Url(_)), false) => Some(Finding::warning(
            TOKEN,
            "is not set, so the server at github.mcp.url is asked without one",
            fix,
        )),
        (None, false) => Some(Finding::ok(
            TOKEN,
            "is not set: GitHub is not asked, issues are what their webhooks told",
        )),
    }
}

async fn over_rest(at: &Installation<'_>, rest: &GitHubRest) -> Vec<Finding> {
    let before = at.clock.now();
    let facts = match rest.fetch_token_facts().await {
        Ok(facts) => facts,
        Err(failure) => return vec![Finding::of_error(TOKEN, &failure)],
    };
    let (api_url, now) = (at.config.github.api_url_of(rest.host()), at.clock.now());
    let taken = format!("{api_url} takes the token of {}", facts.login);
    let mut findings = vec![Finding::ok(TOKEN, taken)];
    findings.extend(clocks::beside("GitHub", facts.said_at, before, now));
    findings.extend(facts.expires_at.and_then(|end| expiry(end, now)));
    findings.extend(facts.scopes.as_deref().and_then(scopes));
    for repository in at.repositories.iter().filter(|r| r.name.host() == *rest.host()) {
        let readable = readable(rest, repository).await;
        let is_there = readable.fix.is_none();
        findings.push(readable);
        if is_there && !repository.projects.is_empty() && repository.direction == Direction::Both {
            findings.push(writable(rest, repository).await);
        }
        if is_there {
            findings.extend(pulls_hidden(rest, repository).await);
            let arrivals = match at.last_seen("github", repository.name.as_str()) {
                Some(last) if now - last < ARRIVALS_HOLD => Arrivals::Recent,
                _ => Arrivals::None,
            };
            findings.extend(hooks::examine(at.config, rest, repository, arrivals).await);
        }
    }
    findings
}

/// A token that has long to go is no news.
fn expiry(end: Timestamp, now: Timestamp) -> Option<Finding> {
    let days = (end - now).num_days();
    if days >= SOON_ENDING {
        return None;
    }
    Some(Finding::warning(
        TOKEN,
        format!("ends on {} (in {days} days)", end.format("%-d %b %Y at %H:%M UTC")),
        "make another one at GitHub under Settings, Developer settings, and set github.token",
    ))
}

/// What a classic token says of itself.
fn scopes(scopes: &[String]) -> Option<Finding> {
    let has = |scope: &str| scopes.iter().any(|s| s == scope);
    if has("repo") || has("public_repo") {
        return None;
    }
    Some(Finding::warning(
        TOKEN,
        format!(
            "is a classic one with the scopes “{}”, which show public issues alone",
            scopes.join(", ")
        ),
        "give it the scope repo, or make a fine-grained one with Issues: read, Pull requests: read and Webhooks: read and write",
    ))
}

async fn readable(rest: &GitHubRest, repository: &Watched) -> Finding {
    let name = &repository.name;
    match rest.fetch_access(name).await {
        Ok(RepositoryAccess::Readable) => {
            Finding::ok(REPOSITORIES, format!("the token reads the issues of {name}"))
        }
        Ok(RepositoryAccess::NotShown) => Finding::problem(
            REPOSITORIES,
            format!("GitHub shows no repository {name} (404)"),
            "check its name, and give the token read access to its issues, pull requests and metadata",
        ),
        Ok(RepositoryAccess::IssuesOff) => Finding::warning(
            REPOSITORIES,
            format!("{name} has no issues: they are switched off at GitHub (410)"),
            "leave it so where it is used for pull requests alone, else switch them on in the repository's settings",
        ),
        Err(failure) => Finding::of_error(REPOSITORIES, &format!("{name}: {failure}")),
    }
}

/// What a token that does not see pull requests leaves out.
async fn pulls_hidden(rest: &GitHubRest, repository: &Watched) -> Option<Finding> {
    let name = &repository.name;
    match rest.may_read_pulls(name).await {
        Ok(true) => None,
        Ok(false) => Some(Finding::warning(
            REPOSITORIES,
            format!(
                "the token may not read the pull requests of {name}, so issues that were linked with one by hand are not known"
            ),
            "give the token the repository permission Pull requests: read (a classic token: repo)",
        )),
        Err(failure) => Some(Finding::of_error(REPOSITORIES, &format!("{name}: {failure}"))),
    }
}

/// Whether assignees can go back; nothing is written to find it out.
async fn writable(rest: &GitHubRest, repository: &Watched) -> Finding {
    const CHECK: &str = "direction";
    let name = &repository.name;
    match GitHubWriter::new(rest).access(name).await {
        Ok(WriteAccess::Granted) => {
            Finding::ok(CHECK, format!("the token may write to the issues of {name}"))
        }
        Ok(WriteAccess::NoPush) => Finding::problem(
            CHECK,
            format!(
                "the token's user may not push to {name}, so GitHub drops assignees without a word"
            ),
            format!(
                "give that user write access to {name}, or set direction = \"github-to-plane\""
            ),
        ),
        Ok(WriteAccess::Denied { needs }) => Finding::problem(
            CHECK,
            match needs {
                Some(needs) => {
                    format!("the token may not write to the issues of {name}, which takes {needs}")
                }
                None => format!("the token may not write to the issues of {name}"),
            },
            permission(name),
        ),
        Ok(WriteAccess::NotShown) => Finding::problem(
            CHECK,
            format!("GitHub shows the token no repository {name} (404)"),
            permission(name),
        ),
        Err(failure) => Finding::of_error(CHECK, &format!("{name}: {failure}")),
    }
}

async fn server(mcp: &GitHubMcp, rest: Option<&GitHubRest>) -> Finding {
    let missing = match mcp.missing_capabilities().await {
        Ok(missing) => missing,
        Err(failure) => return Finding::of_error(MCP, &failure),
    };
    match (missing.is_empty(), rest) {
        (true, _) => Finding::ok(MCP, format!("the server answers and {}", told_by(mcp).await)),
        (false, Some(_)) => Finding::warning(
            MCP,
            format!("the server has no tool for {}, so REST is asked", missing.join(", ")),
            "enable the toolsets issues and context there, or leave it as it is",
        ),
        (false, None) => Finding::problem(
            MCP,
            format!("the server has no tool for {}", missing.join(", ")),
            "enable the toolsets issues and context there, or set github.token so that REST is used",
        ),
    }
}

async fn told_by(mcp: &GitHubMcp) -> &'static str {
    match (mcp.issues_are().await, mcp.comments_are().await) {
        (Ok(Fidelity::Verbatim), Ok(Fidelity::Verbatim)) => "tells issues and comments as written",
        _ => "alters some texts, so REST or webhooks are taken for those",
    }
}
