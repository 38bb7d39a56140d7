//! What a prior says about the byte at hand.

use super::keys::{keys, KINDS};
use super::table::{Entry, Table};
use crate::cm::fast::contexts::Contexts;

/// Looks each kind of context up at most once a byte, and only if it is asked for.
#[derive(Debug)]
pub struct Lookup<'a> {
    /// The first that knows a context counts.
    tables: [Option<&'a Table>; 2],
    keys: [u64; KINDS],
    looked: [bool; KINDS],
    found: [Option<Entry>; KINDS],
}

impl<'a> Lookup<'a> {
    /// Starts before the first byte.
    #[must_use]
    pub fn new(tables: [Option<&'a Table>; 2]) -> Self {
        Self {
            tables,
            keys: [0; KINDS],
            looked: [false; KINDS],
            found: [None; KINDS],
        }
    }

    /// Goes on to the next byte.
    #[inline(always)]
    pub fn begin(&mut self, contexts: &Contexts) {
        self.keys = keys(contexts);
        self.looked = [false; KINDS];
    }

    /// Asks for what is known of the byte after `contexts`; has no effect on results.
    #[inline(always)]
    pub fn prefetch(&self, contexts: &Contexts) {
        for table in self.tables.into_iter().flatten() {
            for key in keys(contexts) {
                table.prefetch(key);
            }
        }
    }

    /// What a kind of context predicts.
    #[inline(always)]
    pub fn entry(&mut self, kind: usize) -> Option<&Entry> {
        if !self.looked[kind] {
            self.looked[kind] = true;
            self.found[kind] = None;
            for table in self.tables.into_iter().flatten() {
                self.found[kind] = table.find(self.keys[kind]);
                if self.found[kind].is_some() {
                    break;
                }
            }
        }
        self.found[kind].as_ref()
    }
}
