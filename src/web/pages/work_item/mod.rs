//! One item: what is known of it and of its twin, what is missing, and everything that happened
//! to both.

mod causes;
mod entries;
mod pulls;
mod sides;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::{Html, Redirect};

use super::query::Params;
use super::spans::{self, exact, when};
use super::{Caller, Frame, Mark, Problem, ProblemKind, Section, WebState, group_icon, render};
use crate::board::{Face, HealthState, cut, group_name, short_key};
use crate::clock::Timestamp;
use crate::comments::Comment;
use crate::ids::WorkItemRef;
use crate::store::links::IssueLink;
use crate::sync::markdown::page_html;
use crate::sync::plan::{CommentLink, CommentStanding, LinkStatus};
use crate::timeline::EntryOutcome;
use crate::work_items::{Person, Snapshot, System, WorkItem};
use causes::{Day, days};
pub(super) use entries::{Difference, Entry, difference};
use pulls::Pulls;
use sides::Sides;

/// Entries of one part of the timeline.
const ENTRIES: i64 = 100;
/// Comments that are shown.
const COMMENTS: i64 = 200;
/// Bytes of a description or a comment that are rendered; the source has the rest.
const LONGEST: usize = 100 * 1024;
/// Where an older part of the timeline starts.
const BEFORE: &str = "before";

#[derive(Template)]
#[template(path = "work_item.html")]
struct ItemPage {
    frame: Frame,
    item: WorkItem,
    key: String,
    title: String,
    tab_title: String,
    mark: Mark,
    days: Vec<Day>,
    older: Option<String>,
    newest: Option<String>,
    description: Option<String>,
    comments: Vec<Remark>,
    more_comments: bool,
    twins: Vec<Twin>,
    sides: Option<Sides>,
    pulls: Pulls,
    /// Why it is not in Plane, where that is on purpose.
    left_out: Option<String>,
    /// The newest entry that changed it.
    because: Option<Entry>,
    now: Timestamp,
}

impl ItemPage {
    fn state(&self) -> Option<&Snapshot> {
        self.item.state.as_ref()
    }

    fn icon(&self) -> &'static str {
        group_icon(self.state().and_then(|s| s.state_group))
    }

    fn group(&self) -> &'static str {
        group_name(self.state().and_then(|s| s.state_group))
    }

    fn source_link(&self) -> Option<&str> {
        followed(self.state())
    }

    fn missing(&self) -> &[String] {
        self.state().map_or(&[], |s| &s.missing)
    }

    /// What would make the missing known.
    fn remedy(&self) -> &'static str {
        match self.item.system {
            System::Plane => "with plane.api_key set, Jetbridge asks Plane",
            System::Github => "the next event of another kind will",
        }
    }

    fn faces(&self) -> Vec<Face> {
        self.state().map(|s| s.assignees.iter().map(Face::from).collect()).unwrap_or_default()
    }

    fn is_first_part(&self) -> bool {
        self.newest.is_none()
    }

    /// The twin that is in trouble, above everything else.
    fn trouble(&self) -> Option<&Twin> {
        self.twins.iter().find(|twin| twin.is_trouble())
    }
}

