//! jobs
pub mod directory;
