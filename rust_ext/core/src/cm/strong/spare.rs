//! Memory of predictors that have done their work, for the next ones: for a message, memory that is new costs more than
//! all else.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many are kept: one for each thread that codes messages, up to two. They count as memory of the network.
pub const KEPT: usize = 2;

/// Memory that is again what it was at the start.
#[derive(Debug)]
pub struct Spare<T>(Mutex<Vec<T>>);

impl<T> Default for Spare<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Spare<T> {
    /// Takes the latest one out that fits, if there is one.
    pub fn get(&self, fits: impl Fn(&T) -> bool) -> Option<T> {
        let mut kept = self.lock();
        let at = kept.iter().rposition(fits)?;
        Some(kept.remove(at))
    }

    /// Puts one in, in place of the oldest one if there are enough.
    pub fn put(&self, memory: T) {
        let mut kept = self.lock();
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push(memory);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_that_fits_is_taken_and_few_are_kept() {
        let spare = Spare::default();
        for memory in 1..=5 {
            spare.put(memory);
        }
        assert_eq!(KEPT, 2);
        assert_eq!(spare.get(|&memory| memory < 4), None);
        assert_eq!(spare.get(|&memory| memory < 5), Some(4));
        assert_eq!(spare.get(|_| true), Some(5));
        assert_eq!(spare.get(|_| true), None);
    }
}
