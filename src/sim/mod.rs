//! Simulated remote systems, for tests and for the demonstration.

pub mod plane;
