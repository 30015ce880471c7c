//! Talking to other systems' APIs: the only place that names reqwest.
//!
//! Each client has one table from an answer's status to what it means, with the remedy in words;
//! nobody above reads a status. A key never gets into an error, a log or `Debug`.

pub mod alarm_webhook;
pub mod gate;
pub mod github;
pub mod github_app;
pub mod github_hooks;
pub mod github_mcp;
pub mod github_old_issues;
pub mod github_permissions;
pub mod github_rest;
pub mod github_webhook;
mod http_client;
pub mod limits;
pub mod plane;
pub mod vault;
pub mod webhook_sender;

use std::time::Duration;

/// How long an answer may take.
pub const TIMEOUT: Duration = Duration::from_secs(10);
