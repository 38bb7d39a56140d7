#![allow(unsafe_code)]
use lmcodec_core::coder::quantize::*;
use lmcodec_core::coder::rans::Stack;
use lmcodec_core::coder::*;
use std::hint::black_box;
#[repr(C)]
struct Ts(i64, i64);
extern "C" {
    fn clock_gettime(c: i32, t: *mut Ts) -> i32;
}
fn cpu() -> f64 {
    let mut t = Ts(0, 0);
    unsafe {
        clock_gettime(3, &mut t);
    }
    t.0 as f64 + t.1 as f64 * 1e-9
}
fn bench<T>(name: &str, n: usize, mut f: impl FnMut() -> T) {
    let mut best = f64::MAX;
    for _ in 0..15 {
        let t = cpu();
        black_box(f());
        best = best.min(cpu() - t);
    }
    println!("{name:40} {:8.2} M/s", n as f64 / best / 1e6);
}
fn rows_bench<W: Weight>(name: &str, symbols: &[u32], rows: &[W]) {
    let n = symbols.len();
    let mut q = Quantizer::new(24).unwrap();
    bench(&format!("{name} interval"), n, || {
        for (s, r) in symbols.iter().zip(rows.chunks_exact(256)) {
            black_box(q.interval(r, *s as usize).unwrap());
        }
    });
    bench(&format!("{name} find"), n, || {
        for (s, r) in symbols.iter().zip(rows.chunks_exact(256)) {
            black_box(q.find(r, *s << 12).unwrap());
        }
    });
    for lanes in [1, 4] {
        let enc = || {
            let mut s = Stack::new(lanes).unwrap();
            s.push_rows(symbols, rows, 256, 24).unwrap();
            s
        };
        bench(&format!("{name} encode {lanes}"), n, enc);
        let full = enc();
        bench(&format!("{name} decode {lanes}"), n, || {
            full.clone().pop_rows(rows, 256, 24).unwrap()
        });
    }
}
fn main() {
    let mut state = 1u64;
    let mut next = move |below: u32| {
        state = state
            .wrapping_mul(0x5851_F42D_4C95_7F2D)
            .wrapping_add(0x1405_7B7E_F767_814F);
        (((state >> 32) * u64::from(below)) >> 32) as u32
    };
    let mut rows = vec![];
    let mut symbols = vec![];
    for _ in 0..2000 {
        let peak = next(256);
        rows.extend(
            (0..256).map(|i: u32| {
                (60_000 / (1 + i.abs_diff(peak) * i.abs_diff(peak)) + next(40)) as u16
            }),
        );
        symbols.push((peak + next(8)).min(255));
    }
    rows_bench("u16", &symbols, &rows);
    let wide: Vec<u32> = rows.iter().map(|&w| u32::from(w)).collect();
    rows_bench("u32", &symbols, &wide);
    let fl: Vec<f32> = rows.iter().map(|&w| f32::from(w) / 65536.).collect();
    rows_bench("f32", &symbols, &fl);
    let fl: Vec<f64> = rows.iter().map(|&w| f64::from(w) / 65536.).collect();
    rows_bench("f64", &symbols, &fl);
    let bits: Vec<(u32, u32)> = (0..1 << 20)
        .map(|_| {
            let p = next(1 << 22).clamp(1, (1 << 22) - 1);
            (u32::from(next(1 << 22) < p), p)
        })
        .collect();
    let enc = || {
        let mut e = binary::BinaryEncoder::new();
        for &(b, p) in &bits {
            e.encode(b, p);
        }
        e.finish()
    };
    bench("binary encode", bits.len(), enc);
    let pay = enc();
    bench("binary decode", bits.len(), || {
        let mut d = binary::BinaryDecoder::new(&pay);
        bits.iter().map(|&(_, p)| d.decode(p)).sum::<u32>()
    });
    let iv: Vec<Interval> = (0..1 << 20)
        .map(|_| Interval {
            start: next(1 << 7) << 16,
            freq: 1 + next(1 << 16),
        })
        .collect();
    for lanes in [1, 4, 8] {
        let enc = || {
            let mut s = Stack::new(lanes).unwrap();
            s.push_intervals(&iv, 24).unwrap();
            s
        };
        bench(&format!("push {lanes}"), iv.len(), enc);
        let full = enc();
        bench(&format!("pop {lanes}"), iv.len(), || {
            let mut s = full.clone();
            iv.iter().try_for_each(|&i| s.pop(i, 24))
        });
    }
    for f in std::env::args().skip(1) {
        let data = std::fs::read(&f).unwrap();
        let pay = bytes::encode(&data);
        println!("{f} {} -> {}", data.len(), pay.len());
        bench("static encode", data.len(), || bytes::encode(&data));
        bench("static decode", data.len(), || {
            bytes::decode(&pay, data.len()).unwrap()
        });
    }
}
