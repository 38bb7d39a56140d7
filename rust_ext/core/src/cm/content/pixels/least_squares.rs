//! A linear prediction whose weights are those of least squares over the past, which fades.
//!
//! Source: recursive least squares with a forgetting factor, solved by Cholesky's method, as known from textbooks; that
//! pixels are well predicted so is due to X. Wu, K. Barthel, W. Zhang, Piecewise 2D autoregression for predictive image
//! coding (1998).
//!
//! Sums, products, quotients and square roots of IEEE numbers of 64 bits, each operation in its place: every machine
//! gets the same weights. Nothing may be fused or put in another order.

/// Most terms.
pub const MAX: usize = 32;
/// Added to the diagonal, so that terms that are always equal do no harm.
const RIDGE: f64 = 0.001;
/// Smallest pivot with which weights are computed.
const LEAST_PIVOT: f64 = 1e-8;

/// Predicts a number from some others.
#[derive(Debug, Clone)]
pub struct LeastSquares {
    count: usize,
    /// What remains of a sum with each step.
    kept: f64,
    terms: [f64; MAX],
    weights: [f64; MAX],
    /// Faded sums of the products of terms, the lower triangle, and of each with what came.
    products: Vec<[f64; MAX]>,
    targets: [f64; MAX],
    /// The Cholesky factor of them.
    triangle: Vec<[f64; MAX]>,
}

impl LeastSquares {
    /// Starts with all weights zero.
    #[must_use]
    pub fn new(count: usize, kept: f64) -> Self {
        assert!(count <= MAX, "more terms than there is room for");
        Self {
            count,
            kept,
            terms: [0.0; MAX],
            weights: [0.0; MAX],
            products: vec![[0.0; MAX]; count],
            targets: [0.0; MAX],
            triangle: vec![[0.0; MAX]; count],
        }
    }

    /// Predicts from the terms: as many as it has, of those that are given.
    pub fn predict(&mut self, terms: &[i32]) -> f64 {
        let mut sum = 0.0;
        let own = self.terms[..self.count].iter_mut().zip(&self.weights);
        for (term, (to, weight)) in terms.iter().zip(own) {
            *to = f64::from(*term);
            sum += *to * weight;
        }
        sum
    }

    /// Learns what came.
    pub fn learn(&mut self, target: i32) {
        let target = f64::from(target);
        let (n, fresh) = (self.count, 1.0 - self.kept);
        for i in 0..n {
            let term = self.terms[i] * fresh;
            let row = &mut self.products[i];
            for (sum, other) in row[..=i].iter_mut().zip(&self.terms) {
                *sum = *sum * self.kept + term * other;
            }
            self.targets[i] = self.targets[i] * self.kept + term * target;
        }
        self.solve();
    }

    /// Computes the weights by Cholesky's method; leaves them where that fails.
    fn solve(&mut self) {
        let n = self.count;
        for i in 0..n {
            for j in 0..=i {
                let (above, rest) = self.triangle.split_at_mut(i);
                let own = &mut rest[0];
                let mut sum = self.products[i][j];
                if i == j {
                    sum += RIDGE;
                    for value in &own[..j] {
                        sum -= value * value;
                    }
                    if sum < LEAST_PIVOT {
                        return;
                    }
                    own[i] = sum.sqrt();
                } else {
                    let other = &above[j];
                    for k in 0..j {
                        sum -= own[k] * other[k];
                    }
                    own[j] = sum / other[j];
                }
            }
        }
        let mut half = [0.0; MAX];
        for i in 0..n {
            let mut sum = self.targets[i];
            for (value, known) in self.triangle[i][..i].iter().zip(&half) {
                sum -= value * known;
            }
            half[i] = sum / self.triangle[i][i];
        }
        for i in (0..n).rev() {
            let mut sum = half[i];
            for k in i + 1..n {
                sum -= self.triangle[k][i] * self.weights[k];
            }
            self.weights[i] = sum / self.triangle[i][i];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_rule_is_found() {
        let mut model = LeastSquares::new(3, 0.998);
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(0x0019_660D).wrapping_add(0x3C6E_F35F);
            (state >> 24) as i32
        };
        for step in 0..400 {
            let terms = [next(), next(), next()];
            let came = 2 * terms[0] - terms[1];
            let told = model.predict(&terms);
            assert!(step < 100 || (told - f64::from(came)).abs() < 1.0, "{told}");
            model.learn(came);
        }
    }

    #[test]
    fn equal_terms_do_no_harm() {
        let mut model = LeastSquares::new(4, 0.99);
        for step in 0..1000 {
            let value = step % 7;
            let told = model.predict(&[value; 4]);
            assert!(told.is_finite());
            model.learn(value);
        }
        assert!((model.predict(&[5; 4]) - 5.0).abs() < 0.1);
    }
}
