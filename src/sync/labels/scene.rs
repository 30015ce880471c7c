//! What is to be done about labels, one after the other: the decision behind the rules of the folder.

use std::collections::{BTreeMap, BTreeSet};

use super::{LabelLink, LabelNow, LabelWrite, Origin, Standing, face_of};
use crate::sync::github::IssueLabel;
use crate::sync::mapping::{LabelTarget, Mapping, Resolved};
use crate::sync::plan::Finding;
use crate::sync::plane::{Project, ProjectLabel};

/// What is to be done about one label.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelPlan {
    /// What is to be written.
    pub write: Option<LabelWrite>,
    /// The tie after that; `None` where there is none, and for one that is to be made.
    pub link: Option<LabelLink>,
    /// For the timeline.
    pub findings: Vec<Finding>,
    /// Whether more is to come for the same label.
    pub is_step: bool,
}

impl LabelPlan {
    fn said(finding: Finding) -> Self {
        Self { findings: vec![finding], ..Self::default() }
    }

    /// Instead of what was planned: the label is others' as well.
    #[must_use]
    pub fn left(&self, finding: Finding) -> Self {
        let link = self.link.clone();
        let link = link.map(|link| LabelLink { standing: Standing::Left, ..link });
        Self { link, ..Self::said(finding) }
    }
}

/// Labels of one repository and of the project.
pub struct Scene<'a> {
    /// GitHub's side, each label once.
    pub now: Vec<LabelNow>,
    /// What is tied to what, by GitHub's id.
    pub links: BTreeMap<u64, LabelLink>,
    /// Whose words mean what.
    pub mapping: &'a Mapping,
    /// Plane's side, as it is.
    pub project: Project,
}

/// A label that is to be followed.
struct Candidate<'a> {
    now: &'a LabelNow,
    plan: LabelPlan,
    /// The name that it wants, where that is another one.
    name: Option<String>,
}

impl Scene<'_> {
    /// What is to be done next, and about which label; those in `done` are left out. Whoever does it
    /// puts what came of it into `links` and `project` before the next question.
    pub fn next(&self, done: &BTreeSet<u64>) -> Option<(u64, LabelPlan)> {
        let open: Vec<_> = self.now.iter().filter(|now| !done.contains(&now.id)).collect();
        let (tied, untied): (Vec<_>, Vec<_>) = open
            .into_iter()
            .map(|now| (now, self.counterpart(now)))
            .partition(|(_, c)| c.is_some());
        let candidates: Vec<_> = tied.iter().map(|(now, _)| self.candidate(now)).collect();
        let free = candidates.iter().find(|c| self.in_the_way(c).is_none());
        if let Some(free) = free {
            return Some((free.now.id, free.plan.clone()));
        }
        // Who stands in the way and wants to go makes room first; of a circle one steps aside.
        let behind = |candidate: &Candidate<'_>| {
            let label = self.in_the_way(candidate)?;
            let is_it = |c: &Candidate<'_>| plane_label(&c.plan) == Some(label.id.as_str());
            candidates.iter().position(is_it).filter(|place| candidates[*place].name.is_some())
        };
        if let Some(stuck) = candidates.iter().find(|c| behind(c).is_none()) {
            return Some((stuck.now.id, self.stuck(stuck)));
        }
        let (mut place, mut walked) = (0, BTreeSet::new());
        while let Some(next) =
            candidates.get(place).and_then(behind).filter(|_| walked.insert(place))
        {
            place = next;
        }
        if let Some(aside) = candidates.get(place) {
            return Some((aside.now.id, aside.aside()));
        }
        let (now, _) = untied.first()?;
        Some((now.id, self.made_or_not(now)))
    }

    /// The tie of a label, recorded or proved by the mark.
    fn counterpart(&self, now: &LabelNow) -> Option<LabelLink> {
        if let Some(link) = self.links.get(&now.id) {
            return Some(link.clone());
        }
        let marked = self.project.labels.iter().find(|label| label.github == Some(now.id));
        marked.map(|label| LabelLink::adopted(label, now))
    }

    fn candidate<'a>(&self, now: &'a LabelNow) -> Candidate<'a> {
        let plan = match self.counterpart(now) {
            Some(link) => self.followed(now, link),
            None => LabelPlan::default(),
        };
        let name = match &plan.write {
            Some(LabelWrite::Change { name, .. }) => name.clone(),
            Some(LabelWrite::Create { .. }) | None => None,
        };
        Candidate { now, plan, name }
    }

    fn in_the_way(&self, candidate: &Candidate<'_>) -> Option<&ProjectLabel> {
        let name = candidate.name.as_ref()?;
        self.project.labels.iter().find(|label| label.name == *name)
    }

    /// Somebody else has the name that it wants. Where that is another label of the repository, it has
    /// to have gone on, of which nothing was told yet: GitHub takes no name twice either.
    fn stuck(&self, candidate: &Candidate<'_>) -> LabelPlan {
        let name = candidate.name.clone().unwrap_or_default();
        let holder = self.in_the_way(candidate).and_then(|label| label.github);
        let link = holder.and_then(|holder| self.links.get(&holder));
        if link.is_some_and(|link| link.standing == Standing::Followed) {
            let link = self.counterpart(candidate.now);
            return LabelPlan { link, ..LabelPlan::said(Finding::LabelWaits { name }) };
        }
        candidate.plan.left(Finding::LabelNameTaken { name })
    }

    /// For one that has a counterpart.
    fn followed(&self, now: &LabelNow, link: LabelLink) -> LabelPlan {
        let (name, there) = (now.face.name.clone(), self.label(&link.plane_label));
        let with = |link, finding| LabelPlan { link: Some(link), ..LabelPlan::said(finding) };
        if now.is_gone {
            let ended = LabelLink { standing: Standing::Ended, ..link };
            return with(ended, Finding::LabelDeleted { name });
        }
        if link.standing == Standing::Left {
            return with(link, Finding::LabelLeft { name });
        }
        let Some(there) = there else { return with(link, Finding::LabelGone { name }) };
        if is_set_apart(self.mapping, &now.face.name) {
            return with(link, Finding::LabelMapped { name });
        }
        changed(now, link, there)
    }

    /// For one that has none.
    fn made_or_not(&self, now: &LabelNow) -> LabelPlan {
        let LabelNow { id, face, origin, .. } = now;
        let name = face.name.clone();
        if now.is_gone {
            return LabelPlan::said(Finding::LabelDeleted { name });
        }
        if is_set_apart(self.mapping, &name) {
            return LabelPlan::said(Finding::LabelMapped { name });
        }
        let label = IssueLabel { id: Some(*id), name: name.clone(), color: face.color.clone() };
        match Resolved::new(self.mapping, &self.project).label(&label) {
            LabelTarget::Missing(label) if *origin == Origin::Told => {
                LabelPlan { write: Some(LabelWrite::Create { label }), ..LabelPlan::default() }
            }
            LabelTarget::Missing(_) => LabelPlan::said(Finding::LabelUnused { name }),
            LabelTarget::Known(_) => LabelPlan::said(Finding::LabelNotOurs { name }),
            LabelTarget::Priority(_) | LabelTarget::Ignored => {
                LabelPlan::said(Finding::LabelMapped { name })
            }
        }
    }

    fn label(&self, id: &str) -> Option<&ProjectLabel> {
        self.project.labels.iter().find(|label| label.id == id)
    }
}

