//! Links of issues that turned out not to be carried over.
//!
//! A link is made by whoever first works on an issue, before it is known what its repository's rules
//! say. Where they drop the issue and nothing was ever begun in Plane, the link goes again: it would
//! stand for something that is still to come. One with a recorded write stays, since the write may have
//! been made.

use super::cards::refresh;
use super::changes::REVISE;
use super::links::LinkId;
use super::rows::to_json;
use super::{Database, Store, StoreResult};
use crate::ids::Lease;

const DROP: &str = "DELETE FROM issue_links WHERE id = $1 AND lease = $2 AND plane_item_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM write_intents i WHERE i.issue_link = $1) RETURNING github_ref";

impl Store {
    /// Removes a link that is still ours and of which nothing was ever made.
    pub async fn drop_needless_link(&self, link: LinkId, lease: Lease) -> StoreResult<()> {
        let token = lease.0.to_string();
        macro_rules! drop_link {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                let gone = sqlx::query_scalar(DROP).bind(link.0).bind(token);
                let issue: Option<String> = gone.fetch_optional(&mut *transaction).await?;
                let Some(issue) = issue else { return Ok(()) };
                refresh::$dialect(&mut transaction, vec![issue.clone()], Vec::new()).await?;
                let revise = sqlx::query(REVISE.$dialect).bind(to_json(&[issue])?);
                revise.execute(&mut *transaction).await?;
                transaction.commit().await?;
            }};
        }
        let _turn = self.turn().await;
        match &self.database {
            Database::Postgres(pool) => drop_link!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                drop_link!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite);
            }
        }
        self.tell_changed();
        Ok(())
    }
}
