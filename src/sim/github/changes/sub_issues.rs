//! Sub-issues. Each change is told to both repositories, to that of the parent and to that of the
//! sub-issue. That it moves no time of either issue is not recorded; it is the harder case.

use serde_json::{Value, json};

use super::super::state::Place;
use super::super::{SimError, json};
use super::Change;

impl Change<'_> {
    pub(in super::super) fn add_sub_issue(
        &mut self,
        parent: (u64, u64),
        child: (u64, u64),
    ) -> Result<(), SimError> {
        let refused = |code| Err(SimError::invalid("Issue", "sub_issue_id", code));
        if self.state.issue(child.0, child.1)?.parent.is_some() {
            return refused("already_exists");
        }
        let mut above = Some(parent);
        while let Some(at) = above {
            if at == child {
                return refused("invalid");
            }
            let issue = self.state.issue(at.0, at.1)?;
            above = issue.parent.as_ref().map(|place| (place.repository, place.number));
        }
        let full_name = self.state.repository(parent.0)?.full_name();
        let place = Place { repository: parent.0, full_name, number: parent.1 };
        self.state.issue_mut(child.0, child.1)?.parent = Some(place);
        self.tell_of_sub_issue(parent, child, "sub_issue_added", "parent_issue_added")
    }

    pub(in super::super) fn remove_sub_issue(&mut self, child: (u64, u64)) -> Result<(), SimError> {
        let Some(place) = self.state.issue_mut(child.0, child.1)?.parent.take() else {
            return Err(SimError::NoIssue);
        };
        let parent = (place.repository, place.number);
        self.tell_of_sub_issue(parent, child, "sub_issue_removed", "parent_issue_removed")
    }

    fn tell_of_sub_issue(
        &mut self,
        parent: (u64, u64),
        child: (u64, u64),
        to_parent: &'static str,
        to_child: &'static str,
    ) -> Result<(), SimError> {
        let at = &self.state.instance;
        let shown = |(repository, number): (u64, u64)| -> Result<(Value, Value, u64), SimError> {
            let here = self.state.repository(repository)?;
            let issue = here.issue(number)?;
            Ok((json::issue(at, here, issue), json::repository(at, here), issue.id))
        };
        let ((above, above_repo, above_id), (below, below_repo, below_id)) =
            (shown(parent)?, shown(child)?);
        let both = json!({
            "parent_issue_id": above_id, "parent_issue": above,
            "sub_issue_id": below_id, "sub_issue": below,
        });
        let told = json::with(both.clone(), json!({ "sub_issue_repo": below_repo }));
        self.tell(parent.0, "sub_issues", to_parent, told)?;
        let told = json::with(both, json!({ "parent_issue_repo": above_repo }));
        self.tell(child.0, "sub_issues", to_child, told)
    }
}
