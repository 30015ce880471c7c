//! What `serve` says on standard output when it runs: where it is, and what to do next.

use std::io::Write;
use std::net::SocketAddr;

use crate::config::Config;
use crate::sources::plane;

/// Prints it. A closed standard output is nobody's problem.
pub(super) fn print(config: &Config, address: SocketAddr, sign_in_link: &str) {
    let _ = std::io::stdout().write_all(text(config, address, sign_in_link).as_bytes());
}

fn text(config: &Config, address: SocketAddr, sign_in_link: &str) -> String {
    let mut text = format!("Jetbridge listens on http://{address} ({})\n\n", config.database_url);
    text += &format!(
        "  Boards   {}/boards\n  Sign in  {sign_in_link}\n           (once, within 15 minutes)\n\n",
        config.public_url
    );
    let endpoint = format!("{}{}", config.public_url, plane::ENDPOINT);
    if config.plane.webhook_secret.is_empty() {
        text += &format!(
            "Plane is not connected yet:\n\
             \x20 1. In Plane open Workspace settings, Webhooks, Add webhook, and paste\n\
             \x20      {endpoint}\n\
             \x20 2. Plane then shows a secret that begins with plane_wh_. Set it and start again:\n\
             \x20      JETBRIDGE_PLANE_WEBHOOK_SECRET=plane_wh_…\n\
             \x20    Until then the endpoint answers 503, and Plane does not send a refused webhook again.\n\n"
        );
    } else {
        text += &format!("  Plane    posts to {endpoint}\n\n");
    }
    text
}
