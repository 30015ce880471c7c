//! What tests of several areas share: databases of their own, the application around a clock
//! that stands still, signed deliveries.
#![expect(dead_code, reason = "each test binary uses its part of it")]

pub mod app;
pub mod browser;
pub mod databases;
pub mod github;
pub mod links;
pub mod plane;
pub mod postgres;
pub mod process;
