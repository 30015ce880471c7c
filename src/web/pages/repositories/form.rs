//! The form of a repository: what was typed, and beside each field what is wrong with it.

use uuid::Uuid;

use super::super::Problem;
use super::super::query::Params;
use crate::config::{Direction, RepositoryName};
use crate::store::repositories::Repository;

/// Longest text of a field that is shown again.
const LONGEST: usize = 300;

/// What was typed, as it was typed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) name: String,
    pub(super) name_error: Option<String>,
    pub(super) project: String,
    pub(super) project_error: Option<String>,
    pub(super) direction: Direction,
    pub(super) direction_error: Option<String>,
}

/// Whether the form asks for the repository's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameField {
    Asked,
    Known,
}

impl Form {
    /// As the repository is now.
    pub(super) fn of(repository: &Repository) -> Self {
        Self {
            name: repository.name.to_string(),
            project: repository.plane_project.map(|id| id.to_string()).unwrap_or_default(),
            direction: repository.direction,
            ..Self::default()
        }
    }

    /// As it was sent, checked.
    pub(super) fn read(body: &[u8], name_field: NameField) -> Result<Self, Problem> {
        let params = Params::read(Some(&String::from_utf8_lossy(body)))?;
        let text = |name| params.text(name).map(|t| t.chars().take(LONGEST).collect::<String>());
        let mut form = Self {
            name: text("name").unwrap_or_default(),
            project: text("project").unwrap_or_default(),
            ..Self::default()
        };
        if name_field == NameField::Asked && form.parsed_name().is_none() {
            form.name_error =
                Some("Write it as OWNER/NAME, as in its address on GitHub; HOST/OWNER/NAME for one of [[github.hosts]].".to_owned());
        }
        if form.parsed_project().is_err() {
            let expected =
                "This is no project’s id. It is the UUID in the project’s address in Plane.";
            form.project_error = Some(expected.to_owned());
        }
        match text("direction").as_deref().map(str::parse) {
            None => {}
            Some(Ok(direction)) => form.direction = direction,
            Some(Err(error)) => form.direction_error = Some(format!("{error}.")),
        }
        Ok(form)
    }

    pub(super) fn is_wrong(&self) -> bool {
        self.name_error.is_some() || self.project_error.is_some() || self.direction_error.is_some()
    }

    /// What is to be added, if all of it is right.
    pub(super) fn to_add(&self) -> Option<(RepositoryName, Option<Uuid>, Direction)> {
        let (project, direction) = self.to_change()?;
        Some((self.parsed_name()?, project, direction))
    }

    /// What is to be changed, if all of it is right.
    pub(super) fn to_change(&self) -> Option<(Option<Uuid>, Direction)> {
        if self.is_wrong() { None } else { Some((self.parsed_project().ok()?, self.direction)) }
    }

    /// People paste the address, too.
    fn parsed_name(&self) -> Option<RepositoryName> {
        let name = self.name.trim().trim_end_matches('/');
        let name = name.strip_prefix("https://github.com/").unwrap_or(name);
        let name = name.strip_prefix("https://").unwrap_or(name);
        let name = name.strip_prefix("github.com/").unwrap_or(name);
        name.strip_suffix(".git").unwrap_or(name).parse().ok()
    }

    /// Nothing typed is no project.
    fn parsed_project(&self) -> Result<Option<Uuid>, uuid::Error> {
        match self.project.trim() {
            "" => Ok(None),
            text => text.parse().map(Some),
        }
    }

    pub(super) fn is_both(&self) -> bool {
        self.direction == Direction::Both
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Form {
        Form::read(body.as_bytes(), NameField::Asked).unwrap()
    }

    #[test]
    fn a_name_or_an_address_of_a_repository_is_taken() {
        for name in ["octo/api", "+octo/api/", "https://github.com/octo/api.git"] {
            let (name, project, direction) = read(&format!("name={name}")).to_add().unwrap();
            assert_eq!(
                (name.as_str(), project, direction),
                ("octo/api", None, Direction::GithubToPlane)
            );
        }
    }

    #[test]
    fn each_error_stands_beside_its_field_and_what_was_typed_stays() {
        let form = read("name=octo&project=SYNC&direction=up");
        assert!(form.name_error.is_some() && form.project_error.is_some());
        assert!(form.direction_error.as_ref().unwrap().contains("github-to-plane or both"));
        assert_eq!((form.name.as_str(), form.project.as_str()), ("octo", "SYNC"));
        assert_eq!(form.to_add(), None);
        assert!(!Form::read(b"", NameField::Known).unwrap().is_wrong());
    }
}
