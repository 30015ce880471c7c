//! A project's modules and cycles, and which items are in them.
//!
//! Recorded, and not what one would guess: a project that has no cycles switched on answers 400 to
//! a new one; a cycle takes both days or none; a change of a module is answered without its id; a
//! module does not say whether one item is in it, a cycle does; an item that is put into a cycle
//! leaves the one in which it was.

use chrono::{DateTime, FixedOffset, SecondsFormat};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::exchange::id;
use super::refusal::Refusal;
use super::{Creation, PlaneClient};
use crate::sync::milestones::{BundleChange, BundleFields, BundleKind, Days};
use crate::sync::plane::EXTERNAL_SOURCE;

/// A module or a cycle as Plane has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundBundle {
    /// Plane's id.
    pub id: String,
    /// What is kept of it.
    pub fields: BundleFields,
    /// GitHub's numeric id of the milestone, where Jetbridge made it.
    pub milestone: Option<u64>,
    /// Whether any item is in it.
    pub is_empty: bool,
}

/// Which of both a project has switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct BundleSwitches {
    #[serde(default, rename = "module_view")]
    modules: bool,
    #[serde(default, rename = "cycle_view")]
    cycles: bool,
}

impl BundleSwitches {
    /// Whether a kind is switched on.
    pub fn has(self, kind: BundleKind) -> bool {
        match kind {
            BundleKind::Module => self.modules,
            BundleKind::Cycle => self.cycles,
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    id: String,
    name: String,
    description: Option<String>,
    start_date: Option<String>,
    target_date: Option<String>,
    end_date: Option<String>,
    external_id: Option<String>,
    external_source: Option<String>,
    total_issues: Option<u64>,
}

impl Answer {
    fn fields(&self, kind: BundleKind) -> BundleFields {
        let days = match kind {
            // Its first day is people's.
            BundleKind::Module => Days { first: None, last: self.target_date.clone() },
            BundleKind::Cycle => Days {
                first: self.start_date.as_deref().map(moment),
                last: self.end_date.as_deref().map(moment),
            },
        };
        let description = self.description.clone().unwrap_or_default();
        BundleFields { name: self.name.clone(), description, days }
    }

    fn found(self, kind: BundleKind) -> FoundBundle {
        let is_ours = self.external_source.as_deref() == Some(EXTERNAL_SOURCE);
        let milestone = self.external_id.as_ref().filter(|_| is_ours);
        FoundBundle {
            fields: self.fields(kind),
            milestone: milestone.and_then(|id| id.parse().ok()),
            is_empty: self.total_issues == Some(0),
            id: self.id,
        }
    }
}

/// A moment in the time zone of the key's user, as everybody writes it.
fn moment(text: &str) -> String {
    let read = text.parse::<DateTime<FixedOffset>>();
    let utc = |at: DateTime<FixedOffset>| at.to_utc().to_rfc3339_opts(SecondsFormat::Secs, true);
    read.map_or_else(|_| text.to_owned(), utc)
}

fn words(kind: BundleKind) -> (&'static str, &'static str) {
    match kind {
        BundleKind::Module => ("modules", "module-issues"),
        BundleKind::Cycle => ("cycles", "cycle-issues"),
    }
}

/// What is sent of `change`.
fn body(kind: BundleKind, change: &BundleChange) -> Map<String, Value> {
    let mut body = Map::new();
    let BundleChange { name, description, days } = change;
    if let Some(name) = name {
        body.insert("name".to_owned(), json!(name));
    }
    if let Some(text) = description {
        body.insert("description".to_owned(), json!(text));
    }
    match (kind, days) {
        (_, None) => {}
        (BundleKind::Module, Some(days)) => {
            body.insert("target_date".to_owned(), json!(days.last));
        }
        (BundleKind::Cycle, Some(days)) => {
            body.insert("start_date".to_owned(), json!(days.first));
            body.insert("end_date".to_owned(), json!(days.last));
        }
    }
    body
}

impl PlaneClient {
    /// Which of modules and cycles a project has switched on.
    pub async fn fetch_bundle_switches(&self, project: &str) -> Result<BundleSwitches, Refusal> {
        self.ask(self.project_url(project, &[])?).await
    }

    /// All modules or cycles of a project; archived ones are not listed.
    pub async fn list_bundles(
        &self,
        project: &str,
        kind: BundleKind,
    ) -> Result<Vec<FoundBundle>, Refusal> {
        let all: Vec<Answer> = self.ask_all(self.project_url(project, &[words(kind).0])?).await?;
        Ok(all.into_iter().map(|answer| answer.found(kind)).collect())
    }

    /// One; `None` for one that was deleted or archived, which look the same.
    pub async fn fetch_bundle(
        &self,
        project: &str,
        kind: BundleKind,
        bundle: &str,
    ) -> Result<Option<FoundBundle>, Refusal> {
        let url = self.project_url(project, &[words(kind).0, &id(bundle)?])?;
        let answer = self.exchange(Method::GET, url, None).await?;
        Ok(answer.object_if_there::<Answer>()?.map(|answer| answer.found(kind)))
    }

    /// Makes one for a milestone.
    pub async fn create_bundle(
        &self,
        project: &str,
        kind: BundleKind,
        fields: &BundleFields,
        milestone: u64,
    ) -> Result<Creation<FoundBundle>, Refusal> {
        let url = self.project_url(project, &[words(kind).0])?;
        let days = fields.days.last.is_some().then(|| fields.days.clone());
        let mut body = body(
            kind,
            &BundleChange {
                name: Some(fields.name.clone()),
                description: Some(fields.description.clone()),
                days,
            },
        );
        body.insert("external_id".to_owned(), json!(milestone.to_string()));
        body.insert("external_source".to_owned(), json!(EXTERNAL_SOURCE));
        if kind == BundleKind::Cycle {
            // Older servers look for the project here alone.
            body.insert("project_id".to_owned(), json!(project));
        }
        let answer = self.exchange(Method::POST, url, Some(Value::Object(body))).await?;
        Ok(answer.creation::<Answer>()?.map(|answer| answer.found(kind)))
    }

    /// Changes one; what it says after that.
    pub async fn update_bundle(
        &self,
        project: &str,
        kind: BundleKind,
        bundle: &str,
        change: &BundleChange,
    ) -> Result<BundleFields, Refusal> {
        let url = self.project_url(project, &[words(kind).0, &id(bundle)?])?;
        let body = Value::Object(body(kind, change));
        let answer = self.exchange(Method::PATCH, url, Some(body)).await?;
        Ok(answer.object::<Answer>()?.fields(kind))
    }

    /// Whether an item is in one; it is in none that is gone.
    pub async fn bundle_has(
        &self,
        project: &str,
        kind: BundleKind,
        bundle: &str,
        item: &str,
    ) -> Result<bool, Refusal> {
        #[derive(Deserialize)]
        struct Entry {
            id: String,
        }
        let (bundles, items) = words(kind);
        let mut path = vec![bundles.to_owned(), id(bundle)?, items.to_owned()];
        if kind == BundleKind::Cycle {
            path.push(id(item)?);
        }
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let mut url = self.project_url(project, &path)?;
        if kind == BundleKind::Cycle {
            let answer = self.exchange(Method::GET, url, None).await?;
            return Ok(answer.object_if_there::<serde::de::IgnoredAny>()?.is_some());
        }
        url.query_pairs_mut().append_pair("fields", "id");
        match self.ask_all::<Entry>(url).await {
            Ok(entries) => Ok(entries.iter().any(|entry| entry.id == item)),
            Err(Refusal::NotFound) => Ok(false),
            Err(refusal) => Err(refusal),
        }
    }

    /// Puts an item into one.
    pub async fn enter_bundle(
        &self,
        project: &str,
        kind: BundleKind,
        bundle: &str,
        item: &str,
    ) -> Result<(), Refusal> {
        let (bundles, items) = words(kind);
        let url = self.project_url(project, &[bundles, &id(bundle)?, items])?;
        let body = json!({ "issues": [item] });
        let answer = self.exchange(Method::POST, url, Some(body)).await?;
        answer.object::<serde::de::IgnoredAny>().map(drop)
    }

    /// Takes an item out of one; one that is not in it is no refusal.
    pub async fn leave_bundle(
        &self,
        project: &str,
        kind: BundleKind,
        bundle: &str,
        item: &str,
    ) -> Result<(), Refusal> {
        let (bundles, items) = words(kind);
        let url = self.project_url(project, &[bundles, &id(bundle)?, items, &id(item)?])?;
        self.exchange(Method::DELETE, url, None).await?.gone()
    }
}
