//! The table of a prior: for each context that it knows, the symbols to expect.
//!
//! It is read in place. A bucket of 64 bytes, one cache line, holds the number of its entries; a byte of check of
//! each; a head of each, which has three more bits of the check, the number of symbols less one, and the class of
//! confidence; then the symbols of each, the likeliest first, and where there are several, two bits for each after
//! the first: how much rarer it is.

use crate::memory::Memory;
use crate::{Error, Result};

/// Bytes of a bucket.
pub const BUCKET: usize = 64;
/// Most symbols of an entry.
pub const MAX_SYMBOLS: usize = 8;
/// Classes of confidence.
pub const CLASSES: usize = 4;
/// Most entries of a bucket: the shortest take three bytes.
const MAX_ENTRIES: usize = (BUCKET - 1) / 3;
/// Bits of a key that are used: a check of eleven, and an index above them.
pub const KEY_BITS: u32 = 44;
const CHECK_SHIFT: u32 = 24;
const HEAD_CHECK_SHIFT: u32 = 21;
const INDEX_SHIFT: u32 = 32;
/// Largest table: 2^30 bytes.
const MAX_BUCKETS: usize = 1 << 24;

/// One cache line of entries.
pub type Bucket = [u8; BUCKET];

/// What a context predicts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Entry {
    /// The first lowest.
    symbols: u64,
    /// Two bits of each.
    rarities: u16,
    count: u8,
    class: u8,
}

impl Entry {
    /// An entry without symbols.
    #[must_use]
    pub fn new(class: u8) -> Self {
        Self {
            class: class & (CLASSES as u8 - 1),
            ..Self::default()
        }
    }

    /// Adds a symbol: `rarity` says, in steps of 1.5 bits, how much rarer it is than the first.
    pub fn push(&mut self, symbol: u8, rarity: u8) {
        let at = u32::from(self.count);
        if (at as usize) < MAX_SYMBOLS {
            let rarity = if at == 0 { 0 } else { rarity.min(3) };
            self.symbols |= u64::from(symbol) << (8 * at);
            self.rarities |= u16::from(rarity) << (2 * at);
            self.count += 1;
        }
    }

    /// The same symbols with another confidence.
    #[must_use]
    pub fn with_class(self, class: u8) -> Self {
        Self {
            class: class & (CLASSES as u8 - 1),
            ..self
        }
    }

    /// Symbols and their weights, the likeliest first; the first has `weights[class]`.
    #[inline(always)]
    pub fn symbols(&self, weights: &[u32; CLASSES]) -> impl Iterator<Item = (u8, u32)> + use<> {
        let first = weights[self.class()];
        let (symbols, rarities) = (self.symbols, u32::from(self.rarities));
        (0..u32::from(self.count)).map(move |at| {
            let rarity = rarities >> (2 * at) & 3;
            let weight = first >> (rarity * 3 / 2);
            ((symbols >> (8 * at)) as u8, weight.max(1))
        })
    }

    /// Class of confidence, below [`CLASSES`].
    #[inline(always)]
    #[must_use]
    pub fn class(&self) -> usize {
        usize::from(self.class) & (CLASSES - 1)
    }

    /// Bytes in a bucket.
    #[must_use]
    pub fn bytes(&self) -> usize {
        2 + symbol_bytes(usize::from(self.count))
    }
}

/// Bytes of `count` symbols with their rarities.
#[inline(always)]
fn symbol_bytes(count: usize) -> usize {
    if count <= 1 {
        count
    } else {
        count + (count - 1).div_ceil(4)
    }
}

/// The bucket of a key, out of any number of them below 2^32.
#[inline(always)]
fn index(key: u64, count: usize) -> usize {
    (((key >> INDEX_SHIFT) * count as u64) >> INDEX_SHIFT) as usize
}

#[inline(always)]
fn check(key: u64) -> u8 {
    (key >> CHECK_SHIFT) as u8
}

#[inline(always)]
fn head_check(key: u64) -> u8 {
    (key >> HEAD_CHECK_SHIFT) as u8 & 7
}

/// Entries by the keys of contexts.
#[derive(Debug, Clone)]
pub struct Table {
    buckets: Memory<Bucket>,
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Table {}

impl Table {
    /// Takes buckets, whatever is in them.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when they are not whole, none or too many.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        let (buckets, rest) = bytes.as_chunks::<BUCKET>();
        if !rest.is_empty() || buckets.is_empty() || buckets.len() > MAX_BUCKETS {
            return Err(Error::Corrupt {
                what: "prior is damaged: the size of its table",
            });
        }
        Ok(Self {
            buckets: buckets.into(),
        })
    }

    /// Knows nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            buckets: [].as_slice().into(),
        }
    }

    /// Whether there is no bucket: nothing may be looked up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.get().is_empty()
    }

    /// All bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.buckets.get().as_flattened()
    }

    #[inline(always)]
    fn index(&self, key: u64) -> usize {
        index(key, self.buckets.get().len())
    }

    /// Asks for the bucket of a key early; has no effect on results.
    #[inline(always)]
    pub fn prefetch(&self, key: u64) {
        crate::cm::fast::simd::prefetch(self.buckets.get(), self.index(key));
    }

    /// Returns what follows the context of a key, if it is known. Of two entries that fit, the first counts.
    #[inline(always)]
    #[must_use]
    pub fn find(&self, key: u64) -> Option<Entry> {
        let bucket = &self.buckets.get()[self.index(key)];
        let count = usize::from(bucket[0]).min(MAX_ENTRIES);
        let (check, head_check) = (check(key), head_check(key));
        let mut hits = equal(bucket, check) & ((1 << count) - 1);
        while hits != 0 {
            let at = hits.trailing_zeros() as usize;
            let head = bucket[1 + count + at];
            if head >> 5 == head_check {
                return entry(bucket, count, at, head);
            }
            hits &= hits - 1;
        }
        None
    }
}

