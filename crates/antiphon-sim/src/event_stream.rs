//! AWS's binary frames: lengths with their checksum, headers, payload, a checksum of it all.

/// A frame with its kind in the headers: an `event` or an `exception`, of a certain type.
pub(crate) fn frame(message_type: &str, name: &str, payload: &str) -> Vec<u8> {
    // A length in its last bytes.
    let length = |length: usize, bytes: usize| (length as u64).to_be_bytes()[8 - bytes..].to_vec();
    let mut headers = Vec::new();
    for (header, value) in [
        (format!(":{message_type}-type"), name),
        (":content-type".to_owned(), "application/json"),
        (":message-type".to_owned(), message_type),
    ] {
        headers.extend(length(header.len(), 1));
        headers.extend_from_slice(header.as_bytes());
        // A text, with its length in two bytes.
        headers.push(7);
        headers.extend(length(value.len(), 2));
        headers.extend_from_slice(value.as_bytes());
    }
    let mut bytes = [length(16 + headers.len() + payload.len(), 4), length(headers.len(), 4)].concat();
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes.extend(headers);
    bytes.extend_from_slice(payload.as_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes
}

/// Makes a frame's last checksum a wrong one.
pub(crate) fn spoil(frame: &mut [u8]) {
    if let Some(last) = frame.last_mut() {
        *last ^= 1;
    }
}
