//! Does what the script says: people at GitHub, people in Plane, and what goes wrong.
//!
//! What can't be done any more (a comment that is gone) is not done, and nothing is said of it.

mod mishaps;

use uuid::Uuid;

use super::Demo;
use super::cast::{PLACES, PLAYERS};
use super::script::{Action, Closing, IssueName, LooseEnd, OwnItem, Trouble, Who};
use super::texts::{PLANE_ITEMS, REWORDINGS, STORIES};
use super::view::CLOSES;
use crate::ids::WorkItemRef;
use crate::sim::github::{CloseReason, NewIssue, Person, SimError};
use crate::sim::plane::{self, NotDone};
use crate::sync::markdown;

/// Why something was not done: it is not there any more.
#[derive(Debug, thiserror::Error)]
enum Missed {
    #[error(transparent)]
    Github(#[from] SimError),
    #[error(transparent)]
    Plane(#[from] NotDone),
    #[error("there is no such thing")]
    Nothing,
}

type Done = Result<String, Missed>;

impl Demo {
    /// Does it; what happened, in words.
    pub(super) async fn act(&mut self, action: &Action) -> Option<String> {
        let done = match action {
            Action::Trouble(trouble) => Ok(self.let_go_wrong(*trouble)),
            Action::Mend(trouble) => self.mend(*trouble).await,
            Action::ClearIssue { .. } | Action::ClearPull { .. } | Action::ClearItem { .. } => {
                self.clear(action)
            }
            Action::Clash { issue, item, who, other, words } => {
                self.clash(*issue, *item, (*who, *other), *words)
            }
            _ => self.at_github(action).unwrap_or_else(|| self.in_plane(action)),
        };
        match done {
            Ok(said) => Some(said),
            Err(missed) => {
                tracing::debug!("{action:?} did not happen: {missed}");
                None
            }
        }
    }

    /// `None` for what does not happen at GitHub.
    fn at_github(&self, action: &Action) -> Option<Done> {
        let done = match action {
            Action::Open { place, who, story, assignee } => {
                self.open(*place, *who, *story, *assignee)
            }
            Action::Retitle { issue, who, title } => {
                let change = |at: Person<'_>| at.retitle(repository(*issue), issue.number, title);
                self.one(*issue, *who, &format!("retitled it “{title}”"), change)
            }
            Action::Rewrite { issue, who, body } => {
                let change = |at: Person<'_>| at.rewrite(repository(*issue), issue.number, body);
                self.one(*issue, *who, "edited the text", change)
            }
            Action::Label { issue, who, label } => {
                let change = |at: Person<'_>| at.label(repository(*issue), issue.number, label);
                self.one(*issue, *who, &format!("added the label {label}"), change)
            }
            Action::Unlabel { issue, who, label } => {
                let change = |at: Person<'_>| at.unlabel(repository(*issue), issue.number, label);
                self.one(*issue, *who, &format!("took off the label {label}"), change)
            }
            Action::Assign { issue, who, assignee } => {
                let assignee = PLAYERS[*assignee];
                let change =
                    |at: Person<'_>| at.assign(repository(*issue), issue.number, assignee.login);
                let unknown = if assignee.plane.is_none() { ", unknown in Plane" } else { "" };
                self.one(*issue, *who, &format!("assigned {}{unknown}", assignee.login), change)
            }
            Action::Unassign { issue, who, login } => {
                let change = |at: Person<'_>| at.unassign(repository(*issue), issue.number, login);
                self.one(*issue, *who, &format!("unassigned {login}"), change)
            }
            Action::Close { issue, who, why } => {
                let change =
                    |at: Person<'_>| at.close(repository(*issue), issue.number, reason(*why));
                self.one(*issue, *who, &format!("closed it as {}", word(*why)), change)
            }
            Action::Reopen { issue, who } => {
                let change = |at: Person<'_>| at.reopen(repository(*issue), issue.number);
                self.one(*issue, *who, "opened it again", change)
            }
            other => return self.talk(other).or_else(|| self.work_on_code(other)),
        };
        Some(done)
    }

    /// `None` for what is no comment.
    fn talk(&self, action: &Action) -> Option<Done> {
        let done = match action {
            Action::Comment { issue, who, body } => {
                let change =
                    |at: Person<'_>| at.comment(repository(*issue), issue.number, body).map(drop);
                self.one(*issue, *who, "commented", change)
            }
            Action::EditComment { issue, who, comment, body } => {
                let change = |at: Person<'_>| at.edit_comment(repository(*issue), *comment, body);
                self.one(*issue, *who, "edited a comment", change)
            }
            Action::DeleteComment { issue, who, comment } => {
                let change = |at: Person<'_>| at.delete_comment(repository(*issue), *comment);
                self.one(*issue, *who, "deleted a comment", change)
            }
            _ => return None,
        };
        Some(done)
    }

    /// `None` for what is no pull request.
    fn work_on_code(&self, action: &Action) -> Option<Done> {
        match action {
            Action::OpenPull { issue, who, title } => Some(self.open_pull(*issue, *who, title)),
            Action::Merge { pull, who, closes } => Some(self.merge(*pull, *who, *closes)),
            _ => None,
        }
    }

    fn one(
        &self,
        issue: IssueName,
        who: Who,
        what: &str,
        change: impl FnOnce(Person<'_>) -> Result<(), SimError>,
    ) -> Done {
        let login = PLAYERS[who].login;
        change(self.github.acting_as(login))?;
        Ok(at_github(format!("{} {login} {what}", called(issue))))
    }

    fn open(&self, place: usize, who: Who, story: usize, assignee: Option<Who>) -> Done {
        let (login, story) = (PLAYERS[who].login, STORIES[story]);
        let issue = NewIssue::titled(story.title).with_body(story.body);
        let issue = issue.with_labels([story.label]);
        let issue = issue.assigned_to(assignee.map(|who| PLAYERS[who].login));
        let person = self.github.acting_as(login);
        let number = person.open_issue(PLACES[place].repository, &issue)?;
        let name = IssueName { place, number };
        Ok(at_github(format!("{} {login} opened “{}”", called(name), story.title)))
    }

    fn open_pull(&self, issue: IssueName, who: Who, title: &str) -> Done {
        let login = PLAYERS[who].login;
        let body = format!("{CLOSES}{}.\n\n- [x] test\n- [ ] changelog", issue.number);
        let pull = NewIssue::titled(title).with_body(body);
        let head = format!("fix/{}", issue.number);
        let person = self.github.acting_as(login);
        let number = person.open_pull_request(repository(issue), &pull, &head)?;
        let name = IssueName { number, ..issue };
        let closes = issue.number;
        Ok(at_github(format!("{} {login} opened a pull request for #{closes}", called(name))))
    }

    /// GitHub closes what the pull request says it closes, in the name of whoever merges.
    fn merge(&self, pull: IssueName, who: Who, closes: Option<IssueName>) -> Done {
        let login = PLAYERS[who].login;
        let person = self.github.acting_as(login);
        person.merge(repository(pull), pull.number)?;
        let mut said = format!("{} {login} merged the pull request", called(pull));
        if let Some(issue) = closes {
            let done = person.close(repository(issue), issue.number, CloseReason::Completed);
            if done.is_ok() {
                said += &format!(", which closed #{}", issue.number);
            }
        }
        Ok(at_github(said))
    }

    fn in_plane(&self, action: &Action) -> Done {
        match action {
            Action::Move { item, who, to, .. } => self.move_item(*item, *who, to),
            Action::MoveOwn { item, who, to } => self.move_item(item.item, *who, to),
            Action::Prioritize { item, who, priority, .. } => {
                self.somebody(*who)?.prioritize(*item, priority)?;
                Ok(self.said_in_plane(*who, *item, &format!("set the priority to {priority}")))
            }
            Action::PlaneComment { item, who, html, .. } => {
                self.somebody(*who)?.comment(*item, html)?;
                Ok(self.said_in_plane(*who, *item, "commented"))
            }
            Action::WriteItem { place, who, text } => {
                // A place without a project has its items in the first one.
                let project = self.project(*place).or_else(|| self.project(0));
                let (title, html) = PLANE_ITEMS[*text];
                let project = project.ok_or(Missed::Nothing)?;
                let item = self.somebody(*who)?.create_item(project, title, html)?;
                Ok(self.said_in_plane(*who, item, &format!("wrote “{title}”")))
            }
            _ => Err(Missed::Nothing),
        }
    }

    fn move_item(&self, item: Uuid, who: Who, to: &str) -> Done {
        let project = self.plane.item(item).ok_or(Missed::Nothing)?.project;
        let there = |state: &plane::State| state.project == project && state.name == to;
        let state = self.plane.states().into_iter().find(there).ok_or(Missed::Nothing)?;
        self.somebody(who)?.move_to_state(item, state.id)?;
        Ok(self.said_in_plane(who, item, &format!("moved it to {to}")))
    }

    /// A player at Plane's web app.
    fn somebody(&self, who: Who) -> Result<plane::Person, Missed> {
        let name = PLAYERS[who].plane.ok_or(Missed::Nothing)?;
        self.plane.person(name).ok_or(Missed::Nothing)
    }

    fn said_in_plane(&self, who: Who, item: Uuid, what: &str) -> String {
        let name = PLAYERS[who].plane.unwrap_or_default();
        line("Plane", &format!("{} {name} {what}", self.key(item)))
    }

    /// Plane first: GitHub's webhook is what the sync runs on, and it shall find both changed. Only
    /// where the two agree now: otherwise it is not known what they would disagree about.
    fn clash(
        &mut self,
        issue: IssueName,
        item: Uuid,
        (who, other): (Who, Who),
        words: usize,
    ) -> Done {
        let (at_github_says, in_plane_says) = REWORDINGS[words];
        let there = self.github_issue(issue).ok_or(Missed::Nothing)?;
        let html = self.plane.item(item).ok_or(Missed::Nothing)?.description_html;
        if html != markdown::issue_description(&there) {
            return Err(Missed::Nothing);
        }
        let html = with_first_paragraph(&html, in_plane_says).ok_or(Missed::Nothing)?;
        let body = there.body.unwrap_or_default();
        let rest = body.split_once("\n\n").map_or("", |(_, rest)| rest);
        self.somebody(other)?.edit_description(item, &html)?;
        let body = format!("{at_github_says}\n\n{rest}");
        let person = self.github.acting_as(PLAYERS[who].login);
        person.rewrite(repository(issue), issue.number, &body)?;
        let trouble = Trouble::Conflict(issue);
        self.loose_ends.push(LooseEnd { trouble, since: self.step });
        Ok(line("Trouble", &format!("{} both sides changed one paragraph", called(issue))))
    }

    fn github_issue(&self, name: IssueName) -> Option<crate::sync::github::Issue> {
        let issues = self.github.issues(repository(name)).ok()?;
        issues.into_iter().find(|issue| issue.number == name.number)
    }

    /// Nobody is told of a deletion in Plane: there the item just stays on the board until the
    /// database is swept.
    fn clear(&mut self, action: &Action) -> Done {
        match action {
            Action::ClearIssue { issue, twin } => {
                let there = self.github_issue(*issue).ok_or(Missed::Nothing)?;
                let owner = PLAYERS[0].login;
                self.github.acting_as(owner).delete_issue(repository(*issue), issue.number)?;
                if let Some(item) = twin {
                    self.somebody(0)?.delete_item(*item)?;
                    self.gone.push((self.step, WorkItemRef::new(format!("plane:{item}"))));
                }
                let title = &there.title;
                Ok(at_github(format!("{} {owner} deleted “{title}”", called(*issue))))
            }
            Action::ClearPull { pull } => {
                self.github.forget_pull_request(repository(*pull), pull.number)?;
                let id = self.repository_ids[pull.place];
                let number = pull.number;
                self.gone.push((
                    self.step,
                    WorkItemRef::new(format!("github:pull_request:{id}:{number}")),
                ));
                Ok(at_github(format!("{} is put away", called(*pull))))
            }
            Action::ClearItem { item: OwnItem { item, .. } } => {
                let said = self.said_in_plane(0, *item, "deleted it");
                self.somebody(0)?.delete_item(*item)?;
                self.gone.push((self.step, WorkItemRef::new(format!("plane:{item}"))));
                Ok(said)
            }
            _ => Err(Missed::Nothing),
        }
    }
}

/// The HTML with other words in its first paragraph; `None` where it begins with something else.
fn with_first_paragraph(html: &str, words: &str) -> Option<String> {
    let (before, rest) = html.split_once("<p>")?;
    let (_, after) = rest.split_once("</p>")?;
    let begins = before.is_empty() || before == "<div>";
    begins.then(|| format!("{before}<p>{words}</p>{after}"))
}

fn repository(issue: IssueName) -> &'static str {
    PLACES[issue.place].repository
}

/// As people call it.
fn called(issue: IssueName) -> String {
    format!("{}#{}", repository(issue), issue.number)
}

fn reason(why: Closing) -> CloseReason {
    match why {
        Closing::Completed => CloseReason::Completed,
        Closing::NotPlanned => CloseReason::NotPlanned,
        Closing::Duplicate => CloseReason::Duplicate,
    }
}

fn word(why: Closing) -> &'static str {
    match why {
        Closing::Completed => "completed",
        Closing::NotPlanned => "not planned",
        Closing::Duplicate => "a duplicate",
    }
}

fn at_github(what: impl AsRef<str>) -> String {
    line("GitHub", what.as_ref())
}

/// Where it happened, then what.
fn line(place: &str, what: &str) -> String {
    format!("  {place:<8}{what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_words_take_the_place_of_the_first_paragraph_alone() {
        let html = "<div><p>One</p><ul><li><p>a</p></li></ul></div>";
        let other = with_first_paragraph(html, "Two").unwrap();
        assert_eq!(other, "<div><p>Two</p><ul><li><p>a</p></li></ul></div>");
        assert_eq!(with_first_paragraph("<div><pre>x</pre><p>y</p></div>", "Two"), None);
    }
}
