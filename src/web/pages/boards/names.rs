//! Names of projects: what is kept in step with what, and what people call it.

use std::collections::HashMap;

use uuid::Uuid;

use crate::config::RepositoryName;
use crate::store::cards::read::CardChoices;
use crate::store::repositories::Repository;

/// A project's two halves, at least one of them set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ProjectName {
    /// The repositories, shortened to the first and a number.
    pub(super) github: Option<String>,
    /// The key before the number, or the beginning of the id.
    pub(super) plane: Option<String>,
}

impl ProjectName {
    /// `octo/api ⇄ SYNC`.
    pub(super) fn text(&self) -> String {
        match (&self.github, &self.plane) {
            (Some(github), Some(plane)) => format!("{github} ⇄ {plane}"),
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => "(no project)".to_owned(),
        }
    }
}

/// All projects by the key of their lane.
pub(super) struct ProjectNames {
    by_home: HashMap<String, ProjectName>,
    /// Plane's project of each repository, by lower-case name.
    project_of: HashMap<String, String>,
}

impl ProjectNames {
    /// `named` are the projects that rules of repositories name.
    pub(super) fn new(
        choices: &CardChoices,
        repositories: &[Repository],
        named: &[(RepositoryName, Vec<Uuid>)],
    ) -> Self {
        let mut kept: HashMap<String, Vec<String>> = HashMap::new();
        let mut project_of = HashMap::new();
        for (repository, projects) in named {
            for project in projects {
                let kept = kept.entry(project.to_string()).or_default();
                kept.push(repository.to_string());
            }
        }
        for repository in repositories {
            let Some(project) = repository.plane_project else { continue };
            let name = repository.name.to_string();
            project_of.insert(name.to_lowercase(), project.to_string());
            let kept = kept.entry(project.to_string()).or_default();
            if !kept.contains(&name) {
                kept.push(name);
            }
        }
        let called = |(home, name): &(String, Option<String>)| {
            (home.clone(), called_by(home, name.as_deref(), kept.get(home)))
        };
        Self { by_home: choices.projects.iter().map(called).collect(), project_of }
    }

    pub(super) fn of(&self, home: &str) -> ProjectName {
        self.by_home.get(home).cloned().unwrap_or_else(|| called_by(home, None, None))
    }

    /// Plane's project that a repository is kept in step with.
    pub(super) fn project_of(&self, repository: &str) -> Option<&str> {
        self.project_of.get(&repository.to_lowercase()).map(String::as_str)
    }

    /// Each lane's key with its name, by name; an old name of what has become a pair is left out.
    pub(super) fn all(&self) -> Vec<(String, ProjectName)> {
        let is_own = |home: &&String| !self.project_of.contains_key(&home.to_lowercase());
        let homes = self.by_home.keys().filter(is_own);
        let mut all: Vec<_> = homes.map(|home| (home.clone(), self.of(home))).collect();
        all.sort_by_key(|(home, name)| (name.text().to_lowercase(), home.clone()));
        all
    }
}

fn called_by(home: &str, name: Option<&str>, repositories: Option<&Vec<String>>) -> ProjectName {
    if home.contains('/') {
        return ProjectName { github: Some(home.to_owned()), plane: None };
    }
    let github = repositories.and_then(|all| {
        let first = all.first()?;
        Some(match all.len() {
            1 => first.clone(),
            more => format!("{first} +{}", more - 1),
        })
    });
    let short = |id: &str| id.chars().take(8).collect();
    let plane = name.map(str::to_owned).or((!home.is_empty()).then(|| short(home)));
    ProjectName { github, plane }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_called_by_its_key_its_repository_or_the_beginning_of_its_id() {
        let pair = vec!["octo/api".to_owned()];
        assert_eq!(called_by("ce59f358-8bb1", Some("SYNC"), Some(&pair)).text(), "octo/api ⇄ SYNC");
        assert_eq!(called_by("ce59f358-8bb1", None, None).text(), "ce59f358");
        assert_eq!(called_by("octo/api", None, None).text(), "octo/api");
        assert_eq!(called_by("", None, None).text(), "(no project)");
        let several = vec!["octo/a".to_owned(), "octo/b".to_owned()];
        assert_eq!(called_by("ce59f358-8bb1", Some("X"), Some(&several)).text(), "octo/a +1 ⇄ X");
    }
}
