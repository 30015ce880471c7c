//! Labels of a repository: whatever order their webhooks come in, and whatever people make of their
//! counterparts.

use std::collections::{BTreeMap, BTreeSet};

use jetbridge::sync::github::IssueLabel;
use jetbridge::sync::labels::{
    Happened, LabelFace, LabelLink, LabelNow, LabelStep, LabelWrite, Scene, Standing, face_of,
    whose_else,
};
use jetbridge::sync::mapping::{LabelTarget, Mapping, Resolved};
use jetbridge::sync::plan::Finding;
use jetbridge::sync::plane::{Project, ProjectLabel};
use proptest::prelude::*;

/// GitHub's labels with all that was told of them, Plane's, and what is remembered.
#[derive(Clone, Default)]
struct World {
    github: BTreeMap<u64, LabelFace>,
    /// Everything that GitHub tells, in the order in which it happened.
    sent: Vec<LabelStep>,
    /// What arrived of it, in that order, by its number in `sent`.
    inbox: Vec<usize>,
    links: BTreeMap<u64, LabelLink>,
    project: Project,
    mapping: Mapping,
    writes: Vec<LabelWrite>,
    findings: Vec<Finding>,
}

fn face(name: &str, color: &str) -> LabelFace {
    LabelFace::new(name, Some(color))
}

impl World {
    fn tell(&mut self, id: u64, happened: Happened, before: Option<LabelFace>) {
        let face = match happened {
            Happened::Deleted => before.clone().unwrap(),
            Happened::Created | Happened::Edited => self.github[&id].clone(),
        };
        let changed = before.filter(|_| happened == Happened::Edited);
        let name_from = changed.as_ref().filter(|b| b.name != face.name).map(|b| b.name.clone());
        let color_from = changed.filter(|b| b.color != face.color).and_then(|before| before.color);
        self.sent.push(LabelStep { id, happened, face, name_from, color_from });
    }

    fn create(&mut self, id: u64, name: &str) -> &mut Self {
        let is_taken = self.github.values().any(|known| known.name == name);
        let is_used = self.sent.iter().any(|step| step.id == id);
        if !is_taken && !is_used {
            self.github.insert(id, face(name, "d73a4a"));
            self.tell(id, Happened::Created, None);
        }
        self
    }

    fn edit(&mut self, id: u64, name: &str, color: &str) -> &mut Self {
        let is_taken = self.github.iter().any(|(known, f)| *known != id && f.name == name);
        let Some(before) = self.github.get(&id).cloned() else { return self };
        if !is_taken && before != face(name, color) {
            self.github.insert(id, face(name, color));
            self.tell(id, Happened::Edited, Some(before));
        }
        self
    }

    fn delete(&mut self, id: u64) -> &mut Self {
        if let Some(before) = self.github.remove(&id) {
            self.tell(id, Happened::Deleted, Some(before));
        }
        self
    }

    /// All that was sent and has not arrived comes now.
    fn arrive(&mut self) -> &mut Self {
        self.inbox.extend(self.inbox.len()..self.sent.len());
        self.follow()
    }

    /// As a job does it, with Plane as it is: no name and no mark twice.
    fn follow(&mut self) -> &mut Self {
        let mut steps: BTreeMap<u64, Vec<&LabelStep>> = BTreeMap::new();
        for step in self.inbox.iter().map(|place| &self.sent[*place]) {
            steps.entry(step.id).or_default().push(step);
        }
        let first = |id| self.links.get(id).map(|link| &link.first);
        let now: Vec<_> =
            steps.iter().filter_map(|(id, steps)| LabelNow::of(steps, first(id))).collect();
        let (links, project) = (self.links.clone(), self.project.clone());
        let mapping = self.mapping.clone();
        let mut scene = Scene { now, links, mapping: &mapping, project };
        let mut done = BTreeSet::new();
        let mut steps = 0;
        while let Some((id, plan)) = scene.next(&done) {
            steps += 1;
            assert!(steps < 100, "it comes to an end");
            if !plan.is_step {
                done.insert(id);
            }
            let mut link = plan.link;
            if let Some(write) = plan.write {
                let plane_label = write_to(&mut scene.project, &write);
                let made = |label: &LabelFace| {
                    LabelLink::made(plane_label.clone(), label.clone(), label.clone())
                };
                link = Some(match &write {
                    LabelWrite::Create { label } => {
                        made(&LabelFace::new(&label.name, label.color.as_deref()))
                    }
                    LabelWrite::Change { .. } => link.unwrap(),
                });
                self.writes.push(write);
            }
            if let Some(link) = link {
                scene.links.insert(id, link);
            }
            self.findings.extend(plan.findings);
        }
        (self.links, self.project) = (scene.links, scene.project);
        self
    }

