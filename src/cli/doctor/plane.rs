//! Plane's side: the secret of its webhooks, the key, and each project that issues go to.

use super::{Finding, Installation, LIMIT, Watched, clocks, is_set};
use crate::clients::plane::{PlaneClient, ProjectRole, Refusal, User};
use crate::config::Direction;
use crate::jobs::sync_issue::Projects;
use crate::sources::plane::ENDPOINT;
use crate::sync::mapping::Resolved;

const KEY: &str = "plane.api_key";
const URL: &str = "plane.api_url";
const PROJECT: &str = "plane_project";

pub(super) async fn examine(at: &Installation<'_>) -> Vec<Finding> {
    let mut findings = vec![webhook_secret(at)];
    findings.extend(arrivals(at));
    let client = match client(at) {
        Ok(client) => client,
        Err(finding) => {
            findings.push(finding);
            None
        }
    };
    if let Some(client) = &client {
        let (whose, clock) = whose_key(at, client).await;
        let usable = whose.fix.is_none();
        findings.push(whose);
        findings.extend(clock);
        if !usable {
            return findings;
        }
    }
    findings.extend(projects(at, client.as_ref()).await);
    findings
}

fn webhook_secret(at: &Installation<'_>) -> Finding {
    if is_set(at.settings, "plane.webhook_secret") {
        return Finding::ok("plane.webhook_secret", "is set");
    }
    Finding::problem(
        "plane.webhook_secret",
        "is not set, so Plane's webhooks are answered with 503",
        "copy the secret that Plane shows when a webhook is made into JETBRIDGE_PLANE_WEBHOOK_SECRET or plane.webhook_secret",
    )
}

/// The client, or why there is none.
fn client(at: &Installation<'_>) -> Result<Option<PlaneClient>, Finding> {
    let plane = &at.config.plane;
    let key_is_set = is_set(at.settings, KEY);
    match (&plane.api_url, plane.api_key.is_empty()) {
        (Some(url), false) => {
            let workspace = plane.workspace.as_deref().unwrap_or_default();
            PlaneClient::new(url, workspace, &plane.api_key, LIMIT)
                .map(|client| client.map(|client| client.with_clock(at.clock.clone())))
                .map_err(|error| {
                    Finding::problem(URL, "is no address of an API", error.to_string())
                })
        }
        (Some(_), true) if !key_is_set => Err(Finding::warning(
            KEY,
            "is not set, so names that webhooks leave out stay unknown",
            "make a key in Plane under Profile settings, Personal access tokens, and set plane.api_key",
        )),
        (Some(_), true) => {
            Err(Finding::warning(URL, "was not asked: there is no key", "see secrets"))
        }
        (None, _) if key_is_set => Err(Finding::problem(
            URL,
            "is not set, though plane.api_key is",
            "set plane.api_url, such as https://api.plane.so",
        )),
        (None, _) => {
            Err(Finding::ok(URL, "is not set: names that webhooks leave out stay unknown"))
        }
    }
}

/// Plane's API does not tell how its webhooks are set up: what came of them does.
fn arrivals(at: &Installation<'_>) -> Option<Finding> {
    const CHECK: &str = "plane webhook";
    at.seen.as_ref()?;
    if !is_set(at.settings, "plane.webhook_secret") {
        return None;
    }
    let endpoint = format!("{}{ENDPOINT}", at.config.public_url);
    Some(match at.last_seen("plane", "") {
        Some(last) => Finding::ok(
            CHECK,
            format!("the last one came on {}", last.format("%-d %b %Y at %H:%M UTC")),
        ),
        None => Finding::warning(
            CHECK,
            "none has come yet",
            format!(
                "in Plane open Workspace settings, Webhooks, and add {endpoint} with work items, comments and projects; if it is there, look whether it is switched on"
            ),
        ),
    })
}

async fn whose_key(at: &Installation<'_>, client: &PlaneClient) -> (Finding, Option<Finding>) {
    let url = at.config.plane.api_url.as_deref().unwrap_or_default();
    let before = at.clock.now();
    let (me, theirs) = client
        .fetch_me_and_time()
        .await
        .map_or_else(|refusal| (Err(refusal), None), |(me, theirs)| (Ok(me), theirs));
    let clock = clocks::beside("Plane", theirs, before, at.clock.now());
    (key_of(at, url, me), clock)
}

