//! Jetbridge: webhooks in, work items out, nothing lost on the way.
//!
//! The modules stand in the order in which data flows through them: a *source* verifies a
//! request, the *inbox* commits it, the *queue* hands it to a *job*, the job decides with the
//! pure *work item* rules, the *store* keeps the result, the *web* shows it.
//! `ARCHITECTURE.md` is the map.

pub mod access;
pub mod clock;
pub mod config;
pub mod failure;
pub mod ids;
pub mod metrics;
pub mod telemetry;

pub mod sources;

pub mod inbox;
pub mod spool;

pub mod queue;

pub mod figures;

pub mod jobs;

pub mod sync;

pub mod rules;

pub mod quota;

pub mod clients;

pub mod alarms;
pub mod board;
pub mod canary;
pub mod comments;
pub mod drift;
pub mod recovery;
pub mod timeline;
pub mod work_items;

pub mod store;

pub mod health;

pub mod live;

pub mod apply;
pub mod people;
pub mod replay;

pub mod web;

pub mod sim;

pub mod app;
pub mod cli;
pub mod demo;
