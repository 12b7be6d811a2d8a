//! Bytes as Ignition takes them: gzip in a data URL, with the hash of what comes out.

use data_encoding::{BASE64, HEXLOWER};
use flate2::read::GzDecoder;
use sha2::{Digest, Sha512};
use std::io::Read;
use zopfli::{Format, Options};

/// `;base64` is not left out even where the data would be short without it.
const PREFIX: &str = "data:;base64,";

/// What Ignition calls the compression.
pub const GZIP: &str = "gzip";

/// The data URL of bytes, packed as tightly as gzip can be: the same bytes always give the same
/// URL, since zopfli writes neither time nor name.
///
/// # Errors
/// None that is known: it writes to memory.
pub fn pack(bytes: &[u8]) -> std::io::Result<String> {
    let mut packed = Vec::new();
    zopfli::compress(Options::default(), Format::Gzip, bytes, &mut packed)?;
    Ok(format!("{PREFIX}{}", BASE64.encode(&packed)))
}

/// `verification.hash` of bytes before they are packed.
#[must_use]
pub fn hash(bytes: &[u8]) -> String {
    format!("sha512-{}", HEXLOWER.encode(&Sha512::digest(bytes)))
}

/// The bytes of a data URL.
///
/// # Errors
/// It is no data URL with base64, in words.
pub fn decode(url: &str) -> Result<Vec<u8>, String> {
    let rest = url
        .strip_prefix("data:")
        .ok_or("is not a data URL, so that the node would have to fetch it")?;
    let (media, data) = rest
        .split_once(',')
        .ok_or("has no comma, so that its data does not begin")?;
    if media != ";base64" && !media.ends_with(";base64") {
        return Err("is not in base64".into());
    }
    BASE64
        .decode(data.as_bytes())
        .map_err(|error| format!("is not base64 ({error})"))
}

/// Unpacks gzip.
///
/// # Errors
/// It is not gzip, or damaged.
pub fn gunzip(packed: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut bytes)?;
    Ok(bytes)
}