fn key_of(at: &Installation<'_>, url: &str, me: Result<User, Refusal>) -> Finding {
    match me {
        Ok(me) if at.config.plane.workspace.is_none() => Finding::warning(
            "plane.workspace",
            format!("is not set, though {url} takes the key of {}", me.display_name),
            "set plane.workspace to the first part of the workspace's addresses",
        ),
        Ok(me) => Finding::ok(URL, format!("{url} takes the key of {}", me.display_name)),
        Err(refusal) => Finding::of_error(URL, &refusal.failure()),
    }
}

/// Each repository that is to be kept in step with a project.
async fn projects(at: &Installation<'_>, client: Option<&PlaneClient>) -> Vec<Finding> {
    let (mut findings, known) = (Vec::new(), Projects::new(at.clock.clone()));
    for repository in &at.repositories {
        match client {
            None if repository.projects.is_empty() => continue,
            None => findings.push(Finding::problem(
                PROJECT,
                format!("{} can't be kept in step: Plane can't be asked", repository.name),
                "set plane.api_url, plane.api_key and plane.workspace",
            )),
            Some(client) => {
                let client = match &repository.workspace {
                    Some(slug) => client.in_workspace(slug.as_str()),
                    None => client.clone(),
                };
                for project in &repository.projects {
                    let project = project.to_string();
                    findings.extend(one(&client, &known, repository, &project).await);
                }
            }
        }
        if repository.projects.is_empty() {
            continue;
        }
        if repository.direction == Direction::Both {
            findings.push(both_ways(at, repository));
        }
    }
    findings
}

/// What goes back to GitHub, and what does not yet.
fn both_ways(at: &Installation<'_>, repository: &Watched) -> Finding {
    const CHECK: &str = "direction";
    let name = &repository.name;
    let host = name.host();
    let (own, other) = (&at.config.github.token, at.config.github.host(&host));
    if other.map_or(own, |other| &other.token).is_empty() {
        let key = host.key("token");
        return Finding::warning(
            CHECK,
            format!(
                "{name}: both is taken as github-to-plane: without {key} nothing is written to GitHub"
            ),
            format!(
                "set {key} to one that may write issues, or direction = \"github-to-plane\" to have it said as it is"
            ),
        );
    }
    Finding::ok(
        CHECK,
        format!(
            "{name}: assignees go both ways; title, state, text, labels and comments go from GitHub to Plane alone"
        ),
    )
}

async fn one(
    client: &PlaneClient,
    known: &Projects,
    repository: &Watched,
    project: &str,
) -> Vec<Finding> {
    // Of several it has to be said which one.
    let mut name = repository.name.to_string();
    if repository.projects.len() > 1 {
        name += &format!(" in project {project}");
    }
    if let Some(slug) = &repository.workspace {
        name += &format!(" of workspace {slug}");
    }
    let refused = |failure| vec![Finding::of_error(PROJECT, &format!("{name}: {failure}"))];
    let role = match client.fetch_own_role(project).await {
        Ok(role) => role,
        Err(refusal) => return refused(refusal.failure()),
    };
    if role == ProjectRole::Guest {
        return vec![Finding::problem(
            PROJECT,
            format!("{name}: the key's user is a guest of project {project} and may not write"),
            "make it a member or an admin in Plane's project settings, Members",
        )];
    }
    let parts = match known.project(client, project).await {
        Ok(parts) => parts,
        Err(refusal) => return refused(refusal.failure()),
    };
    if let Some(kind) = repository.milestones {
        match client.fetch_bundle_switches(project).await {
            Ok(switches) if switches.has(kind) => {}
            Ok(_) => {
                let feature = kind.feature();
                return vec![Finding::problem(
                    PROJECT,
                    format!(
                        "{name}: milestones are to become {kind}s, but {feature} are switched off in project {project}"
                    ),
                    format!(
                        "switch {feature} on in Plane's project settings, Features, or leave milestones out"
                    ),
                )];
            }
            Err(refusal) => return refused(refusal.failure()),
        }
    }
    let problems = Resolved::new(&repository.mapping, &parts).problems();
    if problems.is_empty() {
        let (states, members) = (parts.states.len(), parts.members.len());
        return vec![Finding::ok(
            PROJECT,
            format!("{name} can be kept in step: {states} states and {members} people are known"),
        )];
    }
    let wrong = problems.iter().map(|problem| {
        let line = problem.to_string();
        let (message, fix) = line.split_once(": ").unwrap_or((&line, "correct it"));
        Finding::problem(PROJECT, format!("{name}: {message}"), fix)
    });
    wrong.collect()
}
