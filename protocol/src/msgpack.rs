//! Where a MessagePack value ends, without decoding it: the wire is cut into frames and frames
//! into fields before anything is read typed.
//! Source: <https://github.com/msgpack/msgpack/blob/master/spec.md>.

use crate::DecodeError;

/// Reads a value after the other from the front of a slice.
pub(crate) struct Cutter<'a> {
    rest: &'a [u8],
}

/// What a value's head says: bytes that follow, and values inside.
struct Extent {
    bytes: usize,
    values: u64,
}

impl Extent {
    const fn bytes(bytes: usize) -> Self {
        Self { bytes, values: 0 }
    }

    const fn values(values: u64) -> Self {
        Self { bytes: 0, values }
    }
}

impl<'a> Cutter<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next value, whole. It may hold `nesting` levels of maps and arrays.
    pub(crate) fn value(&mut self, nesting: usize) -> Result<&'a [u8], DecodeError> {
        let start = self.rest;
        self.skip(nesting)?;
        let len = start.len() - self.rest.len();
        Ok(start.get(..len).unwrap_or_default())
    }

    /// The head of an array: how many values follow. `None`, and nothing read, if it is none.
    pub(crate) fn array(&mut self) -> Result<Option<u64>, DecodeError> {
        match self.rest.first() {
            Some(0x90..=0x9f | 0xdc | 0xdd) => self.head().map(|extent| Some(extent.values)),
            _ => Ok(None),
        }
    }

    /// The head of a map: how many pairs follow. `None`, and nothing read, if it is none.
    pub(crate) fn map(&mut self) -> Result<Option<u64>, DecodeError> {
        match self.rest.first() {
            Some(0x80..=0x8f | 0xde | 0xdf) => self.head().map(|extent| Some(extent.values / 2)),
            _ => Ok(None),
        }
    }

    /// The bytes of the text that is next; `None` if it is something else. Goes past it.
    pub(crate) fn text(&mut self, nesting: usize) -> Result<Option<&'a [u8]>, DecodeError> {
        if matches!(self.rest.first(), Some(0xa0..=0xbf | 0xd9..=0xdb)) {
            let len = self.head()?.bytes;
            self.take(len).map(Some)
        } else {
            self.skip(nesting).map(|()| None)
        }
    }

    /// Recursion ends with `nesting`.
    fn skip(&mut self, nesting: usize) -> Result<(), DecodeError> {
        let container = matches!(self.rest.first(), Some(0x80..=0x9f | 0xdc..=0xdf));
        if container && nesting == 0 {
            return Err(DecodeError::frame("nested too deep"));
        }
        let extent = self.head()?;
        self.take(extent.bytes)?;
        // A claimed length costs nothing: the bytes run out first.
        for _ in 0..extent.values {
            self.skip(nesting.saturating_sub(1))?;
        }
        Ok(())
    }

    fn head(&mut self) -> Result<Extent, DecodeError> {
        let marker = self.number(1)?;
        Ok(match marker {
            0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => Extent::bytes(0),
            0x80..=0x8f => Extent::values((marker & 0x0f) * 2),
            0x90..=0x9f => Extent::values(marker & 0x0f),
            0xa0..=0xbf => Extent::bytes(usize_of(marker & 0x1f)?),
            0xcc | 0xd0 => Extent::bytes(1),
            0xcd | 0xd1 => Extent::bytes(2),
            0xca | 0xce | 0xd2 => Extent::bytes(4),
            0xcb | 0xcf | 0xd3 => Extent::bytes(8),
            0xc4 | 0xd9 => Extent::bytes(usize_of(self.number(1)?)?),
            0xc5 | 0xda => Extent::bytes(usize_of(self.number(2)?)?),
            0xc6 | 0xdb => Extent::bytes(usize_of(self.number(4)?)?),
            // Extensions: the type's byte, then the data.
            0xc7 => Extent::bytes(usize_of(self.number(1)? + 1)?),
            0xc8 => Extent::bytes(usize_of(self.number(2)? + 1)?),
            0xc9 => Extent::bytes(usize_of(self.number(4)? + 1)?),
            0xd4..=0xd8 => Extent::bytes(1 + (1 << (marker - 0xd4))),
            0xdc => Extent::values(self.number(2)?),
            0xdd => Extent::values(self.number(4)?),
            0xde => Extent::values(self.number(2)? * 2),
            0xdf => Extent::values(self.number(4)? * 2),
            _ => return Err(DecodeError::frame("the byte 0xc1 begins no value")),
        })
    }

    /// A big-endian number of `len` bytes, at most 4.
    fn number(&mut self, len: usize) -> Result<u64, DecodeError> {
        Ok(self.take(len)?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) =
            self.rest.split_at_checked(len).ok_or_else(|| DecodeError::frame("cut short"))?;
        self.rest = rest;
        Ok(taken)
    }
}

fn usize_of(len: u64) -> Result<usize, DecodeError> {
    usize::try_from(len).map_err(DecodeError::frame)
}
