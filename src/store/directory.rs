//! What is known of Plane's names (projects, states, labels, members), kept over restarts.

use super::{Store, StoreResult};
