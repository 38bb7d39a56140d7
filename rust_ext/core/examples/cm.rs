//! Codes files with the model `cm` and prints sizes and CPU time: `cargo run --release --example cm -- 5 FILE...`.

use lmcodec_core::cm::{decode, encode, Params};
use std::time::Instant;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let level = arguments
        .next()
        .and_then(|level| level.parse().ok())
        .unwrap_or(5);
    for path in arguments {
        let symbols = std::fs::read(&path).expect("a file that can be read");
        let params = Params::probe(&symbols, level);
        let start = Instant::now();
        let payload = encode(&symbols, &params, None).expect("parameters from the probe");
        let encoded = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let decoded = decode(&payload, symbols.len(), &params, None).expect("a good payload");
        let seconds = start.elapsed().as_secs_f64();
        assert!(decoded == symbols, "{path} was not restored");
        #[allow(clippy::cast_precision_loss)]
        let mb = symbols.len() as f64 / 1e6;
        println!(
            "{path}: {} -> {}, {:.2} MB/s, back {:.2} MB/s",
            symbols.len(),
            payload.len(),
            mb / encoded,
            mb / seconds
        );
    }
}
