//! The API described for programs, and the same as a page for people.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::Method;
use axum::response::{Html, IntoResponse, Response};
use utoipa::openapi::path::{Operation, Parameter, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, RefOr};
use utoipa::{Modify, OpenApi};

use super::api::{
    audit, deliveries, drift, health, live, people, replay, repositories, rules, stats, tokens,
    work_items,
};
use super::error::{Problem, ProblemKind};
use super::for_programs;
use super::reality::Reality;
use super::state::WebState;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Jetbridge API",
        description = "Work items, deliveries and figures. Send a token as `Authorization: Bearer TOKEN`: the admin token, or an API token whose scope is enough."
    ),
    paths(
        work_items::list,
        work_items::show,
        work_items::timeline,
        work_items::comments,
        live::follow,
        deliveries::list,
        deliveries::show,
        replay::one,
        replay::matching,
        repositories::list,
        repositories::add,
        repositories::show,
        repositories::change,
        repositories::remove,
        drift::show,
        people::list,
        people::decide,
        people::forget,
        rules::test,
        stats::show,
        health::show,
        tokens::list,
        tokens::make,
        tokens::revoke,
        audit::list,
    ),
    modifiers(&Bearer, &Scopes),
    security(("bearer" = []))
)]
struct Api;

/// The one way in for programs.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// Each operation says the scope that its route needs.
struct Scopes;

impl Modify for Scopes {
    fn modify(&self, document: &mut Document) {
        for route in for_programs().list() {
            let Some(item) = document.paths.paths.get_mut(route.path) else { continue };
            let operation = match route.method {
                Method::POST => &mut item.post,
                Method::PATCH => &mut item.patch,
                Method::DELETE => &mut item.delete,
                _ => &mut item.get,
            };
            let Some(operation) = operation else { continue };
            let needed = format!("Needs the scope `{}`.", route.scope);
            let said = operation.description.take().filter(|said| !said.is_empty());
            operation.description = Some(said.map_or(needed.clone(), |s| format!("{s} {needed}")));
        }
    }
}

pub(super) async fn document() -> Json<Document> {
    Json(Api::openapi())
}

#[derive(Template)]
#[template(path = "api_docs.html")]
struct DocsPage {
    title: String,
    version: String,
    description: String,
    operations: Vec<DocumentedOperation>,
    problems: [ProblemKind; 12],
    reality: Reality,
}

struct DocumentedOperation {
    id: String,
    method: &'static str,
    path: String,
    summary: String,
    description: String,
    /// Name and description.
    parameters: Vec<(String, String)>,
    /// Status and description.
    answers: Vec<(String, String)>,
}

pub(super) async fn page(State(web): State<WebState>) -> Response {
    let document = Api::openapi();
    let page = DocsPage {
        title: document.info.title,
        version: document.info.version,
        description: document.info.description.unwrap_or_default(),
        operations: document.paths.paths.into_iter().flat_map(operations).collect(),
        problems: ProblemKind::ALL,
        reality: web.reality,
    };
    match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(failed) => {
            tracing::error!(error = %failed, "the API's page can't be rendered");
            Problem::internal().into_response()
        }
    }
}

fn operations((path, item): (String, PathItem)) -> Vec<DocumentedOperation> {
    [("GET", item.get), ("POST", item.post), ("PATCH", item.patch), ("DELETE", item.delete)]
        .into_iter()
        .filter_map(|(method, operation)| Some((method, operation?)))
        .map(|(method, operation)| documented(method, path.clone(), operation))
        .collect()
}

fn documented(method: &'static str, path: String, operation: Operation) -> DocumentedOperation {
    let parameter = |p: RefOr<Parameter>| match p {
        RefOr::T(p) => Some((p.name, p.description.unwrap_or_default())),
        RefOr::Ref(_) => None,
    };
    let answers = operation.responses.responses.into_iter().map(|(status, answer)| match answer {
        RefOr::T(answer) => (status, answer.description),
        RefOr::Ref(_) => (status, String::new()),
    });
    let parameters = operation.parameters.unwrap_or_default().into_iter();
    DocumentedOperation {
        id: operation.operation_id.unwrap_or_default(),
        method,
        path,
        summary: operation.summary.unwrap_or_default(),
        description: operation.description.unwrap_or_default(),
        parameters: parameters.filter_map(parameter).collect(),
        answers: answers.collect(),
    }
}
