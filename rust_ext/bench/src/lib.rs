//! Benchmarks only: `cargo bench --manifest-path rust_ext/bench/Cargo.toml`.
