//! Groups of samples, by several threads.

use super::{Listener, Source};
use crate::lm::watch::Watch;
use crate::{Error, Result};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// What all threads know.
#[derive(Default)]
struct Common {
    next: AtomicUsize,
    done: AtomicUsize,
    stopped: AtomicBool,
}

/// Counts the symbols that are done, and ends the work of a thread when another failed or a listener says so.
pub struct Pace<'a, 'w> {
    common: &'a Common,
    watch: Option<Watch<'w>>,
}

impl Pace<'_, '_> {
    /// So many more symbols are done.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when it is time to stop.
    pub fn done(&mut self, count: usize) -> Result<()> {
        let done = self.common.done.fetch_add(count, Ordering::Relaxed) + count;
        if let Some(watch) = &mut self.watch {
            watch.check(done)?;
        }
        if self.common.stopped.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        Ok(())
    }
}

/// Works on `0..count`, and returns the results in their order. The listener is told in the calling thread.
///
/// # Errors
/// Those of the work and of the source, [`Error::Interrupted`].
pub fn share<S: Source, T: Send>(
    source: &S,
    count: usize,
    listener: Listener<'_>,
    work: impl Fn(&mut S::Coder, usize, &mut Pace<'_, '_>) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let common = Common::default();
    let run = |watch: Option<Watch<'_>>| -> Result<Vec<(usize, T)>> {
        let mut pace = Pace {
            common: &common,
            watch,
        };
        let mut coder = source.coder()?;
        let mut found = Vec::new();
        loop {
            let number = common.next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(found);
            }
            let result = work(&mut coder, number, &mut pace);
            if result.is_err() {
                common.stopped.store(true, Ordering::Relaxed);
            }
            found.push((number, result?));
        }
    };
    let helpers = source.threads().min(count).saturating_sub(1);
    let results = thread::scope(|scope| {
        let helpers: Vec<_> = (0..helpers).map(|_| scope.spawn(|| run(None))).collect();
        let mut results = vec![run(Some(Watch::new(listener)))];
        for helper in helpers {
            results.push(
                helper
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            );
        }
        results
    });
    // The first cause counts, not those that were stopped for it.
    let stopped = |result: &Result<_>| matches!(result, Err(Error::Interrupted));
    let (results, late): (Vec<_>, Vec<_>) = results.into_iter().partition(|r| !stopped(r));
    let mut all = Vec::with_capacity(count);
    for result in results.into_iter().chain(late) {
        all.extend(result?);
    }
    all.sort_unstable_by_key(|(number, _)| *number);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}
