//! Circuits: any payload decodes to the claimed number of symbols, or is refused, and so is any file that is none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmcodec_core::circuit::{Circuit, Layout, Order, Program};
use lmcodec_core::samples::decode;
use lmcodec_fuzz::take_count;

/// Of both versions of the file.
const FILES: [&[u8]; 2] = [
    include_bytes!("../../../tests/golden/models/few.circuit"),
    include_bytes!("../../../tests/golden/models/shaped.circuit"),
];

fuzz_target!(|data: &[u8]| {
    if let Ok(circuit) = Circuit::parse(data) {
        for order in [Order::Tree, Order::Variables] {
            let _ = Program::new(&circuit, order);
        }
    }
    let mut data = data;
    let (count, group) = (take_count(&mut data), take_count(&mut data));
    let circuit = Circuit::parse(FILES[count % 2]).expect("the file is one");
    let program = Program::new(&circuit, Order::Tree).expect("the file is small");
    let layout = Layout {
        circuit: &circuit,
        program: &program,
        group: group.max(1),
        threads: 1,
    };
    if let Ok(decoded) = decode(&layout, data, count, &mut |_| false) {
        assert_eq!(decoded.len(), count);
    }
});
