//! A query put together from what a filter sets, so that the planner sees only that and can use
//! an index. Values are always bound, never part of the text.

use super::read::{CardFilter, CardHealth, CardSystem, LaneFilter};
use crate::board::{HealthState, SEPARATOR, within_list};
use crate::clock::Timestamp;

/// A value of a query.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Time(Timestamp),
}

/// Which words of SQL to use where the two differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    Sqlite,
}

/// A query as far as it is written.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
    dialect: Dialect,
}

impl Query {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { sql: String::new(), values: Vec::new(), dialect }
    }

    pub(super) fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    pub(super) fn bind(&mut self, value: Value) -> &mut Self {
        self.values.push(value);
        self.sql.push('$');
        self.sql.push_str(&self.values.len().to_string());
        self
    }

    pub(super) fn text(&mut self, value: &str) -> &mut Self {
        self.bind(Value::Text(value.to_owned()))
    }

    /// ` WHERE …`, as the filter says.
    pub(super) fn matching(&mut self, filter: &CardFilter) {
        self.push(" WHERE true");
        // SQLite would walk a whole column for its order, though the few that are not well have an
        // index of their own.
        let is_few =
            filter.health.is_some_and(|health| health != CardHealth::Only(HealthState::InSync));
        let group = match self.dialect {
            Dialect::Sqlite if is_few => " AND +state_group",
            _ => " AND state_group",
        };
        match filter.group {
            None => {}
            Some(None) => drop(self.push(group).push(" IS NULL")),
            Some(Some(wanted)) => drop(self.push(group).push(" = ").text(wanted.as_str())),
        }
        if let Some(status) = &filter.status {
            self.push(" AND status = ").text(status);
        }
        match filter.system {
            None => {}
            Some(CardSystem::Github) => drop(self.push(" AND github_ref IS NOT NULL")),
            Some(CardSystem::Plane) => drop(self.push(" AND plane_ref IS NOT NULL")),
            Some(CardSystem::Twins) => {
                self.push(" AND github_ref IS NOT NULL AND plane_ref IS NOT NULL");
            }
            Some(CardSystem::Single) => {
                self.push(" AND (github_ref IS NULL OR plane_ref IS NULL)");
            }
        }
        self.projects(&filter.projects);
        if let Some(lane) = &filter.lane {
            self.lane(lane);
        }
        match &filter.assignee {
            None => {}
            Some(None) => drop(self.push(" AND assignees = ''")),
            Some(Some(name)) => self.holds("assignees", name),
        }
        if let Some(label) = &filter.label {
            self.holds("labels", label);
        }
        if let Some(q) = &filter.q {
            self.push(" AND words LIKE ").text(&containing(q)).push(" ESCAPE '\\'");
        }
        if let Some(health) = filter.health {
            self.health(health);
        }
        if let Some(before) = filter.unchanged_since {
            self.push(" AND updated_at < ").bind(Value::Time(before));
            // In an index's own words, so that it can be used.
            self.push(
                " AND (state_group IS NULL OR state_group NOT IN ('completed', 'cancelled'))",
            );
        }
    }

    /// By the lane that they stand in, or by the repository of one side.
    fn projects(&mut self, projects: &[String]) {
        let (Some(first), rest) = (projects.first(), projects.get(1..).unwrap_or_default()) else {
            return;
        };
        let mut one_of = |column: &str| {
            self.push(column).push(" IN (").text(first);
            for project in rest {
                self.push(", ").text(project);
            }
            self.push(")");
        };
        if projects.iter().any(|project| project.contains('/')) {
            one_of(" AND (home");
            one_of(" OR repository");
            self.push(")");
        } else {
            one_of(" AND home");
        }
    }

    fn lane(&mut self, lane: &LaneFilter) {
        match lane {
            LaneFilter::Project(home) => self.push(" AND home = ").text(home),
            LaneFilter::Assignee(Some(name)) => self.push(" AND assignee = ").text(name),
            LaneFilter::Assignee(None) => self.push(" AND assignee IS NULL"),
        };
    }

    fn holds(&mut self, column: &str, name: &str) {
        let find = match self.dialect {
            Dialect::Postgres => "strpos",
            Dialect::Sqlite => "instr",
        };
        let name = format!("{SEPARATOR}{}{SEPARATOR}", within_list(name));
        self.push(" AND ").push(find).push("(").push(column).push(", ").text(&name).push(") > 0");
    }

    fn health(&mut self, health: CardHealth) {
        let states: &[HealthState] = match health {
            CardHealth::Only(HealthState::Pending) => &[HealthState::Pending, HealthState::Retry],
            CardHealth::Only(ref state) => std::slice::from_ref(state),
            CardHealth::NeedsAPerson => &HealthState::NEEDS_A_PERSON,
        };
        // Said in the index's own words, so that it can be used.
        if !states.contains(&HealthState::InSync) {
            self.push(" AND health IS NOT NULL AND health <> 'in_sync'");
        }
        for (i, state) in states.iter().enumerate() {
            self.push(if i == 0 { " AND health IN (" } else { ", " }).text(state.as_str());
        }
        self.push(")");
    }
}

/// A pattern for texts that contain `part`, taken literally, whatever the case.
fn containing(part: &str) -> String {
    let mut pattern = String::from("%");
    for c in part.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
