//! The board: which cards there are, what they say, and the columns and lanes around them. Pure:
//! items, links, jobs and the moment in, cards and columns out, the same for HTML and JSON.
//!
//! `cards` decides what a card is and is asked with every change of an item, a link or a job;
//! `store/cards` keeps its answer, so that a page reads cards and nothing else. `health` says how
//! both sides of a card stand, `columns` holds what stands around the cards.
//!
//! Deliberately absent: markup, addresses, the database.

mod card;
mod cards;
mod columns;
mod health;
mod words;

pub use card::{Card, Face, Freshness, Pull, PullState, STALE, Side};
pub use cards::{CardRecord, Closing, Known, SEPARATOR, TieState, cards, listed, within_list};
pub use columns::{
    COUNTED, Cell, Column, ColumnKey, Count, Lane, Meter, Standing, keep_each_once, newest,
    take_common_missing,
};
pub use health::{Health, HealthState, JobStage, JobState, LinkState, health};
pub use words::{age, cut, drawable, group_name, short_key};
