//! From bytes to messages: the client's side of RFC 6455 §5.
//!
//! Pure: it is given what arrived, and says what it was and how long. It keeps nothing but the
//! parts of a fragmented message.

use protocol::Format;
use protocol::close::CloseCode;
use protocol::limits::MESSAGE_BYTES_MAX;
use std::borrow::Cow;
use std::io::Cursor;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// RFC 6455 §5.5.
const CONTROL_BYTES_MAX: u64 = 125;

/// What a frame was.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inbound<'a> {
    /// A whole message.
    Message(Cow<'a, [u8]>),
    Ping(&'a [u8]),
    /// With the client's code, if it gave one.
    Close(Option<u16>),
    /// A pong, or a part of a message.
    Nothing,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// A fragmented message, as far as it came.
    #[expect(clippy::box_collection, reason = "rare, and an idle connection pays for its size")]
    parts: Option<Box<Vec<u8>>>,
}

impl Reader {
    /// The first frame of `bytes`, unmasked in place, and its length; `None`: more has to come.
    pub(super) fn next<'a>(
        &mut self,
        format: Format,
        bytes: &'a mut [u8],
    ) -> Result<Option<(Inbound<'a>, usize)>, CloseCode> {
        let mut cursor = Cursor::new(&*bytes);
        let Some((header, len)) =
            FrameHeader::parse(&mut cursor).map_err(|_| CloseCode::Protocol)?
        else {
            return Ok(None);
        };
        let start = usize::try_from(cursor.position()).map_err(|_| CloseCode::Protocol)?;
        // What is wrong with a frame is said before all of it has come.
        self.check(format, &header, len)?;
        let end = usize::try_from(len).map_err(|_| CloseCode::TooLarge)? + start;
        let (Some(payload), Some(mask)) = (bytes.get_mut(start..end), header.mask) else {
            return Ok(None);
        };
        unmask(payload, mask);
        Ok(Some((self.frame(format, &header, payload)?, end)))
    }

    fn check(&self, format: Format, header: &FrameHeader, len: u64) -> Result<(), CloseCode> {
        if header.rsv1 || header.rsv2 || header.rsv3 || header.mask.is_none() {
            return Err(CloseCode::Protocol);
        }
        let data = match header.opcode {
            OpCode::Control(_) if header.is_final && len <= CONTROL_BYTES_MAX => return Ok(()),
            OpCode::Control(_) => return Err(CloseCode::Protocol),
            OpCode::Data(data) => data,
        };
        if (data == Data::Continue) != self.parts.is_some() {
            return Err(CloseCode::Protocol);
        }
        if matches!(
            (data, format),
            (Data::Text, Format::MessagePack) | (Data::Binary, Format::Json)
        ) {
            return Err(CloseCode::Unsupported);
        }
        let before = self.parts.as_ref().map_or(0, |parts| parts.len());
        if len > (MESSAGE_BYTES_MAX - before.min(MESSAGE_BYTES_MAX)) as u64 {
            return Err(CloseCode::TooLarge);
        }
        Ok(())
    }

    fn frame<'a>(
        &mut self,
        format: Format,
        header: &FrameHeader,
        payload: &'a mut [u8],
    ) -> Result<Inbound<'a>, CloseCode> {
        match header.opcode {
            OpCode::Control(Control::Ping) => return Ok(Inbound::Ping(payload)),
            OpCode::Control(Control::Close) => return close(payload),
            OpCode::Control(_) => return Ok(Inbound::Nothing),
            OpCode::Data(_) => {}
        }
        let message: Cow<'a, [u8]> = match (self.parts.take(), header.is_final) {
            (None, true) => Cow::Borrowed(payload),
            (Some(mut parts), true) => {
                parts.extend_from_slice(payload);
                Cow::Owned(*parts)
            }
            (parts, false) => {
                let mut parts = parts.unwrap_or_default();
                parts.extend_from_slice(payload);
                self.parts = Some(parts);
                return Ok(Inbound::Nothing);
            }
        };
        if format == Format::Json && std::str::from_utf8(&message).is_err() {
            return Err(CloseCode::NotUtf8);
        }
        Ok(Inbound::Message(message))
    }
}