/// Which of the bytes after the first are `check`, of the first [`MAX_ENTRIES`] the lowest bits.
#[inline(always)]
fn equal(bucket: &Bucket, check: u8) -> u32 {
    let mut hits = 0;
    for (i, &byte) in bucket[1..=32].iter().enumerate() {
        hits |= u32::from(byte == check) << i;
    }
    hits
}

/// The entry number `at` of a bucket of `count`, whose head is `head`.
#[inline(always)]
fn entry(bucket: &Bucket, count: usize, at: usize, head: u8) -> Option<Entry> {
    let length = |head: u8| usize::from(head >> 2 & 7) + 1;
    let before: usize = bucket[1 + count..][..at]
        .iter()
        .map(|&head| symbol_bytes(length(head)))
        .sum();
    let (from, length) = (1 + 2 * count + before, length(head));
    if from + symbol_bytes(length) > BUCKET {
        return None;
    }
    // Whole words, as near to the place as the bucket has them.
    let word = from.min(BUCKET - 8);
    let symbols = u64::from_le_bytes(*bucket[word..].first_chunk()?) >> (8 * (from - word));
    let packed = (from + length).min(BUCKET - 2);
    let rarities = u16::from_le_bytes(*bucket[packed..].first_chunk()?);
    let rarities = u32::from(rarities) >> (8 * (from + length - packed)) << 2;
    Some(Entry {
        symbols: symbols & u64::MAX >> (8 * (MAX_SYMBOLS - length)),
        rarities: (rarities & ((1 << (2 * length)) - 1)) as u16,
        count: length as u8,
        class: head & (CLASSES as u8 - 1),
    })
}

/// Puts entries into so many buckets; what comes first has precedence where a bucket is full.
///
/// Returns the table and how many entries found room.
#[must_use]
pub fn pack(buckets: usize, entries: impl Iterator<Item = (u64, Entry)>) -> (Table, usize) {
    let count = buckets.clamp(1, MAX_BUCKETS);
    let mut lists: Vec<Vec<(u64, Entry)>> = vec![Vec::new(); count];
    let mut sizes = vec![1_usize; count];
    let mut taken = 0;
    for (key, entry) in entries {
        let at = index(key, count);
        let same = |&(other, _): &(u64, Entry)| {
            check(other) == check(key) && head_check(other) == head_check(key)
        };
        let size = sizes[at] + entry.bytes();
        if entry.count > 0 && size <= BUCKET && !lists[at].iter().any(same) {
            sizes[at] = size;
            lists[at].push((key, entry));
            taken += 1;
        }
    }
    let buckets: Vec<Bucket> = lists.iter().map(|list| bucket(list)).collect();
    let buckets = buckets.as_slice().into();
    (Table { buckets }, taken)
}

fn bucket(list: &[(u64, Entry)]) -> Bucket {
    let mut bucket = [0; BUCKET];
    bucket[0] = list.len() as u8;
    let mut at = 1 + 2 * list.len();
    for (i, (key, entry)) in list.iter().enumerate() {
        let count = usize::from(entry.count);
        bucket[1 + i] = check(*key);
        bucket[1 + list.len() + i] = head_check(*key) << 5 | (entry.count - 1) << 2 | entry.class;
        bucket[at..at + count].copy_from_slice(&entry.symbols.to_le_bytes()[..count]);
        let rarities = (entry.rarities >> 2).to_le_bytes();
        let packed = symbol_bytes(count) - count;
        bucket[at + count..][..packed].copy_from_slice(&rarities[..packed]);
        at += symbol_bytes(count);
    }
    bucket
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn entry() -> impl Strategy<Value = Entry> {
        let symbols = prop::collection::vec((any::<u8>(), 0..4_u8), 1..=MAX_SYMBOLS);
        (0..4_u8, symbols).prop_map(|(class, symbols)| {
            let mut entry = Entry::new(class);
            for (symbol, rarity) in symbols {
                entry.push(symbol, rarity);
            }
            entry
        })
    }

    proptest! {
        #[test]
        fn what_was_packed_is_found(entries in prop::collection::vec((any::<u64>(), entry()), 0..200)) {
            let (table, taken) = pack(50, entries.iter().copied());
            let place = |key: u64| (index(key, 50), check(key), head_check(key));
            let mut found = HashMap::new();
            for (key, _) in &entries {
                if let Some(entry) = table.find(*key) {
                    found.insert(place(*key), entry);
                }
            }
            prop_assert_eq!(found.len(), taken);
            for (place_of, entry) in found {
                let packed = entries.iter().filter(|(key, _)| place(*key) == place_of);
                prop_assert!(packed.map(|&(_, entry)| entry).any(|packed| packed == entry));
            }
            let again = Table::new(table.bytes()).unwrap();
            prop_assert_eq!(again.bytes(), table.bytes());
        }

        #[test]
        fn any_bytes_are_a_table(bytes in prop::collection::vec(any::<u8>(), 4 * BUCKET), keys in prop::collection::vec(any::<u64>(), 100)) {
            let table = Table::new(&bytes).unwrap();
            for key in keys {
                if let Some(entry) = table.find(key) {
                    prop_assert!(entry.symbols(&[1, 2, 3, 4]).count() >= 1);
                }
            }
        }
    }

    #[test]
    fn sizes_are_checked() {
        assert!(Table::new(&[0; BUCKET]).is_ok());
        assert!(Table::new(&[0; 3 * BUCKET]).is_ok());
        for length in [0, 1, BUCKET - 1, BUCKET + 1] {
            assert!(Table::new(&vec![0; length]).is_err(), "{length}");
        }
    }
}
