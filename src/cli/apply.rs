//! `jetbridge apply FILE`: repositories as a file says, with the difference shown before anything
//! changes, and what a changed mapping would write to Plane.
//!
//! A running service takes it over with the next thing that it syncs; nothing is started again.

use serde::Serialize;

use super::arguments::{ApplyArguments, Doing, Format};
use super::audit::{self, Deed};
use super::table::printable;
use super::{Context, Failed, output};
use crate::access::Outcome;
use crate::app::outside::issue_sync;
use crate::apply::{Difference, Plan, Step, plan};
use crate::clock::Timestamp;
use crate::config::{Overrides, RepositoryConfig, RepositoryName, RepositorySettings, Settings};
use crate::ids::RepositorySyncId;
use crate::jobs::sync_issue::{Foreseen, Manner};
use crate::store::Store;
use crate::store::repositories::{Origin, Repository};

/// `apply`.
pub(super) async fn run(arguments: &ApplyArguments, context: &Context) -> Result<(), Failed> {
    let settings = context.settings()?;
    let own = settings.without_secrets();
    let file = Overrides { config_file: Some(arguments.file.clone()), ..Overrides::default() };
    let file = Settings::read_beside(&file, &context.environment, &own.github)?;
    let wanted = &file.without_secrets().repositories;
    let same = |path: &std::path::Path| path.canonicalize().ok();
    let is_own = settings.file().and_then(same).is_some_and(|p| Some(p) == same(&arguments.file));
    let store = Store::open(&own.database_url).await?;
    // Its own file is what the service would put in place with its next start.
    let (own, origin) = if is_own {
        (&[][..], Origin::Config)
    } else {
        (own.repositories.as_slice(), Origin::Manual)
    };
    let done = apply(&store, wanted, own, origin, arguments, context).await;
    store.close().await;
    done
}

async fn apply(
    store: &Store,
    wanted: &[RepositoryConfig],
    own: &[RepositoryConfig],
    origin: Origin,
    arguments: &ApplyArguments,
    context: &Context,
) -> Result<(), Failed> {
    let present = present(store, own, context.clock.now()).await?;
    let configured: Vec<_> = own.iter().map(|configured| configured.name.clone()).collect();
    let planned = plan(wanted, &present, &configured, arguments.unnamed());
    let planned = planned.map_err(|elsewhere| Failed::Usage(elsewhere.to_string()))?;
    let foreseen = match arguments.doing() {
        Doing::Preview => foresee(store, &planned, context).await?,
        Doing::Act => Vec::new(),
    };
    if arguments.doing() == Doing::Act && !planned.steps.is_empty() {
        let (puts, removes) = planned.parts();
        let put = store.apply_repositories(&puts, origin, &removes, context.clock.now()).await;
        let outcome = if put.is_ok() { Outcome::Done } else { Outcome::Failed };
        let target = format!("{} put, {} removed", puts.len(), removes.len());
        let deed = Deed { action: "apply a file", command: "apply", target: &target };
        audit::write_down(store, context, &deed, outcome).await;
        put?;
    }
    match arguments.listing.format() {
        Format::Json => output::print_json(&PlanJson::of(&planned, &foreseen, arguments.doing())),
        Format::Table => output::print(&in_words(&planned, &foreseen, arguments.doing())),
    }
}

/// What stands in the database, and over it what the service's own file says, which its next start
/// puts there.
async fn present(
    store: &Store,
    own: &[RepositoryConfig],
    now: Timestamp,
) -> Result<Vec<(Repository, RepositorySettings)>, Failed> {
    let settings = store.repository_settings().await?;
    let settings_of = |name: &RepositoryName| {
        settings.iter().find(|(known, _)| known == name).map(|(_, settings)| settings.clone())
    };
    let mut present: Vec<_> = Vec::new();
    for repository in store.repositories().await? {
        let settings = settings_of(&repository.name).unwrap_or_default();
        present.push((repository, settings));
    }
    for config in own {
        let known = present.iter().position(|(known, _)| known.name == config.name);
        let known = known.map(|at| present.swap_remove(at).0);
        let said = Repository {
            id: known.as_ref().map_or(RepositorySyncId(0), |known| known.id),
            name: config.name.clone(),
            github_id: known.and_then(|known| known.github_id),
            plane_project: config.plane_project,
            plane_workspace: config.plane_workspace.clone(),
            direction: config.direction,
            origin: Origin::Config,
            created_at: now,
        };
        present.push((said, config.settings()));
    }
    Ok(present)
}

