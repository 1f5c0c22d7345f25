//! The two encodings of the one model.

use crate::limits::{ARRAY_FRAMES_MAX, NESTING_MAX};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::io::Cursor;

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
    fn frame(message: impl ToString) -> Self {
        Self { field: String::new(), message: message.to_string() }
    }
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
        fn named<E: std::fmt::Display>(error: &serde_path_to_error::Error<E>) -> DecodeError {
            let field = error.path().to_string();
            DecodeError {
                field: if field == "." { String::new() } else { field },
                message: error.inner().to_string(),
            }
        }
        match self {
            Self::Json => {
                let mut reader = serde_json::Deserializer::from_slice(bytes);
                let value = serde_path_to_error::deserialize(&mut reader).map_err(|e| named(&e))?;
                reader.end().map_err(DecodeError::frame)?;
                Ok(value)
            }
            Self::MessagePack => {
                let mut reader = rmp_serde::Deserializer::new(Cursor::new(bytes));
                let value = serde_path_to_error::deserialize(&mut reader).map_err(|e| named(&e))?;
                if usize::try_from(reader.position()) == Ok(bytes.len()) {
                    Ok(value)
                } else {
                    Err(DecodeError::frame("bytes after the end"))
                }
            }
        }
    }

    /// The frames in a message: itself, or the members of an array of at most
    /// [`ARRAY_FRAMES_MAX`]. Fails on what is not well-formed or nests too deep.
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
        at_most(frames.len())?;
        Ok(frames.into_iter().map(|frame| frame.get().as_bytes()).collect())
    } else {
        let frame: &RawValue = serde_json::from_slice(message).map_err(DecodeError::frame)?;
        Ok(vec![frame.get().as_bytes()])
    }
}

fn split_msgpack(message: &[u8]) -> Result<Vec<&[u8]>, DecodeError> {
    let is_array = matches!(message.first(), Some(0x90..=0x9f | 0xdc | 0xdd));
    let mut at = 0;
    let mut count = 1;
    if is_array {
        let mut head = message;
        count = rmp::decode::read_array_len(&mut head).map_err(DecodeError::frame)? as usize;
        at = message.len() - head.len();
        at_most(count)?;
    }
    let mut frames = Vec::with_capacity(count);
    for _ in 0..count {
        let rest = message.get(at..).unwrap_or_default();
        let mut reader = rmp_serde::Deserializer::new(Cursor::new(rest));
        // One more than allowed, since the reader also counts the leaf.
        reader.set_max_depth(NESTING_MAX + 1);
        IgnoredAny::deserialize(&mut reader).map_err(DecodeError::frame)?;
        let len = usize::try_from(reader.position()).map_err(DecodeError::frame)?;
        frames.push(rest.get(..len).unwrap_or_default());
        at += len;
    }
    if at == message.len() { Ok(frames) } else { Err(DecodeError::frame("bytes after the end")) }
}

fn at_most(frames: usize) -> Result<(), DecodeError> {
    if frames <= ARRAY_FRAMES_MAX {
        Ok(())
    } else {
        Err(DecodeError::frame(format!("more than {ARRAY_FRAMES_MAX} frames in an array")))
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
