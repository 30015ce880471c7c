//! A repository's webhook at GitHub: whether it is there, switched on, sends what is needed in the
//! right form, and what was answered to it last.

use super::{Finding, Watched};
use crate::clients::github_permissions::{
    CertificateCheck, HookSecret, HookSettings, HookState, HooksSeen, Sent,
};
use crate::clients::github_rest::GitHubRest;
use crate::config::{Config, RepositoryName, UnsignedWebhooks};
use crate::failure::Failure;
use crate::recovery::HookOwner;
use crate::sources::github::ENDPOINT;
use crate::sync::milestones::BundleKind;

const CHECK: &str = "github webhook";
/// What a webhook has to send, in the words of its settings' page.
const EVENTS: [(&str, &str); 3] =
    [("issues", "Issues"), ("issue_comment", "Issue comments"), ("pull_request", "Pull requests")];
/// Everything else works without these; what does not.
const BESIDE: [(&str, &str, &str); 4] = [
    ("pull_request_review", "Pull request reviews", "nothing shows who approved what"),
    (
        "label",
        "Labels",
        "a label is made and renamed in Plane only with the next change of an issue that carries it, and another color does not come",
    ),
    (
        "sub_issues",
        "Sub-issues",
        "a work item goes under its parent's only where github.token is set, with the next change of its issue",
    ),
    (
        MILESTONES,
        "Milestones",
        "another name, text or due day of a milestone comes only with a change of one of its issues",
    ),
];
/// Needed only where milestones become something in Plane.
const MILESTONES: &str = "milestone";

/// What the webhooks of all repositories should send, with milestones where those become something:
/// event and name.
pub(super) fn events_of_all(
    milestones: bool,
) -> impl Iterator<Item = (&'static str, &'static str)> {
    let beside = BESIDE.into_iter().map(|(event, name, _)| (event, name));
    EVENTS.into_iter().chain(beside).filter(move |(event, _)| milestones || *event != MILESTONES)
}

/// Whether anything came from a repository of late, whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrivals {
    Recent,
    None,
}

pub(super) async fn examine(
    config: &Config,
    rest: &GitHubRest,
    watched: &Watched,
    arrivals: Arrivals,
) -> Vec<Finding> {
    let repository = &watched.name;
    let owner = HookOwner::Repository(repository.clone());
    let mut place = Place { config, repository, owner, milestones: watched.milestones };
    let failed = |failure: &Failure| Finding::of_error(CHECK, &format!("{repository}: {failure}"));
    let own = match ours(rest, &place).await {
        Ok(own) => own,
        Err(failure) => return vec![failed(&failure)],
    };
    let hook = match own {
        Ours::Found(hook) => hook,
        Ours::Absent | Ours::NotShown { .. } => {
            // An organization's hook is told of all its repositories.
            let there = match rest.fetch_facts(repository).await {
                Ok(facts) => facts.and_then(|facts| facts.organization),
                Err(failure) => return vec![failed(&failure)],
            };
            let above = match there {
                Some(login) => {
                    place.owner = HookOwner::Organization(login);
                    ours(rest, &place).await
                }
                None => Ok(Ours::Absent),
            };
            match (above, own) {
                (Ok(Ours::Found(hook)), _) => hook,
                (Err(failure), _) => return vec![failed(&failure)],
                (Ok(_), Ours::NotShown { needs }) => {
                    return vec![place.not_shown(needs.as_deref())];
                }
                (Ok(_), _) => {
                    place.owner = HookOwner::Repository(repository.clone());
                    return vec![place.absent(arrivals)];
                }
            }
        }
    };
    let mut findings = place.settings(&hook);
    match rest.fetch_last_sent(&place.owner, hook.id).await {
        Ok(sent) => findings.extend(place.answered(&hook, &sent)),
        Err(failure) => findings.push(failed(&failure)),
    }
    if findings.is_empty() {
        let message = format!("{repository} sends issues, comments and pull requests here");
        findings.push(Finding::ok(CHECK, message));
    }
    findings
}

/// What an owner's webhooks are to us.
enum Ours {
    /// This one posts here.
    Found(HookSettings),
    /// None of them does.
    Absent,
    /// The token may not look at them.
    NotShown { needs: Option<String> },
}

async fn ours(rest: &GitHubRest, place: &Place<'_>) -> Result<Ours, Failure> {
    let hooks = match rest.fetch_hook_settings(&place.owner).await? {
        HooksSeen::All(hooks) => hooks,
        HooksSeen::NotShown { needs } => return Ok(Ours::NotShown { needs }),
    };
    let wanted = place.endpoint();
    let same =
        |url: &str| url.trim_end_matches('/').eq_ignore_ascii_case(wanted.trim_end_matches('/'));
    Ok(hooks.into_iter().find(|hook| same(&hook.url)).map_or(Ours::Absent, Ours::Found))
}

/// Which webhook, for the words.
struct Place<'a> {
    config: &'a Config,
    repository: &'a RepositoryName,
    /// Whose it is.
    owner: HookOwner,
    milestones: Option<BundleKind>,
}

