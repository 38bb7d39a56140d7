//! Results that several threads write, each in its own places.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

/// Rows of floats.
#[derive(Debug, Default)]
pub struct Grid {
    stride: usize,
    values: Vec<AtomicU32>,
}

impl Grid {
    /// Makes room for rows of so many values; what is there stays as it is, or becomes zero.
    pub fn resize(grid: &mut Arc<Self>, rows: usize, stride: usize) {
        let count = rows * stride;
        if let Some(grid) = Arc::get_mut(grid) {
            if grid.stride == stride && grid.values.len() >= count {
                return;
            }
        }
        let values = (0..count).map(|_| AtomicU32::new(0)).collect();
        *grid = Arc::new(Self { stride, values });
    }

    /// Sets a value.
    ///
    /// # Panics
    /// If there is no such place.
    #[inline(always)]
    pub fn put(&self, row: usize, column: usize, value: f32) {
        self.values[row * self.stride + column].store(value.to_bits(), Ordering::Relaxed);
    }

    /// Copies values out of a row.
    ///
    /// # Panics
    /// If there are not so many.
    #[inline]
    pub fn get(&self, row: usize, column: usize, out: &mut [f32]) {
        let values = &self.values[row * self.stride + column..][..out.len()];
        for (out, value) in out.iter_mut().zip(values) {
            *out = f32::from_bits(value.load(Ordering::Relaxed));
        }
    }

    /// Hands `count` values from the start on to `each`, with those of `out` beside them.
    ///
    /// # Panics
    /// If there are not so many.
    #[inline]
    pub fn zip(grid: &mut Arc<Self>, out: &mut [f32], each: impl Fn(&mut f32, f32)) {
        // Without other holders these are plain values, and the loop uses vectors.
        if let Some(grid) = Arc::get_mut(grid) {
            let values = grid.values[..out.len()].iter_mut();
            for (out, value) in out.iter_mut().zip(values) {
                each(out, f32::from_bits(*value.get_mut()));
            }
        } else {
            for (out, value) in out.iter_mut().zip(&grid.values) {
                each(out, f32::from_bits(value.load(Ordering::Relaxed)));
            }
        }
    }
}
