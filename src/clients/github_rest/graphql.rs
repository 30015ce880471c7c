//! The one question that only GraphQL answers: which issues a pull request closes by GitHub's own
//! account, those included that a person linked in the sidebar. No webhook tells it, and REST does not
//! know it.
//!
//! GraphQL has a budget of its own at GitHub, so it has an account of its own here; this question costs
//! one point of it. A server without GraphQL, or a token that may not, is no failure ([`Linked::NotTold`]).

use std::collections::BTreeSet;

use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::{Value, json};

use super::GitHubRest;
use super::exchange::{Answer, said, text, waiting};
use crate::clients::github::refusal::Refusal;
use crate::config::{GithubHost, RepositoryName};
use crate::failure::Failure;
use crate::quota::{Came, Heard, Kind, Said};

/// Issues that are read of one pull request.
const MOST: u64 = 50;
const QUERY: &str = "query($owner: String!, $name: String!, $number: Int!, $most: Int!) {\
 repository(owner: $owner, name: $name) { pullRequest(number: $number) {\
 closingIssuesReferences(first: $most) { totalCount nodes { number repository { nameWithOwner } } } } } }";
/// GitHub's word for a used-up budget, which comes with a 200.
const RATE_LIMITED: &str = "RATE_LIMITED";

/// What GitHub says of a pull request's issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linked {
    /// These, each as `owner/name#12` in lower case.
    Told {
        /// The first fifty, as far as the token may see them.
        issues: BTreeSet<String>,
        /// How many of all were read.
        read: u64,
        /// How many there are.
        total: u64,
    },
    /// Nothing, and it would say the same again.
    NotTold {
        /// One line for people.
        why: String,
    },
}

#[derive(Deserialize)]
struct Reply {
    data: Option<Data>,
    #[serde(default)]
    errors: Vec<Complaint>,
}

