use super::*;
use proptest::prelude::*;

fn round_trip(text: &[u8]) -> Vec<u8> {
    let payload = encode(text, &Params::default()).unwrap();
    assert_eq!(
        decode(&payload, text.len(), &Params::default()).unwrap(),
        text
    );
    payload
}

#[test]
fn a() {
    round_trip(b"hello hello");
}
proptest! {
    #[test]
    fn round_trips_bytes(text in prop::collection::vec(any::<u8>(), 0..3000)) {
        round_trip(&text);
    }
}