    fn names(&self) -> Vec<&str> {
        self.project.labels.iter().map(|label| label.name.as_str()).collect()
    }

    fn label(&mut self, name: &str) -> &mut ProjectLabel {
        self.project.labels.iter_mut().find(|label| label.name == name).unwrap()
    }

    fn lines(&self) -> Vec<String> {
        self.writes.iter().map(ToString::to_string).collect()
    }
}

fn write_to(project: &mut Project, write: &LabelWrite) -> String {
    let is_free = |name: &str, but: &str| {
        let twin = project.labels.iter().find(|label| label.name == name && label.id != but);
        assert!(twin.is_none(), "Plane answers 409: {twin:?} is there");
    };
    match write {
        LabelWrite::Create { label } => {
            is_free(&label.name, "");
            let id = format!("l{}", project.labels.len());
            let marked = project.labels.iter().any(|known| known.github == label.github);
            assert!(!marked || label.github.is_none(), "Plane answers 409: the mark is there");
            let (name, color) = (label.name.clone(), label.color.clone());
            let made = ProjectLabel { id: id.clone(), name, color, github: label.github };
            project.labels.push(made);
            id
        }
        LabelWrite::Change { label, name, color, .. } => {
            if let Some(name) = name {
                is_free(name, label);
            }
            let found = project.labels.iter_mut().find(|known| known.id == *label).unwrap();
            found.name = name.clone().unwrap_or_else(|| found.name.clone());
            found.color = color.clone().or(found.color.take());
            label.clone()
        }
    }
}

#[test]
fn a_label_is_made_renamed_and_recolored_each_in_one_write() {
    let mut world = World::default();
    world.create(1, "bug").arrive();
    world.edit(1, "defect", "d73a4a").arrive();
    world.edit(1, "defect", "00FF00").arrive();
    world.edit(1, "fault", "0000ff").arrive().follow();
    let expected = [
        "make the label “bug”",
        "rename the label “bug” to “defect”",
        "recolor the label “defect”",
        "rename the label “defect” to “fault” and recolor it",
    ];
    assert_eq!(world.lines(), expected);
    assert_eq!(face_of(&world.project.labels[0]), face("fault", "0000ff"));
    assert_eq!(world.project.labels.len(), 1);
}

#[test]
fn what_a_person_called_or_colored_a_label_stays() {
    let mut world = World::default();
    world.create(1, "bug").arrive();
    "Käfer".clone_into(&mut world.label("bug").name);
    world.edit(1, "defect", "00ff00").arrive();
    assert_eq!(world.names(), ["Käfer"]);
    assert_eq!(world.label("Käfer").color.as_deref(), Some("#00ff00"), "of the color nobody said");
    let kept = Finding::LabelNameKept { plane: "Käfer".to_owned(), github: "defect".to_owned() };
    assert_eq!(world.findings, [kept]);
    world.label("Käfer").color = Some("#123456".to_owned());
    world.edit(1, "fault", "0000ff").arrive();
    assert_eq!(face_of(world.label("Käfer")), face("Käfer", "123456"));
}

#[test]
fn a_label_that_a_person_made_in_plane_is_never_renamed() {
    let mut world = World::default();
    world.project.labels.push(ProjectLabel {
        id: "theirs".to_owned(),
        name: "Bug".to_owned(),
        color: None,
        github: None,
    });
    world.create(1, "bug").arrive();
    assert_eq!(world.findings, [Finding::LabelNotOurs { name: "bug".to_owned() }]);
    world.create(2, "docs").arrive().edit(2, "Bug", "d73a4a").arrive();
    assert_eq!(world.names(), ["Bug", "docs"], "there is a “Bug” already");
    assert_eq!(world.links[&2].standing, Standing::Left);
}

