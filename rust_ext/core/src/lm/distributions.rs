//! What is made of logits, by several threads.

use super::pool::{Pool, Work};
use super::session::{Session, LOGITS};
use crate::coder::quantize::Quantizer;
use crate::coder::MAX_PRECISION;
use crate::Result;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Room for a distribution.
struct Slot<T> {
    row: Vec<f32>,
    quantizer: Quantizer,
    result: Option<Result<T>>,
}

/// What is done with the number of a distribution and its logits.
type Each<'m, T> =
    Arc<dyn Fn(usize, &mut Vec<f32>, &mut Quantizer) -> Result<T> + Send + Sync + 'm>;

/// Room for distributions, and what is done with each.
pub struct Distributions<'m, T> {
    slots: Arc<Vec<Mutex<Slot<T>>>>,
    work: Each<'m, T>,
}

impl<'m, T: Send + 'm> Distributions<'m, T> {
    /// Room for a few distributions. `work` gets the number of each, its logits, which it may replace, and something to
    /// compute intervals with.
    ///
    /// # Errors
    /// None: the precision is a valid one.
    pub fn new(
        work: impl Fn(usize, &mut Vec<f32>, &mut Quantizer) -> Result<T> + Send + Sync + 'm,
    ) -> Result<Self> {
        let quantizer = Quantizer::new(MAX_PRECISION)?;
        let slot = || Slot {
            row: Vec::new(),
            quantizer: quantizer.clone(),
            result: None,
        };
        Ok(Self {
            slots: Arc::new((0..LOGITS).map(|_| Mutex::new(slot())).collect()),
            work: Arc::new(work),
        })
    }

    /// Works on `rows` of those that were fed last, whose numbers begin with `number`. Then `then` gets number, result and
    /// what the logits became, one row after the other.
    ///
    /// # Errors
    /// Those of the work and of `then`.
    pub fn of(
        &self,
        session: &mut Session<'m>,
        pool: &Pool<'m>,
        rows: Range<usize>,
        number: usize,
        mut then: impl FnMut(usize, T, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let vocabulary = session.vocabulary();
        for first in rows.clone().step_by(LOGITS) {
            let some = first..rows.end.min(first + LOGITS);
            let count = some.len();
            let number = number + first - rows.start;
            let grid = Arc::clone(session.logits(pool, some));
            let (slots, work) = (Arc::clone(&self.slots), Arc::clone(&self.work));
            let each: Work<'m> = Arc::new(move |i| {
                let mut slot = slots[i].lock().unwrap_or_else(PoisonError::into_inner);
                let Slot {
                    row,
                    quantizer,
                    result,
                } = &mut *slot;
                row.resize(vocabulary, 0.0);
                grid.get(i, 0, row);
                *result = Some(work(number + i, row, quantizer));
            });
            // An exponent takes about as long as so many multiplications.
            pool.run_if(16 * vocabulary * count, count, &each);
            drop(each);
            for (i, slot) in self.slots[..count].iter().enumerate() {
                let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(result) = slot.result.take() {
                    then(number + i, result?, &slot.row)?;
                }
            }
        }
        Ok(())
    }
}
