//! What the template of the board asks for.

use std::borrow::Borrow;

use askama::Template;

use super::super::query::{Choice, Params, Picker};
use super::super::{Frame, Mark, group_icon, pull_icon};
use super::asked::{self, Asked, ColumnsBy, LanesBy, NO_GROUP};
use super::names::{ProjectName, ProjectNames};
use super::reading::Read;
use super::saved::View;
use super::spans;
use crate::board::{
    COUNTED, Card, Cell, Column, ColumnKey, Count, Face, Freshness, Health, HealthState, Lane,
    Meter, PullState, Standing, age, newest,
};
use crate::clock::Timestamp;
use crate::store::cards::read::CardCursor;
use crate::work_items::{Person, StateGroup};

#[derive(Template)]
#[template(path = "boards.html")]
pub(super) struct BoardPage {
    pub(super) frame: Frame,
    pub(super) views: Vec<(View, Count)>,
    pub(super) pickers: Vec<Picker>,
    pub(super) projects: Vec<Choice>,
    pub(super) q: String,
    pub(super) scope: String,
    pub(super) params: Params,
    pub(super) asked: Asked,
    pub(super) names: ProjectNames,
    pub(super) read: Read,
    pub(super) now: Timestamp,
}

/// The shape, tone and words of a health.
struct Badge {
    tone: &'static str,
    icon: &'static str,
    name: &'static str,
}

impl BoardPage {
    fn filtered(&self) -> bool {
        self.params.any(&asked::FILTERS) || self.params.any(&["lane"])
    }

    fn newest(&self) -> Option<Timestamp> {
        newest(&self.read.lanes)
    }

    /// Changes with the columns and lanes, so that a live page knows when its frame is out of date.
    fn shape(&self) -> String {
        let columns = self.read.columns.iter().map(|column| column.key.slug());
        let lanes = self.read.lanes.iter().map(|lane| lane.key.clone().unwrap_or_default());
        columns.chain(lanes).collect::<Vec<_>>().join("\u{1f}")
    }

    fn columns_class(&self) -> String {
        match self.read.columns.len() {
            5 => "columns".to_owned(),
            count @ 1..=12 => format!("columns columns-{count}"),
            _ => "columns columns-many".to_owned(),
        }
    }

    /// What a form gives back so that it leads here again.
    fn here(&self) -> String {
        self.params.canonical(&asked::VIEW)
    }

    fn chosen_projects(&self) -> String {
        let chosen: Vec<_> = self.projects.iter().filter(|project| project.chosen).collect();
        match chosen.as_slice() {
            [] => "Any project".to_owned(),
            [one] => one.text.clone(),
            several => format!("{} projects", several.len()),
        }
    }

    fn any_project(&self) -> bool {
        self.projects.iter().any(|project| project.chosen)
    }

    fn can_show_states(&self) -> bool {
        self.asked.filter.projects.len() == 1
    }

    fn by_states(&self) -> bool {
        self.asked.columns == ColumnsBy::State
    }