#[test]
fn mapped_ignored_and_priority_labels_are_left_alone() {
    let mut world = World::default();
    for (name, value) in [("bug", "Defect"), ("bot/*", ""), ("P1", "priority:urgent")] {
        world.mapping.labels.insert(name.to_owned(), value.to_owned());
    }
    world.create(1, "bug").create(2, "bot/stale").create(3, "P1").create(4, "docs").arrive();
    assert_eq!(world.names(), ["docs"]);
    world.edit(4, "P1 docs", "d73a4a").edit(1, "fault", "d73a4a").arrive();
    assert_eq!(world.names(), ["P1 docs", "fault"], "a name that goes by no map is carried over");
}

#[test]
fn a_label_deleted_on_github_stays_in_plane_and_one_deleted_in_plane_is_not_made_again() {
    let mut world = World::default();
    world.create(1, "bug").create(2, "docs").arrive().delete(1).arrive();
    assert_eq!(world.names(), ["bug", "docs"]);
    world.project.labels.retain(|label| label.name != "docs");
    world.edit(2, "papers", "d73a4a").arrive();
    assert_eq!(world.names(), ["bug"]);
    assert!(world.findings.contains(&Finding::LabelDeleted { name: "bug".to_owned() }));
    assert!(world.findings.contains(&Finding::LabelGone { name: "papers".to_owned() }));
}

#[test]
fn labels_that_change_their_names_among_themselves_do_so_in_plane() {
    let mut world = World::default();
    world.create(1, "a").create(2, "b").create(3, "c").arrive();
    let ids = |world: &World| -> BTreeMap<u64, String> {
        world.project.labels.iter().map(|l| (l.github.unwrap(), l.name.clone())).collect()
    };
    // a and b change places, c goes where a third one was.
    world.edit(1, "x", "d73a4a").edit(2, "a", "d73a4a").edit(1, "b", "d73a4a");
    world.create(4, "d").edit(4, "e", "d73a4a").edit(3, "d", "d73a4a").arrive();
    let names = [(1, "b"), (2, "a"), (3, "d"), (4, "e")];
    assert_eq!(ids(&world), names.map(|(id, name)| (id, name.to_owned())).into());
}

#[test]
fn a_label_that_others_use_as_well_is_found_out() {
    let mut world = World::default();
    world.create(1, "bug").arrive();
    let (label, own) = (world.label("bug").clone(), Mapping::default());
    let other = |mapping: Mapping, carried: &[&str]| {
        let carried = carried.iter().map(|name| (*name).to_owned()).collect();
        vec![("octo/other".to_owned(), mapping, carried)]
    };
    let mapped = |value: &str| Mapping {
        labels: [("defect".to_owned(), value.to_owned())].into(),
        ..Mapping::default()
    };
    let shared = |others: &[_]| whose_else(&label, &own, others, &world.project).is_some();
    assert!(!shared(&other(Mapping::default(), &["docs"])));
    assert!(shared(&other(Mapping::default(), &["docs", "Bug"])));
    assert!(shared(&other(mapped("BUG"), &[])));
    assert!(whose_else(&label, &mapped("bug"), &[], &world.project).is_some());
}

#[test]
fn a_step_that_was_never_told_is_made_good_by_the_next_one() {
    let mut world = World::default();
    world.create(1, "bug").arrive().edit(1, "defect", "d73a4a");
    let lost = world.sent.len() - 1;
    world.edit(1, "defect", "00ff00");
    world.inbox = vec![0, lost + 1];
    world.follow();
    assert_eq!(face_of(&world.project.labels[0]), face("defect", "00ff00"));
    world.inbox.push(lost);
    world.follow();
    assert_eq!(world.names(), ["defect"]);
}

/// Something that somebody does on GitHub.
#[derive(Debug, Clone)]
enum Act {
    Create(u64, usize),
    Edit(u64, usize, usize),
    Delete(u64),
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const COLORS: [&str; 2] = ["d73a4a", "00ff00"];

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let edit = || (1..4_u64, 0..4_usize, 0..2_usize).prop_map(|(i, n, c)| Act::Edit(i, n, c));
    let act = prop_oneof![
        (1..4_u64, 0..4_usize).prop_map(|(id, name)| Act::Create(id, name)),
        edit(),
        edit(),
        (1..4_u64).prop_map(Act::Delete),
    ];
    let first = [1, 2, 3].map(|id| Act::Create(id, usize::try_from(id).unwrap() - 1));
    prop::collection::vec(act, 1..14)
        .prop_map(move |acts| first.iter().cloned().chain(acts).collect())
}

