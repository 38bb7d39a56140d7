use lmcodec_core::cm::{encode, Params};
use std::time::Instant;
fn main() {
    let mut a = std::env::args().skip(1);
    let level = a.next().unwrap().parse().unwrap();
    let (mut total, mut log) = (0, 0.0);
    let start = Instant::now();
    let mut bytes = 0;
    for path in a {
        let s = std::fs::read(&path).unwrap();
        let p = Params::probe(&s, level);
        let n = encode(&s, &p).unwrap().len();
        total += n; log += (n as f64).ln(); bytes += s.len();
        print!("{}:{} ", path.rsplit('/').next().unwrap(), n);
    }
    println!("| {total} {:.5} {:.1}KB/s", log, bytes as f64/1e3/start.elapsed().as_secs_f64());
}
