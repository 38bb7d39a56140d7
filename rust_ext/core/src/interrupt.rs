//! Lets a caller stop coding that takes long.
//!
//! A host that has signals or cancelled threads sets a hook once; the loops of slow models ask it now and then.

use crate::{Error, Result};
use std::sync::OnceLock;

static HOOK: OnceLock<fn() -> bool> = OnceLock::new();

/// Symbols between two questions, a power of two: a fraction of a second for the slowest model.
const INTERVAL: usize = 1 << 13;

/// Sets the function that tells whether coding in the calling thread should stop. Only the first one counts.
pub fn set_hook(hook: fn() -> bool) {
    let _ = HOOK.set(hook);
}

/// Asks the hook when `done` symbols are a whole number of intervals.
///
/// # Errors
/// [`Error::Interrupted`] when the hook says so.
#[inline(always)]
pub fn check(done: usize) -> Result<()> {
    if done.is_multiple_of(INTERVAL) && HOOK.get().is_some_and(|hook| hook()) {
        return Err(Error::Interrupted);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cm::{encode, Params};
    use std::cell::Cell;

    thread_local! {
        static STOP: Cell<bool> = const { Cell::new(false) };
    }

    #[test]
    fn coding_stops_in_the_thread_that_is_asked_to() {
        set_hook(|| STOP.get());
        let symbols = vec![7; 3 * INTERVAL];
        for level in [3, 9] {
            let params = Params::probe(&symbols, level);
            STOP.set(true);
            assert_eq!(encode(&symbols, &params), Err(Error::Interrupted));
            STOP.set(false);
            assert!(encode(&symbols, &params).is_ok());
        }
    }
}