    fn lanes_word(&self) -> &'static str {
        match self.asked.lanes {
            LanesBy::Nothing => "",
            LanesBy::Project => "project",
            LanesBy::Assignee => "assignee",
        }
    }

    fn message(&self) -> Option<&'static str> {
        match self.params.text("said")?.as_str() {
            "name-taken" => Some("Not saved: another view has that name. Choose another one."),
            "no-room" => Some("Not saved: there are as many views as there may be. Delete one."),
            _ => None,
        }
    }

    /// The saved view that is shown.
    fn current_view(&self) -> Option<(i64, &str)> {
        let (view, _) = self.views.iter().find(|(view, _)| view.is_current && view.id.is_some())?;
        Some((view.id?, &view.name))
    }

    fn is_saved(&self) -> bool {
        self.views.iter().any(|(view, _)| view.is_current)
    }

    fn is_part(&self) -> bool {
        self.asked.after.is_some()
    }

    /// The same without a place in a column.
    fn top_link(&self) -> String {
        self.params.link("/boards", &[("after", None), ("lane", None)])
    }

    fn count(count: impl Borrow<Count>) -> String {
        let count = count.borrow();
        if count.is_capped() {
            format!("{}+", spans::grouped(COUNTED))
        } else {
            spans::grouped(count.0)
        }
    }

    fn icon(column: &Column) -> &'static str {
        group_icon(column.key.group())
    }

    fn over(meter: &Meter) -> bool {
        meter.standing == Standing::Over
    }

    /// Of the forty units that a meter is wide.
    fn used(meter: &Meter) -> i64 {
        meter.percent * 40 / 100
    }

    fn limit(column: &Column) -> String {
        column.meter.map(|meter| meter.limit.to_string()).unwrap_or_default()
    }

    fn lane_id(lane: &Lane) -> &str {
        lane.key.as_deref().unwrap_or("all")
    }

    fn project(&self, lane: &Lane) -> Option<ProjectName> {
        (self.asked.lanes == LanesBy::Project)
            .then(|| self.names.of(lane.key.as_deref().unwrap_or_default()))
    }

    fn person(&self, lane: &Lane) -> Option<Face> {
        let name = lane.key.as_ref().filter(|key| *key != asked::NOBODY)?;
        (self.asked.lanes == LanesBy::Assignee)
            .then(|| Face::from(&Person { id: name.clone(), name: Some(name.clone()) }))
    }

    /// `Todo`, or `octo/api ⇄ SYNC, Todo` in a lane.
    fn cell_name(lane: &Lane, column: &Column) -> String {
        match &lane.key {
            Some(_) => format!("{}, {}", lane.name, column.key.name()),
            None => column.key.name().to_owned(),
        }
    }

    /// One below the lane's own heading, where it has one.
    fn heading(lane: &Lane) -> &'static str {
        if lane.key.is_some() { "h4" } else { "h3" }
    }

    fn open_link(&self, lane: &Lane) -> String {
        let here = self.params.link("/boards", &[]);
        let glue = if here.contains('?') { '&' } else { '?' };
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("open", Self::lane_id(lane));
        format!("{here}{glue}{}", query.finish())
    }

    /// The next part of a cell: the same column alone, after its last card.
    fn more_link(&self, lane: &Lane, column: &Column, cell: &Cell) -> String {
        let after = cell.cards.last().map(|card| {
            let cursor = CardCursor { updated_at: card.updated_at, card: card.card.clone() };
            asked::cursor_text(&cursor)
        });
        let group = column.key.group().map_or(NO_GROUP, StateGroup::as_str);
        let mut changes =
            vec![("state_group", Some(group)), ("after", after.as_deref()), ("open", None)];
        if let ColumnKey::State { name, .. } = &column.key {
            changes.push(("state", Some(name)));
        }
        if let Some(key) = &lane.key {
            changes.push(("lane", Some(key)));
        }
        self.params.link("/boards", &changes)
    }

    /// `5 more`, or that there are more where it was not counted how many.
    fn more_words(&self, cell: &Cell) -> String {
        match cell.more() {
            _ if self.is_part() => "Older ones".to_owned(),
            _ if cell.total.is_capped() => "Show more".to_owned(),
            more => format!("{} more", spans::grouped(more)),
        }
    }

    /// Whether a part that begins in the middle has an end is only known from its being full.
    fn has_more(&self, cell: &Cell) -> bool {
        if self.is_part() {
            cell.cards.len() >= 50
        } else {
            cell.more() > 0 && !cell.cards.is_empty()
        }
    }

    fn card_class(card: &Card) -> &'static str {
        if card.group == Some(StateGroup::Cancelled) { "card card-muted" } else { "card" }
    }

    fn empty_hint(&self, column: &Column) -> &'static str {
        match column.key.group() {
            _ if self.is_part() => "Nothing older",
            _ if self.filtered() => "No item matches the filter",
            Some(StateGroup::Backlog) => "What nobody has planned yet would stand here",
            Some(StateGroup::Unstarted) => "What is planned and not begun would stand here",
            Some(StateGroup::Started) => "What somebody is working on would stand here",
            Some(StateGroup::Completed) => "What is finished would stand here",
            Some(StateGroup::Cancelled) => "What will not be done would stand here",
            None => "Items whose state is not known would stand here",
        }
    }

    fn is_stale(&self, card: &Card) -> bool {
        card.freshness(self.now) == Freshness::Stale
    }

    fn age(&self, card: &Card) -> String {
        age(card.state_since, self.now)
    }

    /// The state's own name, where the column does not say it.
    fn own_status<'a>(card: &'a Card, column: &Column) -> Option<&'a str> {
        let status = card.status.as_deref()?;
        let is_said = status.eq_ignore_ascii_case(column.key.name());
        // GitHub knows open and closed, which every column says by itself.
        let says_nothing = card.lead.as_str().starts_with("github:");
        (!is_said && !says_nothing).then_some(status)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
    fn pull_icon(state: &PullState) -> &'static str {
        pull_icon(*state)
    }

    fn badge(health: &Health) -> Badge {
        let (tone, icon) = match health.state {
            HealthState::InSync => ("is-good", "ok"),
            HealthState::Pending | HealthState::Retry => ("is-wait", "pending"),
            HealthState::Failed => ("is-bad", "failed"),
            HealthState::Conflict => ("is-clash", "conflict"),
            HealthState::Unmapped => ("is-warn", "unmapped"),
            HealthState::LeftOut => ("is-off", "left-out"),
        };
        Badge { tone, icon, name: health.state.name() }
    }

    /// The reason with its time.
    fn why(&self, health: &Health) -> Option<String> {
        let at = health.at.map(|at| spans::when(at, self.now));
        match (health.state, at) {
            (HealthState::InSync, _) => None,
            (HealthState::Failed, Some(at)) => {
                Some(format!("{}: failed for good {at}, replay possible", health.reason))
            }
            (HealthState::Retry, Some(at)) => Some(format!("{}: next try {at}", health.reason)),
            _ => Some(health.reason.clone()),
        }
    }

    fn mark(side: &crate::board::Side) -> Mark {
        side.system.into()
    }
}
