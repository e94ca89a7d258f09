//! Random numbers that stay the same for ever: a hash of what they depend on, then `SplitMix64`.
//!
//! The generators of the `rand` crate may change between releases, and a recorded run has to stay
//! reproducible.

/// A stream of random numbers which depends on a seed and on the parts it was made from, and on
/// nothing else.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// Starts a stream for `seed` and `parts`.
    pub(crate) fn new(seed: u64, parts: &[u64]) -> Self {
        let mut random = Self(seed);
        for part in parts {
            random.0 = random.next() ^ part;
        }
        random
    }

    /// The next number of `SplitMix64` (Steele, Lea, Flood 2014).
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 (included) to 1 (excluded).
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// An index below `len`, which must not be zero.
    pub(crate) fn below(&mut self, len: usize) -> usize {
        let index = self.next() % (len as u64);
        usize::try_from(index).unwrap_or_default()
    }

    /// `len` letters and digits, as in the identifiers of the providers.
    pub(crate) fn alphanumeric(&mut self, len: usize) -> String {
        const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        (0..len).map(|_| char::from(ALPHABET[self.below(ALPHABET.len())])).collect()
    }
}

/// Hashes texts (FNV-1a, 64 bits). The length of each goes in, so that `["ab", "c"]` and `["a",
/// "bc"]` differ.
pub(crate) fn hash(texts: &[&str]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for text in texts {
        for byte in (text.len() as u64).to_le_bytes().iter().chain(text.as_bytes()) {
            state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use super::{Random, hash};

    #[test]
    fn the_stream_is_splitmix64() {
        let mut random = Random::new(1_234_567, &[]);
        let numbers = [random.next(), random.next(), random.next()];
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn parts_and_their_order_matter() {
        let first = |parts: &[u64]| Random::new(7, parts).next();
        assert_eq!(first(&[1, 2]), first(&[1, 2]));
        assert_ne!(first(&[1, 2]), first(&[2, 1]));
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
    }
}
