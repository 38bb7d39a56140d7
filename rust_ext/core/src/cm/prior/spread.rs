//! Work that several threads share, which the calling one watches.

use crate::{Error, Result};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Tells somebody how much work is done, and learns whether to stop.
pub struct Watch<'a> {
    done: u64,
    call: &'a mut dyn FnMut(u64) -> bool,
}

impl<'a> Watch<'a> {
    /// Starts with work that is done; `call` is given all that is done, and returns whether to stop.
    pub fn new(done: u64, call: &'a mut dyn FnMut(u64) -> bool) -> Self {
        Self { done, call }
    }
}

/// Does `work` on all items, in the calling thread and others: it has a result of each thread to add to, and returns
/// how much it was. Which thread takes which item is left to chance.
///
/// # Errors
/// [`Error::Interrupted`] when the watch says so. Each of the others then ends its item first.
pub fn spread<I, R>(
    threads: usize,
    items: I,
    work: impl Fn(&mut R, I::Item) -> u64 + Sync,
    watch: &mut Watch,
) -> Result<Vec<R>>
where
    I: Iterator + Send,
    R: Default + Send,
{
    let items = Mutex::new(items);
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    let stop = AtomicBool::new(false);
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let help = || {
            let mut result = R::default();
            while !stop.load(Ordering::Relaxed) {
                let Some(item) = next() else { break };
                done.fetch_add(work(&mut result, item), Ordering::Relaxed);
            }
            result
        };
        let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(help)).collect();
        let mut result = R::default();
        let mut stopped = false;
        while !stopped {
            let Some(item) = next() else { break };
            let own = work(&mut result, item);
            let all = done.fetch_add(own, Ordering::Relaxed) + own;
            stopped = (watch.call)(watch.done + all);
        }
        stop.store(stopped, Ordering::Relaxed);
        let mut results = vec![result];
        for helper in helpers {
            match helper.join() {
                Ok(result) => results.push(result),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        watch.done += done.load(Ordering::Relaxed);
        // The others may have done all of it.
        if stopped || (watch.call)(watch.done) {
            Err(Error::Interrupted)
        } else {
            Ok(results)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_taken_once() {
        for threads in [0, 1, 2, 5] {
            let mut seen = Vec::new();
            let mut call = |done| {
                seen.push(done);
                false
            };
            let mut watch = Watch::new(7, &mut call);
            let take = |taken: &mut Vec<u64>, item: u64| {
                taken.push(item);
                1
            };
            let mut taken = spread(threads, 0..1000, take, &mut watch).unwrap().concat();
            taken.sort_unstable();
            assert_eq!(taken, (0..1000).collect::<Vec<_>>());
            assert_eq!(watch.done, 1007);
            assert!(seen.is_sorted());
        }
    }

    #[test]
    #[should_panic(expected = "item 500")]
    fn panics_are_not_lost() {
        let mut call = |_| false;
        let fail = |(): &mut (), item: u64| {
            assert!(item != 500, "item {item}");
            std::thread::yield_now();
            1
        };
        let _ = spread(3, 0..1000, fail, &mut Watch::new(0, &mut call));
    }
}
