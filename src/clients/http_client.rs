//! How every outgoing connection is made: TLS by rustls on ring, a limit on the whole exchange.
//!
//! No redirect is followed: our requests carry tokens in headers of their own, which a redirect
//! would hand to whoever it names.

use std::time::Duration;

/// An HTTP client whose exchanges end after `limit`.
pub(super) fn http_client(limit: Duration) -> reqwest::Result<reqwest::Client> {
    builder(limit).timeout(limit).build()
}

/// One for answers that stay open: only connecting ends after `limit`.
pub(super) fn streaming_client(limit: Duration) -> reqwest::Result<reqwest::Client> {
    builder(limit).build()
}

fn builder(limit: Duration) -> reqwest::ClientBuilder {
    // Refused when somebody has done it before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(limit)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("jetbridge/", env!("CARGO_PKG_VERSION")))
}