/// A comment in words.
struct Remark {
    face: Face,
    author: String,
    time: String,
    exact: String,
    /// Harmless HTML; `None` for a deleted one.
    html: Option<String>,
    /// Only what a browser may follow.
    link: Option<String>,
    /// Icon, tone and word of its mirror in Plane.
    mirror: Option<(&'static str, &'static str, &'static str)>,
}

impl Remark {
    fn new(comment: Comment, mirrors: &[CommentLink], now: Timestamp) -> Self {
        let said = comment.said;
        let at = said.created_at.unwrap_or(said.updated_at);
        let author = said.author.unwrap_or_else(|| "a deleted account".to_owned());
        let id = said.external_id.parse::<u64>().ok().filter(|_| said.system == System::Github);
        let standing = mirrors.iter().find(|link| Some(link.comment) == id).map(|l| l.standing);
        let html = comment.deleted_at.is_none().then(|| shown(&said.text));
        Self {
            face: Face::from(&Person { id: author.clone(), name: Some(author.clone()) }),
            author,
            time: when(at, now),
            exact: exact(at),
            mirror: standing.filter(|_| html.is_some()).map(|standing| match standing {
                CommentStanding::Mirrored => ("ok", "is-good", "in Plane"),
                CommentStanding::Pending => ("clock", "is-wait", "on its way to Plane"),
                CommentStanding::Deleted => ("ignored", "is-off", "not in Plane"),
                CommentStanding::Released => ("person", "is-off", "Plane’s own"),
            }),
            html,
            link: said.url.filter(|url| is_web_address(url)),
        }
    }
}

/// The same item on the other side.
struct Twin {
    item: WorkItemRef,
    mark: Mark,
    /// Its key, once it was told.
    key: String,
    /// Where a person opens it.
    link: Option<String>,
    tone: &'static str,
    icon: &'static str,
    status: &'static str,
    synced_at: Option<Timestamp>,
    error: Option<String>,
    /// What brings the two in step at once.
    command: String,
    /// Where it is and where it is wanted, where these differ.
    elsewhere: Option<[String; 2]>,
}

impl Twin {
    fn new(link: &IssueLink, of: &WorkItem, known: &[WorkItem]) -> Option<Self> {
        let (tone, icon, status) = match link.status {
            LinkStatus::Ok if link.last_error.is_some() => ("is-warn", "attempt", "behind"),
            LinkStatus::Ok => ("is-good", "ok", "in step"),
            LinkStatus::Pending => ("is-wait", "clock", "not linked yet"),
            LinkStatus::Conflict => ("is-clash", "conflict", "conflict"),
            LinkStatus::Broken => ("is-bad", "dead", "broken"),
        };
        let item = link.twin_of(&of.item)?;
        let other = match of.system {
            System::Plane => System::Github,
            System::Github => System::Plane,
        };
        let twin = known.iter().find(|known| known.item == item);
        Some(Self {
            mark: other.into(),
            key: twin.map_or_else(|| item.to_string(), |twin| cut(&short_key(twin), 60)),
            link: twin.and_then(|twin| followed(twin.state.as_ref())).map(ToOwned::to_owned),
            tone,
            icon,
            status,
            synced_at: link.synced_at,
            error: link.last_error.clone(),
            elsewhere: link
                .wanted_project
                .clone()
                .map(|wanted| [link.key.plane_project.clone(), wanted]),
            command: format!("jetbridge sync {}#{}", link.key.repository, link.key.number),
            item,
        })
    }

    fn is_trouble(&self) -> bool {
        self.error.is_some() || matches!(self.status, "conflict" | "broken")
    }

    fn remedy(&self) -> &'static str {
        match self.status {
            "conflict" => {
                "Bring the two texts together in Plane and on GitHub; once they say the same, it ends."
            }
            "broken" => "The command below makes it again.",
            _ => "It is tried again by itself where that can help; the command below does it now.",
        }
    }
}

