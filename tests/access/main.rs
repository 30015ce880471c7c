//! Signing in, tokens, scopes and the audit log: each route with each caller, and what is written
//! down of it.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod commands;
mod limits;
mod looks;
mod pages;
mod routes;
mod secrets;
mod site;
mod tokens;
