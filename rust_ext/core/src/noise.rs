//! Finds content that no model makes much smaller, such as archives, photographs and ciphertext.

const CHUNK_BYTES: usize = 1 << 12;
/// Sum of the squared counts of the byte values in a chunk. Bytes drawn evenly give
/// `n + n (n - 1) / 256` = 69,600 on average; photographs and archives up to 80,000; text a million.
const FLAT_SQUARES: u32 = 90_000;
/// One chunk in so many may be another kind of content.
const FLAT_CHUNKS: usize = 200;
/// One place in so many is remembered, and one remembered place in so many may come again.
const PLACES: usize = 256;
const REPEATS: usize = 200;

/// Tells whether content looks like noise everywhere, and like no other part of itself.
///
/// Linear, some nanoseconds a byte; content that is no noise is mostly left after its first chunks.
#[must_use]
pub fn is_noise(content: &[u8]) -> bool {
    is_flat(content) && !repeats(content)
}

/// Tells whether in nearly every chunk all byte values are about as frequent as each other.
fn is_flat(content: &[u8]) -> bool {
    let chunks = content.len() / CHUNK_BYTES;
    let mut uneven = 0;
    for chunk in content.chunks_exact(CHUNK_BYTES) {
        let mut counts = [0_u32; 256];
        for &symbol in chunk {
            counts[usize::from(symbol)] += 1;
        }
        let squares: u32 = counts.iter().map(|count| count * count).sum();
        uneven += usize::from(squares > FLAT_SQUARES);
        if uneven * FLAT_CHUNKS > chunks {
            return false;
        }
    }
    true
}

/// Tells whether longer parts come again, wherever they begin.
fn repeats(content: &[u8]) -> bool {
    let mut found = Vec::new();
    for window in content.windows(8) {
        let word = window
            .iter()
            .rev()
            .fold(0, |word, &byte| word << 8 | u64::from(byte));
        // What is remembered depends on the bytes, not on the place, so that a repeat is found at
        // any distance. The factor is 2^64 divided by the golden ratio (Knuth, TAOCP 3, 6.4).
        if word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56 == 0 {
            found.push(word);
        }
        // Of few different words all may be remembered: no more than they need be kept to see that.
        if found.len() > content.len() / 16 {
            return true;
        }
    }
    // Or perhaps none.
    if found.len() * 2 * PLACES < content.len() {
        return true;
    }
    let count = found.len();
    found.sort_unstable();
    found.dedup();
    (count - found.len()) * REPEATS > count
}

#[cfg(test)]
mod tests {
    use super::is_noise;

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let bytes = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        });
        bytes.take(len).collect()
    }

    #[test]
    fn noise_is_flat_and_comes_once() {
        let noise = noise(1 << 20);
        assert!(is_noise(&noise));
        assert!(!is_noise(&[&noise[..], &noise[..50_000]].concat()));
        assert!(!is_noise(&[&noise[..], &b" ".repeat(50_000)].concat()));
        assert!(!is_noise(&(0..=255).collect::<Vec<u8>>().repeat(4096)));
        assert!(!is_noise(&vec![0; 1 << 20]));
    }
}
