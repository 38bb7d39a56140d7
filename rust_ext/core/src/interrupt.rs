//! Lets a caller follow coding that takes long, and stop it.
//!
//! A host that has signals, cancelled threads or a progress bar sets a hook once; the loops of slow models
//! call it now and then.

use crate::{Error, Result};
use std::sync::OnceLock;

static HOOK: OnceLock<fn(usize) -> bool> = OnceLock::new();

/// Symbols between two calls, a power of two: a fraction of a second for the slowest model.
const INTERVAL: usize = 1 << 13;

/// Sets the function that is told how many symbols of a stream are done, and tells whether coding in the
/// calling thread should stop. Only the first one counts.
pub fn set_hook(hook: fn(usize) -> bool) {
    let _ = HOOK.set(hook);
}

/// Calls the hook when `done` symbols are a whole number of intervals.
///
/// # Errors
/// [`Error::Interrupted`] when the hook says so.
#[inline(always)]
pub fn check(done: usize) -> Result<()> {
    if done.is_multiple_of(INTERVAL) && HOOK.get().is_some_and(|hook| hook(done)) {
        return Err(Error::Interrupted);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cm::{decode, encode, Params};
    use std::cell::Cell;

    thread_local! {
        static STOP: Cell<bool> = const { Cell::new(false) };
        static DONE: Cell<usize> = const { Cell::new(0) };
    }

    #[test]
    fn coding_is_followed_and_stops_in_the_thread_that_is_asked_to() {
        set_hook(|done| {
            DONE.set(DONE.get() + done);
            STOP.get()
        });
        let symbols = vec![7; 3 * INTERVAL];
        for level in [3, 9] {
            let params = Params::probe(&symbols, level);
            STOP.set(true);
            assert_eq!(encode(&symbols, &params, None), Err(Error::Interrupted));
            STOP.set(false);
            DONE.set(0);
            let payload = encode(&symbols, &params, None).unwrap();
            assert_eq!(DONE.get(), (1 + 2) * INTERVAL);
            assert_eq!(
                decode(&payload, symbols.len(), &params, None).unwrap(),
                symbols
            );
            assert_eq!(DONE.get(), 2 * (1 + 2) * INTERVAL);
        }
    }
}