/// `GET /work-items/{item}`; `?before=` is an older part of its timeline.
pub(super) async fn show(
    State(web): State<WebState>,
    caller: Caller,
    Path(item): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Problem> {
    let params = Params::read(query.as_deref())?;
    let before = before(&params)?;
    let item = known(&web, WorkItemRef::new(item)).await?;
    let now = web.clock.now();
    let links = web.store.links_of(&item.item).await?;
    let twin_refs: Vec<WorkItemRef> =
        links.iter().rev().filter_map(|link| link.twin_of(&item.item)).collect();
    let mut known = Vec::new();
    for twin in twin_refs.iter().take(5) {
        known.extend(web.store.work_item(twin).await?);
    }
    let mut refs = twin_refs;
    refs.insert(0, item.item.clone());
    let timeline = Timeline::read(&web, &refs, before, now).await?;
    let mut comments = web.store.all_item_comments(&item.item, COMMENTS + 1).await?;
    let most = usize::try_from(COMMENTS).unwrap_or(usize::MAX);
    let more_comments = comments.len() > most;
    comments.truncate(most);
    let mirrors = match links.last() {
        Some(link) => web.store.comment_links(link.id).await?,
        None => Vec::new(),
    };
    let sides = Sides::new(&item, &known, links.last(), &mirrors, &comments, now);
    let address = address(&item.item);
    let (key, state) = (short_key(&item), item.state.as_ref());
    let left_out = left_out(&web, &item.item).await?;
    render(&ItemPage {
        frame: Frame::read(&web, Section::Boards, caller).await?,
        tab_title: cut(&key, 40),
        title: state.map(|s| s.title.clone()).unwrap_or_default(),
        mark: item.system.into(),
        because: timeline.because,
        older: timeline.older.map(|place| format!("{address}?{BEFORE}={place}#timeline")),
        newest: before.map(|_| format!("{address}#timeline")),
        days: timeline.days,
        description: description(&item),
        comments: comments.into_iter().map(|c| Remark::new(c, &mirrors, now)).collect(),
        more_comments,
        left_out,
        twins: links.iter().rev().filter_map(|link| Twin::new(link, &item, &known)).collect(),
        sides,
        pulls: Pulls::of(&web, &item.item).await?,
        key,
        item,
        now,
    })
}

/// One part of the timeline of an item and its twins.
struct Timeline {
    days: Vec<Day>,
    /// Where the next part starts.
    older: Option<i64>,
    because: Option<Entry>,
}

impl Timeline {
    async fn read(
        web: &WebState,
        items: &[WorkItemRef],
        before: Option<i64>,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let found = web.store.history(items, before, ENTRIES + 1).await?;
        let most = usize::try_from(ENTRIES).unwrap_or(usize::MAX);
        let more = found.len() > most;
        let older = found.get(most.wrapping_sub(1)).filter(|_| more).map(|(place, _)| *place);
        let entries: Vec<_> = found.into_iter().take(most).map(|(_, entry)| entry).collect();
        let until = before.and_then(|_| entries.iter().map(|entry| entry.at).max());
        let writes = web.store.writes_beside(items, &entries, until).await?;
        let is_own = |item: &Option<WorkItemRef>| item.as_ref() == items.first();
        let applied =
            entries.iter().find(|e| e.outcome == EntryOutcome::Applied && is_own(&e.item));
        let because = applied.map(|entry| Entry::new(entry, now));
        let names: Vec<_> = entries.iter().map(|e| (e.source, e.delivery_id.clone())).collect();
        let filter =
            crate::store::deliveries::DeliveryFilter { chosen: names, ..Default::default() };
        let deliveries = if entries.is_empty() {
            Vec::new()
        } else {
            web.store.deliveries(&filter, None, ENTRIES).await?
        };
        let causes = crate::timeline::causes(entries, writes);
        Ok(Self { days: days(causes, &deliveries, now), older, because })
    }
}

/// `GET /work-items/{item}/timeline`: the same page, from there on.
pub(super) async fn show_timeline(Path(item): Path<String>) -> Redirect {
    Redirect::to(&format!("{}#timeline", address(&WorkItemRef::new(item))))
}

/// Where an item's page is.
pub(super) fn address(item: &WorkItemRef) -> String {
    let item = askama::filters::urlencode_strict(item.as_str()).map(|i| i.to_string());
    format!("/work-items/{}", item.unwrap_or_default())
}

/// What its card says of that.
async fn left_out(web: &WebState, item: &WorkItemRef) -> Result<Option<String>, Problem> {
    let card = web.store.cards_of(&[item]).await?.remove(item);
    let health = card.and_then(|card| card.health);
    Ok(health.filter(|health| health.state == HealthState::LeftOut).map(|health| health.reason))
}

async fn known(web: &WebState, item: WorkItemRef) -> Result<WorkItem, Problem> {
    let found =
        if item.as_str().contains('\0') { None } else { web.store.work_item(&item).await? };
    found.ok_or_else(|| Problem::not_found(format!("There is no work item {item}.")))
}

fn before(params: &Params) -> Result<Option<i64>, Problem> {
    let wrong = |_| {
        let detail = format!("“{BEFORE}” is no place of a timeline: leave it out");
        Problem::new(ProblemKind::BadRequest, detail)
    };
    params.text(BEFORE).map(|text| text.parse().map_err(wrong)).transpose()
}

/// What stands below the title, harmless; `None` where there is nothing.
fn description(item: &WorkItem) -> Option<String> {
    let text = item.state.as_ref()?.description.as_ref()?;
    let html = shown(text);
    (!is_blank(&html)).then_some(html)
}

/// Plane keeps an empty paragraph where nobody wrote anything.
fn is_blank(html: &str) -> bool {
    html.replace("<p></p>", "").trim().is_empty()
}

/// A text as the page shows it; the end of a very long one is left to its source.
fn shown(text: &crate::work_items::Text) -> String {
    if text.text.len() <= LONGEST {
        return page_html(text);
    }
    let end = text.text.floor_char_boundary(LONGEST);
    let beginning =
        crate::work_items::Text { format: text.format, text: text.text[..end].to_owned() };
    page_html(&beginning) + "<p><em>It is longer: only its beginning is shown.</em></p>"
}

/// Only what a browser may follow.
fn followed(state: Option<&Snapshot>) -> Option<&str> {
    state.and_then(|s| s.url.as_deref()).filter(|url| is_web_address(url))
}

fn is_web_address(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
        && !url.contains(|c: char| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_addresses_are_followed() {
        assert!(is_web_address("https://plane.example/a") && is_web_address("HTTP://x"));
        for bad in [
            "javascript:alert(1)",
            "javascript://%0aalert(1)",
            " https://x",
            "//x",
            "data:text/html,x",
            "java\nscript:x",
            "",
        ] {
            assert!(!is_web_address(bad), "{bad}");
        }
    }
}
