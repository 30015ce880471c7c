//! Whether anybody is there where alarms are told. Nothing is sent: it would be read as an alarm.

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Finding, LIMIT};
use crate::config::Config;

const CHECK: &str = "alarm_webhook_url";

pub(super) async fn examine(config: &Config) -> Option<Finding> {
    let url = config.alarm_webhook_url.expose().next()?;
    // The rest of the address is as good as a password.
    let Some((scheme, rest)) = url.split_once("://") else {
        return Some(Finding::problem(CHECK, "is no address", "set it to an https:// address"));
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let port = if scheme == "https" { 443 } else { 80 };
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let place = if has_port { authority.to_owned() } else { format!("{authority}:{port}") };
    let fix = "correct the address, or let this machine reach it";
    Some(match timeout(LIMIT, TcpStream::connect(place.as_str())).await {
        Ok(Ok(_)) => Finding::ok(CHECK, format!("{place} can be reached; nothing was sent")),
        Ok(Err(error)) => {
            Finding::problem(CHECK, format!("{place} can't be reached ({error})"), fix)
        }
        Err(_) => Finding::problem(CHECK, format!("{place} does not answer"), fix),
    })
}
