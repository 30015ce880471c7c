//! The pull requests that say they close an item: those that its card has, with their titles.

use super::super::{Problem, WebState, pull_icon};
use crate::board::{PullState, cut};
use crate::ids::WorkItemRef;

/// The panel; empty where none closes it.
#[derive(Default)]
pub(super) struct Pulls {
    pub(super) rows: Vec<Row>,
    /// How many are left out.
    pub(super) more: usize,
}

/// One of them.
pub(super) struct Row {
    pub(super) item: WorkItemRef,
    pub(super) number: String,
    pub(super) title: String,
    pub(super) state: PullState,
    pub(super) icon: &'static str,
}

impl Pulls {
    /// Those of an issue or of its twin.
    pub(super) async fn of(web: &WebState, item: &WorkItemRef) -> Result<Self, Problem> {
        let card = web.store.cards_of(&[item]).await?.remove(item);
        let Some(card) = card.filter(|card| !card.pulls.is_empty()) else {
            return Ok(Self::default());
        };
        let items: Vec<_> = card.pulls.iter().map(|pull| &pull.item).collect();
        let known = web.store.work_items_by_ref(&items).await?;
        let title = |item: &WorkItemRef| {
            let state = known.iter().find(|known| known.item == *item)?.state.as_ref()?;
            Some(cut(&state.title, 200))
        };
        let row = |pull: crate::board::Pull| Row {
            title: title(&pull.item).unwrap_or_default(),
            icon: pull_icon(pull.state),
            item: pull.item,
            number: pull.number,
            state: pull.state,
        };
        Ok(Self { rows: card.pulls.into_iter().map(row).collect(), more: card.more_pulls })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn count(&self) -> usize {
        self.rows.len() + self.more
    }
}
