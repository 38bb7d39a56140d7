//! Lets a caller follow what takes long, and stop it.

use crate::{Error, Result};
use std::time::{Duration, Instant};

/// Time between two calls of a listener.
const INTERVAL: Duration = Duration::from_millis(50);

/// Who is told how many tokens are done, and says whether to stop.
pub type Listener<'a> = &'a mut dyn FnMut(usize) -> bool;

/// Calls a listener now and then.
pub struct Watch<'a> {
    listener: Listener<'a>,
    last: Instant,
}

impl<'a> Watch<'a> {
    /// Begins with nothing done.
    pub fn new(listener: Listener<'a>) -> Self {
        Self {
            listener,
            last: Instant::now(),
        }
    }

    /// Tells the listener, if it was not told for a while.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when it says so.
    pub fn check(&mut self, done: usize) -> Result<()> {
        if self.last.elapsed() < INTERVAL {
            return Ok(());
        }
        self.last = Instant::now();
        if (self.listener)(done) {
            return Err(Error::Interrupted);
        }
        Ok(())
    }
}
