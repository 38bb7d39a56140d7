//! Waiting for another thread without asking the system, which would take longer than what is waited for.

use std::time::{Duration, Instant};

/// Looks between two at the clock.
const LOOKS: u32 = 64;

/// Looks whether something is `over`, for no longer than a time; returns whether it is.
pub fn wait(most: Duration, over: impl Fn() -> bool) -> bool {
    if over() {
        return true;
    }
    let since = Instant::now();
    loop {
        for _ in 0..LOOKS {
            if over() {
                return true;
            }
            std::hint::spin_loop();
        }
        if cfg!(test) {
            // Tests have more threads than there are cores, and wait for as long as it takes.
            std::thread::sleep(Duration::from_micros(1));
        }
        if since.elapsed() > most {
            return false;
        }
    }
}
