//! Networks that fill in: any payload decodes to the claimed number of symbols, or is refused, and so is any file that is
//! none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmcodec_core::ardm::{Layout, Network};
use lmcodec_core::samples::decode;
use lmcodec_fuzz::take_count;

const FILE: &[u8] = include_bytes!("../../../tests/golden/models/row.ardm");

fuzz_target!(|data: &[u8]| {
    let _ = Network::parse(data);
    let mut data = data;
    let (count, group) = (take_count(&mut data), take_count(&mut data));
    let network = Network::parse(FILE).expect("the file is one");
    // All positions of each stage at once.
    let steps = vec![network.size() as u32; network.stages()];
    let layout = Layout {
        network: &network,
        steps: &steps,
        group: group.max(1),
        threads: 1,
    };
    if let Ok(decoded) = decode(&layout, data, count, &mut |_| false) {
        assert_eq!(decoded.len(), count);
    }
});
