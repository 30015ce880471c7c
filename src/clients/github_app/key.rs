//! The private key of a GitHub App, and what it signs: a short-lived word that the App asks with.
//!
//! GitHub gives the key as PEM around PKCS#1; PKCS#8 is read, too. What is signed holds for some
//! minutes around now, so that clocks may differ by one. Neither is ever shown: `Debug` names the
//! App alone.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use secrecy::SecretString;
use serde_json::json;

use crate::clock::Timestamp;
use crate::ids::AppId;

/// It was signed so many seconds ago: GitHub takes nothing from the future, and its clock may be
/// behind.
const SIGNED_BEFORE: i64 = 60;
/// It holds for so many seconds, of the ten minutes that GitHub allows.
const HOLDS_FOR: i64 = 5 * 60;

/// What an App asks with. Cheap to clone.
#[derive(Clone)]
pub struct AppKey {
    app: AppId,
    pair: Arc<RsaKeyPair>,
}

/// The text is no key of an App's; it is not part of the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAppKey {
    /// It is no PEM, or holds something else.
    #[error(
        "github.app_private_key holds no private key in PEM: make one in the App's settings at GitHub, under Private keys, and set github.app_private_key to file:/path of what is downloaded"
    )]
    NoPem,
    /// It is not of the one kind that GitHub makes.
    #[error(
        "github.app_private_key is no RSA key of 2048 to 4096 bits, as GitHub makes them: make one in the App's settings at GitHub, under Private keys"
    )]
    NoRsa,
}

impl AppKey {
    /// From PEM, with its lines as they are or, as environments hold them, with `\n` written out.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(app: AppId, pem: &str) -> Result<Self, BadAppKey> {
        let pem = pem.replace("\\n", "\n");
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| BadAppKey::NoPem)?;
        let pair = match &key {
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
            _ => return Err(BadAppKey::NoRsa),
        };
        Ok(Self { app, pair: Arc::new(pair.map_err(|_| BadAppKey::NoRsa)?) })
    }

    /// Whose it is.
    pub fn app(&self) -> &AppId {
        &self.app
    }

    /// A word that says who asks, good for the next minutes; `None` where it can't be signed.
    pub(in crate::clients) fn sign(&self, now: Timestamp) -> Option<SecretString> {
        let now = now.timestamp();
        // Older GitHub Enterprise Servers take an App ID as a number alone.
        let issuer = match self.app.as_str().parse::<u64>() {
            Ok(number) => json!(number),
            Err(_) => json!(self.app.as_str()),
        };
        let claims = json!({"iat": now - SIGNED_BEFORE, "exp": now + HOLDS_FOR, "iss": issuer});
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(json!({"alg": "RS256", "typ": "JWT"})), part(claims));
        let mut signature = vec![0; self.pair.public().modulus_len()];
        let random = SystemRandom::new();
        self.pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).ok()?;
        Some(SecretString::from(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppKey").field("app", &self.app.as_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use secrecy::ExposeSecret;
    use serde_json::Value;

    use super::*;

    const PKCS1: &str = include_str!("../../../tests/fixtures/github-app/app.pkcs1.pem");
    const PKCS8: &str = include_str!("../../../tests/fixtures/github-app/app.pkcs8.pem");
    const PUBLIC: &[u8] = include_bytes!("../../../tests/fixtures/github-app/app.public.der");

    fn claims(app: &str, pem: &str, now: Timestamp) -> Value {
        let key = AppKey::read(AppId::new(app), pem).unwrap();
        let word = key.sign(now).unwrap();
        let (signed, signature) = word.expose_secret().rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, PUBLIC);
        public.verify(signed.as_bytes(), &signature).unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let decoded = |part| URL_SAFE_NO_PAD.decode(part).unwrap();
        let header: Value = serde_json::from_slice(&decoded(header)).unwrap();
        assert_eq!(header, json!({"alg": "RS256", "typ": "JWT"}));
        serde_json::from_slice(&decoded(claims)).unwrap()
    }

    #[test]
    fn what_an_app_asks_with_is_signed_by_its_key_and_holds_for_some_minutes() {
        let now = Timestamp::from_timestamp(1_800_000_000, 0).unwrap();
        let expected = json!({"iat": 1_799_999_940, "exp": 1_800_000_300, "iss": 123});
        let on_one_line = PKCS1.replace('\n', "\\n");
        for pem in [PKCS1, PKCS8, &on_one_line] {
            assert_eq!(claims("123", pem, now), expected);
        }
        assert_eq!(claims("Iv23abc", PKCS8, now)["iss"], "Iv23abc", "a Client ID is a text");
    }

    #[test]
    fn what_is_no_key_is_refused_with_the_remedy_and_never_shown() {
        let read = |pem: &str| AppKey::read(AppId::new("1"), pem);
        assert_eq!(read("hunter2").unwrap_err(), BadAppKey::NoPem);
        assert_eq!(read(&PKCS1[..500]).unwrap_err(), BadAppKey::NoPem);
        let ec = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
        assert_eq!(read(ec).unwrap_err(), BadAppKey::NoRsa);
        assert_eq!(format!("{:?}", read(PKCS1).unwrap()), "AppKey { app: \"1\", .. }");
    }
}
