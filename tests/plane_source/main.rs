//! Plane's webhooks from the raw request to the work item, and the names around them.

mod contract;
mod directory;
mod fixtures;
mod hostile;
mod order;
mod recorded;
