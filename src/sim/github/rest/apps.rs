//! What a GitHub App asks in its own name: `/app/…`, and where it is installed. Nobody else may.

use super::super::{Inner, SimError};
use super::answer::{self, Answer};
use super::{Caller, Request, hooks};

/// Why what an App asks with is not taken.
pub(super) fn refusal(sim: &Inner, word: &str) -> Option<Answer> {
    let now = sim.now();
    let checked = match &sim.lock().app {
        Some(app) => app.check(word, now),
        None => Err((404, "Integration not found")),
    };
    checked.err().map(|(status, message)| Answer::message(status, message))
}

/// Whether a path is about the App itself.
pub(super) fn is_asked(request: &Request<'_>) -> bool {
    request.repository.is_none() && request.path.first().is_some_and(|part| part == "app")
}

/// The answer, where an App is what is asked about.
pub(super) fn answer(request: &Request<'_>) -> Option<Answer> {
    let is_installation = request.repository.is_some() && request.path == ["installation"];
    if !is_asked(request) && !is_installation {
        return None;
    }
    if !matches!(request.caller, Caller::App) {
        return Some(Answer::message(401, "A JSON web token could not be decoded"));
    }
    let answered = route(request);
    Some(answered.unwrap_or_else(|error| {
        answer::refusal(request.sim, &error, &answer::below(&request.path))
    }))
}

fn route(request: &Request<'_>) -> Result<Answer, SimError> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let method = request.method.as_str();
    let hook = {
        let state = request.sim.lock();
        let app = state.app.as_ref().ok_or(SimError::NoHook)?;
        match (method, path.as_slice()) {
            ("GET", ["app"]) => return Ok(Answer::ok(app.json())),
            ("GET", ["app", "hook", "config"]) => return Ok(Answer::ok(app.hook_config_json())),
            ("GET", ["installation"]) => {
                return app.installation_at(request.repository()?).map(Answer::ok);
            }
            _ => app.hooks.first().ok_or(SimError::NoHook)?.id.to_string(),
        }
    };
    match (method, path.as_slice()) {
        ("GET", ["app", "hook", rest @ ..]) | ("POST", ["app", "hook", rest @ .., "attempts"]) => {
            let mut of_hook = vec![hook.as_str()];
            of_hook.extend(rest);
            if method == "POST" {
                of_hook.push("attempts");
            }
            hooks::route(request, method, &of_hook)
        }
        _ => Err(SimError::NoHook),
    }
}
