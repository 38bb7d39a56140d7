//! Hash table of bit histories: one slot of 16 bytes for each context and nibble.
//!
//! A slot holds a check byte and the states of the 15 nodes of a nibble's binary tree (the layout of M. Mahoney's
//! lpaq1, 2007); four slots fill a cache line, and a look-up stays inside it. The states of the nibble at hand are
//! copied to the coder's own memory and written back when the nibble ends.

use super::simd::{self, Bucket, Kernel, Slot};
use crate::{Error, Result};
use memmap2::{Advice, MmapMut};

const BUCKET_BYTES: usize = std::mem::size_of::<Bucket>();

/// All slots of a block.
#[derive(Debug)]
pub struct Slots {
    map: MmapMut,
    mask: u32,
}

impl Slots {
    /// Allocates a table of `buckets`, a power of two; its pages cost nothing until they are touched.
    ///
    /// # Errors
    /// [`Error::Limit`] when the system has no room for it.
    pub fn new(buckets: usize) -> Result<Self> {
        debug_assert!(buckets.is_power_of_two());
        let limit = |_| Error::Limit {
            what: "memory for context mixing",
        };
        let map = MmapMut::map_anon(buckets * BUCKET_BYTES).map_err(limit)?;
        // Look-ups are at random places: with huge pages they miss the TLB less. Not having them is no error.
        #[cfg(target_os = "linux")]
        let _ = map.advise(Advice::HugePage);
        Ok(Self {
            map,
            mask: buckets as u32 - 1,
        })
    }

    /// The bucket of a hash.
    #[inline(always)]
    #[must_use]
    pub fn index(&self, hash: u32) -> u32 {
        hash & self.mask
    }

    #[inline(always)]
    fn buckets(&self) -> &[Bucket] {
        bytemuck::cast_slice(&self.map[..])
    }

    /// Asks for a bucket early; has no effect on results.
    #[inline(always)]
    pub fn prefetch(&self, index: u32) {
        simd::prefetch(&self.buckets()[index as usize]);
    }

    /// Looks up `check` in a bucket: copies its slot, or an empty one in place of the least used, to `slot`.
    ///
    /// Returns where to write the slot back, and whether it was there.
    #[inline(always)]
    pub fn enter<K: Kernel>(&self, index: u32, check: u8, slot: &mut Slot) -> (u32, bool) {
        let bucket = &self.buckets()[index as usize];
        let (at, hit) = K::find(bucket, check);
        // Without a branch, since hits are as unpredictable as the data.
        let keep = u128::from(hit).wrapping_neg();
        *slot = (u128::from_le_bytes(bucket[at & 3]) & keep).to_le_bytes();
        slot[0] = check;
        (index << 2 | at as u32, hit)
    }

    /// Writes a slot back to where [`Self::enter`] found it.
    #[inline(always)]
    pub fn leave(&mut self, place: u32, slot: &Slot) {
        let slots: &mut [Slot] = bytemuck::cast_slice_mut(&mut self.map[..]);
        slots[place as usize] = *slot;
    }
}
