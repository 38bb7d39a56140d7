//! Where to begin a new table.

/// Bytes that are counted together: the steps in which a block may begin.
const CHUNK: usize = 1 << 16;

/// Bits of the fraction of a code length.
const FRACTION: u32 = 16;
/// Bits of the significand by which [`LOG2`] is indexed.
const INDEX_BITS: u32 = 7;
/// `log2(1 + i / 128)` with [`FRACTION`] bits.
const LOG2: [u64; (1 << INDEX_BITS) + 1] = log2_table();

/// Bits that a further block costs beside its code: 32 states and the lengths.
const BLOCK_BITS: u64 = 32 * 32 + 64;
/// Bits that one frequency of a table costs, about.
const FREQ_BITS: u64 = 7;

/// Bit by bit: squaring doubles the logarithm.
#[allow(clippy::cast_possible_truncation)] // only bits above the 33rd of a number below 2^35
const fn log2_table() -> [u64; (1 << INDEX_BITS) + 1] {
    let mut table = [0; (1 << INDEX_BITS) + 1];
    let mut i = 0;
    while i < table.len() {
        // A number in [1, 2] with 32 bits of fraction.
        let mut x = ((1 << INDEX_BITS) + i as u128) << (32 - INDEX_BITS);
        let mut log = (x >> 33) as u64;
        x >>= log;
        let mut bit = 0;
        while bit < FRACTION {
            x = (x * x) >> 32;
            let top = (x >> 33) as u64;
            x >>= top;
            log = log << 1 | top;
            bit += 1;
        }
        table[i] = log;
        i += 1;
    }
    table
}

/// `log2(x)` with [`FRACTION`] bits, for `x > 0`; the error is below 2^-15.
fn log2(x: u32) -> u64 {
    let exponent = x.ilog2();
    let fraction = u64::from(x) << (32 - exponent) & 0xFFFF_FFFF;
    let index = (fraction >> (32 - INDEX_BITS)) as usize;
    let within = fraction & ((1 << (32 - INDEX_BITS)) - 1);
    let (a, b) = (LOG2[index], LOG2[index + 1]);
    (u64::from(exponent) << FRACTION) + a + (((b - a) * within) >> (32 - INDEX_BITS))
}

/// Bits of a block with these counts under its own table, and of the table.
fn cost(counts: &[u32; 256]) -> u64 {
    let (mut total, mut sum, mut distinct) = (0, 0, 0);
    for &count in counts.iter().filter(|&&c| c > 0) {
        total += count;
        sum += u64::from(count) * log2(count);
        distinct += 1;
    }
    if total == 0 {
        return 0;
    }
    // Rounding may put the sum a little above the total's term where one byte has nearly all counts.
    let code = (u64::from(total) * log2(total)).saturating_sub(sum) >> FRACTION;
    code + BLOCK_BITS + FREQ_BITS * distinct
}

/// Counts the bytes of a chunk; four tables, so that equal neighbours do not wait for each other.
fn count(chunk: &[u8]) -> [u32; 256] {
    let mut counts = [[0; 256]; 4];
    let fours = chunk.chunks_exact(4);
    for &byte in fours.remainder() {
        counts[0][usize::from(byte)] += 1;
    }
    for four in fours {
        for (table, &byte) in counts.iter_mut().zip(four) {
            table[usize::from(byte)] += 1;
        }
    }
    let [mut sum, b, c, d] = counts;
    for (i, total) in sum.iter_mut().enumerate() {
        *total += b[i] + c[i] + d[i];
    }
    sum
}

/// A block in the making: its bytes, their counts and cost.
struct Open {
    first: usize,
    end: usize,
    counts: [u32; 256],
    cost: u64,
}

/// Largest block, so that counts and their products keep far from overflow.
const MAX_BLOCK: usize = 1 << 24;

/// Cuts `data` into blocks, with the counts of their bytes: a chunk joins the block before it unless a
/// table of its own is smaller.
pub(super) fn blocks(data: &[u8]) -> impl Iterator<Item = (&[u8], [u32; 256])> {
    let mut at = 0;
    let mut open: Option<Open> = None;
    std::iter::from_fn(move || loop {
        if at == data.len() {
            return open.take().map(|o| (&data[o.first..o.end], o.counts));
        }
        let end = data.len().min(at + CHUNK);
        let counts = count(&data[at..end]);
        let next = Open {
            first: at,
            end,
            cost: cost(&counts),
            counts,
        };
        at = end;
        let Some(last) = open.take() else {
            open = Some(next);
            continue;
        };
        let joined = join(&last, &next);
        let ended = joined.is_none();
        open = joined.or(Some(next));
        if ended {
            return Some((&data[last.first..last.end], last.counts));
        }
    })
}

fn join(last: &Open, next: &Open) -> Option<Open> {
    if next.end - last.first > MAX_BLOCK {
        return None;
    }
    let mut counts = last.counts;
    for (count, more) in counts.iter_mut().zip(&next.counts) {
        *count += more;
    }
    let cost = cost(&counts);
    (cost <= last.cost + next.cost).then_some(Open {
        first: last.first,
        end: next.end,
        counts,
        cost,
    })
}
