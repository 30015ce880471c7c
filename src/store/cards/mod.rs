//! The board's cards: what `board` decided of each item, kept so that a page reads cards and
//! nothing else, however many items there are.
//!
//! The rule: whoever writes an item, a link or the end of a job refreshes the cards of what it
//! wrote in the same transaction, last of all (`refresh`). So a card is never older than the rows
//! that it was made from.
//!
//! Races, and what decides them:
//! - *Two transactions change the two sides of one card.* On `PostgreSQL` a refresh begins with an
//!   advisory lock that is held to the end of its transaction, and reads after that: the later one
//!   sees what the earlier one wrote. SQLite has one writer.
//! - *A twin whose webhook has not come yet.* The link names it, its row is missing: the card
//!   stands by the issue until the row comes, which refreshes it.

mod query;
pub mod read;
pub(super) mod refresh;
mod statements;

use super::{Database, Store, StoreResult};
use crate::ids::WorkItemRef;

/// Items whose cards are made in one transaction.
const AT_ONCE: i64 = 500;

impl Store {
    /// Makes the cards of these items anew, with those of what they are tied to.
    pub async fn refresh_cards(&self, items: &[&WorkItemRef]) -> StoreResult<()> {
        let refs: Vec<String> = items.iter().map(|item| item.as_str().to_owned()).collect();
        match &self.database {
            Database::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                refresh::postgres(&mut transaction, refs, Vec::new()).await?;
                transaction.commit().await?;
            }
            Database::Sqlite { writer, .. } => {
                let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
                refresh::sqlite(&mut transaction, refs, Vec::new()).await?;
                transaction.commit().await?;
            }
        }
        Ok(())
    }

    /// Makes all cards anew: after work items were written by other means than jobs.
    pub async fn rebuild_cards(&self) -> StoreResult<()> {
        const MARK_ALL: &str = "
            INSERT INTO board_dirty (work_item_ref)
            SELECT work_item_ref FROM work_items WHERE true
            UNION SELECT card_ref FROM board_cards WHERE true
            ON CONFLICT (work_item_ref) DO NOTHING";
        super::on_writer!(self, pool => sqlx::query(MARK_ALL).execute(pool).await.map(drop))?;
        self.make_dirty_cards().await
    }

    /// Makes the cards that were marked, by a migration or by somebody who changed what many of
    /// them depend on.
    pub(super) async fn make_dirty_cards(&self) -> StoreResult<()> {
        loop {
            let made = match &self.database {
                Database::Postgres(pool) => {
                    let mut transaction = pool.begin().await?;
                    let made = refresh::dirty_postgres(&mut transaction, AT_ONCE).await?;
                    transaction.commit().await?;
                    made
                }
                Database::Sqlite { writer, .. } => {
                    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
                    let made = refresh::dirty_sqlite(&mut transaction, AT_ONCE).await?;
                    transaction.commit().await?;
                    made
                }
            };
            if made == 0 {
                return Ok(());
            }
        }
    }
}