#[derive(Deserialize)]
struct Complaint {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Data {
    repository: Option<Repository>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Repository {
    pull_request: Option<PullRequest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PullRequest {
    closing_issues_references: Option<References>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct References {
    total_count: u64,
    /// One that the token may not see is null.
    nodes: Vec<Option<Reference>>,
}

#[derive(Deserialize)]
struct Reference {
    number: u64,
    repository: Name,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Name {
    name_with_owner: String,
}

impl GitHubRest {
    /// The issues that a pull request closes, by GitHub's own account.
    ///
    /// # Errors
    /// When GitHub does not answer now, or its budget is used up.
    pub async fn fetch_linked_issues(
        &self,
        repository: &RepositoryName,
        number: u64,
    ) -> Result<Linked, Failure> {
        let (owner, name) = repository.owner_and_name();
        let variables = json!({"owner": owner, "name": name, "number": number, "most": MOST});
        let body = json!({"query": QUERY, "variables": variables});
        let answer = self.ask_graphql(&body).await.map_err(|refusal| refusal.failure())?;
        let status = answer.status.as_u16();
        if !answer.status.is_success() {
            return match Refusal::of(status, self.signs(&answer.headers, &answer.body)) {
                refusal @ (Refusal::Limited { .. } | Refusal::Unavailable { .. }) => {
                    Err(refusal.failure())
                }
                Refusal::BadToken { .. } => {
                    Ok(not_told("it refused the token (401): check github.token"))
                }
                _ => Ok(not_told(&format!("its GraphQL answered {status}"))),
            };
        }
        let Ok(reply) = serde_json::from_slice::<Reply>(&answer.body) else {
            return Ok(not_told("what answers at its GraphQL address is something else"));
        };
        Ok(read(reply, &self.host))
    }

    /// What the account of GraphQL's budget is called.
    pub fn graphql_account_name(&self) -> String {
        let name = self.account_name();
        let (remote, print) = name.split_once('-').unwrap_or(("github", &name));
        format!("{remote}-graphql-{print}")
    }

    async fn ask_graphql(&self, body: &Value) -> Result<Answer, Refusal> {
        let mut pass = self.graphql.pass(self.class, Kind::Read).await.map_err(waiting)?;
        if pass.is_probe {
            // Harmless and free, and never the fault of the question that is asked next.
            let asked = self.answer(Method::GET, self.url(&["rate_limit"]), None, None).await;
            let came = match asked {
                Ok(answer) if answer.status.is_server_error() => failed(&answer),
                Ok(_) => Came::Answer,
                Err(refusal) => Came::Failed { why: refusal.failure().to_string() },
            };
            self.graphql.heard(pass, &Heard { came, said: Said::default() }).await;
            pass = self.graphql.pass(self.class, Kind::Read).await.map_err(waiting)?;
        }
        self.tally.asked(self.class);
        let asked = match self.request(Method::POST, graphql_url(&self.inner.api_url)) {
            Ok(request) => self.answered(request.json(body)).await,
            Err(refusal) => Err(refusal),
        };
        let heard = match &asked {
            Ok(answer) => self.heard_of_graphql(answer),
            Err(refusal) => {
                let came = Came::Failed { why: refusal.failure().to_string() };
                Heard { came, said: Said::default() }
            }
        };
        let limited = match &heard.came {
            Came::Limited { wait } => Some(Refusal::limited(*wait)),
            Came::Answer | Came::Turned | Came::Failed { .. } => None,
        };
        let stopped = self.graphql.heard(pass, &heard).await;
        match (limited, heard.came, stopped) {
            (Some(limited), ..) => Err(limited),
            (None, Came::Failed { .. }, Some(stopped)) => Err(waiting(stopped)),
            _ => asked,
        }
    }

    fn heard_of_graphql(&self, answer: &Answer) -> Heard {
        let is_ours = text(&answer.headers, "x-ratelimit-resource").is_none_or(|r| r == "graphql");
        let said = if is_ours { said(&answer.headers) } else { Said::default() };
        let signs = self.signs(&answer.headers, &answer.body);
        let wait = signs.wait;
        let came = match Refusal::of(answer.status.as_u16(), signs) {
            _ if answer.status.is_success() && is_limited(&answer.body) => Came::Limited { wait },
            _ if answer.status.is_success() => Came::Answer,
            Refusal::Limited { .. } => Came::Limited { wait },
            _ if answer.status.is_server_error() => failed(answer),
            _ => Came::Turned,
        };
        Heard { came, said }
    }
}

fn failed(answer: &Answer) -> Came {
    Came::Failed { why: format!("it answered {}", answer.status.as_u16()) }
}

fn not_told(why: &str) -> Linked {
    Linked::NotTold { why: why.to_owned() }
}

fn is_limited(body: &[u8]) -> bool {
    let reply = serde_json::from_slice::<Reply>(body);
    reply.is_ok_and(|reply| reply.errors.iter().any(|e| e.kind.as_deref() == Some(RATE_LIMITED)))
}

fn read(reply: Reply, host: &GithubHost) -> Linked {
    let pull = reply.data.and_then(|data| data.repository?.pull_request);
    let Some(references) = pull.and_then(|pull| pull.closing_issues_references) else {
        let words = reply.errors.into_iter().map(|complaint| complaint.message).next();
        let words = words.unwrap_or_else(|| "it shows no such pull request".to_owned());
        let words: String = words.chars().take(200).collect();
        return not_told(&format!(
            "{words}: a fine-grained token needs the repository permission Pull requests: read"
        ));
    };
    let read = references.nodes.len() as u64;
    let issues = references.nodes.into_iter().flatten().map(|reference| {
        let name = reference.repository.name_with_owner.to_lowercase();
        host.named(format!("{name}#{}", reference.number))
    });
    Linked::Told { issues: issues.collect(), read, total: references.total_count }
}

/// Beside the API: `https://api.github.com/graphql`, on a server of one's own
/// `https://host/api/graphql` beside `/api/v3`.
fn graphql_url(api_url: &Url) -> Url {
    let mut url = api_url.clone();
    let is_own = url.path().trim_end_matches('/').ends_with("/api/v3");
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty();
        if is_own {
            segments.pop();
        }
        segments.push("graphql");
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graphql_stands_beside_the_api() {
        let of = |api: &str| graphql_url(&Url::parse(api).unwrap()).to_string();
        assert_eq!(of("https://api.github.com"), "https://api.github.com/graphql");
        assert_eq!(of("https://ghe.example.com/api/v3"), "https://ghe.example.com/api/graphql");
        assert_eq!(of("https://ghe.example.com/api/v3/"), "https://ghe.example.com/api/graphql");
    }
}
