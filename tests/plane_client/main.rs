//! The Plane client against the simulated Plane.

#![expect(clippy::unwrap_used, reason = "a test whose own data is broken shall panic")]

mod limits;
mod long;
mod reading;
mod scene;
mod table;
mod writing;
