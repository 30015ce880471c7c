//! Which of an issue's links is the one that is kept in step, and what follows when another project
//! is wanted for its item. Pure.
//!
//! The rule: Plane's API moves no item from one project to another, so an item stays where it was
//! made, whatever rules or configuration say later. One thing goes on as ever: where no rule of the
//! repository speaks of projects, and none did when the item was made, a repository that is
//! configured with another project begins anew there.
//!
//! Deliberately absent: what rules say (`rules`), and who may hold a link (`store/links`).

/// What is known of where a link's item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing<'a> {
    /// The greater, the newer.
    pub age: i64,
    /// Plane's project.
    pub project: &'a str,
    /// Whether its item is known to be made.
    pub has_item: bool,
    /// Whether a rule put it there.
    pub is_by_rule: bool,
}

/// What stands for an issue in one project.
pub trait Placed {
    /// Where.
    fn placed(&self) -> Standing<'_>;
}

impl<L: Placed> Placed for &L {
    fn placed(&self) -> Standing<'_> {
        (**self).placed()
    }
}

/// Whether rules of the repository speak of projects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlacedBy {
    /// None does: all issues are in the repository's own project.
    Repository,
    /// Some do.
    Rules,
}

/// Of an issue's links the one that counts; `None` where it is to be made. `own` is the project of
/// the repository.
pub fn home<L: Placed>(
    links: impl IntoIterator<Item = L>,
    own: Option<&str>,
    by: PlacedBy,
) -> Option<L> {
    let links: Vec<L> = links.into_iter().collect();
    let newest = |link: &L| (link.placed().has_item, link.placed().age);
    let last = links.iter().map(newest).max()?;
    let is_its = |link: &L| match by {
        PlacedBy::Rules => newest(link) == last,
        PlacedBy::Repository => own == Some(link.placed().project),
    };
    let stays = |link: &L| newest(link) == last && link.placed().is_by_rule;
    let at = links.iter().position(stays).or_else(|| links.iter().position(is_its))?;
    links.into_iter().nth(at)
}

/// What is to be done about where an issue's item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is where it is wanted.
    Here,
    /// It is to be made in the project that is wanted.
    There,
    /// It was made in another project than the one that is wanted, and stays.
    Stays,
    /// No project is wanted for it, and it has no item: it is left out.
    Nowhere,
}

/// `wanted` is the project that the rules or the repository want.
pub fn place(link: Standing<'_>, wanted: Option<&str>) -> Place {
    match (wanted, link.has_item) {
        (None, false) => Place::Nowhere,
        (None, true) => Place::Here,
        (Some(wanted), _) if wanted == link.project => Place::Here,
        (Some(_), true) => Place::Stays,
        (Some(_), false) => Place::There,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    struct Link {
        age: i64,
        project: &'static str,
        has_item: bool,
        is_by_rule: bool,
    }

    impl Placed for Link {
        fn placed(&self) -> Standing<'_> {
            let Link { age, project, has_item, is_by_rule } = *self;
            Standing { age, project, has_item, is_by_rule }
        }
    }

    fn links() -> impl Strategy<Value = Vec<Link>> {
        let link = (any::<bool>(), any::<bool>())
            .prop_map(|(has_item, is_by_rule)| (has_item, is_by_rule));
        let projects = Just(["a", "b", "c", "d"]).prop_shuffle();
        (projects, prop::collection::vec(link, 0..4)).prop_map(|(projects, links)| {
            let each = links.into_iter().zip(projects).zip(1..);
            each.map(|(((has_item, is_by_rule), project), age)| Link {
                age,
                project,
                has_item,
                is_by_rule,
            })
            .collect()
        })
    }

    proptest! {
        #[test]
        fn an_item_that_a_rule_placed_stays_whatever_is_configured_later(
            mut links in links(),
            own in prop::option::of(prop::sample::select(vec!["a", "b", "c", "d"])),
            ruled in any::<bool>(),
        ) {
            let by = if ruled { PlacedBy::Rules } else { PlacedBy::Repository };
            links.retain(|link| link.project != "d");
            links.push(Link { age: 9, project: "d", has_item: true, is_by_rule: true });
            prop_assert_eq!(home(&links, own, by).map(|link| link.project), Some("d"));
            // In any order.
            links.reverse();
            prop_assert_eq!(home(&links, own, by).map(|link| link.project), Some("d"));
        }

        #[test]
        fn where_rules_speak_of_projects_an_issue_with_an_item_gets_no_second_one(
            links in links(),
            own in prop::option::of(prop::sample::select(vec!["a", "b", "c", "d"])),
            wanted in prop::option::of(prop::sample::select(vec!["a", "b", "c", "d"])),
        ) {
            let has_item = links.iter().any(|link| link.has_item);
            if let Some(home) = home(&links, own, PlacedBy::Rules) {
                prop_assert_eq!(home.has_item, has_item);
                let place = place(home.placed(), wanted);
                prop_assert!(!home.has_item || matches!(place, Place::Here | Place::Stays));
            } else {
                prop_assert!(links.is_empty());
            }
        }

        #[test]
        fn without_rules_about_projects_it_is_the_repositorys_own_that_counts(
            mut links in links(),
            own in prop::option::of(prop::sample::select(vec!["a", "b", "c", "d"])),
        ) {
            for link in &mut links {
                link.is_by_rule = false;
            }
            let expected = links.iter().map(|link| link.project).find(|p| Some(*p) == own);
            let found = home(&links, own, PlacedBy::Repository).map(|link| link.project);
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_was_made_is_made_in_no_second_project() {
        let link = |has_item| Standing { age: 1, project: "a", has_item, is_by_rule: false };
        assert_eq!(place(link(true), Some("b")), Place::Stays);
        assert_eq!(place(link(true), None), Place::Here);
        assert_eq!(place(link(false), Some("b")), Place::There);
        assert_eq!(place(link(false), Some("a")), Place::Here);
        assert_eq!(place(link(false), None), Place::Nowhere);
    }
}
