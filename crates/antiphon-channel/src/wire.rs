//! Frames to bytes and back, on any blocking reader or writer.

use std::fmt;
use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Upper bound of one frame, in bytes: larger than any sane display, small enough to refuse garbage.
pub const MAX_FRAME_BYTES: usize = 512 << 20;

/// Why a frame could not be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum FrameError {
    /// The connection failed; `UnexpectedEof` when the peer left in the middle of a frame.
    Io(io::Error),
    /// The bytes are not the frame that was expected.
    Malformed(serde_json::Error),
    /// The length exceeds [`MAX_FRAME_BYTES`].
    TooLarge {
        /// The length, in bytes.
        bytes: usize,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("channel to the engine failed"),
            Self::Malformed(_) => f.write_str("malformed frame on the channel"),
            Self::TooLarge { bytes } => write!(f, "frame of {bytes} bytes exceeds the limit of {MAX_FRAME_BYTES}"),
        }
    }
}

impl std::error::Error for FrameError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Malformed(error) => Some(error),
            Self::TooLarge { .. } => None,
        }
    }
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A frame's body, without its length.
///
/// # Errors
/// [`FrameError::TooLarge`].
pub fn encode<T: Serialize>(frame: &T) -> Result<Vec<u8>, FrameError> {
    let body = serde_json::to_vec(frame).map_err(FrameError::Malformed)?;
    if body.len() > MAX_FRAME_BYTES {
        return Err(FrameError::TooLarge { bytes: body.len() });
    }
    Ok(body)
}

/// The frame in a body without its length.
///
/// # Errors
/// [`FrameError::Malformed`].
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, FrameError> {
    serde_json::from_slice(body).map_err(FrameError::Malformed)
}

/// Writes one frame, length and body, in one call of `write_all`.
///
/// # Errors
/// All of [`FrameError`].
pub fn write_frame<T: Serialize>(writer: &mut impl Write, frame: &T) -> Result<(), FrameError> {
    let body = encode(frame)?;
    let length = u32::try_from(body.len()).map_err(|_| FrameError::TooLarge { bytes: body.len() })?;
    let mut bytes = Vec::with_capacity(4 + body.len());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&body);
    writer.write_all(&bytes)?;
    writer.flush()?;
    Ok(())
}

/// Reads one frame; `None` when the peer closed between two frames.
///
/// # Errors
/// All of [`FrameError`].
pub fn read_frame<T: DeserializeOwned>(reader: &mut impl Read) -> Result<Option<T>, FrameError> {
    let mut length = [0; 4];
    match reader.read(&mut length)? {
        0 => return Ok(None),
        read => reader.read_exact(&mut length[read..])?,
    }
    let bytes = u32::from_le_bytes(length) as usize;
    if bytes > MAX_FRAME_BYTES {
        return Err(FrameError::TooLarge { bytes });
    }
    let mut body = vec![0; bytes];
    reader.read_exact(&mut body)?;
    decode(&body).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Hello, Role};

    #[test]
    fn round_trip() {
        let mut bytes = Vec::new();
        let hello = Hello::new(Role::Cell);
        write_frame(&mut bytes, &hello).unwrap();
        assert_eq!(bytes[..4], u32::try_from(bytes.len() - 4).unwrap().to_le_bytes());
        let mut reader = bytes.as_slice();
        assert_eq!(read_frame::<Hello>(&mut reader).unwrap(), Some(hello));
        assert_eq!(read_frame::<Hello>(&mut reader).unwrap(), None);
    }

    #[test]
    fn a_torn_frame_and_an_absurd_length_are_errors() {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, &Hello::new(Role::Host)).unwrap();
        for end in 1..bytes.len() {
            assert!(matches!(read_frame::<Hello>(&mut &bytes[..end]), Err(FrameError::Io(_))), "cut at {end}");
        }
        let absurd = u32::MAX.to_le_bytes();
        assert!(matches!(read_frame::<Hello>(&mut absurd.as_slice()), Err(FrameError::TooLarge { .. })));
        assert!(matches!(read_frame::<Hello>(&mut [2, 0, 0, 0, b'{', b'}'].as_slice()), Err(FrameError::Malformed(_))));
    }
}
