//! Requests that change something at GitHub, for `clients/github/write`, which says what they mean.
//! A redirect is no success: what was moved is written where it is, by the next attempt.

use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::GitHubRest;
use crate::clients::gate::Stopped;
use crate::clients::github::payload::IssuePayload;
use crate::clients::github::refusal::Refusal;
use crate::config::RepositoryName;
use crate::failure::Failure;
use crate::sync::github::Issue;
use crate::sync::plan::Assigning;

#[derive(Serialize)]
struct Assignees<'a> {
    assignees: &'a [&'a str],
}

impl GitHubRest {
    /// Why a write can't go now.
    pub(in crate::clients) fn look_write(&self) -> Option<Stopped> {
        self.gate.look_write(self.class)
    }

    /// Adds assignees or takes them off; the issue after that.
    pub(in crate::clients) async fn send_assignees(
        &self,
        repository: &RepositoryName,
        number: u64,
        assigning: Assigning,
        logins: &[&str],
    ) -> Result<Issue, Refusal> {
        let url = self.issue_url(repository, number, &["assignees"]);
        let method = match assigning {
            Assigning::Add => Method::POST,
            Assigning::Remove => Method::DELETE,
        };
        let body = serde_json::to_vec(&Assignees { assignees: logins }).unwrap_or_default();
        let answer = self.exchange(method, url, None, Some(body)).await?;
        if !answer.status.is_success() {
            let signs = self.signs(&answer.headers, &answer.body);
            return Err(Refusal::of(answer.status.as_u16(), signs));
        }
        let issue: IssuePayload = serde_json::from_slice(&answer.body)
            .map_err(|_| Refusal::Unreadable { what: "no issue in its answer".to_owned() })?;
        Ok(issue.into_issue(repository))
    }

    /// Whether the token's user may push to a repository; `None` where it is not shown. Where GitHub
    /// does not say, it is taken that they may.
    pub(in crate::clients) async fn may_push(
        &self,
        repository: &RepositoryName,
    ) -> Result<Option<bool>, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            permissions: Option<Permissions>,
        }
        #[derive(Deserialize)]
        struct Permissions {
            #[serde(default)]
            push: bool,
        }
        let (owner, name) = repository.owner_and_name();
        match self.ask::<Answer>(self.url(&["repos", owner, name])).await {
            Ok((answer, _)) => Ok(Some(answer.permissions.is_none_or(|p| p.push))),
            Err(Refusal::NotFound) => Ok(None),
            Err(refusal) => Err(refusal.failure()),
        }
    }
}
