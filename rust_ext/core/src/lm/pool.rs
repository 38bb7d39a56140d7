//! Threads that share the parts of one piece of work after the other.
//!
//! A step of a small network takes tens of microseconds, so threads that wait look around for a while before they
//! sleep. Parts are taken by whoever is free; the calling thread takes them too, and never waits for one that nobody
//! has begun: where the machine is busy, other threads may be of no help, but do not stall it.

use crate::machine;
use crate::spin::wait;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::{self, Scope, Thread};
use std::time::Duration;

/// What does a part of some work, which it is given the number of.
pub type Work<'a> = Arc<dyn Fn(usize) + Send + Sync + 'a>;

/// The most threads of a pool.
pub const MAX_THREADS: usize = 256;
/// How long a thread looks around before it sleeps.
const ATTENTION: Duration = Duration::from_micros(200);
/// Multiplications that take less time than it takes to share them.
const LITTLE: usize = 1 << 16;

struct Task<'a> {
    work: Option<Work<'a>>,
    parts: usize,
}

struct Shared<'a> {
    task: RwLock<Task<'a>>,
    /// How many tasks there were.
    given: AtomicUsize,
    /// The first part of the task that nobody has begun.
    next: AtomicUsize,
    /// Parts of the task that are done.
    done: AtomicUsize,
    /// Whether a part could not be done.
    failed: AtomicBool,
    closed: AtomicBool,
    asleep: Vec<AtomicBool>,
}

/// Counts a part as done, even if the thread panics: the others would wait for ever.
struct Part<'a>(&'a AtomicUsize, &'a AtomicBool);

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.1.store(true, Ordering::Relaxed);
        }
        self.0.fetch_add(1, Ordering::Release);
    }
}

impl<'a> Shared<'a> {
    fn task(&self) -> RwLockReadGuard<'_, Task<'a>> {
        self.task.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn task_mut(&self) -> RwLockWriteGuard<'_, Task<'a>> {
        self.task.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does parts while there are any.
    fn help(&self, work: &Work<'a>, parts: usize) {
        loop {
            let part = self.next.fetch_add(1, Ordering::Relaxed);
            if part >= parts {
                return;
            }
            let _part = Part(&self.done, &self.failed);
            work(part);
        }
    }

    /// What a thread does until the pool is closed.
    fn serve(&self, own: usize) {
        let mut seen = 0;
        while !self.closed.load(Ordering::Relaxed) {
            let given = self.given.load(Ordering::Acquire);
            if given != seen {
                seen = given;
                // As long as the task is read, it is this one.
                let task = self.task();
                if let Some(work) = &task.work {
                    self.help(work, task.parts);
                }
                continue;
            }
            let news =
                || self.given.load(Ordering::SeqCst) != seen || self.closed.load(Ordering::Relaxed);
            if !wait(ATTENTION, news) {
                self.asleep[own].store(true, Ordering::SeqCst);
                // Either this sees the news, or who brings them sees that this sleeps.
                if !news() {
                    thread::park();
                }
                self.asleep[own].store(false, Ordering::SeqCst);
            }
        }
    }
}

/// Threads that wait for work; they end when this is dropped.
pub struct Pool<'a> {
    shared: Arc<Shared<'a>>,
    threads: Vec<Thread>,
}

impl<'a> Pool<'a> {
    /// Runs `body` with a pool of so many threads, the calling one among them; fewer where the system has no more.
    pub fn with<R>(threads: usize, body: impl FnOnce(&Pool<'a>) -> R) -> R {
        thread::scope(|scope| {
            let pool = Self::start(scope, threads.clamp(1, MAX_THREADS) - 1);
            body(&pool)
        })
    }

    fn start<'scope>(scope: &'scope Scope<'scope, '_>, more: usize) -> Self
    where
        'a: 'scope,
    {
        let shared = Arc::new(Shared {
            task: RwLock::new(Task {
                work: None,
                parts: 0,
            }),
            given: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            asleep: (0..more).map(|_| AtomicBool::new(false)).collect(),
        });
        let started = (0..more).map_while(|own| {
            let shared = Arc::clone(&shared);
            let body = move || {
                // Another thread's settings of the processor are its own.
                if machine::check().is_ok() {
                    shared.serve(own);
                }
            };
            let handle = thread::Builder::new().spawn_scoped(scope, body).ok()?;
            Some(handle.thread().clone())
        });
        let threads = started.collect();
        Self { shared, threads }
    }

