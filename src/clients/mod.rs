//! Talking to other systems' APIs: the only place that names reqwest.
//!
//! Each client has one table from an answer's status to what it means, with the remedy in words;
//! nobody above reads a status. A key never gets into an error, a log or `Debug`.

pub mod plane;

use std::time::Duration;

/// How long an answer may take.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// A client that follows no redirect: a POST would silently become a GET, and a key would go to
/// whoever the redirect names.
fn http(timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    // A second call finds the provider installed; that is no error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(timeout)
        .connect_timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("jetbridge/", env!("CARGO_PKG_VERSION")))
        .build()
}
