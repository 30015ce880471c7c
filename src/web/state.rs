//! What every page and every API answer is made from.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Secrets;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::queue::Wake;
use crate::store::Store;
use crate::web::reality::Reality;

/// Shared by all handlers that are not webhook endpoints. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WebState {
    /// Everything that is stored.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// Any of them signs in.
    pub admin_token: Secrets,
    /// How the outside reaches us, no trailing slash; `https` makes cookies `Secure`.
    pub public_url: Arc<str>,
    /// Where the admin token is kept, for the sign-in page's hint.
    pub admin_token_file: Arc<str>,
    /// Whether Plane's webhooks can be verified.
    pub plane_secret: SecretState,
    /// Tells the worker of this process that a replay is due.
    pub wake: Wake,
    /// Tells pages and programs what changes.
    pub live: Live,
    /// The figures of this process.
    pub metrics: Arc<Metrics>,
    /// Whether what is shown is real.
    pub reality: Reality,
}

/// Whether a source's secret is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretState {
    /// It is.
    Set,
    /// It is not: its endpoint answers 503.
    Missing,
}
