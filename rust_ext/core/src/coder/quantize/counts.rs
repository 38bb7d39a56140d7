//! Counts of bytes as a static table.

/// Bits of the sum of a static table.
pub const COUNTS_PRECISION: u32 = 12;

const TOTAL: u32 = 1 << COUNTS_PRECISION;

/// Turns counts of bytes into frequencies that add up to `1 << COUNTS_PRECISION`.
///
/// A byte that occurs gets at least 1, one that does not gets 0. The frequencies are the nearest integers
/// of the exact shares, then changed one by one where that gains most, or costs least, until the sum
/// is right. The table is sent, so that a decoder need not repeat this; it is integer work none the less, so
/// that the same input gives the same bytes on every machine. All counts zero gives all zero.
#[must_use]
pub fn normalize_counts(counts: &[u32; 256]) -> [u16; 256] {
    let total: u64 = counts.iter().map(|&c| u64::from(c)).sum();
    let mut freqs = [0; 256];
    if total == 0 {
        return freqs;
    }
    let mut sum = 0;
    for (freq, &count) in freqs.iter_mut().zip(counts) {
        if count > 0 {
            *freq = nearest_share(count, total).max(1);
            sum += u32::from(*freq);
        }
    }
    while sum < TOTAL {
        freqs[step(counts, &freqs, true)] += 1;
        sum += 1;
    }
    while sum > TOTAL {
        freqs[step(counts, &freqs, false)] -= 1;
        sum -= 1;
    }
    freqs
}

#[allow(clippy::cast_possible_truncation)] // at most TOTAL, because count <= total
fn nearest_share(count: u32, total: u64) -> u16 {
    ((u64::from(count) * u64::from(TOTAL) + total / 2) / total) as u16
}

/// The symbol that one more slot helps most, or one less harms least; the first of equals.
///
/// A step up is worth `count · ln((f + 1) / f)`, which is close to `count · 2 / (2 f + 1)`; a step down costs
/// `count · ln(f / (f - 1))`, close to `count · 2 / (2 f - 1)`.
fn step(counts: &[u32; 256], freqs: &[u16; 256], up: bool) -> usize {
    let mut best: Option<(usize, u64, u64)> = None;
    for (i, (&count, &freq)) in counts.iter().zip(freqs).enumerate() {
        if count == 0 || (!up && freq == 1) {
            continue;
        }
        let (count, freq) = (u64::from(count), u64::from(freq));
        let divisor = if up { 2 * freq + 1 } else { 2 * freq - 1 };
        let better = best.is_none_or(|(_, c, d)| {
            if up {
                count * d > c * divisor
            } else {
                count * d < c * divisor
            }
        });
        if better {
            best = Some((i, count, divisor));
        }
    }
    // There is always one: a sum that is too large has a frequency above 1, for at most 256 occur.
    best.map_or(0, |(i, ..)| i)
}