fn close<'a>(payload: &[u8]) -> Result<Inbound<'a>, CloseCode> {
    match payload {
        [] => Ok(Inbound::Close(None)),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            // RFC 6455 §7.4, and what is registered since.
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(CloseCode::Protocol);
            }
            if std::str::from_utf8(reason).is_err() {
                return Err(CloseCode::NotUtf8);
            }
            Ok(Inbound::Close(Some(code)))
        }
        [_] => Err(CloseCode::Protocol),
    }
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    if mask == [0; 4] {
        return;
    }
    let word = u32::from_ne_bytes(mask);
    let wide = u64::from(word) << 32 | u64::from(word);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ wide).to_ne_bytes());
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked frame.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x11, 0x22, 0x33, 0x44];
        let mut out = vec![first];
        match payload.len() {
            len if len < 126 => out.push(0x80 | u8::try_from(len).unwrap()),
            len if len < 65_536 => {
                out.push(0x80 | 0x7E);
                out.extend(u16::try_from(len).unwrap().to_be_bytes());
            }
            len => {
                out.push(0x80 | 0x7F);
                out.extend((len as u64).to_be_bytes());
            }
        }
        out.extend(mask);
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        out
    }

    fn read(bytes: &mut [u8]) -> Result<Vec<u8>, CloseCode> {
        match Reader::default().next(Format::Json, bytes)? {
            Some((Inbound::Message(message), _)) => Ok(message.into_owned()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn messages_of_all_lengths_come_out_as_they_went_in() {
        for len in [0, 1, 7, 8, 9, 125, 126, 127, 65_535, MESSAGE_BYTES_MAX] {
            let payload = vec![b'x'; len];
            assert_eq!(read(&mut frame(0x81, &payload)), Ok(payload));
        }
        let too_long = vec![b'x'; MESSAGE_BYTES_MAX + 1];
        assert_eq!(read(&mut frame(0x81, &too_long)), Err(CloseCode::TooLarge));
    }

    #[test]
    fn an_incomplete_frame_is_left_as_it_is() {
        let whole = frame(0x81, &[b'x'; 300]);
        for len in 0..whole.len() {
            let mut part = whole[..len].to_vec();
            assert_eq!(Reader::default().next(Format::Json, &mut part), Ok(None));
            assert_eq!(part, whole[..len]);
        }
    }

    #[test]
    fn control_frames_may_come_between_fragments() {
        let mut reader = Reader::default();
        let mut next = |bytes: &mut Vec<u8>| match reader.next(Format::Json, bytes) {
            Ok(Some((Inbound::Message(message), _))) => Some(message.into_owned()),
            Ok(Some(_)) => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(next(&mut frame(0x01, b"one ")), None);
        assert_eq!(next(&mut frame(0x89, b"ping")), None);
        assert_eq!(next(&mut frame(0x00, b"two ")), None);
        assert_eq!(next(&mut frame(0x80, b"three")), Some(b"one two three".to_vec()));
        assert_eq!(next(&mut frame(0x81, b"next")), Some(b"next".to_vec()));
    }

    #[test]
    fn the_limit_holds_for_the_sum_of_fragments() {
        let mut reader = Reader::default();
        let half = vec![b'x'; MESSAGE_BYTES_MAX / 2];
        assert!(reader.next(Format::Json, &mut frame(0x01, &half)).is_ok());
        assert!(reader.next(Format::Json, &mut frame(0x00, &half)).is_ok());
        assert_eq!(reader.next(Format::Json, &mut frame(0x80, b"x")), Err(CloseCode::TooLarge));
    }

    #[test]
    fn what_websocket_does_not_allow_is_refused() {
        let unmasked = vec![0x81, 0x01, b'x'];
        let cases: [(Vec<u8>, CloseCode); 12] = [
            (unmasked, CloseCode::Protocol),
            (frame(0xC1, b"rsv1"), CloseCode::Protocol),
            (frame(0x91, b"rsv3"), CloseCode::Protocol),
            (frame(0x83, b"reserved opcode"), CloseCode::Protocol),
            (frame(0x8B, b"reserved control"), CloseCode::Protocol),
            (frame(0x09, b"ping in parts"), CloseCode::Protocol),
            (frame(0x89, &[0; 126]), CloseCode::Protocol),
            (frame(0x80, b"continues nothing"), CloseCode::Protocol),
            (frame(0x82, b"binary"), CloseCode::Unsupported),
            (frame(0x81, &[0xC3, 0x28]), CloseCode::NotUtf8),
            (frame(0x88, &[0x03]), CloseCode::Protocol),
            (frame(0x88, &[0x03, 0xED]), CloseCode::Protocol),
        ];
        for (bytes, code) in cases {
            let mut copy = bytes.clone();
            assert_eq!(Reader::default().next(Format::Json, &mut copy), Err(code), "{bytes:?}");
        }
        let mut text = frame(0x81, b"text");
        assert_eq!(
            Reader::default().next(Format::MessagePack, &mut text),
            Err(CloseCode::Unsupported)
        );
        let mut reader = Reader::default();
        assert!(reader.next(Format::Json, &mut frame(0x01, b"begun")).is_ok());
        assert_eq!(reader.next(Format::Json, &mut frame(0x81, b"anew")), Err(CloseCode::Protocol));
    }

    #[test]
    fn a_close_may_carry_a_code() {
        for (payload, code) in
            [(vec![], None), (vec![0x03, 0xE8], Some(1000)), (vec![0x0F, 0xA0, b'x'], Some(4000))]
        {
            let mut bytes = frame(0x88, &payload);
            let end = bytes.len();
            assert_eq!(
                Reader::default().next(Format::Json, &mut bytes),
                Ok(Some((Inbound::Close(code), end)))
            );
        }
    }
}
