//! Who signed an event: `Stripe-Signature: t=…,v1=…[,v1=…]`, HMAC-SHA-256 of `t.body`, as Stripe
//! documents it. The sandbox signs in the same way.

use crate::id::{message_mac, same_secret};
use protocol::Millis;

/// A signature's time may be so far from ours.
pub const TOLERANCE_S: i64 = 300;
/// Signatures of one event that are tried.
const SIGNATURES_MAX: usize = 16;

/// Whether the header signs this body, now.
pub(crate) fn verify(secret: &str, header: &str, body: &[u8], now: Millis) -> bool {
    let mut time = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", value)) => time = Some(value),
            Some(("v1", value)) if signatures.len() < SIGNATURES_MAX => signatures.push(value),
            _ => {}
        }
    }
    let Some(time) = time else { return false };
    let Ok(at) = time.parse::<i64>() else { return false };
    let distance = now.div_euclid(1_000).abs_diff(at);
    let wanted = mac(secret, time, body);
    // All are tried, in the same time each.
    let fits = signatures.iter().fold(false, |fits, given| {
        fits | bytes(given).is_some_and(|given| same_secret(&given, &wanted))
    });
    fits && distance <= TOLERANCE_S.unsigned_abs()
}

/// The header that signs a body: what a provider sends, for tests.
pub fn signed(secret: &str, body: &[u8], now: Millis) -> String {
    let time = now.div_euclid(1_000).to_string();
    let mac = mac(secret, &time, body);
    let hex: Vec<String> = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={time},v1={}", hex.concat())
}

fn mac(secret: &str, time: &str, body: &[u8]) -> [u8; 32] {
    let message: Vec<u8> = [time.as_bytes(), b".", body].concat();
    message_mac(secret.as_bytes(), &message)
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    if !hex.is_ascii() || !hex.len().is_multiple_of(2) {
        return None;
    }
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_800_000_000_000;
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;

    #[test]
    fn only_the_secret_signs_and_only_this_body_at_this_time() {
        let header = signed("whsec_a", BODY, NOW);
        assert!(verify("whsec_a", &header, BODY, NOW));
        assert!(!verify("whsec_b", &header, BODY, NOW));
        assert!(!verify("whsec_a", &header, br#"{"id":"evt_2"}"#, NOW));
        for (later_s, good) in [(300, true), (301, false), (-300, true), (-301, false)] {
            assert_eq!(verify("whsec_a", &header, BODY, NOW + later_s * 1_000), good, "{later_s}");
        }
    }

    #[test]
    fn every_signature_of_a_header_is_tried() {
        let good = signed("whsec_a", BODY, NOW);
        let (time, signature) = good.split_once(',').unwrap();
        let wrong = format!("v1={}", "0".repeat(64));
        for header in [
            format!("{time},{wrong},{signature}"),
            format!("{signature},{time},{wrong}"),
            format!("{time},v0=abc,{signature}"),
            format!("{time}, {signature}"),
        ] {
            assert!(verify("whsec_a", &header, BODY, NOW), "{header}");
        }
        for header in [
            String::new(),
            time.to_owned(),
            signature.to_owned(),
            format!("{time},{wrong}"),
            format!("{time},v1=xyz"),
            format!("{time},v1=é"),
            format!("t=x,{signature}"),
            format!("{time},{}", signature.replace("v1=", "v0=")),
        ] {
            assert!(!verify("whsec_a", &header, BODY, NOW), "{header}");
        }
    }
}