/// What each changed repository would write, or why that can't be said.
type Reckoned<'a> = (&'a RepositoryName, Result<Foreseen, String>);

async fn foresee<'a>(
    store: &Store,
    planned: &'a Plan,
    context: &Context,
) -> Result<Vec<Reckoned<'a>>, Failed> {
    let config = context.settings()?.resolve(&context.environment).await?;
    let sync = issue_sync(&config, store, &context.clock);
    let mut all = Vec::new();
    for step in &planned.steps {
        let Step::Change { to, from, differences } = step else { continue };
        let settings = to.settings();
        if to.plane_project.is_none() && crate::rules::named_projects(&settings.rules).is_empty() {
            continue;
        }
        let was = differences.iter().find(|difference| difference.key == "direction");
        let was = was.and_then(|difference| difference.from.as_deref()?.parse().ok());
        let before = Manner { direction: was.unwrap_or(to.direction), settings: from };
        let after = Manner { direction: to.direction, settings: &settings };
        let place = (to.plane_project, to.plane_workspace.as_ref());
        let foreseen = match sync.foresee(&to.name, place, before, after).await {
            Ok(Some(foreseen)) => Ok(foreseen),
            Ok(None) => Err("nothing is written to Plane: plane.api_url, plane.api_key or plane.workspace is not set".to_owned()),
            Err(failure) => Err(failure.to_string()),
        };
        all.push((&to.name, foreseen));
    }
    if let Some(github) = sync.github {
        github.shut_down().await;
    }
    Ok(all)
}

fn in_words(planned: &Plan, foreseen: &[Reckoned<'_>], doing: Doing) -> String {
    let mut text = String::new();
    for step in &planned.steps {
        match step {
            Step::Add(to) => {
                text += &format!("+ {}\n", to.name);
                for (key, value) in crate::apply::keys_of_config(to) {
                    text += &format!("    + {} = {}\n", printable(&key), printable(&value));
                }
            }
            Step::Change { to, differences, .. } => {
                text += &format!("~ {}\n", to.name);
                for difference in differences {
                    text += &line(difference);
                }
                for (_, reckoned) in foreseen.iter().filter(|(name, _)| **name == to.name) {
                    text += &would_write(reckoned);
                }
            }
            Step::Remove(name) => text += &format!("- {name}\n"),
        }
    }
    let (put, removed) = planned.parts();
    let counts = format!(
        "{} to put, {} to remove, {} as the file says",
        put.len(),
        removed.len(),
        planned.unchanged.len()
    );
    let end = match doing {
        _ if planned.steps.is_empty() => {
            format!("nothing to change: {} as the file says", planned.unchanged.len())
        }
        Doing::Preview => format!("{counts}; nothing was changed"),
        Doing::Act => format!("applied: {counts}"),
    };
    text + &end + "\n"
}

fn line(difference: &Difference) -> String {
    let Difference { key, from, to } = difference;
    let key = printable(key);
    match (from, to) {
        (Some(from), Some(to)) => {
            format!("    ~ {key} = {} → {}\n", printable(from), printable(to))
        }
        (Some(from), None) => format!("    - {key} = {}\n", printable(from)),
        (_, to) => format!("    + {key} = {}\n", printable(to.as_deref().unwrap_or_default())),
    }
}

fn would_write(reckoned: &Result<Foreseen, String>) -> String {
    match reckoned {
        Err(why) => format!("    what it would write can't be said: {}\n", printable(why)),
        Ok(Foreseen { links, changing, samples, staying, unreckoned }) => {
            let mut text = format!(
                "    would write to {changing} of {links} linked work items, with the next change of each issue\n"
            );
            if *staying > 0 {
                text += &format!(
                    "    another project is wanted for {staying} of them: they stay where they are, since Plane can't move a work item\n"
                );
            }
            if !unreckoned.is_empty() {
                text += &format!(
                    "    not reckoned: what follows for {}, which each issue's next change carries over\n",
                    unreckoned.join(" and ")
                );
            }
            for (key, writes) in samples {
                text += &format!("      {}: {}\n", printable(key), printable(&writes.join("; ")));
            }
            text
        }
    }
}

/// A plan as programs read it.
#[derive(Serialize)]
struct PlanJson<'a> {
    applied: bool,
    steps: Vec<StepJson<'a>>,
    unchanged: Vec<&'a str>,
}

