//! Context mixing, from a prior of any bytes or none: bytes come back; a damaged payload decodes to as many bytes, or is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmcodec_core::cm::prior::{table::Table, Prior};
use lmcodec_core::cm::{decode, encode, Kind, Params, LEVELS};
use lmcodec_fuzz::{damage, take};

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let [low, high, change, level] = take(&mut data);
    let levels = LEVELS.end() - LEVELS.start() + 1;
    let mut params = Params::probe(data, LEVELS.start() + u32::from(level) % levels);
    if params.level == 9 && params.kind == Kind::Text {
        params.lanes = 1 + u32::from(change % 3);
    }
    let prior = (level & 128 != 0).then(|| {
        let table: [u8; 256] = take(&mut data);
        Prior::new("any", Table::new(&table).expect("whole buckets")).expect("a plain name")
    });
    let prior = prior.as_ref();
    let mut payload = encode(data, &params, prior).expect("small inputs can be coded");
    assert_eq!(
        decode(&payload, data.len(), &params, prior).as_deref(),
        Ok(data)
    );
    damage(&mut payload, u16::from_le_bytes([low, high]), change);
    if let Ok(decoded) = decode(&payload, data.len(), &params, prior) {
        assert_eq!(decoded.len(), data.len());
    }
});
