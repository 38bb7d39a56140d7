//! Context mixing: counters, mixers and the predictors built of them.

pub mod strong;