    /// The number of threads.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads.len() + 1
    }

    /// The same, by the calling thread alone where the work is less than so many multiplications.
    ///
    /// # Panics
    /// If a part does.
    pub fn run_if(&self, cost: usize, parts: usize, work: &Work<'a>) {
        if cost < LITTLE {
            (0..parts).for_each(|part| work(part));
        } else {
            self.run(parts, work);
        }
    }

    /// Does all parts of some work; when it returns, no thread has a hold on it.
    ///
    /// # Panics
    /// If a part does.
    pub fn run(&self, parts: usize, work: &Work<'a>) {
        if self.threads.is_empty() || parts <= 1 {
            (0..parts).for_each(|part| work(part));
            return;
        }
        let shared = &*self.shared;
        {
            let mut task = shared.task_mut();
            task.work = Some(Arc::clone(work));
            task.parts = parts;
            shared.next.store(0, Ordering::Relaxed);
            shared.done.store(0, Ordering::Relaxed);
        }
        shared.given.fetch_add(1, Ordering::SeqCst);
        for (thread, asleep) in self.threads.iter().zip(&shared.asleep).take(parts - 1) {
            if asleep.load(Ordering::SeqCst) {
                thread.unpark();
            }
        }
        shared.help(work, parts);
        while !wait(ATTENTION, || shared.done.load(Ordering::Acquire) >= parts) {
            // Whoever has the last part may need this core.
            thread::yield_now();
        }
        shared.task_mut().work = None;
        assert!(
            !shared.failed.load(Ordering::Relaxed),
            "a thread of the pool panicked"
        );
    }
}

impl Drop for Pool<'_> {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.threads.iter().for_each(Thread::unpark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_done_once() {
        for threads in 1..5 {
            Pool::with(threads, |pool| {
                assert_eq!(pool.threads(), threads);
                let counts: Arc<Vec<AtomicUsize>> =
                    Arc::new((0..40).map(|_| AtomicUsize::new(0)).collect());
                for round in 0..2000 {
                    let parts = round % 40;
                    let shared = Arc::clone(&counts);
                    let work: Work<'_> = Arc::new(move |part| {
                        shared[part].fetch_add(1, Ordering::Relaxed);
                    });
                    pool.run(parts, &work);
                    for (part, count) in counts.iter().enumerate() {
                        assert_eq!(count.swap(0, Ordering::Relaxed), usize::from(part < parts));
                    }
                    drop(work);
                    // Nobody else has a hold on what the work had.
                    assert_eq!(Arc::strong_count(&counts), 1);
                }
            });
        }
    }

    #[test]
    fn threads_that_sleep_are_woken() {
        Pool::with(2, |pool| {
            for _ in 0..5 {
                thread::sleep(3 * ATTENTION);
                let seen = Arc::new(RwLock::new(std::collections::HashSet::new()));
                let shared = Arc::clone(&seen);
                let work: Work<'_> = Arc::new(move |_| {
                    shared.write().unwrap().insert(thread::current().id());
                    thread::sleep(Duration::from_millis(2));
                });
                pool.run(20, &work);
                assert_eq!(seen.read().unwrap().len(), 2);
            }
        });
    }

    #[test]
    #[should_panic(expected = "panicked")]
    fn a_panic_in_a_part_is_one_of_the_caller() {
        Pool::with(3, |pool| {
            let caller = thread::current().id();
            let work: Work<'_> = Arc::new(move |_| {
                thread::sleep(Duration::from_millis(1));
                assert!(thread::current().id() == caller, "a part cannot be done");
            });
            pool.run(50, &work);
        });
    }
}
