//! The two encodings of the one model.

use crate::limits::{ARRAY_FRAMES_MAX, NESTING_MAX};
use crate::msgpack::Cutter;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::fmt;

/// Levels that a value may have where no frame bounds it: what `serde_json` allows.
pub(crate) const DECODE_NESTING_MAX: usize = 128;
/// Of an error's words.
const DECODE_MESSAGE_CHARS_MAX: usize = 200;

/// How a connection speaks: the model is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Text frames, RFC 8259.
    Json,
    /// Binary frames, <https://github.com/msgpack/msgpack/blob/master/spec.md>.
    MessagePack,
}

/// Bytes that are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    /// Path of the field, dots between; empty when the frame itself could not be read.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl DecodeError {
    #[expect(clippy::needless_pass_by_value, reason = "stands in map_err")]
    pub(crate) fn frame(message: impl ToString) -> Self {
        Self { field: String::new(), message: in_brief(message.to_string()) }
    }

    fn at<E: fmt::Display>(error: &serde_path_to_error::Error<E>) -> Self {
        let message = error.inner().to_string();
        let mut field = error.path().to_string();
        if field == "." {
            field.clear();
        }
        // For these two serde's path ends at the struct, and the words name the field.
        if message.starts_with("missing field") || message.starts_with("duplicate field") {
            let name = message.split('`').nth(1).unwrap_or_default();
            if !name.is_empty() && field != name && !field.ends_with(&format!(".{name}")) {
                if !field.is_empty() {
                    field.push('.');
                }
                field.push_str(name);
            }
        }
        Self { field, message: in_brief(message) }
    }
}

/// Serde's words, without the place in a slice that the client never saw, and without all of a
/// long value that did not fit.
fn in_brief(mut message: String) -> String {
    if let Some(at) = message.rfind(" at line ") {
        message.truncate(at);
    }
    if let Some((end, _)) = message.char_indices().nth(DECODE_MESSAGE_CHARS_MAX) {
        message.truncate(end);
        message.push('…');
    }
    message
}

impl Format {
    /// `Sec-WebSocket-Protocol` of this format.
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => "sanctuary.v1.json",
            Self::MessagePack => "sanctuary.v1.msgpack",
        }
    }

    /// `Content-Type` of this format.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::MessagePack => "application/msgpack",
        }
    }

    /// The bytes of a wire type.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "wire types hold no map keys or values that fail to encode"
    )]
    pub fn encode<T: Serialize + ?Sized>(self, value: &T) -> Vec<u8> {
        match self {
            Self::Json => serde_json::to_vec(value).expect("wire types encode"),
            Self::MessagePack => rmp_serde::to_vec_named(value).expect("wire types encode"),
        }
    }

    /// A wire type from bytes. Unknown keys are ignored; the error names the field.
    pub fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, DecodeError> {
        let value = match self {
            Self::Json => serde_json::from_slice(bytes).ok(),
            Self::MessagePack => {
                let mut cutter = Cutter::new(bytes);
                cutter.value(DECODE_NESTING_MAX)?;
                if !cutter.is_at_end() {
                    return Err(DecodeError::frame("bytes after the end"));
                }
                rmp_serde::from_slice(bytes).ok()
            }
        };
        // Keeping track of the path costs more than reading: only a failure is read again.
        value.map_or_else(|| self.decode_with_path(bytes), Ok)
    }

    fn decode_with_path<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, DecodeError> {
        match self {
            Self::Json => {
                let mut reader = serde_json::Deserializer::from_slice(bytes);
                let value = serde_path_to_error::deserialize(&mut reader)
                    .map_err(|error| DecodeError::at(&error))?;
                reader.end().map_err(DecodeError::frame)?;
                Ok(value)
            }
            Self::MessagePack => {
                let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
                serde_path_to_error::deserialize(&mut reader)
                    .map_err(|error| DecodeError::at(&error))
            }
        }
    }

    /// Whether this well-formed value is a map.
    pub(crate) fn is_map(self, value: &[u8]) -> bool {
        match self {
            Self::Json => value.first() == Some(&b'{'),
            Self::MessagePack => matches!(value.first(), Some(0x80..=0x8f | 0xde | 0xdf)),
        }
    }

    /// The empty map.
    pub(crate) const fn empty_map(self) -> &'static [u8] {
        match self {
            Self::Json => b"{}",
            Self::MessagePack => &[0x80],
        }
    }

    pub(crate) const fn null(self) -> &'static [u8] {
        match self {
            Self::Json => b"null",
            Self::MessagePack => &[0xc0],
        }
    }

    /// The frames in a message: itself, or the members of an array of at most
    /// [`ARRAY_FRAMES_MAX`]. Fails on what is not well-formed, on an empty array (every message
    /// holds something that counts), and on more than [`NESTING_MAX`] levels, the array's own
    /// included.
    pub fn split(self, message: &[u8]) -> Result<Vec<&[u8]>, DecodeError> {
        match self {
            Self::Json => split_json(message),
            Self::MessagePack => split_msgpack(message),
        }
    }
}

fn split_json(message: &[u8]) -> Result<Vec<&[u8]>, DecodeError> {
    if json_depth(message) > NESTING_MAX {
        return Err(DecodeError::frame("nested too deep"));
    }
    let first = message.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'[') {
        let frames: Vec<&RawValue> = serde_json::from_slice(message).map_err(DecodeError::frame)?;
        countable(frames.len())?;
        Ok(frames.into_iter().map(|frame| frame.get().as_bytes()).collect())
    } else {
        let frame: &RawValue = serde_json::from_slice(message).map_err(DecodeError::frame)?;
        Ok(vec![frame.get().as_bytes()])
    }
}

fn split_msgpack(message: &[u8]) -> Result<Vec<&[u8]>, DecodeError> {
    let mut cutter = Cutter::new(message);
    let frames = if let Some(count) = cutter.array()? {
        let count = usize::try_from(count).map_err(DecodeError::frame)?;
        countable(count)?;
        (0..count).map(|_| cutter.value(NESTING_MAX - 1)).collect::<Result<_, _>>()?
    } else {
        vec![cutter.value(NESTING_MAX)?]
    };
    if cutter.is_at_end() { Ok(frames) } else { Err(DecodeError::frame("bytes after the end")) }
}

fn countable(frames: usize) -> Result<(), DecodeError> {
    match frames {
        0 => Err(DecodeError::frame("an array without a frame")),
        1..=ARRAY_FRAMES_MAX => Ok(()),
        _ => Err(DecodeError::frame(format!("more than {ARRAY_FRAMES_MAX} frames in an array"))),
    }
}

/// The deepest nesting of brackets outside of strings; the text need not be valid.
fn json_depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for &byte in text {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
