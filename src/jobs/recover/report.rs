//! What a run found and did, for the command line, pages and programs alike.

use serde::{Serialize, Serializer};

use super::{Covers, Looked};
use crate::clock::Timestamp;
use crate::config::RepositoryName;
use crate::ids::DeliveryId;
use crate::recovery::{Gap, Verdict};
use crate::store::recovery::Request;

/// What became of a delivery that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// To be asked for; nobody has done it yet.
    Found,
    /// GitHub sends it again.
    Asked,
    /// It was asked for before and has time left to come.
    Waiting,
    /// It did not come however often it was asked for.
    GivenUp,
    /// GitHub no longer sends it.
    Expired,
}

impl Fate {
    /// Of a delivery that is missing; `None` for one that is not.
    pub(super) fn of(verdict: Verdict) -> Option<Self> {
        match verdict {
            Verdict::NotOurs | Verdict::Kept | Verdict::FailedHere | Verdict::OnItsWay => None,
            Verdict::Ask => Some(Self::Found),
            Verdict::Waiting => Some(Self::Waiting),
            Verdict::GiveUp => Some(Self::GivenUp),
            Verdict::Expired => Some(Self::Expired),
        }
    }

    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Found => "missing",
            Self::Asked => "asked for",
            Self::Waiting => "on its way",
            Self::GivenUp => "given up",
            Self::Expired => "too old",
        }
    }
}

/// A delivery that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Whose event it is.
    #[serde(serialize_with = "as_text")]
    pub repository: RepositoryName,
    /// `X-GitHub-Delivery`.
    pub delivery_id: DeliveryId,
    /// `issues`.
    pub event: String,
    /// When GitHub last tried.
    pub sent_at: Timestamp,
    /// How that ended, in its words.
    pub status: String,
    /// How often it was asked for before this run.
    pub asked_before: u32,
    /// What became of it.
    pub fate: Fate,
}

impl Found {
    pub(super) fn of(request: &Request, fate: Fate) -> Self {
        Self {
            repository: request.repository.clone(),
            delivery_id: request.guid.clone(),
            event: request.event.clone(),
            sent_at: request.sent_at,
            status: request.status.clone(),
            asked_before: request.asked,
            fate,
        }
    }
}

/// How it stands with a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceReport {
    /// As configured.
    #[serde(serialize_with = "as_text")]
    pub repository: RepositoryName,
    /// How far back was looked; null where it could not be.
    pub back_to: Option<Timestamp>,
    /// Deliveries of kinds that are worked off.
    pub listed: u64,
    /// Those that failed here for good, which a replay runs again.
    pub failed_here: u64,
    /// Those that are missing.
    pub missing: u64,
    /// Those that were asked for.
    pub asked: u64,
    /// A time of which GitHub no longer tells what it sent.
    pub gap: Option<Gap>,
    /// Why it could not be looked, or asked, and what to do.
    pub problem: Option<String>,
    /// Whether anything was left unseen.
    #[serde(skip)]
    pub(super) covers: Covers,
}

impl PlaceReport {
    pub(super) fn of(looked: &Looked) -> Self {
        Self {
            repository: looked.repository.name.clone(),
            back_to: looked.back_to,
            listed: 0,
            failed_here: 0,
            missing: 0,
            asked: 0,
            gap: looked.gap,
            problem: looked.problem.clone(),
            covers: looked.covers,
        }
    }

    pub(super) fn count(&mut self, verdict: Verdict) {
        self.listed += u64::from(verdict != Verdict::NotOurs);
        self.failed_here += u64::from(verdict == Verdict::FailedHere);
        self.missing += u64::from(Fate::of(verdict).is_some());
    }
}

/// What a run found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Each repository, by name.
    pub places: Vec<PlaceReport>,
    /// Each delivery that is missing.
    pub deliveries: Vec<Found>,
    /// Those of earlier runs that had come by now.
    pub came: u64,
}

impl Report {
    /// How many are missing and end so.
    pub fn count(&self, fate: Fate) -> u64 {
        self.deliveries.iter().filter(|found| found.fate == fate).count() as u64
    }

    /// Whether nothing is left that a person has to look at.
    pub fn is_right(&self) -> bool {
        let open = [Fate::Found, Fate::GivenUp, Fate::Expired];
        self.places.iter().all(|place| place.problem.is_none() && place.gap.is_none())
            && open.into_iter().all(|fate| self.count(fate) == 0)
    }
}

fn as_text<S: Serializer>(name: &RepositoryName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name.as_str())
}
