//! Tells of alarms: posts a JSON object to one address, which may be a Slack incoming webhook.
//!
//! The address is a secret, since such addresses are all that guards them: it is in no error and no
//! log. Deliberately absent: trying again, which the notices' table has.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::http_client::{cause, http_client};
use crate::config::Secrets;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Where alarms are told.
#[derive(Clone)]
pub struct AlarmWebhook {
    url: SecretString,
}

impl fmt::Debug for AlarmWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AlarmWebhook")
    }
}

impl AlarmWebhook {
    /// To the first of the addresses; `None` without one.
    pub fn new(urls: &Secrets) -> Option<Self> {
        let url = urls.expose().next().map(SecretString::from)?;
        Some(Self { url })
    }

    /// Posts one object.
    ///
    /// # Errors
    /// When it does not arrive or is refused; one line that may be shown.
    pub async fn post(&self, body: String) -> Result<(), String> {
        let http = http_client(LIMIT).map_err(|e| failed(&e))?;
        let request = http.post(self.url.expose_secret());
        let request = request.header("Content-Type", "application/json").body(body);
        let answer = request.send().await.map_err(|e| failed(&e))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        Err(format!("alarm_webhook_url answered {}: check the address", status.as_u16()))
    }
}

fn failed(error: &reqwest::Error) -> String {
    if error.is_builder() {
        return "alarm_webhook_url is no http or https address: set it to one".to_owned();
    }
    format!("alarm_webhook_url: {}; check the address", cause(error))
}
