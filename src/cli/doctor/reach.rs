//! Whether the other sides can reach us, as far as an address tells: nobody outside is asked to try,
//! and something in between may pass on what an address does not show. So these are warnings.
//!
//! Plane refuses to send to private addresses unless its own settings name them, and says nothing
//! of it: such a webhook is dropped without a line in its log.

use std::net::IpAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::Finding;
use crate::config::Config;

/// How long names are looked up.
const LIMIT: Duration = Duration::from_secs(3);

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leads {
    /// To this machine.
    Here(IpAddr),
    /// Into a network of somebody's own.
    Private(IpAddr),
    /// Into the Internet.
    Public,
    /// Nobody knows the name here.
    Nowhere,
}

/// Whether anything of GitHub's is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repositories {
    Some,
    None,
}

pub(super) async fn examine(config: &Config, repositories: Repositories) -> Vec<Finding> {
    let host = host_of(&config.public_url);
    let leads = leads(&host).await;
    let mut findings = Vec::new();
    if repositories == Repositories::Some {
        findings.extend(from_github(&config.public_url, leads, &host_of(&config.github.api_url)));
    }
    if let Some(api_url) = &config.plane.api_url {
        findings.extend(from_plane(&config.public_url, &host, leads, &host_of(api_url)));
    }
    findings
}

/// Without scheme, port and path.
pub(super) fn host_of(url: &str) -> String {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.to_ascii_lowercase()
}

async fn leads(host: &str) -> Leads {
    if let Ok(address) = host.parse() {
        return leads_to(address);
    }
    match timeout(LIMIT, lookup_host((host, 443))).await {
        Ok(Ok(mut addresses)) => addresses.next().map_or(Leads::Nowhere, |at| leads_to(at.ip())),
        _ => Leads::Nowhere,
    }
}

fn leads_to(address: IpAddr) -> Leads {
    let private = match address {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1]);
            v4.is_private() || v4.is_link_local() || v4.is_unspecified() || shared
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified(),
    };
    match address {
        _ if address.is_loopback() => Leads::Here(address),
        _ if private => Leads::Private(address),
        _ => Leads::Public,
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

const GITHUB: &str = "reached from GitHub";

fn from_github(public_url: &str, leads: Leads, api_host: &str) -> Option<Finding> {
    const FIX: &str = "set public_url to an https:// address that a proxy or a tunnel brings from the Internet to `listen`";
    if is_here(api_host) {
        return None;
    }
    match leads {
        Leads::Here(_) => Some(Finding::warning(
            GITHUB,
            format!(
                "GitHub can't reach {public_url}, which leads to this machine alone, and takes no such address"
            ),
            FIX,
        )),
        Leads::Private(address) if api_host == "api.github.com" => Some(Finding::warning(
            GITHUB,
            format!(
                "GitHub can't reach {public_url}, which leads to {address} in a private network"
            ),
            FIX,
        )),
        Leads::Nowhere => Some(Finding::warning(
            GITHUB,
            format!("the name in {public_url} is not known here, so nobody may reach it"),
            "make its DNS entry, or correct public_url",
        )),
        Leads::Private(_) | Leads::Public => None,
    }
}

const PLANE: &str = "reached from Plane";

fn from_plane(public_url: &str, host: &str, leads: Leads, api_host: &str) -> Option<Finding> {
    let is_cloud = api_host == "plane.so" || api_host.ends_with(".plane.so");
    let restart = "on Plane's api and worker containers, and restart them";
    match leads {
        Leads::Here(address) | Leads::Private(address) if is_cloud => Some(Finding::warning(
            PLANE,
            format!("Plane can't reach {public_url}, which leads to {address}"),
            "set public_url to an https:// address that a proxy or a tunnel brings from the Internet to `listen`",
        )),
        Leads::Here(address) | Leads::Private(address) => {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            Some(Finding::warning(
                PLANE,
                format!(
                    "{public_url} leads to {address}; to a private address Plane sends nothing, and does not say so, unless it is told to"
                ),
                format!("set WEBHOOK_ALLOWED_IPS={address}/{bits} {restart}"),
            ))
        }
        Leads::Public if host == api_host || host.ends_with(&format!(".{api_host}")) => {
            Some(Finding::warning(
                PLANE,
                format!(
                    "{host} belongs to Plane's own host, which it takes no webhook address of, unless it is told to"
                ),
                format!("set WEBHOOK_ALLOWED_HOSTS={host} {restart}"),
            ))
        }
        Leads::Nowhere => Some(Finding::warning(
            PLANE,
            format!(
                "the name in {public_url} is not known here; Plane drops webhooks to a name that it can't look up"
            ),
            "make its DNS entry, or correct public_url",
        )),
        Leads::Public => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;

    fn fix(finding: Option<Finding>) -> String {
        finding.and_then(|finding| finding.fix).unwrap_or_default()
    }

    #[test]
    fn what_plane_has_to_be_told_for_a_private_receiver_is_named() {
        let private = leads_to("10.0.0.5".parse().unwrap());
        let found = from_plane("http://10.0.0.5:8080", "10.0.0.5", private, "plane.example.com");
        assert!(fix(found).starts_with("set WEBHOOK_ALLOWED_IPS=10.0.0.5/32 on Plane's api"));
        let below = from_plane(
            "https://hooks.plane.example.com",
            "hooks.plane.example.com",
            Leads::Public,
            "plane.example.com",
        );
        assert!(fix(below).starts_with("set WEBHOOK_ALLOWED_HOSTS=hooks.plane.example.com "));
        let fine = from_plane(
            "https://hooks.example.org",
            "hooks.example.org",
            Leads::Public,
            "plane.example.com",
        );
        assert!(fine.is_none());
    }

    #[test]
    fn what_only_this_machine_or_network_reaches_is_told_for_those_outside() {
        for address in ["127.0.0.1", "192.168.1.9", "100.64.0.1", "fd00::1"] {
            let leads = leads_to(address.parse().unwrap());
            let found = from_github("http://x", leads, "api.github.com").unwrap();
            assert_eq!(found.verdict, Verdict::Warning, "{address}");
            let found = from_plane("http://x", "x", leads, "api.plane.so").unwrap();
            assert_eq!(found.verdict, Verdict::Warning, "{address}");
        }
        let private = leads_to("10.1.2.3".parse().unwrap());
        assert!(from_github("http://x", private, "github.example.com").is_none());
        assert_eq!(leads_to("140.82.121.3".parse().unwrap()), Leads::Public);
    }

    #[test]
    fn a_host_is_found_in_each_form_of_address() {
        for (url, host) in [
            ("https://A.example.com/x", "a.example.com"),
            ("http://10.0.0.1:80", "10.0.0.1"),
            ("http://[fd00::1]:80/", "fd00::1"),
        ] {
            assert_eq!(host_of(url), host);
        }
    }
}
