//! Speed of the entropy coders, beside those of the `constriction` crate.
//!
//! `cargo bench --manifest-path rust_ext/bench/Cargo.toml`; throughput is in symbols (bits, bytes) a second.

use constriction::stream::model::DefaultContiguousCategoricalEntropyModel as Categorical;
use constriction::stream::stack::DefaultAnsCoder;
use constriction::stream::{Decode, Encode};
use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use lmcodec_core::coder::binary::{BinaryDecoder, BinaryEncoder, PROB_BITS, PROB_ONE};
use lmcodec_core::coder::quantize::Weight;
use lmcodec_core::coder::rans::Stack;
use lmcodec_core::coder::{bytes, Interval};
use std::hint::black_box;

const ALPHABET: usize = 256;

/// Pseudo-random numbers with 32 bits.
fn draws(seed: u64) -> impl Iterator<Item = u32> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(0x5851_F42D_4C95_7F2D)
            .wrapping_add(0x1405_7B7E_F767_814F);
        u32::try_from(state >> 32).unwrap_or(0)
    })
}

fn binary(c: &mut Criterion) {
    let count = 1 << 20;
    let coded: Vec<(u32, u32)> = draws(1)
        .zip(draws(2))
        .take(count)
        .map(|(a, b)| {
            let p1 = (a >> (32 - PROB_BITS)).clamp(1, PROB_ONE - 1);
            (u32::from(b >> (32 - PROB_BITS) < p1), p1)
        })
        .collect();
    let encode = || {
        let mut encoder = BinaryEncoder::new();
        for &(bit, p1) in &coded {
            encoder.encode(bit, p1);
        }
        encoder.finish()
    };
    let payload = encode();
    let mut group = c.benchmark_group("binary, a probability for each bit");
    group.throughput(Throughput::Elements(count as u64));
    group.bench_function("encode", |b| b.iter(encode));
    group.bench_function("decode", |b| {
        b.iter(|| {
            let mut decoder = BinaryDecoder::new(&payload);
            coded.iter().map(|&(_, p1)| decoder.decode(p1)).sum::<u32>()
        });
    });
    group.finish();
}

/// Symbols and one row of weights for each, all below 2^16.
fn rows(count: usize) -> (Vec<u32>, Vec<u16>) {
    let mut draw = draws(3);
    let mut next = |below: u32| draw.next().unwrap_or(0) % below;
    let mut rows = Vec::with_capacity(count * ALPHABET);
    let mut symbols = Vec::with_capacity(count);
    for _ in 0..count {
        let peak = next(256);
        rows.extend((0..256).map(|i: u32| {
            let weight = 60_000 / (1 + i.abs_diff(peak) * i.abs_diff(peak)) + next(40);
            u16::try_from(weight).unwrap_or(u16::MAX)
        }));
        symbols.push((peak + next(8)).min(255));
    }
    (symbols, rows)
}

fn bench_rows<W: Weight>(c: &mut Criterion, name: &str, symbols: &[u32], rows: &[W]) {
    let encode = || {
        let mut stack = Stack::new(4)?;
        stack.push_rows(symbols, rows, ALPHABET, 24)?;
        Ok::<_, lmcodec_core::Error>(stack)
    };
    let Ok(full) = encode() else { return };
    let mut group = c.benchmark_group(format!("rANS, a row of 256 {name} for each symbol"));
    group.throughput(Throughput::Elements(symbols.len() as u64));
    group.bench_function("encode", |b| b.iter(encode));
    group.bench_function("decode", |b| {
        b.iter(|| full.clone().pop_rows(rows, ALPHABET, 24));
    });
    group.finish();
}

