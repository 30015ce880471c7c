//! What bringing one issue in step came to, in words for the timeline.

use crate::ids::{DeliveryId, WorkItemRef};
use crate::sources::Source;
use crate::sync::github::Issue;
use crate::sync::labels::LabelWrite;
use crate::sync::plan::{Finding, Write};
use crate::timeline::EntryOutcome;

/// What was written and what is worth knowing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The writes that were made, in their order, in words.
    pub writes: Vec<String>,
    /// Those to GitHub, in words with their reason.
    pub to_github: Vec<String>,
    /// The kinds of all these writes.
    pub kinds: Vec<&'static str>,
    /// What Plane or a person did that differs from what was meant.
    pub findings: Vec<Finding>,
    /// The issue as GitHub told it when it was asked, for the board.
    pub asked: Option<Box<Issue>>,
    /// The rules that were for it.
    pub rules: Vec<String>,
    /// What was written for other issues beside it: whose item, and what and why.
    pub elsewhere: Vec<(WorkItemRef, String)>,
    /// Why nothing was to be done at all.
    idle: Option<String>,
}

impl Report {
    pub(super) fn idle(why: impl Into<String>) -> Self {
        Self { idle: Some(why.into()), ..Self::default() }
    }

    /// What moving the items of a pull request came to, all of them together.
    pub fn of_pull(moved: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::default();
        let mut idle = Vec::new();
        for report in moved {
            all.writes.extend(report.writes);
            all.to_github.extend(report.to_github);
            all.kinds.extend(report.kinds);
            all.findings.extend(report.findings);
            idle.extend(report.idle);
        }
        if all.writes.is_empty() && all.findings.is_empty() {
            let none = || "no work item that is kept in step is named by it".to_owned();
            all.idle = Some(idle.into_iter().next().unwrap_or_else(none));
        }
        all
    }

    pub(super) fn wrote(&mut self, write: &Write) {
        self.idle = None;
        self.writes.push(write.to_string());
        self.kinds.push(write.kind());
    }

    pub(super) fn wrote_label(&mut self, write: &LabelWrite) {
        self.writes.push(write.to_string());
        self.kinds.push(write.kind());
    }

    /// What came of labels on the way.
    pub(super) fn add(&mut self, other: Self) {
        self.writes.extend(other.writes);
        self.to_github.extend(other.to_github);
        self.kinds.extend(other.kinds);
        self.findings.extend(other.findings);
    }

    /// The same; where nothing was written, what there is to say is the reason.
    pub(super) fn or_why_not(mut self) -> Self {
        if self.writes.is_empty() && !self.findings.is_empty() {
            let why: Vec<_> = self.findings.drain(..).map(|finding| finding.to_string()).collect();
            self.idle = Some(why.join("; "));
        }
        self
    }

    /// With something more to say.
    #[must_use]
    pub fn also(mut self, finding: Finding) -> Self {
        match &mut self.idle {
            Some(idle) => *idle = format!("{idle}; {finding}"),
            None => self.findings.push(finding),
        }
        self
    }

    /// A write to GitHub, and the webhook of Plane's that told what led to it.
    pub(super) fn wrote_to_github(&mut self, write: &Write, cause: Option<&(Source, DeliveryId)>) {
        let told = match cause {
            Some((Source::Plane, id)) => format!(" (its webhook {id})"),
            Some((Source::Github, _)) | None => String::new(),
        };
        self.to_github.push(format!("{write}{told}"));
        self.kinds.push(write.kind());
    }

    /// Something worth knowing, also where nothing is to be done.
    pub(super) fn found(&mut self, finding: Finding) {
        self.idle = None;
        self.findings.push(finding);
    }

    /// Whether Plane was not to be written to at all.
    pub fn is_idle(&self) -> bool {
        self.idle.is_some()
    }

    /// Whether anything was written.
    pub fn outcome(&self) -> EntryOutcome {
        let is_nothing = self.writes.is_empty() && self.to_github.is_empty();
        if is_nothing { EntryOutcome::Ignored } else { EntryOutcome::Applied }
    }

    /// One line for people.
    pub fn reason(&self) -> String {
        if let Some(idle) = &self.idle {
            return format!("not written to Plane: {idle}");
        }
        let mut parts = Vec::new();
        if !self.writes.is_empty() {
            parts.push(format!("written to Plane: {}", self.writes.join("; ")));
        }
        if !self.to_github.is_empty() {
            parts.push(format!("written to GitHub: {}", self.to_github.join("; ")));
        }
        if parts.is_empty() {
            parts.push("Plane already says so: nothing to write".to_owned());
        }
        if !self.rules.is_empty() {
            parts.push(format!("By the rules {}", self.rules.join(", ")));
        }
        parts.extend(self.findings.iter().map(Finding::to_string));
        parts.join(". ")
    }
}
