//! The sizes of messages in a ZMTP stream (RFC 37, <https://rfc.zeromq.org/spec/37/>), read without keeping a byte.

/// A greeting comes first, and is no frame.
const GREETING_BYTES: u64 = 64;
/// Bit of a frame's flags: its length has eight bytes.
const LONG: u8 = 0b10;
/// Bit of a frame's flags: another frame of the same message follows.
const MORE: u8 = 0b1;

/// Follows one direction of a connection.
#[derive(Debug)]
pub(crate) struct FrameMeter {
    state: State,
    /// Bytes of the message that its frames have announced so far.
    message: u64,
    /// The last frame was not the message's last.
    more: bool,
    limit: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// In the greeting or in a frame's body.
    Skip(u64),
    Flags,
    Length {
        missing: u8,
        value: u64,
    },
}

impl FrameMeter {
    /// A message may have this many bytes, all its frames together.
    pub(crate) fn new(limit: u64) -> Self {
        Self { state: State::Skip(GREETING_BYTES), message: 0, more: false, limit }
    }

    /// Takes the next bytes. False as soon as a frame announces more than a message may have.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> bool {
        while let [first, rest @ ..] = bytes {
            self.state = match self.state {
                State::Skip(0) => State::Flags,
                State::Skip(left) => {
                    let taken = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    bytes = &bytes[taken..];
                    State::Skip(left - taken as u64)
                }
                State::Flags => {
                    bytes = rest;
                    if !self.more {
                        self.message = 0;
                    }
                    self.more = first & MORE != 0;
                    State::Length { missing: if first & LONG == 0 { 1 } else { 8 }, value: 0 }
                }
                State::Length { missing, value } => {
                    bytes = rest;
                    let value = value << 8 | u64::from(*first);
                    if missing == 1 {
                        self.message = self.message.saturating_add(value);
                        if self.message > self.limit {
                            return false;
                        }
                        State::Skip(value)
                    } else {
                        State::Length { missing: missing - 1, value }
                    }
                }
            };
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(frames: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0xff; 64];
        for (flags, body) in frames {
            bytes.push(*flags);
            if flags & LONG == 0 {
                bytes.push(u8::try_from(body.len()).unwrap());
            } else {
                bytes.extend((body.len() as u64).to_be_bytes());
            }
            bytes.extend_from_slice(body);
        }
        bytes
    }

    #[test]
    fn messages_within_the_limit_pass_at_any_split() {
        let bytes = stream(&[(MORE, b"abc"), (LONG, b"defg"), (0, b""), (LONG | MORE, b"1234567"), (0, b"")]);
        for size in 1..=bytes.len() {
            let mut meter = FrameMeter::new(7);
            assert!(bytes.chunks(size).all(|chunk| meter.feed(chunk)), "chunks of {size}");
        }
    }

    #[test]
    fn a_message_over_the_limit_is_noticed_at_its_length() {
        let whole = stream(&[(MORE, b"abc"), (0, b"defgh")]);
        let announced = whole.len() - 5;
        for size in 1..=whole.len() {
            let mut meter = FrameMeter::new(7);
            let passed = whole.chunks(size).take_while(|chunk| meter.feed(chunk)).map(<[u8]>::len).sum::<usize>();
            assert!(passed < announced, "chunks of {size}: {passed}");
        }
    }

    #[test]
    fn an_absurd_length_does_not_overflow() {
        let mut bytes = vec![0; 64];
        bytes.extend([MORE, 5, 0, 0, 0, 0, 0, LONG]);
        bytes.extend([0xff; 8]);
        assert!(!FrameMeter::new(u64::MAX - 1).feed(&bytes));
    }
}
