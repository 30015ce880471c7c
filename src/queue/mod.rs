//! queue
pub mod retry;
