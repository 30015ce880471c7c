//! What `serve` says on standard output when it runs: where it is, and what to do next.

use std::io::{self, Write};
use std::net::SocketAddr;

use crate::config::{Config, UnsignedWebhooks};
use crate::sources::{github, plane};

/// Prints it. A closed standard output is nobody's problem.
pub(super) fn print(
    config: &Config,
    address: SocketAddr,
    sign_in_link: Option<&str>,
    spooled: Option<&str>,
) {
    let _ = write(&mut io::stdout().lock(), config, address, sign_in_link, spooled);
}

fn write(
    out: &mut impl Write,
    config: &Config,
    address: SocketAddr,
    sign_in_link: Option<&str>,
    spooled: Option<&str>,
) -> io::Result<()> {
    writeln!(out, "Jetbridge listens on http://{address} ({})\n", config.database_url)?;
    writeln!(out, "  Boards   {}/boards", config.public_url)?;
    if let Some(spooled) = spooled {
        writeln!(out, "  Spool    {spooled}")?;
    }
    if let Some(link) = sign_in_link {
        writeln!(out, "  Sign in  {link}")?;
        writeln!(out, "           (once, within 15 minutes)\n")?;
    } else {
        writeln!(out, "  Sign in  {}/login", config.public_url)?;
        writeln!(out, "           (with the admin token, when the database is back: it is away,")?;
        writeln!(out, "           and deliveries are accepted into the spool meanwhile)\n")?;
    }
    write_plane(out, config)?;
    write_github(out, config)
}

fn write_plane(out: &mut impl Write, config: &Config) -> io::Result<()> {
    let endpoint = format!("{}{}", config.public_url, plane::ENDPOINT);
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

fn write_github(out: &mut impl Write, config: &Config) -> io::Result<()> {
    let endpoint = format!("{}{}", config.public_url, github::ENDPOINT);
    if config.github.unsigned == UnsignedWebhooks::Accept {
        writeln!(out, "  WARNING  github.allow_unsigned is true: anybody who reaches")?;
        writeln!(out, "           {endpoint} can make work items\n")?;
    }
    if !config.github.webhook_secret.is_empty()
        || config.github.unsigned == UnsignedWebhooks::Accept
    {
        return writeln!(out, "  GitHub   posts to {endpoint}\n");
    }
    writeln!(out, "GitHub is not connected yet:")?;
    writeln!(out, "  1. In the repository open Settings, Webhooks, Add webhook, and paste")?;
    writeln!(out, "       {endpoint}")?;
    writeln!(out, "     with content type application/json, a secret of your own, and the events")?;
    writeln!(out, "     Issues, Issue comments, Pull requests, Pull request reviews, Labels,")?;
    writeln!(out, "     Milestones (where they become modules or cycles) and Sub-issues.")?;
    writeln!(out, "  2. Set the same secret, name the repository, and start again:")?;
    writeln!(out, "       JETBRIDGE_GITHUB_WEBHOOK_SECRET=…")?;
    writeln!(out, "       [[repositories]] name = \"OWNER/NAME\" in jetbridge.toml\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Overrides, Secrets, Settings};

    fn said(change: impl FnOnce(&mut Config)) -> String {
        let settings = Settings::read(&Overrides::default(), &Environment::default()).unwrap();
        let mut config = settings.without_secrets().clone();
        "https://hooks.example.org".clone_into(&mut config.public_url);
        change(&mut config);
        let mut out = Vec::new();
        let address = "127.0.0.1:8080".parse().unwrap();
        write(&mut out, &config, address, Some("http://x/login"), None).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn a_secret() -> Secrets {
        Secrets::new(["s".to_owned()])
    }

    #[test]
    fn it_says_what_to_paste_where_until_that_is_done() {
        let new = said(|_| ());
        assert!(new.contains("https://hooks.example.org/api/webhooks/plane\n"), "{new}");
        assert!(new.contains("https://hooks.example.org/api/webhooks/github-mcp/\n"), "{new}");
        assert!(new.contains("JETBRIDGE_GITHUB_WEBHOOK_SECRET"), "{new}");
        let set = said(|config| {
            config.plane.webhook_secret = a_secret();
            config.github.webhook_secret = a_secret();
        });
        assert!(set.contains("  GitHub   posts to https://hooks.example.org/api"), "{set}");
        assert!(!set.contains("not connected"), "{set}");
    }

    #[test]
    fn unsigned_webhooks_are_said_aloud_at_every_start() {
        for secret in [Secrets::none(), a_secret()] {
            let text = said(|config| {
                config.github.unsigned = UnsignedWebhooks::Accept;
                config.github.webhook_secret = secret;
            });
            assert!(text.contains("WARNING  github.allow_unsigned is true"), "{text}");
        }
    }
}
