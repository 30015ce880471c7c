//! What is known of one source, one repository or one of Plane's projects, put together.

use uuid::Uuid;

use super::Ends;
use crate::clock::Timestamp;
use crate::config::RepositoryName;
use crate::sources::Source;
use crate::store::figures::Sum;
use crate::store::flow::{LastError, LinkCount, Seen};
use crate::store::queue_now::Waiting;
use crate::store::repositories::Repository;

/// How linked issues stand, as the sync last wrote it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Links {
    /// In step when they were last looked at.
    pub in_sync: i64,
    /// To be brought in step.
    pub pending: i64,
    /// Changed on both sides.
    pub conflict: i64,
    /// Can't be kept in step.
    pub broken: i64,
}

impl Links {
    /// All of them.
    pub fn total(&self) -> i64 {
        self.in_sync + self.pending + self.conflict + self.broken
    }

    fn of<'a>(counts: impl Iterator<Item = &'a LinkCount>) -> Self {
        let mut links = Self::default();
        for count in counts {
            match count.status.as_str() {
                "ok" => links.in_sync += count.count,
                "conflict" => links.conflict += count.count,
                "broken" => links.broken += count.count,
                _ => links.pending += count.count,
            }
        }
        links
    }
}

/// Where deliveries come from: a source, a repository, a project.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// Who sends them.
    pub source: String,
    /// `owner/name` or Plane's project; empty for a whole source.
    pub place: String,
    /// Plane's project that a repository is kept in step with: its own, else the first that its
    /// rules name.
    pub plane_project: Option<String>,
    /// When something last came.
    pub last_seen: Option<Timestamp>,
    /// What ended within the range.
    pub ends: Ends,
    /// Jobs that wait.
    pub queued: i64,
    /// Jobs that failed and wait for another attempt.
    pub retrying: i64,
    /// Jobs that failed for good.
    pub dead: i64,
    /// When the oldest waiting job became due.
    pub oldest: Option<Timestamp>,
    /// The newest delivery that failed.
    pub last_error: Option<LastError>,
    /// How its linked issues stand.
    pub links: Links,
}

/// Everything that streams are made of.
pub(super) struct Known<'a> {
    pub(super) sums: &'a [Sum],
    pub(super) waiting: Vec<Waiting>,
    pub(super) seen: Vec<Seen>,
    pub(super) errors: Vec<LastError>,
    pub(super) links: Vec<LinkCount>,
    pub(super) repositories: Vec<Repository>,
    /// The projects that their rules name.
    pub(super) named: Vec<(RepositoryName, Vec<Uuid>)>,
}

impl Known<'_> {
    pub(super) fn sources(&self) -> Vec<Stream> {
        let all = [Source::Github, Source::Plane];
        all.into_iter().map(|source| self.source(source)).collect()
    }

    fn source(&self, source: Source) -> Stream {
        let source = source.as_str();
        let errors = self.errors.iter().filter(|e| e.source == source);
        Stream {
            last_error: errors.max_by_key(|e| e.at).cloned(),
            ..self.stream(source, "", None, |sum| sum.source == source)
        }
    }

    /// The configured ones, those with trouble first, then those with the most deliveries.
    pub(super) fn repositories(&self) -> Vec<Stream> {
        let of = |repository: &Repository| {
            let name = repository.name.as_str();
            let named = self.named.iter().find(|(known, _)| *known == repository.name);
            let named = named.and_then(|(_, projects)| projects.first().copied());
            let project = repository.plane_project.or(named);
            let is_its = |sum: &Sum| sum.source == "github" && sum.place.eq_ignore_ascii_case(name);
            self.stream("github", name, project.map(|id| id.to_string()), is_its)
        };
        let mut streams: Vec<_> = self.repositories.iter().map(of).collect();
        streams.sort_by_key(|s| {
            let trouble = (s.dead, s.links.broken + s.links.conflict, s.retrying, s.ends.total());
            (std::cmp::Reverse(trouble), s.place.to_lowercase())
        });
        streams
    }

    pub(super) fn projects(&self) -> Vec<Stream> {
        let of_plane = self.sums.iter().filter(|s| s.source == "plane" && !s.place.is_empty());
        let mut places: Vec<_> = of_plane.map(|sum| sum.place.as_str()).collect();
        places.sort_unstable();
        places.dedup();
        let of = |place: &&str| {
            self.stream("plane", place, None, |sum| sum.source == "plane" && sum.place == *place)
        };
        places.iter().map(of).collect()
    }

    pub(super) fn all_links(&self) -> Links {
        Links::of(self.links.iter())
    }

    fn stream(
        &self,
        source: &str,
        place: &str,
        plane_project: Option<String>,
        is_its: impl Fn(&Sum) -> bool,
    ) -> Stream {
        let mut ends = Ends::default();
        for sum in self.sums.iter().filter(|sum| is_its(sum)) {
            ends.add(sum.ended, sum.lag, sum.count);
        }
        let is_here = |s: &str, p: &str| s == source && p.eq_ignore_ascii_case(place);
        let waiting: Vec<_> =
            self.waiting.iter().filter(|w| is_here(&w.source, &w.place)).collect();
        let sum = |of: fn(&Waiting) -> i64| waiting.iter().map(|w| of(w)).sum();
        Stream {
            source: source.to_owned(),
            place: place.to_owned(),
            plane_project,
            last_seen: self.seen.iter().find(|s| is_here(&s.source, &s.place)).map(|s| s.at),
            ends,
            queued: sum(|w| w.queued),
            retrying: sum(|w| w.retrying),
            dead: sum(|w| w.dead),
            oldest: waiting.iter().filter_map(|w| w.oldest).min(),
            last_error: self.errors.iter().find(|e| is_here(&e.source, &e.place)).cloned(),
            links: Links::of(
                self.links.iter().filter(|l| l.repository.eq_ignore_ascii_case(place)),
            ),
        }
    }
}