fn row_per_symbol(c: &mut Criterion) {
    let (symbols, weights) = rows(10_000);
    bench_rows(c, "u16", &symbols, &weights);
    let wide: Vec<u32> = weights.iter().map(|&w| u32::from(w)).collect();
    bench_rows(c, "u32", &symbols, &wide);
    let floats: Vec<f32> = weights.iter().map(|&w| f32::from(w) / 65536.0).collect();
    bench_rows(c, "f32", &symbols, &floats);

    let pmfs: Vec<f64> = weights.iter().map(|&w| f64::from(w)).collect();
    let model = |row: &[f64]| Categorical::from_floating_point_probabilities_fast(row, None);
    let encode = || {
        let mut coder = DefaultAnsCoder::new();
        for (&symbol, row) in symbols.iter().zip(pmfs.chunks_exact(ALPHABET)).rev() {
            if let Ok(model) = model(row) {
                let _ = coder.encode_symbol(symbol as usize, &model);
            }
        }
        coder
    };
    let full = encode();
    let mut group = c.benchmark_group("constriction ANS, a row of 256 f64 for each symbol");
    group.throughput(Throughput::Elements(symbols.len() as u64));
    group.bench_function("encode", |b| b.iter(encode));
    group.bench_function("decode", |b| {
        b.iter(|| {
            let mut coder = full.clone();
            let mut sum = 0;
            for row in pmfs.chunks_exact(ALPHABET) {
                if let Ok(model) = model(row) {
                    sum += coder.decode_symbol(&model).unwrap_or(0);
                }
            }
            sum
        });
    });
    group.finish();
}

fn intervals(c: &mut Criterion) {
    let count = 1 << 20;
    let intervals: Vec<Interval> = draws(4)
        .take(count)
        .map(|d| Interval {
            start: d >> 8 & !0xFFFF,
            freq: 1 + (d & 0xFFFF),
        })
        .collect();
    let mut group = c.benchmark_group("rANS, intervals of 24 bits");
    group.throughput(Throughput::Elements(count as u64));
    for lanes in [1, 4, 8] {
        let encode = || {
            let mut stack = Stack::new(lanes)?;
            stack.push_intervals(&intervals, 24)?;
            Ok::<_, lmcodec_core::Error>(stack)
        };
        let Ok(full) = encode() else { return };
        group.bench_function(format!("push, {lanes} lanes"), |b| b.iter(encode));
        group.bench_function(format!("pop, {lanes} lanes"), |b| {
            b.iter(|| {
                let mut stack = full.clone();
                intervals.iter().try_for_each(|&i| stack.pop(i, 24))
            });
        });
    }
    group.finish();
}

/// Bytes drawn from a Zipf distribution with exponent 1.2, and from something like text.
fn samples() -> [(&'static str, Vec<u8>); 2] {
    let cumulated: Vec<f64> = (1..=256)
        .scan(0.0, |sum, rank| {
            *sum += f64::from(rank).powf(-1.2);
            Some(*sum)
        })
        .collect();
    let pick = |d: u32, range: usize| {
        let target = f64::from(d) / 4_294_967_296.0 * cumulated[range - 1];
        cumulated[..range].partition_point(|&c| c <= target)
    };
    let zipf = draws(5).take(1 << 22).map(|d| low_byte(pick(d, 256)));
    let text = draws(6).take(1 << 22).map(|d| low_byte(32 + pick(d, 80)));
    [("Zipf", zipf.collect()), ("80 letters", text.collect())]
}

fn low_byte(value: usize) -> u8 {
    value.to_le_bytes()[0]
}

fn static_bytes(c: &mut Criterion) {
    for (name, data) in samples() {
        let payload = bytes::encode(&data);
        let mut group = c.benchmark_group(format!("static bytes, {name}"));
        group.throughput(Throughput::Bytes(data.len() as u64));
        group.bench_function("encode", |b| b.iter(|| bytes::encode(black_box(&data))));
        group.bench_function("decode", |b| {
            b.iter(|| bytes::decode(black_box(&payload), data.len()));
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(std::time::Duration::from_secs(1));
    targets = binary, row_per_symbol, intervals, static_bytes
}
criterion_main!(benches);
