//! What the board's address asks for.

use super::super::Problem;
use super::super::query::Params;
use crate::board::{ColumnKey, HealthState, STALE};
use crate::clock::Timestamp;
use crate::ids::WorkItemRef;
use crate::store::cards::read::{CardCursor, CardFilter, CardHealth, LaneFilter};
use crate::web::error::ProblemKind;
use crate::work_items::StateGroup;

/// What narrows the board.
pub(super) const FILTERS: [&str; 9] =
    ["q", "system", "project", "state_group", "state", "assignee", "label", "health", "unchanged"];
/// What makes a view: all that can be shared or saved by name.
pub(super) const VIEW: [&str; 11] = [
    "q",
    "system",
    "project",
    "state_group",
    "state",
    "assignee",
    "label",
    "health",
    "unchanged",
    "columns",
    "lanes",
];
/// `state_group` of the column of items whose group is not known.
pub(super) const NO_GROUP: &str = "none";
/// `assignee` of cards without one; no login and no display name begins like this.
pub(super) const NOBODY: &str = "(nobody)";
/// `health` of cards that wait for a person.
pub(super) const NEEDS_A_PERSON: &str = "needs-a-person";
/// `unchanged` of open cards that were left alone for two weeks.
pub(super) const LONG: &str = "long";

/// What lanes are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LanesBy {
    Nothing,
    Project,
    Assignee,
}

/// What columns are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnsBy {
    /// Groups of states, over everything.
    Group,
    /// The states of the one project that is chosen.
    State,
}

/// The address, read.
pub(super) struct Asked {
    /// Without column and lane.
    pub(super) filter: CardFilter,
    /// The only column that is wanted.
    #[expect(clippy::option_option, reason = "any group, or the one of items without a group")]
    pub(super) group: Option<Option<StateGroup>>,
    /// The same among a project's own states.
    pub(super) state: Option<String>,
    pub(super) columns: ColumnsBy,
    pub(super) lanes: LanesBy,
    /// The only lane that is wanted.
    pub(super) lane: Option<LaneFilter>,
    /// Where a part of a column starts.
    pub(super) after: Option<CardCursor>,
    /// Lanes to be shown open besides the first ones.
    pub(super) open: Vec<String>,
}

impl Asked {
    pub(super) fn read(params: &Params, now: Timestamp) -> Result<Self, Problem> {
        let projects = params.all("project");
        let wants_states = params.text("columns").as_deref() == Some("states");
        let lanes = match params.text("lanes").as_deref() {
            Some("project") => LanesBy::Project,
            Some("assignee") => LanesBy::Assignee,
            _ => LanesBy::Nothing,
        };
        let columns =
            if wants_states && projects.len() == 1 { ColumnsBy::State } else { ColumnsBy::Group };
        let group = match params.text("state_group").as_deref() {
            None => None,
            Some(NO_GROUP) => Some(None),
            Some(_) => Some(params.word("state_group")?),
        };
        Ok(Self {
            filter: CardFilter {
                system: params.word("system")?,
                projects,
                group: None,
                status: None,
                assignee: params.text("assignee").map(|name| (name != NOBODY).then_some(name)),
                label: params.text("label"),
                q: params.text("q"),
                health: health(params)?,
                unchanged_since: params.text("unchanged").map(|_| now - STALE),
                lane: None,
            },
            group,
            state: params.text("state").filter(|_| columns == ColumnsBy::State),
            columns,
            lane: params.text("lane").and_then(|key| lane(lanes, &key)),
            lanes,
            after: params.text("after").map(|text| cursor(&text)).transpose()?,
            open: params.all("open"),
        })
    }

    /// Whether one column is wanted rather than all.
    pub(super) fn wants_one_column(&self) -> bool {
        self.group.is_some() || self.state.is_some()
    }

    /// Whether this column is wanted.
    pub(super) fn wants(&self, column: &ColumnKey) -> bool {
        let in_group = self.group.is_none_or(|group| group == column.group());
        in_group && self.state.as_deref().is_none_or(|state| state == column.name())
    }

    /// The filter of a column.
    pub(super) fn in_column(&self, column: &ColumnKey) -> CardFilter {
        let status = match column {
            ColumnKey::Group(_) => None,
            ColumnKey::State { name, .. } => Some(name.clone()),
        };
        let lane = self.lane.clone();
        CardFilter { group: Some(column.group()), status, lane, ..self.filter.clone() }
    }
}

fn health(params: &Params) -> Result<Option<CardHealth>, Problem> {
    if params.text("health").as_deref() == Some(NEEDS_A_PERSON) {
        return Ok(Some(CardHealth::NeedsAPerson));
    }
    Ok(params.word::<HealthState>("health")?.map(CardHealth::Only))
}

/// The lane of this key.
pub(super) fn lane(by: LanesBy, key: &str) -> Option<LaneFilter> {
    match by {
        LanesBy::Nothing => None,
        LanesBy::Project => Some(LaneFilter::Project(key.to_owned())),
        LanesBy::Assignee if key == NOBODY => Some(LaneFilter::Assignee(None)),
        LanesBy::Assignee => Some(LaneFilter::Assignee(Some(key.to_owned()))),
    }
}

/// A cursor as an address has it.
pub(super) fn cursor_text(cursor: &CardCursor) -> String {
    format!("{}.{}", cursor.updated_at.timestamp_micros(), cursor.card)
}

fn cursor(text: &str) -> Result<CardCursor, Problem> {
    let read = || {
        let (micros, card) = text.split_once('.')?;
        let micros: i64 = micros.parse().ok()?;
        // Years that no row can have would not be taken by the database.
        let updated_at = chrono::DateTime::from_timestamp_micros(micros)
            .filter(|_| (0..250_000_000_000_000_000).contains(&micros))?;
        Some(CardCursor { updated_at, card: WorkItemRef::new(card) })
    };
    read().ok_or_else(|| {
        Problem::new(
            ProblemKind::BadRequest,
            "“after” is not a place in a column: open /boards anew",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_column_comes_back_as_it_was_and_a_damaged_one_is_refused() {
        let place = CardCursor {
            updated_at: "2026-11-22T01:00:00.123456Z".parse().unwrap(),
            card: WorkItemRef::new("github:pull_request:1:2.x"),
        };
        assert_eq!(cursor(&cursor_text(&place)).ok(), Some(place));
        for bad in ["", "x", "1", "-1.github:1", "999999999999999999999.x", "9223372036854775807.x"]
        {
            assert!(cursor(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn states_of_a_project_need_one_project() {
        let now = "2026-11-22T01:00:00Z".parse().unwrap();
        let columns = |query: &str| {
            Asked::read(&Params::read(Some(query)).unwrap(), now).map(|asked| asked.columns).ok()
        };
        assert_eq!(columns("columns=states&project=a"), Some(ColumnsBy::State));
        assert_eq!(columns("columns=states"), Some(ColumnsBy::Group));
        assert_eq!(columns("columns=states&project=a&project=b"), Some(ColumnsBy::Group));
    }
}
