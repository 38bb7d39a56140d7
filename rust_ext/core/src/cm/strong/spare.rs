//! Memory of predictors that have done their work, for the next ones: for a message, memory that is new costs more than
//! all else.

use std::sync::{Mutex, PoisonError};

/// How many are kept: one for each thread that codes messages, up to a few.
const KEPT: usize = 4;

/// Memory that is again what it was at the start.
#[derive(Debug)]
pub struct Spare<T>(Mutex<Vec<T>>);

impl<T> Default for Spare<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Spare<T> {
    /// Takes one out, if there is one.
    pub fn get(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Puts one in.
    pub fn put(&self, memory: T) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(memory);
        }
    }
}