#[derive(Serialize)]
struct StepJson<'a> {
    repository: &'a str,
    action: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<DifferenceJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    would_write: Option<ForeseenJson<'a>>,
}

#[derive(Serialize)]
struct DifferenceJson<'a> {
    key: &'a str,
    from: Option<&'a str>,
    to: Option<&'a str>,
}

#[derive(Serialize)]
struct ForeseenJson<'a> {
    links: u64,
    changing: u64,
    staying: u64,
    not_reckoned: &'a [&'static str],
    samples: &'a [(String, Vec<String>)],
}

impl<'a> PlanJson<'a> {
    fn of(planned: &'a Plan, foreseen: &'a [Reckoned<'_>], doing: Doing) -> Self {
        let step = |step: &'a Step| match step {
            Step::Add(to) => StepJson::new(to.name.as_str(), "add"),
            Step::Remove(name) => StepJson::new(name.as_str(), "remove"),
            Step::Change { to, differences, .. } => {
                let reckoned = foreseen.iter().find(|(name, _)| **name == to.name);
                let would_write = reckoned.and_then(|(_, reckoned)| reckoned.as_ref().ok());
                StepJson {
                    differences: differences
                        .iter()
                        .map(|d| DifferenceJson {
                            key: &d.key,
                            from: d.from.as_deref(),
                            to: d.to.as_deref(),
                        })
                        .collect(),
                    would_write: would_write.map(|foreseen| ForeseenJson {
                        links: foreseen.links,
                        changing: foreseen.changing,
                        staying: foreseen.staying,
                        not_reckoned: &foreseen.unreckoned,
                        samples: &foreseen.samples,
                    }),
                    ..StepJson::new(to.name.as_str(), "change")
                }
            }
        };
        Self {
            applied: doing == Doing::Act,
            steps: planned.steps.iter().map(step).collect(),
            unchanged: planned.unchanged.iter().map(RepositoryName::as_str).collect(),
        }
    }
}

impl<'a> StepJson<'a> {
    fn new(repository: &'a str, action: &'static str) -> Self {
        Self { repository, action, differences: Vec::new(), would_write: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_says_what_would_be_written_and_what_it_does_not_reckon() {
        let foreseen = Foreseen {
            links: 7,
            changing: 1,
            samples: vec![("octo/hello#3".to_owned(), vec!["change the labels".to_owned()])],
            staying: 2,
            unreckoned: vec!["milestones", "pull requests"],
        };
        let text = would_write(&Ok(foreseen));
        for words in [
            "would write to 1 of 7 linked work items",
            "another project is wanted for 2 of them",
            "not reckoned: what follows for milestones and pull requests",
            "octo/hello#3: change the labels",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        let unknown = would_write(&Err("Plane does not answer".to_owned()));
        assert!(unknown.contains("can't be said: Plane does not answer"), "{unknown}");
    }
}
