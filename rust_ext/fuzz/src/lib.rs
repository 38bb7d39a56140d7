//! What the fuzz targets have in common.

/// Largest claim of symbols that a target makes: more would only measure memory.
pub const MAX_COUNT: usize = 1 << 17;

/// Takes `N` bytes off the front of the input; zeros where it is too short.
pub fn take<const N: usize>(data: &mut &[u8]) -> [u8; N] {
    let mut out = [0; N];
    let size = N.min(data.len());
    out[..size].copy_from_slice(&data[..size]);
    *data = &data[size..];
    out
}

/// Takes a number off the front of the input: an unchecked claim of symbols.
pub fn take_count(data: &mut &[u8]) -> usize {
    u32::from_le_bytes(take(data)) as usize % (MAX_COUNT + 1)
}

/// Changes one byte where the input asks for it: damage to a valid payload goes deeper than noise.
pub fn damage(payload: &mut Vec<u8>, place: u16, change: u8) {
    if change == 0 {
        payload.truncate(usize::from(place) % (payload.len() + 1));
    } else if !payload.is_empty() {
        let at = usize::from(place) % payload.len();
        payload[at] ^= change;
    }
}
