//! What `serve` says on standard output when it runs: where it is, and what to do next.

use std::io::{self, Write};
use std::net::SocketAddr;

use crate::config::Config;
use crate::sources::plane;

/// Prints it. A closed standard output is nobody's problem.
pub(super) fn print(config: &Config, address: SocketAddr, sign_in_link: &str) {
    let _ = write(&mut io::stdout().lock(), config, address, sign_in_link);
}

fn write(
    out: &mut impl Write,
    config: &Config,
    address: SocketAddr,
    sign_in_link: &str,
) -> io::Result<()> {
    let endpoint = format!("{}{}", config.public_url, plane::ENDPOINT);
    writeln!(out, "Jetbridge listens on http://{address} ({})\n", config.database_url)?;
    writeln!(out, "  Boards   {}/boards", config.public_url)?;
    writeln!(out, "  Sign in  {sign_in_link}")?;
    writeln!(out, "           (once, within 15 minutes)\n")?;
    if !config.plane.webhook_secret.is_empty() {
        return writeln!(out, "  Plane    posts to {endpoint}\n");
    }
    writeln!(out, "Plane is not connected yet:")?;
    writeln!(out, "  1. In Plane open Workspace settings, Webhooks, Add webhook, and paste")?;
    writeln!(out, "       {endpoint}")?;
    writeln!(
        out,
        "  2. Plane then shows a secret that begins with plane_wh_. Set it and start again:"
    )?;
    writeln!(out, "       JETBRIDGE_PLANE_WEBHOOK_SECRET=plane_wh_…")?;
    writeln!(
        out,
        "     Until then the endpoint answers 503, and Plane does not repeat a refused webhook.\n"
    )
}
