//! Hash table of bit histories: one slot of 16 bytes for each context and nibble.
//!
//! A slot holds a check byte and the states of the 15 nodes of a nibble's binary tree (the layout of M. Mahoney's
//! lpaq1, 2007); four slots fill a cache line, and a look-up stays inside it; the slot that is replaced is the
//! one whose root has seen least. The states of the nibble at hand are copied to the coder's own memory and written back
//! when the nibble ends.

use super::kernel::{Bucket, Kernel, Slot, WAYS};
use super::simd;
use crate::memory::Memory;

/// All slots of a block.
#[derive(Debug, Clone)]
pub struct Slots {
    buckets: Memory<Bucket>,
}

impl Slots {
    /// Empty slots in `buckets`, whose number is a power of two.
    #[must_use]
    pub fn new(buckets: Memory<Bucket>) -> Self {
        debug_assert!(buckets.get().len().is_power_of_two());
        Self { buckets }
    }

    /// The buckets, to be exchanged for others of the same number.
    pub fn memory(&mut self) -> &mut Memory<Bucket> {
        &mut self.buckets
    }

    /// The bits of an index of a bucket.
    #[inline(always)]
    #[must_use]
    pub fn mask(&self) -> u32 {
        self.buckets.get().len() as u32 - 1
    }

    /// Asks for a bucket early; has no effect on results.
    #[inline(always)]
    pub fn prefetch(&self, index: u32) {
        simd::prefetch(self.buckets.get(), index as usize);
    }

    /// Looks up `check` in a bucket: copies its slot, or an empty one in place of the least used, to `slot`.
    ///
    /// Returns which slot of the bucket to write back to, and whether it was there.
    #[inline(always)]
    pub fn enter<K: Kernel>(&self, index: u32, check: u8, slot: &mut Slot) -> (u8, bool) {
        let bucket = &self.buckets.get()[index as usize];
        let (way, hit) = K::find(bucket, check);
        let way = way % WAYS;
        // Without a branch, since hits are as unpredictable as the data.
        let keep = u128::from(hit).wrapping_neg();
        *slot = (u128::from_le_bytes(bucket[way]) & keep).to_le_bytes();
        slot[0] = check;
        (way as u8, hit)
    }

    /// Writes a slot back to where [`Self::enter`] found it.
    #[inline(always)]
    pub fn leave(&mut self, index: u32, way: u8, slot: &Slot) {
        self.buckets.values()[index as usize][usize::from(way) % WAYS] = *slot;
    }
}
