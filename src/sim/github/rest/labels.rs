//! Labels: of a repository, and those on an issue.

use serde_json::Value;

use super::super::changes::{Change, LabelEdit};
use super::super::state::{Issue, Label};
use super::super::{SimError, json};
use super::answer::{Answer, page};
use super::issues::{named, replace_labels};
use super::{Request, number_in};

pub(super) fn route(
    request: &Request<'_>,
    method: &str,
    path: &[&str],
) -> Result<Answer, SimError> {
    let repository = request.repository()?;
    match (method, path) {
        ("GET", []) => {
            let state = request.sim.lock();
            let here = state.repository(repository)?;
            let all: Vec<Value> =
                here.labels.iter().map(|l| json::label(&state.instance, here, l)).collect();
            drop(state);
            Ok(page(request, &all))
        }
        ("POST", []) => {
            let name = request.text("name").unwrap_or_default();
            let color = request.text("color").unwrap_or("ededed");
            let description = request.text("description");
            let make = |c: &mut Change<'_>| c.create_label(repository, name, color, description);
            let label = request.sim.change(request.login(), make)?;
            shown(request, 201, &label)
        }
        ("PATCH", [name]) => {
            let text = |key| request.text(key).map(str::to_owned);
            let edit = LabelEdit {
                name: text("new_name"),
                color: text("color"),
                description: text("description"),
            };
            let edit = |c: &mut Change<'_>| c.edit_label(repository, name, &edit);
            let label = request.sim.change(request.login(), edit)?;
            shown(request, 200, &label)
        }
        ("DELETE", [name]) => {
            request.sim.change(request.login(), |c| c.delete_label(repository, name))?;
            Ok(Answer::nothing(204))
        }
        ("GET", [name]) => {
            let state = request.sim.lock();
            let here = state.repository(repository)?;
            let label = here.label(name).ok_or(SimError::NoIssue)?;
            Ok(Answer::ok(json::label(&state.instance, here, label)))
        }
        _ => Err(SimError::NoIssue),
    }
}

fn shown(request: &Request<'_>, status: u16, label: &Label) -> Result<Answer, SimError> {
    let state = request.sim.lock();
    let here = state.repository(request.repository()?)?;
    Ok(Answer::new(status, json::label(&state.instance, here, label)))
}

pub(super) fn route_of_issue(
    request: &Request<'_>,
    method: &str,
    number: &str,
    path: &[&str],
) -> Result<Answer, SimError> {
    let (repository, number) = (request.repository()?, number_in(number)?);
    let names = request.names("labels").unwrap_or_default();
    match (method, path) {
        ("GET", []) => {}
        ("POST", []) => {
            request.sim.change(request.login(), |c| c.label_issue(repository, number, &names))?;
        }
        ("PUT", []) => {
            let replace = |c: &mut Change<'_>| replace_labels(c, repository, number, &names);
            request.sim.change(request.login(), replace)?;
        }
        ("DELETE", []) => {
            let clear = |c: &mut Change<'_>| c.unlabel_issue(repository, number, |_| false);
            request.sim.change(request.login(), clear)?;
        }
        ("DELETE", [name]) => {
            let gone = [(*name).to_owned()];
            let has = |issue: &Issue| issue.labels.iter().any(|l| named(&gone, &l.name));
            if !request.sim.lock().issue(repository, number).map(has)? {
                return Err(SimError::NoIssue);
            }
            request.sim.change(request.login(), |c| {
                c.unlabel_issue(repository, number, |label| !named(&gone, &label.name))
            })?;
        }
        _ => return Err(SimError::NoIssue),
    }
    let state = request.sim.lock();
    let here = state.repository(repository)?;
    let labels = &here.issue(number)?.labels;
    let all: Vec<Value> = labels.iter().map(|l| json::label(&state.instance, here, l)).collect();
    Ok(Answer::ok(Value::Array(all)))
}
