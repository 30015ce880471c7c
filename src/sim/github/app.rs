//! A GitHub App: where it is installed, its one hook, and whether what it asks with was signed by its
//! key. There is one at most, and one installation of it.
//!
//! Deliberately absent: the tokens of installations, permissions, and apps of others.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Value, json};

use super::hooks::{Delivery, Hook, NewHook, Redelivery};
use super::json::time;
use super::outbox::Parcel;
use super::state::HookPlace;
use super::views::Switched;
use super::{SimError, SimGitHub};
use crate::clock::Timestamp;

/// The longest that GitHub takes what was signed for, seconds.
const LONGEST: i64 = 10 * 60;
const UNREADABLE: &str = "A JSON web token could not be decoded";

/// An App as it is registered.
#[derive(Debug, Clone)]
pub struct SimApp {
    /// Its App ID.
    pub id: u64,
    /// Its Client ID.
    pub client_id: String,
    /// What people call it.
    pub name: String,
    /// The public half of its key: PKCS#1 in DER.
    pub public_key: Vec<u8>,
    /// Its hook.
    pub hook: NewHook,
}

/// The same with what became of it.
#[derive(Debug)]
pub(super) struct App {
    pub(super) about: SimApp,
    /// Exactly one.
    pub(super) hooks: Vec<Hook>,
    installation: u64,
    installed: Vec<u64>,
    suspended_at: Option<Timestamp>,
}

/// Why what an App asks with is not taken: GitHub's status and words.
pub(super) type NotTaken = (u16, &'static str);

/// Whether a bearer is a word that was signed, rather than a token.
pub(super) fn is_signed_word(bearer: &str) -> bool {
    bearer.matches('.').count() == 2
}

impl App {
    /// Whether it hears of a repository.
    pub(super) fn hears_of(&self, repository: u64) -> bool {
        self.suspended_at.is_none() && self.installed.contains(&repository)
    }

    /// What its payloads say of where it is installed.
    pub(super) fn installation_json(&self) -> Value {
        json!({"id": self.installation, "node_id": format!("I_{}", self.installation)})
    }

    pub(super) fn json(&self) -> Value {
        let SimApp { id, client_id, name, hook, .. } = &self.about;
        json!({
            "id": id, "client_id": client_id, "slug": name.to_lowercase(), "name": name,
            "events": hook.events, "permissions": {"issues": "read", "metadata": "read"},
        })
    }

    pub(super) fn hook_config_json(&self) -> Value {
        let hook = &self.about.hook;
        let mut config = json!({
            "content_type": hook.encoding.as_str(), "insecure_ssl": "0", "url": hook.url,
        });
        if hook.secret.is_some() {
            config["secret"] = json!("********");
        }
        config
    }

    /// Its installation where a repository is, if it is there.
    pub(super) fn installation_at(&self, repository: u64) -> Result<Value, SimError> {
        if !self.installed.contains(&repository) {
            return Err(SimError::NoRepository);
        }
        Ok(json!({
            "id": self.installation, "app_id": self.about.id,
            "suspended_at": self.suspended_at.map(time),
        }))
    }

    /// Looks at a signed word as GitHub does: whose it is, the signature, then the times.
    pub(super) fn check(&self, word: &str, now: Timestamp) -> Result<(), NotTaken> {
        #[derive(Deserialize)]
        struct Header {
            alg: String,
        }
        #[derive(Deserialize)]
        struct Claims {
            iss: Value,
            iat: i64,
            exp: i64,
        }
        let unreadable = || (401, UNREADABLE);
        let (signed, signature) = word.rsplit_once('.').ok_or_else(unreadable)?;
        let (header, claims) = signed.split_once('.').ok_or_else(unreadable)?;
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| unreadable());
        let header: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| unreadable())?;
        let claims: Claims = serde_json::from_slice(&decoded(claims)?).map_err(|_| unreadable())?;
        let id_in_words = self.about.id.to_string();
        let is_ours = claims.iss == self.about.id
            || claims.iss == id_in_words.as_str()
            || claims.iss == self.about.client_id.as_str();
        if !is_ours {
            return Err((404, "Integration not found"));
        }
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.about.public_key);
        let is_signed = key.verify(signed.as_bytes(), &decoded(signature)?).is_ok();
        if header.alg != "RS256" || !is_signed {
            return Err(unreadable());
        }
        let now = now.timestamp();
        match (claims.iat > now, claims.exp - now) {
            (true, _) => Err((
                401,
                "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
            )),
            (_, ..=0) => Err((
                401,
                "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
            )),
            (_, left) if left > LONGEST => {
                Err((401, "'Expiration time' claim ('exp') is too far in the future"))
            }
            _ => Ok(()),
        }
    }
}

impl SimGitHub {
    /// Registers an App, in the place of the one that there was. It is installed nowhere.
    pub fn add_app(&self, about: SimApp) {
        let now = self.inner.now();
        let mut state = self.inner.lock();
        let (hook, installation) = (state.next_id(), state.next_id());
        let hook = Hook::new(hook, about.hook.clone(), now, state.instance.remembered);
        let (hooks, installed) = (vec![hook], Vec::new());
        state.app = Some(App { about, hooks, installation, installed, suspended_at: None });
    }

    /// Installs the App in a repository, of which its hook is told by a webhook about no repository.
    ///
    /// # Errors
    /// When there is no App, or no such repository.
    pub fn install_app(&self, repository: &str) -> Result<(), SimError> {
        let mut state = self.inner.lock();
        let id = state.named(repository)?;
        let app = state.app.as_mut().ok_or(SimError::NoHook)?;
        app.installed.push(id);
        let parcel = Parcel {
            repository: None,
            place: HookPlace::App,
            hook: app.hooks.first().ok_or(SimError::NoHook)?.id,
            guid: uuid::Uuid::new_v4().to_string(),
            event: "installation".to_owned(),
            action: Some("created".to_owned()),
            payload: json!({"action": "created", "installation": app.installation_json()}),
            redelivery: Redelivery::First,
        };
        drop(state);
        self.inner.outbox.push([parcel]);
        Ok(())
    }

    /// Suspends the App's installation, which sends nothing then, or takes that back.
    pub fn suspend_app(&self, to: Switched) {
        let now = self.inner.now();
        if let Some(app) = &mut self.inner.lock().app {
            app.suspended_at = (to == Switched::On).then_some(now);
        }
    }

    /// Everything that was sent to the App's hook, the oldest first.
    pub fn app_deliveries(&self) -> Vec<Delivery> {
        let state = self.inner.lock();
        let hooks = state.app.iter().flat_map(|app| &app.hooks);
        hooks.flat_map(|hook| hook.deliveries.to_vec()).collect()
    }
}