proptest! {
    #[test]
    fn any_order_and_any_repetition_of_label_events_ends_in_the_same_labels(
        acts in acts(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
        batch in 1..4_usize,
    ) {
        let mut world = World::default();
        for act in &acts {
            match act {
                Act::Create(id, name) => world.create(*id, NAMES[*name]),
                Act::Edit(id, name, color) => world.edit(*id, NAMES[*name], COLORS[*color]),
                Act::Delete(id) => world.delete(*id),
            };
        }
        // Every delivery once, in any order and in batches; a repetition is the same delivery.
        let mut left: Vec<usize> = (0..world.sent.len()).collect();
        let mut places = Vec::new();
        for at in order {
            if !left.is_empty() {
                places.push(left.remove(at.index(left.len())));
            }
        }
        places.extend(left.into_iter().rev());
        for some in places.chunks(batch) {
            world.inbox.extend(some);
            world.follow();
        }
        let writes = world.writes.len();
        world.follow();
        prop_assert_eq!(world.writes.len(), writes, "a second look writes nothing");
        // What is deleted on GitHub keeps its name in Plane, and may stand for another one then.
        let is_strict = !world.sent.iter().any(|step| step.happened == Happened::Deleted);
        let mut project = world.project.clone();
        for link in world.links.values().filter(|link| link.standing == Standing::Left) {
            project.labels.iter_mut().filter(|l| l.id == link.plane_label).for_each(|l| l.github = None);
        }
        for (id, face) in &world.github {
            let label = IssueLabel { id: Some(*id), name: face.name.clone(), color: None };
            let LabelTarget::Known(found) = Resolved::new(&world.mapping, &project).label(&label) else {
                return Err(TestCaseError::fail(format!("no counterpart of {id}: {:?}", world.sent)));
            };
            let there = project.labels.iter().find(|label| label.id == found).unwrap();
            prop_assert_eq!(&there.name, &face.name, "label {} of {:?}", id, world.sent);
            if is_strict {
                prop_assert_eq!((face_of(there), there.github), (face.clone(), Some(*id)));
            }
        }
    }
}

/// An issue that carries labels of GitHub's, each with its id.
fn carrying(labels: &[(u64, &str)]) -> crate::model::World {
    let mut world = crate::model::World::new();
    world.project.labels.clear();
    show(&mut world, labels);
    world
}

/// The issue shows these labels, and Plane's are called so by now.
fn show(world: &mut crate::model::World, labels: &[(u64, &str)]) {
    let of = |(id, name): &(u64, &str)| IssueLabel {
        id: Some(*id),
        name: (*name).to_owned(),
        color: None,
    };
    world.issue.labels = labels.iter().map(of).collect();
    for (id, name) in labels {
        match world.project.labels.iter_mut().find(|label| label.github == Some(*id)) {
            Some(label) => (*name).clone_into(&mut label.name),
            None => world.project.labels.push(ProjectLabel {
                id: format!("l{id}"),
                name: (*name).to_owned(),
                color: None,
                github: Some(*id),
            }),
        }
    }
}

#[test]
fn a_label_that_is_renamed_with_its_counterpart_is_the_same_one_on_an_item() {
    let mut world = carrying(&[(1, "a"), (2, "b")]);
    world.sync();
    assert_eq!(world.item().labels, crate::model::set(&["l1", "l2"]));
    show(&mut world, &[(1, "b"), (2, "c")]);
    assert_eq!(world.sync().0.writes, [], "names that move change nothing");
    world.item().labels.remove("l1");
    show(&mut world, &[(1, "d"), (2, "c")]);
    assert_eq!(world.sync().0.writes, [], "what a person took away is not put back");
    show(&mut world, &[(3, "c")]);
    world.project.labels.iter_mut().find(|label| label.id == "l2").unwrap().name.push('!');
    world.sync();
    assert_eq!(world.item().labels, crate::model::set(&["l3"]), "another one of the same name");
}

#[test]
fn what_stood_for_a_label_by_its_name_gives_way_to_the_one_with_its_mark() {
    let mut world = carrying(&[(1, "bug")]);
    show(&mut world, &[(1, "bug")]);
    world.issue.labels[0].id = Some(2);
    world.sync();
    assert_eq!(world.item().labels, crate::model::set(&["l1"]), "there is no other one");
    world.project.labels[0].name.push('!');
    show(&mut world, &[(2, "bug")]);
    world.sync();
    assert_eq!(world.item().labels, crate::model::set(&["l2"]));
}