impl Candidate<'_> {
    /// Out of the way for a moment, under a name that nobody else has.
    fn aside(&self) -> LabelPlan {
        let mut plan = self.plan.clone();
        let aside = self.name.as_ref().map(|name| format!("{name} ({})", self.now.id));
        if let (Some(LabelWrite::Change { name, color, .. }), Some(link)) =
            (&mut plan.write, &mut plan.link)
        {
            (*name, *color) = (aside.clone(), None);
            // Not agreed on with GitHub: it is asked for once more.
            let name = aside.unwrap_or_default();
            link.github.name.clone_from(&name);
            link.plane.name = name;
        }
        LabelPlan { findings: Vec::new(), is_step: true, ..plan }
    }
}

fn plane_label(plan: &LabelPlan) -> Option<&str> {
    plan.link.as_ref().map(|link| link.plane_label.as_str())
}

/// Whether the mapping speaks of a label by name: it is called something else, means a priority or
/// stays on GitHub.
pub fn is_set_apart(mapping: &Mapping, name: &str) -> bool {
    mapping.label_value(name).is_some()
}

/// Name and color, each by the base: a side that did not change is not written.
fn changed(now: &LabelNow, mut link: LabelLink, there: &ProjectLabel) -> LabelPlan {
    let (face, mut findings) = (face_of(there), Vec::new());
    let mut change = (None, None);
    if now.face.name != link.github.name {
        if face.name == now.face.name {
            link.plane.name.clone_from(&face.name);
        } else if face.name == link.plane.name {
            change.0 = Some(now.face.name.clone());
            link.plane.name.clone_from(&now.face.name);
        } else {
            let (plane, github) = (face.name.clone(), now.face.name.clone());
            findings.push(Finding::LabelNameKept { plane, github });
        }
        link.github.name.clone_from(&now.face.name);
    }
    if now.face.color.is_some() && now.face.color != link.github.color {
        if face.color == now.face.color {
            link.plane.color.clone_from(&face.color);
        } else if face.color == link.plane.color {
            change.1.clone_from(&now.face.color);
            link.plane.color.clone_from(&now.face.color);
        } else {
            findings.push(Finding::LabelColorKept { name: face.name.clone() });
        }
        link.github.color.clone_from(&now.face.color);
    }
    let write = (change != (None, None)).then(|| LabelWrite::Change {
        label: link.plane_label.clone(),
        was: face.name,
        name: change.0,
        color: change.1,
    });
    LabelPlan { write, link: Some(link), findings, is_step: false }
}

/// Whose else a label of a project is, by name: a mapping that names it, or another repository whose
/// issues carry it. `others` are the names of those repositories with their mapping and the labels of
/// their issues.
pub fn whose_else(
    label: &ProjectLabel,
    own: &Mapping,
    others: &[(String, Mapping, Vec<String>)],
    project: &Project,
) -> Option<Finding> {
    let name = || label.name.clone();
    let names_it = |mapping: &Mapping| {
        mapping
            .labels
            .values()
            .any(|value| value.trim().to_lowercase() == label.name.to_lowercase())
    };
    if names_it(own) {
        return Some(Finding::LabelNamed { name: name() });
    }
    let carries = |mapping: &Mapping, carried: &[String]| {
        let resolved = Resolved::new(mapping, project);
        carried.iter().any(|carried| {
            let carried = IssueLabel { id: None, name: carried.clone(), color: None };
            resolved.label(&carried) == LabelTarget::Known(label.id.clone())
        })
    };
    let sharing = others.iter().find(|(_, m, carried)| names_it(m) || carries(m, carried));
    sharing.map(|(repository, ..)| Finding::LabelShared {
        name: name(),
        repository: repository.clone(),
    })
}
