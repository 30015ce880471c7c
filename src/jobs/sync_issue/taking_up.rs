//! What an earlier attempt left: writes that were recorded and may or may not have been made. Before
//! anything is planned each is looked for on its side, and taken up or abandoned.

use tracing::info;

use super::hand::Hand;
use super::sides::GithubNow;
use super::stored;
use crate::failure::Failure;
use crate::store::intents::IntentEnd;
use crate::sync::plan::{LinkStatus, Write, resume, resume_agreed, resume_comment, resume_people};
use crate::work_items::System;

impl Hand<'_> {
    /// Finds out what became of the writes that an earlier attempt intended and did not settle.
    pub(super) async fn resume(&mut self) -> Result<(), Failure> {
        let open = self.sync.store.open_intents_of(self.link.id).await.map_err(|e| stored(&e))?;
        let (on_github, open): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|intent| intent.write.system() == System::Github);
        self.left_open = on_github.into_iter().map(|intent| (intent.id, intent.write)).collect();
        if open.is_empty() {
            return Ok(());
        }
        let item = match &self.link.item {
            Some(id) => self.fetch_item(id).await?,
            None => None,
        };
        // What was being made may be there under an id that nobody was told.
        let makes = |write: &Write| matches!(write, Write::CreateItem { .. });
        let is_sought = self.link.item.is_none() || open.iter().any(|intent| makes(&intent.write));
        let item = match item {
            None if is_sought => self.find_item().await?,
            known => known,
        };
        let about_comments = |write: &Write| write.kind().ends_with("comment");
        let comments = match &item {
            Some(item) if open.iter().any(|intent| about_comments(&intent.write)) => {
                self.list_comments(&item.id).await?
            }
            _ => Vec::new(),
        };
        let mut links = Vec::new();
        let mut ends = Vec::with_capacity(open.len());
        for intent in open {
            let made = if let (Some(expected), Some(item)) = (&intent.expected, &item) {
                let made = resume(expected, &intent.write, item);
                let is_made = made.is_some();
                let seen = || resume_agreed(&self.link.base, &expected.base, &item.assignees);
                self.link.base = made.unwrap_or_else(seen);
                is_made.then(|| {
                    self.link.item = Some(item.id.clone());
                    self.link.status = LinkStatus::Ok;
                })
            } else if matches!(intent.write, Write::EnterBundle { .. }) {
                self.resume_entry(&intent.write).await?
            } else if matches!(intent.write, Write::SetParent { .. }) {
                self.resume_parent(&intent.write).await?
            } else if item.is_some() {
                resume_comment(&intent.write, &comments).map(|link| links.push(link))
            } else {
                None
            };
            ends.push(match made {
                Some(()) => IntentEnd::Settled { id: intent.id, answer: None },
                None => IntentEnd::Abandoned {
                    id: intent.id,
                    reason: "it was not made; what is needed is planned anew".to_owned(),
                },
            });
        }
        // A label may have been made without our knowing it.
        self.sync.projects.forget(&self.link.key.plane_project);
        info!(
            link.id = self.link.id.0,
            count = ends.len(),
            "took up {} writes that an earlier attempt had left open",
            ends.len()
        );
        self.save(&links, &ends).await
    }

    /// Ends the writes to GitHub that an earlier attempt left open. What is still to be done follows
    /// from both sides as they are now.
    pub(super) async fn resume_on_github(&mut self, now: &GithubNow) -> Result<(), Failure> {
        let open = std::mem::take(&mut self.left_open);
        if open.is_empty() {
            return Ok(());
        }
        let assigned = match now {
            GithubNow::Present(present) => Some(&present.issue.assignees),
            GithubNow::Gone(_) | GithubNow::Unknown => None,
        };
        let mut ends = Vec::with_capacity(open.len());
        for (id, write) in open {
            let made = assigned.and_then(|people| resume_people(&self.link.base, &write, people));
            ends.push(if let Some(base) = made {
                self.link.base = base;
                IntentEnd::Settled { id, answer: None }
            } else {
                let reason = "it is not to be seen on GitHub; what is needed is planned anew";
                IntentEnd::Abandoned { id, reason: reason.to_owned() }
            });
        }
        self.save(&[], &ends).await
    }
}
