//! Memory of tables.

/// An array on the heap that was never on the stack.
#[allow(clippy::unnecessary_box_returns)] // too large for the stack
pub fn filled<T: Copy, const N: usize>(value: T) -> Box<[T; N]> {
    let Ok(array) = vec![value; N].into_boxed_slice().try_into() else {
        unreachable!("the length is N")
    };
    array
}

/// A copy of such an array. To clone the box may take it over the stack, which depends on what is in it.
#[allow(clippy::unnecessary_box_returns)] // too large for the stack
pub fn copied<T: Copy, const N: usize>(array: &[T; N]) -> Box<[T; N]> {
    let Ok(copy) = array.to_vec().into_boxed_slice().try_into() else {
        unreachable!("the length is N")
    };
    copy
}
