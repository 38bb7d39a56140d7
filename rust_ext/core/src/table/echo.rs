//! What a column had where another last had the same value.
//!
//! Values that come again after thousands of rows tell what is like them, not what is the same: people of one household are
//! of one age or nearly so. Counts under each such value would never see enough; counts under what came last beside it do.

/// What came last beside each value of another column.
#[derive(Debug)]
pub struct Echo<'a> {
    values: &'a [u32],
    lasts: Vec<u32>,
}

impl<'a> Echo<'a> {
    /// Starts before the first row of a column with these values, from 0 up.
    pub fn new(values: &'a [u32]) -> Self {
        let most = values.iter().max().map_or(0, |&value| value as usize + 1);
        Self {
            values,
            lasts: vec![0; most],
        }
    }

    /// The symbol where the value of this row last came, plus 1; 0 for none.
    pub fn at(&self, row: usize) -> u32 {
        self.lasts[self.values[row] as usize]
    }

    /// Learns the symbol of a row.
    pub fn learn(&mut self, row: usize, symbol: u32) {
        self.lasts[self.values[row] as usize] = symbol + 1;
    }
}

/// What [`Echo::at`] tells at each row of a column of these symbols.
pub fn echoes(values: &[u32], symbols: &[u32]) -> Vec<u32> {
    let mut echo = Echo::new(values);
    let rows = symbols.iter().enumerate();
    rows.map(|(row, &symbol)| {
        let last = echo.at(row);
        echo.learn(row, symbol);
        last
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_last_beside_a_value_is_told() {
        assert_eq!(echoes(&[3, 0, 3, 3, 0], &[7, 5, 6, 0, 1]), [0, 0, 8, 7, 6]);
        assert!(echoes(&[], &[]).is_empty());
    }
}
