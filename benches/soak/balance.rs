//! What became of everything that was accepted: in the database, and in Plane.

use std::collections::HashMap;

use jetbridge::sim::plane::SimPlane;
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::load::{Book, Key, title};

/// The end of the account. All but `accepted` is to be 0.
#[derive(Debug, Default)]
pub struct Balance {
    pub accepted: usize,
    /// Accepted, and not there, or not processed.
    pub lost: Vec<String>,
    /// Stored in more than one row, decided more than once, or made twice in Plane.
    pub doubled: Vec<String>,
    /// Not as the newest accepted version says, on the board or in Plane.
    pub wrong: Vec<String>,
}

/// All rows of one text of SQL, on either database.
macro_rules! rows {
    ($url:expr, $sql:expr $(, $value:expr)?) => {
        if $url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect($url).await.expect("a connection");
            sqlx::query_as($sql)$(.bind($value))?.fetch_all(&mut connection).await.expect("rows")
        } else {
            let mut connection = PgConnection::connect($url).await.expect("a connection");
            let path = sqlx::raw_sql("SET search_path = ops");
            path.execute(&mut connection).await.expect("a schema");
            sqlx::query_as($sql)$(.bind($value))?.fetch_all(&mut connection).await.expect("rows")
        }
    };
}

/// Jobs that are not at their end.
pub async fn unfinished(url: &str) -> i64 {
    const UNFINISHED: &str =
        "SELECT count(*) FROM work_queue WHERE status IN ('queued', 'claimed')";
    let counts: Vec<(i64,)> = rows!(url, UNFINISHED);
    counts[0].0
}

/// Compares the book with the database and with Plane.
pub async fn balance(url: &str, book: &Book, plane: &SimPlane) -> Balance {
    let mut balance = Balance { accepted: book.accepted.len(), ..Balance::default() };
    let deliveries: Vec<(String, String, String, Vec<u8>)> =
        rows!(url, "SELECT source, delivery_id, status, body_sha256 FROM deliveries");
    let mut stored: HashMap<Key, Vec<(String, String)>> = HashMap::new();
    for (source, id, status, body) in deliveries {
        let key = if source == "plane" { Key::plane(&body) } else { Key::github(&id) };
        stored.entry(key).or_default().push((id, status));
    }
    for key in &book.accepted {
        match stored.get(key).map(Vec::as_slice) {
            None => balance.lost.push(format!("{key:?} is not there")),
            Some([(id, status)]) if status != "processed" => {
                balance.lost.push(format!("{key:?} as {id} is {status}"));
            }
            Some([_]) => {}
            Some(more) => balance.doubled.push(format!("{key:?} has the rows {more:?}")),
        }
    }
    // A delivery of GitHub's is decided twice: when it is read, and when it is carried over; both
    // again when it failed and its sender repeated it. What was stored without names that Plane
    // did not tell just then is read again, and says so.
    let decided: Vec<(String, String, i64, i64)> = rows!(
        url,
        "SELECT source, delivery_id,
            count(*) FILTER (WHERE outcome IN ('applied', 'ignored')
                AND reason NOT LIKE '%which will be asked for again%'),
            count(*) FILTER (WHERE outcome = 'replayed')
         FROM timeline GROUP BY source, delivery_id"
    );
    for (source, id, count, again) in decided {
        if count > (1 + again) * if source == "plane" { 1 } else { 2 } {
            let why: Vec<(String, String)> = rows!(
                url,
                "SELECT outcome, reason FROM timeline WHERE delivery_id = $1 ORDER BY at",
                &id
            );
            let count = format!("{source} {id} was decided {count} times: {why:?}");
            balance.doubled.push(count);
        }
    }
    balance.of_the_board(url, book).await;
    balance.of_plane(book, plane);
    balance
}

impl Balance {
    pub fn is_even(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty() && self.wrong.is_empty()
    }

    async fn of_the_board(&mut self, url: &str, book: &Book) {
        let items: Vec<(String, String)> =
            rows!(url, "SELECT work_item_ref, title FROM work_items");
        let items: HashMap<_, _> = items.into_iter().collect();
        for (item, version) in &book.newest {
            let (told, wanted) = (items.get(item), title(item, *version));
            if told != Some(&wanted) {
                self.wrong.push(format!("the board says {told:?} instead of {wanted:?}"));
            }
        }
        let comments: Vec<(String, String)> =
            rows!(url, "SELECT work_item_ref, external_id FROM work_item_comments");
        let mut there: HashMap<String, Vec<u64>> = HashMap::new();
        for (item, id) in comments {
            there.entry(item).or_default().push(id.parse().expect("one of ours"));
        }
        for (item, ids) in &book.comments {
            let there = there.get(item).map_or(&[][..], Vec::as_slice);
            let lacking = ids.iter().filter(|id| !there.contains(id));
            self.wrong.extend(lacking.map(|id| format!("{item} lacks comment {id}")));
        }
    }

    /// Each issue of GitHub's has one twin in Plane with one mirror of each comment.
    fn of_plane(&mut self, book: &Book, plane: &SimPlane) {
        let mut twins: HashMap<String, Vec<_>> = HashMap::new();
        for item in plane.items() {
            let issue = item.external.id.clone().unwrap_or_default();
            twins.entry(format!("github:{issue}")).or_default().push(item);
        }
        for (issue, version) in book.newest.iter().filter(|(item, _)| item.starts_with("github:")) {
            let Some([twin]) = twins.get(issue).map(Vec::as_slice) else {
                let count = twins.get(issue).map_or(0, Vec::len);
                let kind = if count == 0 { &mut self.wrong } else { &mut self.doubled };
                kind.push(format!("{issue} has {count} twins in Plane"));
                continue;
            };
            let wanted = title(issue, *version);
            if twin.name != wanted {
                self.wrong.push(format!("Plane says {:?} instead of {wanted:?}", twin.name));
            }
            let mirrors = plane.comments(twin.id);
            for id in book.comments.get(issue).into_iter().flatten() {
                let text = id.to_string();
                let of_this = |c: &&_| mirror_of(c) == Some(text.as_str());
                match mirrors.iter().filter(of_this).count() {
                    0 => self.wrong.push(format!("{issue}'s comment {id} is not in Plane")),
                    1 => {}
                    n => self.doubled.push(format!("{issue}'s comment {id} is {n} times in Plane")),
                }
            }
        }
    }
}

fn mirror_of(comment: &jetbridge::sim::plane::Comment) -> Option<&str> {
    comment.external.id.as_deref()
}
