//! Context mixing: any payload under any parameters, from any prior or none, decodes to the claimed number of bytes, or
//! is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmcodec_core::cm::prior::{table::Table, Prior};
use lmcodec_core::cm::{decode, decode_message, Kind, Params};
use lmcodec_fuzz::{take, take_count};

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let count = take_count(&mut data) % (1 << 14);
    let [level, kind, low, high] = take(&mut data);
    let prior = (kind & 128 != 0).then(|| {
        let table: [u8; 256] = take(&mut data);
        Prior::new("any", Table::new(&table).expect("whole buckets")).expect("a plain name")
    });
    let Some(kind) = Kind::from_code(u32::from(kind % 4)) else {
        return;
    };
    let params = Params {
        level: u32::from(level % 11),
        kind,
        record: u32::from(u16::from_le_bytes([low, high])) % 1026,
        row: u32::from(u16::from_le_bytes([high, low])) % 4098,
        lanes: u32::from(level / 11).max(1),
        roomy: low & 1 != 0,
    };
    if let Ok(decoded) = decode(data, count, &params, prior.as_ref()) {
        assert_eq!(decoded.len(), count);
    }
    if let Ok(decoded) = decode_message(data, &params, prior.as_ref()) {
        assert!(decoded.len() <= 1 << 12);
    }
});
