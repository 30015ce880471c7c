//! The check that proves a sender: HMAC-SHA256 over the raw bytes, the same for all sources; only
//! header and spelling differ, which is `verify`'s business.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::Secrets;

/// Whether `signature` (lower-case hex) is that of one of the secrets; the comparison takes the
/// same time wherever it differs.
pub(super) fn is_signed(body: &[u8], signature: &str, secrets: &Secrets) -> bool {
    let is_lower_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let mut expected = [0_u8; 32];
    if !signature.bytes().all(is_lower_hex)
        || hex::decode_to_slice(signature, &mut expected).is_err()
    {
        return false;
    }
    secrets.expose().any(|secret| {
        Hmac::<Sha256>::new_from_slice(secret.as_bytes())
            .is_ok_and(|mac| mac.chain_update(body).verify_slice(&expected).is_ok())
    })
}