impl Place<'_> {
    fn endpoint(&self) -> String {
        format!("{}{ENDPOINT}", self.config.public_url)
    }

    /// Where its settings are.
    fn page(&self) -> String {
        let web = self.config.github.web_url_of(&self.repository.host());
        let (owner, name) = self.repository.owner_and_name();
        match &self.owner {
            HookOwner::Organization(_) => format!("{web}/organizations/{owner}/settings/hooks"),
            HookOwner::Repository(_) | HookOwner::App => {
                format!("{web}/{owner}/{name}/settings/hooks")
            }
        }
    }

    fn problem(&self, message: &str, fix: String) -> Finding {
        Finding::problem(CHECK, format!("{}: {message}", self.repository), fix)
    }

    fn warning(&self, message: &str, fix: String) -> Finding {
        Finding::warning(CHECK, format!("{}: {message}", self.repository), fix)
    }

    fn not_shown(&self, needs: Option<&str>) -> Finding {
        let needs = needs.map_or_else(String::new, |needs| format!(" ({needs})"));
        self.warning(
            "the token may not look at its webhooks, so they were not checked",
            format!("give the token the repository permission Webhooks: read and write{needs}, or a classic one the scope admin:repo_hook: reading is enough for this check, writing has lost webhooks sent again"),
        )
    }

    fn absent(&self, arrivals: Arrivals) -> Finding {
        let endpoint = self.endpoint();
        if arrivals == Arrivals::Recent {
            let message =
                format!("{}: its webhooks come from its organization or an App", self.repository);
            return Finding::ok(CHECK, message);
        }
        self.problem(
            &format!("no webhook of it posts to {endpoint}, and nothing has come from it within a week"),
            format!(
                "at {}/new set Payload URL {endpoint}, Content type application/json, Secret as in github.webhook_secret, and the events {}",
                self.page(),
                EVENTS.map(|(_, name)| name).into_iter().chain(self.beside().map(|b| b.1)).collect::<Vec<_>>().join(", ")
            ),
        )
    }

    /// What else the webhook has to send for this repository.
    fn beside(&self) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
        let milestones = self.milestones.is_some();
        BESIDE.into_iter().filter(move |(event, ..)| milestones || *event != MILESTONES)
    }

    fn settings(&self, hook: &HookSettings) -> Vec<Finding> {
        let page = format!("{}/{}", self.page(), hook.id);
        let mut findings = Vec::new();
        if hook.state == HookState::Off {
            findings.push(
                self.problem("its webhook is switched off", format!("at {page} tick Active")),
            );
        }
        let sends = |event: &str| hook.events.iter().any(|e| e == "*" || e == event);
        let unsent = EVENTS.into_iter().filter(|(event, _)| !sends(event));
        let missing: Vec<_> = unsent.map(|(_, name)| name).collect();
        for (_, name, lack) in self.beside().filter(|(event, ..)| !sends(event)) {
            findings.push(self.warning(
                &format!("its webhook does not send {name}, so {lack}"),
                format!("at {page} tick {name} under individual events"),
            ));
        }
        if !missing.is_empty() {
            findings.push(self.problem(
                &format!("its webhook does not send {}", missing.join(", ")),
                format!("at {page} tick {} under individual events", missing.join(", ")),
            ));
        }
        let unsigned = self.config.github.unsigned == UnsignedWebhooks::Accept;
        if hook.secret == HookSecret::Unset && !unsigned {
            findings.push(self.problem(
                "its webhook has no secret, so each delivery is refused with 401",
                format!("at {page} type the secret of github.webhook_secret"),
            ));
        }
        if hook.content_type != "json" {
            findings.push(self.warning(
                "its webhook sends forms, which are longer than JSON and may pass GitHub's limit sooner",
                format!("at {page} set Content type to application/json"),
            ));
        }
        if hook.certificate == CertificateCheck::Off {
            findings.push(self.warning(
                "its webhook does not look at our certificate",
                format!("at {page} choose Enable SSL verification"),
            ));
        }
        findings
    }

    /// What the newest deliveries came to. One that was taken ends the search: what was before it
    /// is mended.
    fn answered(&self, hook: &HookSettings, sent: &[Sent]) -> Option<Finding> {
        let last = sent.first()?;
        let page = format!("{}/{}", self.page(), hook.id);
        let at = last.delivered_at.format("%-d %b %H:%M UTC");
        let failed = sent.iter().take_while(|sent| !(200..300).contains(&sent.status_code)).count();
        let times = match failed {
            0 => return None,
            1 => format!("its last delivery ({at})"),
            many => format!("its last {many} deliveries (until {at})"),
        };
        Some(match last.status_code {
            401 => self.problem(
                &format!("{times} were refused with 401: the secret there differs from ours"),
                format!("at {page} type the secret of github.webhook_secret again, then jetbridge recover"),
            ),
            404 => self.problem(
                &format!("{times} were refused with 404: the repository was not configured then"),
                format!("jetbridge repo add {}, then jetbridge recover", self.repository),
            ),
            0 => self.problem(
                &format!("{times} got no answer ({})", last.status),
                format!(
                    "make {} reachable from GitHub, then jetbridge recover",
                    self.config.public_url
                ),
            ),
            status => self.problem(
                &format!("{times} were answered {status}"),
                format!("look at the answer at {page} under Recent Deliveries, then jetbridge recover"),
            ),
        })
    }
}
