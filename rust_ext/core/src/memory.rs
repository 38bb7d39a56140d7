//! Large memory.

use crate::{Error, Result};
use bytemuck::Pod;
use memmap2::{Advice, MmapMut};
use std::marker::PhantomData;

/// Zeroed values on pages of their own, huge ones where the system has them: look-ups then miss the TLB less.
#[derive(Debug)]
pub struct Memory<T> {
    map: MmapMut,
    values: PhantomData<T>,
}

impl<T: Pod> Memory<T> {
    /// Allocates `count` values; their pages cost nothing until they are touched.
    ///
    /// # Errors
    /// [`Error::Limit`] when the system has no room for them.
    pub fn new(count: usize) -> Result<Self> {
        let limit = |_| Error::Limit {
            what: "memory for the tables of a model",
        };
        let map = MmapMut::map_anon(count.saturating_mul(size_of::<T>())).map_err(limit)?;
        // Not having huge pages is no error.
        #[cfg(target_os = "linux")]
        let _ = map.advise(Advice::HugePage);
        Ok(Self {
            map,
            values: PhantomData,
        })
    }

    /// Leaves no values here, and returns all.
    ///
    /// # Errors
    /// [`Error::Limit`] when the system has no room for a page.
    pub fn take(&mut self) -> Result<Self> {
        Ok(std::mem::replace(self, Self::new(0)?))
    }

    /// Allocates copies of `row`, one after the other.
    ///
    /// # Errors
    /// [`Error::Limit`] when the system has no room for them.
    pub fn rows(row: &[T], times: usize) -> Result<Self> {
        let mut memory = Self::new(row.len() * times)?;
        for copy in memory.values().chunks_exact_mut(row.len()) {
            copy.copy_from_slice(row);
        }
        Ok(memory)
    }

    /// All values.
    #[inline(always)]
    #[must_use]
    pub fn values(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(&mut self.map)
    }

    /// All values, to read.
    #[inline(always)]
    #[must_use]
    pub fn get(&self) -> &[T] {
        bytemuck::cast_slice(&self.map)
    }
}

/// For what was taken, or is small: running out of memory is what it is to a vector. [`Memory::new`] returns an error.
impl<T: Pod> From<&[T]> for Memory<T> {
    fn from(values: &[T]) -> Self {
        let Ok(mut copy) = Self::new(values.len()) else {
            std::alloc::handle_alloc_error(std::alloc::Layout::new::<T>())
        };
        copy.values().copy_from_slice(values);
        copy
    }
}

impl<T: Pod> Clone for Memory<T> {
    fn clone(&self) -> Self {
        self.get().into()
    }
}
